"""The names of all consumer groups of the pipeline, and what each reads. Pure."""

from collections.abc import Iterable

from shared.domain.lanes import Channel, Lane
from shared.events import topics

CALLS = "intake-112"
REPORTS = "intake"
ANSWERS = "intake-departments"
FACTS = "stats"


def router(lane: Lane) -> str:
    """What routes a lane's reports."""
    return f"router-{lane}"


def notifier(lane: Lane) -> str:
    """What tells departments of a lane's reports."""
    return f"notifier-{lane}"


def notifier_updates(lane: Lane) -> str:
    """What hears that a department has answered."""
    return f"notifier-{lane}-updates"


def topics_by_group(opds: Iterable[str]) -> dict[str, list[str]]:
    """Which consumer group reads which topics, for these OPD codes."""
    codes = list(opds)
    read = {
        CALLS: [topics.channel(Channel.CALL_112)],
        REPORTS: [topics.channel(name) for name in Channel if name is not Channel.CALL_112],
        ANSWERS: [topics.department(code) for code in codes],
        FACTS: [topics.LIFECYCLE],
    }
    for lane in Lane:
        read[router(lane)] = [topics.reports(lane)]
        read[notifier(lane)] = [topics.opd(code, lane) for code in codes]
        read[notifier_updates(lane)] = [topics.UPDATES]
    return read


def groups_of(service: str) -> list[str]:
    """The groups of one service."""
    return [group for group in topics_by_group(()) if group.split("-")[0] == service]
