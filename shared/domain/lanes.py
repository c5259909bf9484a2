"""The lane of a report, and the enumerations that decide it.

Source: ``docs/domain.md``, Lanes.
"""

from enum import StrEnum

from shared.domain.taxonomy import Category, Priority


class Lane(StrEnum):
    """The two lanes of the pipeline. They share nothing, so that neither waits for the other."""

    EMERGENCY = "emergency"
    ROUTINE = "routine"


class Channel(StrEnum):
    """The source of a report."""

    LAKSA = "laksa"
    CALL_112 = "112"
    WHATSAPP = "whatsapp"
    WEB = "web"
    SOCIAL = "social"
    CALL_CENTER = "call_center"


class CallType(StrEnum):
    """The type of a 112 call. Other reports have none."""

    NORMAL = "normal"
    INFORMATION = "information"
    PRANK = "prank"
    GHOST = "ghost"
    DROPPED = "dropped"

    @classmethod
    def parse(cls, text: str | None) -> "CallType":
        """Parse a call type. An unknown or missing one counts as normal, so that a spelling mistake loses no call."""
        try:
            return cls((text or "").strip().casefold())
        except ValueError:
            return cls.NORMAL

    @property
    def ends_at_router(self) -> bool:
        """True for information, prank and ghost calls: they are counted and need no action."""
        return self in (CallType.INFORMATION, CallType.PRANK, CallType.GHOST)


class Mode(StrEnum):
    """``live``; ``exercise``: a drill on the real path, never counted; ``backfill``: history, never pushed."""

    LIVE = "live"
    EXERCISE = "exercise"
    BACKFILL = "backfill"


def lane_of(*, channel: Channel, category: Category | None, call_type: CallType | None, mode: Mode) -> Lane:
    """Decide the lane; the first rule that fits wins. Total: every combination has a lane.

    1. ``backfill`` is routine: history is not urgent.
    2. A call that ends at the router (prank, ghost, information) is routine whatever its category, so that many prank
    calls never delay an emergency.
    3. A ``dropped`` call is emergency: it has to be called back.
    4. P1 is emergency from every channel, P2 from 112.
    5. A 112 report without a known category is emergency, also without a call type.
    6. Everything else is routine. An exercise takes the lane that the real report would take. A suspect location sends
    a report to triage and does not change its lane.
    """
    if mode is Mode.BACKFILL:
        return Lane.ROUTINE
    if call_type is not None and call_type.ends_at_router:
        return Lane.ROUTINE
    if call_type is CallType.DROPPED or _is_urgent(channel, category):
        return Lane.EMERGENCY
    return Lane.ROUTINE


def _is_urgent(channel: Channel, category: Category | None) -> bool:
    from_112 = channel is Channel.CALL_112
    if category is None:
        return from_112
    return category.priority is Priority.P1 or (from_112 and category.priority is Priority.P2)
