"""Reading the YAML files that operators write: duplicate keys are refused with their lines, and no value is quoted.

PyYAML with this check, and not ruamel.yaml, which refuses duplicate keys by itself: ruamel.yaml needs 2.7 times as long
for the routing table (18.7 ms, not 7.0), is 1.4 MB more, and reads YAML 1.2, where `yes` is a text and `010` is ten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from shared.errors import ConfigurationError

SPECIAL_KEYS = frozenset({"tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"})  # `<<` and `=` stand for no value

ModelT = TypeVar("ModelT", bound=BaseModel)


class UnreadableYaml(ConfigurationError):  # noqa: N818  # named after what happened
    """There is no file, or it is not YAML; ``fault`` says so without the path."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"{path}: {fault}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """What a file says, where of duplicate keys the last one counts, and one fault for each duplicate key."""

    content: Any
    faults: tuple[str, ...]


def read_yaml(path: Path) -> YamlDocument:
    """Read a file with one YAML document.

    Raises:
        UnreadableYaml: there is no such file, or it is not YAML.
    """
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        return YamlDocument(loader.get_single_data(), tuple(loader.duplicates))
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableYaml(path, f"the file cannot be read ({type(error).__name__})") from error
    except yaml.YAMLError as error:
        # not chained: PyYAML's own message quotes the file, which may hold secrets
        raise UnreadableYaml(path, _description(error)) from None


def load_yaml_model(path: Path, model: type[ModelT], *, given_by: str) -> ModelT:
    """Read a file into a model. ``given_by`` is the setting or option that named the file.

    Raises:
        ConfigurationError: the file cannot be read or is not valid; every fault is listed, no value is quoted.
    """
    faults: list[str] = []
    try:
        document = read_yaml(path)
        faults.extend(document.faults)
        read = model.model_validate(document.content)
    except UnreadableYaml as error:
        faults.append(error.fault)
    except ValidationError as error:
        faults.extend(_model_faults(error))
    if faults:
        raise invalid_file(path, faults, given_by=given_by)
    return read


def invalid_file(path: Path, faults: Sequence[str], *, given_by: str) -> ConfigurationError:
    """The error that lists the faults of a file, one in each line."""
    return ConfigurationError(f"{path} is not valid ({given_by}):\n" + "\n".join(f"  {fault}" for fault in faults))


def _model_faults(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, fault['loc'])) or 'file'}: "
        + ("unknown key" if fault["type"] == "extra_forbidden" else fault["msg"])
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _description(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    # the messages about aliases, anchors and tags quote the text of the file
    if not problem or isinstance(error, yaml.composer.ComposerError) or "tag" in problem:
        return f"{where}not valid YAML"
    return f"{where}not valid YAML: {problem}"


class _Loader(yaml.SafeLoader):
    """Collects duplicate keys while the nodes are composed: later, merge keys (`<<`) have added keys of their own."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.duplicates: list[str] = []

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        first: dict[object, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue  # a key that is not hashable is refused later, when the mapping is made
            key, line = self._key(key_node), key_node.start_mark.line + 1
            if key in first:
                self.duplicates.append(f"line {line}: duplicate key `{key}`, first given in line {first[key]}")
            first.setdefault(key, line)
        return node

    def _key(self, node: yaml.ScalarNode) -> object:
        return node.value if node.tag in SPECIAL_KEYS else self.construct_object(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  # PyYAML's signature
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as error:  # such as the 31st of February
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error
