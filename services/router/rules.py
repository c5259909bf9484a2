"""The routing decision: a total, pure function from a report's known facts to its departments and the reason."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from shared.domain.flags import LOCATION_SUSPECT
from shared.domain.lanes import CallType
from shared.domain.roles import INFORMED, OWNER
from shared.domain.taxonomy import TRIAGE_OPD
from shared.events.models import DecisionInputs, ReportSubmitted, Target

# What reporters typed must not reach lifecycle.v1, which is kept forever: only what has the shape of a code passes.
_CATEGORY_SHAPE = re.compile(r"[A-Z]{2,8}(-[A-Z0-9]{2,20}){1,2}")
_CODE_SHAPE = re.compile(r"[a-z0-9_]{1,20}")
UNKNOWN_CODE = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Routed:
    """A department owns the report; the ``informed`` ones receive it too."""

    outcome: ClassVar[str] = "routed"
    rule: str
    table_version: str
    why: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Triaged:
    """The Live Room's desk owns the report until a person has assigned it."""

    outcome: ClassVar[str] = "triaged"
    rule: str
    table_version: str
    why: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """Nobody needs to act; the report is counted and sent to nobody."""

    outcome: ClassVar[str] = "ended"
    rule: str
    table_version: str
    why: str
    targets: tuple[Target, ...] = ()


Decision = Routed | Triaged | Ended


@dataclass(frozen=True, slots=True)
class Responsibility:
    """Who owns a category, and who is informed of it."""

    owner: str
    informed: tuple[str, ...] = ()

    def targets(self) -> tuple[Target, ...]:
        """The owner first, then the informed."""
        return _targets(self.owner, self.informed)


class TableVersion:
    """One version of the routing table, with every possible decision prepared in advance."""

    def __init__(
        self,
        version: str,
        valid_from: datetime,
        *,
        categories: Mapping[str, Responsibility],
        ended: frozenset[CallType],
        triaged: frozenset[CallType],
    ) -> None:
        self.version = version
        self.valid_from = valid_from
        self.categories = dict(categories)
        self.ended = ended
        self.triaged = triaged
        self.by_call_type: dict[CallType, Decision] = {
            **{kind: self._ended(kind) for kind in ended},
            **{kind: self._called_back(kind) for kind in triaged},
        }
        self.by_category = {code: self._routed(code, who) for code, who in categories.items()}
        self.by_suspect_category = {code: self._suspect(code, who) for code, who in categories.items()}
        self.category_missing = self._triaged("category:missing", "The report names no category")
        self.category_unknown = self._triaged("category:unknown", "The routing table does not know the category")

    def says_the_same_as(self, other: "TableVersion") -> bool:
        """Whether both versions make the same decision for every report; names and dates may differ."""
        return (self.categories, self.ended, self.triaged) == (other.categories, other.ended, other.triaged)

    def _ended(self, kind: CallType) -> Ended:
        return Ended(f"call_type:{kind}", self.version, f"A {kind} call needs no department")

    def _called_back(self, kind: CallType) -> Triaged:
        return self._triaged(f"call_type:{kind}", f"Somebody has to call back after a {kind} call")

    def _routed(self, code: str, who: Responsibility) -> Routed:
        return Routed(f"category:{code}", self.version, f"{who.owner} is in charge of {code}", who.targets())

    def _suspect(self, code: str, who: Responsibility) -> Triaged:
        # The Live Room has to find the place, so it owns the clock. The category's departments are informed at once
        # nevertheless: an ambulance must not wait until somebody has corrected a map.
        others = tuple(opd for opd in (who.owner, *who.informed) if opd != TRIAGE_OPD)
        why = f"The place of this {code} report cannot be right; the Live Room has to find it"
        return self._triaged(f"location_suspect:{code}", why, others)

    def _triaged(self, rule: str, why: str, informed: tuple[str, ...] = ()) -> Triaged:
        return Triaged(rule, self.version, why, _targets(TRIAGE_OPD, informed))


class RoutingTable:
    """All versions; exactly one is valid at any moment."""

    def __init__(self, versions: Sequence[TableVersion]) -> None:
        self.versions = tuple(sorted(versions, key=lambda version: version.valid_from))
        self._starts = [version.valid_from for version in self.versions]

    def valid_at(self, moment: datetime) -> TableVersion:
        """The version valid at an aware moment; before the first one starts, the first."""
        return self.versions[max(0, bisect_right(self._starts, moment) - 1)]


def decide(inputs: DecisionInputs, table: RoutingTable) -> Decision:
    """Decide who gets the report. Total: any text in any field gives exactly one decision, always the same.

    Channel and mode do not matter, since an exercise must take the real path. The call type is checked first: a prank
    stays a prank whatever its category, and a dropped call must be called back.
    """
    valid = table.valid_at(inputs.received_at)
    if inputs.call_type is not None:
        decided_by_call = valid.by_call_type.get(CallType.parse(inputs.call_type))
        if decided_by_call is not None:
            return decided_by_call
    if inputs.category is None:
        return valid.category_missing
    by_category = valid.by_suspect_category if inputs.location_suspect else valid.by_category
    return by_category.get(inputs.category, valid.category_unknown)


def inputs_of(report: ReportSubmitted) -> DecisionInputs:
    """The facts that the decision uses. No personal data: they are published on ``lifecycle.v1`` and kept forever."""
    return DecisionInputs(
        channel=_code(report.channel),
        category=category_code(report.category),
        call_type=CallType.parse(report.call.call_type).value if report.call else None,
        mode=_code(report.mode),
        location_suspect=LOCATION_SUSPECT in report.flags,
        received_at=report.received_at,
    )


def category_code(category: str | None) -> str | None:
    """The category if it has the form of a code, ``UNKNOWN`` if not, None if there is none."""
    if category is None or not category.strip():
        return None
    return category if _CATEGORY_SHAPE.fullmatch(category) else UNKNOWN_CODE


def _code(text: str) -> str:
    return text if _CODE_SHAPE.fullmatch(text) else UNKNOWN_CODE.lower()


def _targets(owner: str, informed: Sequence[str]) -> tuple[Target, ...]:
    return (Target(opd=owner, role=OWNER), *(Target(opd=code, role=INFORMED) for code in informed))
