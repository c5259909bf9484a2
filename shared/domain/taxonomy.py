"""Categories, departments and sub-districts, read from ``data/*.csv`` and checked as a whole.

A `TaxonomyError` lists all faults of the files at once, so that they can be corrected in one edit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from shared.domain.tables import Row, duplicate_faults, read_table
from shared.errors import ConfigurationError

DATA_DIRECTORY = Path(__file__).parent / "data"
CATEGORY_COUNT = 36  # detects a truncated file: change it together with taxonomy.csv
OPD_COUNT = 19
KECAMATAN_COUNT = 13
TRIAGE_OPD = "LIVEROOM"


class TaxonomyError(ConfigurationError):
    """The taxonomy's files are not valid; ``faults`` names each fault with its file and line."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("The taxonomy cannot be used:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


class Priority(StrEnum):
    """The urgency of a category; `shared.domain.clocks` has the times."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


class Rollup(StrEnum):
    """The five lines of the published 112 report; the value is the code in ``taxonomy.csv``."""

    AGD = "AGD"
    HEWAN = "HEWAN"
    POHON_TUMBANG = "POHON_TUMBANG"
    KEBAKARAN = "KEBAKARAN"
    LAINNYA = "LAINNYA"

    @property
    def key(self) -> str:
        """The stable key in counts: agd, animals, fallen_trees, fire, other."""
        return _ROLLUP_KEYS[self]

    @property
    def label(self) -> str:
        """The label on the board, in Indonesian."""
        return _ROLLUP_LABELS[self]


_ROLLUP_KEYS: Mapping[Rollup, str] = MappingProxyType(
    {
        Rollup.AGD: "agd",
        Rollup.HEWAN: "animals",
        Rollup.POHON_TUMBANG: "fallen_trees",
        Rollup.KEBAKARAN: "fire",
        Rollup.LAINNYA: "other",
    }
)
_ROLLUP_LABELS: Mapping[Rollup, str] = MappingProxyType(
    {
        Rollup.AGD: "AGD",
        Rollup.HEWAN: "Hewan",
        Rollup.POHON_TUMBANG: "Pohon tumbang",
        Rollup.KEBAKARAN: "Kebakaran",
        Rollup.LAINNYA: "Lainnya",
    }
)


class OpdKind(StrEnum):
    """The kind of an OPD: a city department, the triage desk, or an external agency."""

    OPD = "opd"
    TRIAGE = "triage"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of report: ``opd`` owns it, the OPDs in ``also`` are informed."""

    code: str
    name_id: str
    name_en: str
    opd: str
    also: tuple[str, ...]
    priority: Priority
    rollup: Rollup


@dataclass(frozen=True, slots=True)
class Opd:
    """A department (Organisasi Perangkat Daerah), an external agency, or the Live Room."""

    code: str
    name: str
    kind: OpdKind
    note: str


@dataclass(frozen=True, slots=True)
class Kecamatan:
    """A sub-district of Kota Tangerang."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All categories, OPDs and kecamatan by code, in the order of their files."""

    categories: Mapping[str, Category]
    opds: Mapping[str, Opd]
    kecamatan: Mapping[str, Kecamatan]

    def category(self, code: str | None) -> Category | None:
        """The category of a code, or None for a missing or unknown one (not an error: the report goes to triage)."""
        return None if code is None else self.categories.get(code)


@lru_cache(maxsize=1)
def default_taxonomy() -> Taxonomy:
    """The taxonomy of Kota Tangerang, read once per process."""
    return load_taxonomy()


def load_taxonomy(directory: Path | None = None) -> Taxonomy:
    """Read and check ``taxonomy.csv``, ``opds.csv`` and ``kecamatan.csv`` of a folder (default: the city's own).

    Raises:
        TaxonomyError: a file is missing or unreadable, a code is doubled or unknown, a value is outside its closed
            set, or the number of rows is not the expected one. Every fault is listed with file and line.
    """
    folder = directory or DATA_DIRECTORY
    categories = read_table(
        folder / "taxonomy.csv", ("code", "name_id", "name_en", "opd", "also", "priority", "rollup"), CATEGORY_COUNT
    )
    opds = read_table(folder / "opds.csv", ("code", "name", "kind", "note"), OPD_COUNT)
    kecamatan = read_table(folder / "kecamatan.csv", ("code", "name"), KECAMATAN_COUNT)
    faults = [*categories.faults, *opds.faults, *kecamatan.faults]
    for table in (categories, opds, kecamatan):
        faults.extend(duplicate_faults(table.rows))
    known = {row.values["code"] for row in opds.rows}
    faults.extend(fault for row in categories.rows for fault in _category_faults(row, known))
    faults.extend(fault for row in opds.rows for fault in _opd_faults(row))
    faults.extend(fault for row in kecamatan.rows for fault in _blank_faults(row, ("code", "name")))
    if TRIAGE_OPD not in known:
        faults.append(f"opds.csv: {TRIAGE_OPD}, the triage desk, is missing")
    if faults:
        raise TaxonomyError(tuple(faults))
    return Taxonomy(
        categories=MappingProxyType({row.values["code"]: _category_of(row) for row in categories.rows}),
        opds=MappingProxyType({row.values["code"]: _opd_of(row) for row in opds.rows}),
        kecamatan=MappingProxyType(
            {row.values["code"]: Kecamatan(row.values["code"], row.values["name"]) for row in kecamatan.rows}
        ),
    )


def _category_faults(row: Row, known_opds: set[str]) -> list[str]:
    values = row.values
    faults = _blank_faults(row, ("code", "name_id", "name_en", "opd"))
    faults.extend(
        f"{row.where}: unknown OPD {code!r}"
        for code in (values["opd"], *_codes_in(values["also"]))
        if code and code not in known_opds
    )
    if values["opd"] in _codes_in(values["also"]):
        faults.append(f"{row.where}: {values['opd']!r} both owns the category and is informed of it")
    if values["priority"] not in set(Priority):
        faults.append(f"{row.where}: unknown priority {values['priority']!r}, want one of {', '.join(Priority)}")
    if values["rollup"] not in set(Rollup):
        faults.append(f"{row.where}: unknown rollup {values['rollup']!r}, want one of {', '.join(Rollup)}")
    return faults


def _opd_faults(row: Row) -> list[str]:
    faults = _blank_faults(row, ("code", "name"))
    if row.values["code"] and not row.values["code"].isalnum():
        faults.append(f"{row.where}: an OPD code has letters and digits only, because topics are named after it")
    if row.values["kind"] not in set(OpdKind):
        faults.append(f"{row.where}: unknown kind {row.values['kind']!r}, want one of {', '.join(OpdKind)}")
    return faults


def _blank_faults(row: Row, columns: tuple[str, ...]) -> list[str]:
    return [f"{row.where}: {column} is empty" for column in columns if not row.values[column]]


def _codes_in(text: str) -> tuple[str, ...]:
    return tuple(code.strip() for code in text.split(";") if code.strip())


def _category_of(row: Row) -> Category:
    values = row.values
    return Category(
        code=values["code"],
        name_id=values["name_id"],
        name_en=values["name_en"],
        opd=values["opd"],
        also=_codes_in(values["also"]),
        priority=Priority(values["priority"]),
        rollup=Rollup(values["rollup"]),
    )


def _opd_of(row: Row) -> Opd:
    values = row.values
    return Opd(code=values["code"], name=values["name"], kind=OpdKind(values["kind"]), note=values["note"])
