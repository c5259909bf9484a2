"""Read the routing table from YAML and check it; the result is its versions, or a list of all faults.

The top of ``routing-table.yaml`` describes the format.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeGuard

from services.router.rules import Responsibility, RoutingTable, TableVersion
from shared.domain.lanes import CallType
from shared.domain.taxonomy import Taxonomy
from shared.errors import ConfigurationError
from shared.yaml_files import UnreadableYaml, read_yaml

PACKAGED = Path(__file__).parent / "routing-table.yaml"
VERSION_KEYS = frozenset({"version", "valid_from", "valid_to", "call_types", "categories"})
EXAMPLE_TIME = "as 2026-12-01T00:00:00+07:00"
CALL_TYPES = frozenset(CallType) - {CallType.NORMAL}


class RoutingTableError(ConfigurationError):
    """The table cannot be used; ``faults`` names each fault with its version and rule."""

    def __init__(self, file: str, faults: Sequence[str]) -> None:
        lines = [f"{file}: {fault}" for fault in faults]
        super().__init__("The routing table cannot be used:\n" + "\n".join(f"  {line}" for line in lines))
        self.faults = tuple(lines)


def load_routing_table(path: Path, taxonomy: Taxonomy) -> RoutingTable:
    """Read a routing table and check it as a whole.

    Raises:
        RoutingTableError: the file cannot be read, or does not decide every report; every fault is listed.
    """
    try:
        document = read_yaml(path)
    except UnreadableYaml as error:
        raise RoutingTableError(path.name, [error.fault]) from error
    reading = _Reading(taxonomy, list(document.faults))
    versions = reading.versions(document.content)
    if reading.faults:
        raise RoutingTableError(path.name, reading.faults)
    return RoutingTable(versions)


@dataclass
class _Reading:
    """One pass over a document; collects faults instead of stopping at the first."""

    taxonomy: Taxonomy
    faults: list[str] = field(default_factory=list)

    def versions(self, document: object) -> list[TableVersion]:
        listed = document.get("versions") if isinstance(document, dict) else None
        if not isinstance(listed, list) or not listed:
            self.faults.append("`versions` must be a list of at least one version")
            return []
        rows = [row for number, row in enumerate(listed, start=1) if self._is_mapping(row, f"entry {number}")]
        self.faults.extend(_date_faults(rows))
        return [made for row in rows if (made := self._version(row)) is not None]

    def _version(self, row: Mapping[str, Any]) -> TableVersion | None:
        name = row.get("version")
        where = f"version {name}"
        before = len(self.faults)
        if not isinstance(name, str) or not name.isascii() or not name.isprintable() or not name.strip():
            self.faults.append(f"{where}: `version` must be a text of ASCII characters, in quotes")
        self.faults.extend(f"{where}: `{key}` means nothing here" for key in sorted(row.keys() - VERSION_KEYS, key=str))
        kinds = self._call_types(where, row.get("call_types"))
        categories = self._categories(where, row.get("categories"))
        starts = row.get("valid_from")
        if len(self.faults) > before or not _is_aware(starts):
            return None  # `_date_faults` reports a bad date
        return TableVersion(
            str(name),
            starts,
            categories=categories,
            ended=frozenset(kind for kind, fate in kinds.items() if fate == "end"),
            triaged=frozenset(kind for kind, fate in kinds.items() if fate == "triage"),
        )

    def _call_types(self, where: str, listed: object) -> dict[CallType, str]:
        if not self._is_mapping(listed, f"{where}: call_types"):
            return {}
        kinds: dict[CallType, str] = {}
        for text, fate in listed.items():
            if text not in CALL_TYPES:
                self.faults.append(f"{where}: call_types: unknown call type {text} (normal ones go by category)")
            elif fate not in ("end", "triage"):
                self.faults.append(f"{where}: call_types: {text}: must be end or triage")
            else:
                kinds[CallType(text)] = fate
        missing = sorted(CALL_TYPES - {kind for kind in CALL_TYPES if kind in listed})
        self.faults.extend(f"{where}: call_types: {kind} is not covered" for kind in missing)
        if kinds.get(CallType.DROPPED) == "end":
            self.faults.append(f"{where}: call_types: dropped: must be triage, or nobody calls back")
        return kinds

    def _categories(self, where: str, listed: object) -> dict[str, Responsibility]:
        if not self._is_mapping(listed, f"{where}: categories"):
            return {}
        known = self.taxonomy.categories
        self.faults.extend(f"{where}: category {code}: unknown category" for code in listed if code not in known)
        self.faults.extend(f"{where}: category {code}: not covered" for code in known if code not in listed)
        rules = {code: self._responsibility(f"{where}: category {code}", rule) for code, rule in listed.items()}
        return {code: rule for code, rule in rules.items() if rule is not None}

    def _responsibility(self, where: str, rule: object) -> Responsibility | None:
        if not self._is_mapping(rule, where):
            return None
        owner, informed = rule.get("owner"), rule.get("informed", [])
        faults = [
            f"{where}: `{key}` means nothing here" for key in sorted(rule.keys() - {"owner", "informed"}, key=str)
        ]
        if not isinstance(informed, list):
            faults.append(f"{where}: `informed` must be a list")
            informed = []
        if owner is None:
            faults.append(f"{where}: has no owner")
        named = [str(opd) for opd in (owner, *informed) if opd is not None]
        faults.extend(f"{where}: unknown OPD {opd}" for opd in named if opd not in self.taxonomy.opds)
        faults.extend(f"{where}: {opd} stands there twice" for opd in dict.fromkeys(named) if named.count(opd) > 1)
        self.faults.extend(faults)
        return None if faults else Responsibility(named[0], tuple(named[1:]))

    def _is_mapping(self, value: object, where: str) -> TypeGuard[dict[Any, Any]]:
        if isinstance(value, dict):
            return True
        self.faults.append(f"{where}: must be a mapping")
        return False


def _date_faults(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [str(row.get("version")) for row in rows]
    yield from (f"version {name}: stands there twice" for name in dict.fromkeys(names) if names.count(name) > 1)
    for row in rows:
        if not _is_aware(row.get("valid_from")):
            yield f"version {row.get('version')}: `valid_from` must be a time with its offset ({EXAMPLE_TIME})"
        if row.get("valid_to") is not None and not _is_aware(row["valid_to"]):
            yield f"version {row.get('version')}: `valid_to` must be a time with its offset ({EXAMPLE_TIME})"
    dated = [row for row in rows if _is_aware(row.get("valid_from"))]
    for this, following in pairwise(dated):
        yield from _seam_faults(this, following)
    if dated and dated[-1].get("valid_to") is not None:
        yield f"version {dated[-1].get('version')}: gap: nothing is valid after its `valid_to`; the last one stays open"


def _seam_faults(this: Mapping[str, Any], following: Mapping[str, Any]) -> Iterator[str]:
    names = f"versions {this.get('version')} and {following.get('version')}"
    start, end = following["valid_from"], this.get("valid_to")
    if start <= this["valid_from"]:
        yield f"{names}: overlap: the later one in the file must start later"
    elif _is_aware(end) and end != start:  # without `valid_to` a version ends where the next one starts
        fault = "gap" if end < start else "overlap"
        yield f"{names}: {fault}: one ends at {end.isoformat()}, the other starts at {start.isoformat()}"


def _is_aware(value: object) -> TypeGuard[datetime]:
    return isinstance(value, datetime) and value.tzinfo is not None
