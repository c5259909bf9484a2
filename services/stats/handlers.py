"""The map of stats: it counts every fact of ``lifecycle.v1``, in batches, and publishes only dead letters."""

from collections.abc import Sequence

from services.stats.counting import FactCounting
from services.stats.facts import FACT_MODELS
from shared.events import groups, topics
from shared.events.models import Event
from shared.events.outgoing import OutgoingRecord
from shared.messaging.asyncapi import DEAD_LETTER, Operation
from shared.messaging.consumer import ConsumerRow
from shared.messaging.received import Received, event_parser
from shared.messaging.subscribing import Subscription


class Handlers:
    """The use case that handles the records."""

    def __init__(self, counting: FactCounting) -> None:
        self._counting = counting

    async def count_facts(self, events: Sequence[Received[Event]]) -> Sequence[OutgoingRecord]:
        """Count facts, each event id once."""
        await self._counting.count_facts(events)
        return ()


RECEIVES = (Operation(topics.LIFECYCLE, tuple(FACT_MODELS), "Count every fact, each event id once"),)
SENDS = (Operation(topics.dead_letters("stats"), (DEAD_LETTER,), "Facts that cannot be parsed"),)


def consumer_rows(counting: FactCounting) -> Sequence[ConsumerRow[Received[Event]]]:
    """The subscriptions of stats."""
    return (
        ConsumerRow(
            Subscription(
                group=groups.FACTS,
                topics=[topics.LIFECYCLE],
                batch=True,
                title="lifecycle",
                description="Every fact about every report, without personal data",
            ),
            parse=event_parser(FACT_MODELS),
            handle=Handlers(counting).count_facts,
        ),
    )
