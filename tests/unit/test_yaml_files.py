"""YAML files that operators write: what is refused, with which words, and that no value is quoted."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from shared.errors import ConfigurationError
from shared.yaml_files import UnreadableYaml, YamlDocument, load_yaml_model, read_yaml


class Model(BaseModel):
    """A file with one number."""

    model_config = ConfigDict(extra="forbid")

    number: int


def written(tmp_path: Path, text: str) -> Path:
    """A file of this text."""
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_has_no_faults(tmp_path: Path) -> None:
    """The same key in two mappings is no duplicate, nor is the text `1` one of the number 1."""
    text = "a: {x: 1}\nb: {x: 2}\n1: one\n'1': two\n"
    expected = YamlDocument({"a": {"x": 1}, "b": {"x": 2}, 1: "one", "1": "two"}, ())
    assert read_yaml(written(tmp_path, text)) == expected


def test_every_duplicate_key_has_its_line(tmp_path: Path) -> None:
    """At any depth, however the key is written, and three times gives two faults."""
    text = "a:\n  - x: 1\n    'x': 2\n    x: 3\nb: 1\ntrue: 1\nyes: 2\n"
    assert read_yaml(written(tmp_path, text)).faults == (
        "line 3: duplicate key `x`, first given in line 2",
        "line 4: duplicate key `x`, first given in line 2",
        "line 7: duplicate key `True`, first given in line 6",
    )


def test_a_key_that_replaces_a_merged_one_is_no_duplicate(tmp_path: Path) -> None:
    """That is what merging is for, also where the merged mapping merges another."""
    text = "a: &a {x: 1}\nb: {deep: &b {<<: *a, x: 2}}\nc: {<<: *b, x: 3}\n"
    document = read_yaml(written(tmp_path, text))
    assert (document.content["c"], document.faults) == ({"x": 3}, ())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: [1", "line 1, column 6: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 2026-02-31", "line 1, column 4: not valid YAML: day is out of range for month"),
        ("a: *whsec_TOPSECRET", "line 1, column 4: not valid YAML"),
        ("a: !whsec_TOPSECRET x", "line 1, column 4: not valid YAML"),
        ("a: !whsec!TOPSECRET x", "line 1, column 4: not valid YAML"),
        ("a: &whsec_TOPSECRET 1\nb: &whsec_TOPSECRET 2\nc: *d", "line 2, column 4: not valid YAML"),
        ("a: 1\n---\nb: 2", "line 2, column 1: not valid YAML"),
        ("\x00", "not valid YAML: special characters are not allowed"),
        ("[" * 5000, "the file cannot be read (RecursionError)"),
    ],
)
def test_what_is_not_yaml_is_refused_without_a_quotation(tmp_path: Path, text: str, fault: str) -> None:
    """The message has the line; parts of the file could be secrets."""
    with pytest.raises(UnreadableYaml) as caught:
        read_yaml(written(tmp_path, text))
    assert caught.value.fault == fault


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    """The message says which file, and why."""
    with pytest.raises(UnreadableYaml, match=r"none\.yaml: the file cannot be read \(FileNotFoundError\)"):
        read_yaml(tmp_path / "none.yaml")
    path = written(tmp_path, "")
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UnreadableYaml, match="UnicodeDecodeError"):
        read_yaml(path)


def test_all_faults_of_a_model_stand_in_one_error(tmp_path: Path) -> None:
    """Duplicate keys, unknown keys and wrong values together, with the setting that named the file."""
    path = written(tmp_path, "number: one\nnumber: two\ncolour: red\n")
    with pytest.raises(ConfigurationError) as caught:
        load_yaml_model(path, Model, given_by="LAKSA_FILE")
    assert str(caught.value).splitlines() == [
        f"{path} is not valid (LAKSA_FILE):",
        "  line 2: duplicate key `number`, first given in line 1",
        "  number: Input should be a valid integer, unable to parse string as an integer",
        "  colour: unknown key",
    ]


def test_a_valid_file_is_a_model(tmp_path: Path) -> None:
    """And nothing is said."""
    assert load_yaml_model(written(tmp_path, "number: 5"), Model, given_by="LAKSA_FILE") == Model(number=5)
