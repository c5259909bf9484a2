"""Which lane a report takes, and the closed sets that decide it.

Source: ``architecture.md``, Targets and accounts; ``domain.md``, Words.
"""

from enum import StrEnum

from shared.domain.taxonomy import Category, Priority


class Lane(StrEnum):
    """The two ways through the pipeline. They share nothing, so that one never waits for the other."""

    EMERGENCY = "emergency"
    ROUTINE = "routine"


class Channel(StrEnum):
    """Where a report came from."""

    LAKSA = "laksa"
    CALL_112 = "112"
    WHATSAPP = "whatsapp"
    WEB = "web"
    SOCIAL = "social"
    CALL_CENTER = "call_center"


class CallType(StrEnum):
    """What sort of call it was. Only 112 calls have one."""

    NORMAL = "normal"
    INFORMATION = "information"
    PRANK = "prank"
    GHOST = "ghost"
    DROPPED = "dropped"

    @classmethod
    def parse(cls, text: str | None) -> "CallType":
        """The call type of a text. Unknown or missing counts as normal, so that no call is lost to a spelling."""
        try:
            return cls((text or "").strip().casefold())
        except ValueError:
            return cls.NORMAL

    @property
    def ends_at_router(self) -> bool:
        """True where nobody has to do anything: information, prank and ghost calls are counted and end there."""
        return self in (CallType.INFORMATION, CallType.PRANK, CallType.GHOST)


class Mode(StrEnum):
    """``live``; ``exercise``: a drill on the real path, never counted; ``backfill``: history, never pushed."""

    LIVE = "live"
    EXERCISE = "exercise"
    BACKFILL = "backfill"


def lane_of(*, channel: Channel, category: Category | None, call_type: CallType | None, mode: Mode) -> Lane:
    """Decide the lane; the first rule that fits wins. Total: every combination has a lane.

    1. ``backfill`` is routine: history hurries nobody.
    2. A call that ends at the router (prank, ghost, information) is routine whatever its category: nobody waits for
       it, and a wave of prank calls must not stand before an emergency.
    3. A ``dropped`` call is emergency: it has to be called back.
    4. P1 is emergency from every channel, P2 from 112.
    5. A 112 report without a known category is emergency, also where the call type was not given.
    6. All else is routine. An exercise takes the lane that the real report would; a suspect location sends a report
       to triage but changes no lane.
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
