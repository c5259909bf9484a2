import shutil
from pathlib import Path

import pytest

from shared.domain.taxonomy import DATA_DIRECTORY, Priority, Rollup, TaxonomyError, default_taxonomy, load_taxonomy
from shared.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the city's files that a test may change."""
    for file in DATA_DIRECTORY.glob("*.csv"):
        shutil.copy(file, tmp_path / file.name)
    return tmp_path


def spoil(file: Path, old: str, new: str) -> None:
    """Put a fault into a file."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_citys_taxonomy_is_complete() -> None:
    """The shipped files hold 36 categories, 19 OPDs and 13 kecamatan."""
    taxonomy = default_taxonomy()
    assert (len(taxonomy.categories), len(taxonomy.opds), len(taxonomy.kecamatan)) == (36, 19, 13)


def test_a_category_knows_its_owner_and_who_is_informed() -> None:
    """A fire belongs to BPBD, informs PLN and is P1."""
    fire = default_taxonomy().category("FIR-KEBAKARAN")
    assert fire is not None
    assert (fire.opd, fire.also, fire.priority, fire.rollup) == ("BPBD", ("PLN",), Priority.P1, Rollup.KEBAKARAN)


@pytest.mark.parametrize("code", [None, "", "XXX", "fir-kebakaran"])
def test_an_unknown_category_is_none_and_no_error(code: str | None) -> None:
    """Unknown and missing codes return None and raise nothing."""
    assert default_taxonomy().category(code) is None


def test_the_roll_up_keys_are_the_ones_of_the_112_table() -> None:
    """Every roll-up has the key and the label that the table shows."""
    assert {rollup.key: rollup.label for rollup in Rollup} == {
        "agd": "AGD",
        "animals": "Hewan",
        "fallen_trees": "Pohon tumbang",
        "fire": "Kebakaran",
        "other": "Lainnya",
    }


def test_the_taxonomy_is_read_once_and_cannot_be_changed() -> None:
    """All parts of a process share one read-only taxonomy."""
    assert default_taxonomy() is default_taxonomy()
    with pytest.raises(TypeError):
        default_taxonomy().categories["X"] = None  # type: ignore[index]


def test_all_faults_are_listed_at_once_with_file_and_line(folder: Path) -> None:
    """All faults are listed in one error."""
    spoil(folder / "taxonomy.csv", "ENV-SAMPAH,Sampah,rubbish,DLH,,P3", "ENV-SAMPAH,Sampah,,DLX,SATPOLXX,P9")
    spoil(folder / "taxonomy.csv", "WAT-PDAM,Air bersih", "ENV-TAMAN,Air bersih")
    spoil(folder / "taxonomy.csv", "P1,KEBAKARAN", "P1,API")
    spoil(folder / "opds.csv", "Perumdam Tirta Benteng,external", "Perumdam Tirta Benteng,firm")
    spoil(folder / "kecamatan.csv", "PINANG,Pinang\n", "")
    with pytest.raises(TaxonomyError) as caught:
        load_taxonomy(folder)
    faults = "\n".join(caught.value.faults)
    for expected in (
        "kecamatan.csv: 12 rows, want 13",
        "taxonomy.csv:31: code 'ENV-TAMAN' is already used at taxonomy.csv:30",
        "taxonomy.csv:28: name_en is empty",
        "taxonomy.csv:28: unknown OPD 'DLX'",
        "taxonomy.csv:28: unknown OPD 'SATPOLXX'",
        "taxonomy.csv:28: unknown priority 'P9'",
        "taxonomy.csv:4: unknown rollup 'API'",
        "opds.csv:20: unknown kind 'firm'",
    ):
        assert expected in faults
    assert len(caught.value.faults) == 8
    assert faults.splitlines()[0] in str(caught.value)


def test_a_missing_file_or_column_is_a_fault_that_names_it(folder: Path) -> None:
    """The fault names the missing file or column."""
    (folder / "kecamatan.csv").unlink()
    spoil(folder / "opds.csv", "code,name,kind,note", "code,name,sort,note")
    with pytest.raises(TaxonomyError) as caught:
        load_taxonomy(folder)
    assert "kecamatan.csv: the file is missing" in caught.value.faults
    assert "opds.csv:1: missing columns: kind" in caught.value.faults


def test_a_row_with_too_many_or_too_few_cells_is_a_fault(folder: Path) -> None:
    """A wrong number of cells is reported with its line."""
    spoil(folder / "kecamatan.csv", "BENDA,Benda", "BENDA")
    spoil(folder / "kecamatan.csv", "PERIUK,Periuk", "PERIUK,Periuk,x")
    with pytest.raises(TaxonomyError) as caught:
        load_taxonomy(folder)
    assert "kecamatan.csv:3: the row does not have as many cells as the header" in caught.value.faults
    assert "kecamatan.csv:12: the row does not have as many cells as the header" in caught.value.faults


def test_a_file_that_is_no_text_is_a_fault(folder: Path) -> None:
    """Invalid UTF-8 is reported as a fault of the file."""
    (folder / "opds.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TaxonomyError, match=r"opds\.csv: the file cannot be read"):
        load_taxonomy(folder)


def test_an_owner_may_not_be_informed_of_its_own_category(folder: Path) -> None:
    """The owner gets one delivery, not two."""
    spoil(folder / "taxonomy.csv", "fire,BPBD,PLN", "fire,BPBD,BPBD;PLN")
    with pytest.raises(TaxonomyError, match="'BPBD' both owns the category"):
        load_taxonomy(folder)


def test_the_triage_desk_must_be_among_the_opds(folder: Path) -> None:
    """Unknown categories need the Live Room."""
    spoil(folder / "opds.csv", "LIVEROOM", "RUANGKENDALI")
    with pytest.raises(TaxonomyError, match="LIVEROOM, the triage desk, is missing"):
        load_taxonomy(folder)


def test_an_opd_code_must_fit_into_a_topic_name(folder: Path) -> None:
    """A code with a dot or a space would make another topic than its own."""
    spoil(folder / "opds.csv", "PERUMDAM,", "PERUM.DAM,")
    with pytest.raises(TaxonomyError, match="letters and digits only"):
        load_taxonomy(folder)


def test_several_informed_opds_are_separated_by_semicolons(folder: Path) -> None:
    """A category may inform more than one OPD."""
    spoil(folder / "taxonomy.csv", "fire,BPBD,PLN", "fire,BPBD,PLN; DINKES")
    assert load_taxonomy(folder).categories["FIR-KEBAKARAN"].also == ("PLN", "DINKES")


def test_a_taxonomy_error_is_the_configurations_fault(folder: Path) -> None:
    """It is a configuration error, neither permanent nor transient."""
    (folder / "opds.csv").unlink()
    with pytest.raises(ConfigurationError):
        load_taxonomy(folder)
