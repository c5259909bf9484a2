"""The one list of consumer groups, compared with what each service's map says that it reads."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.intake import handlers as intake
from services.notifier import handlers as notifier
from services.router import handlers as router
from services.router.metrics import RouterMetrics
from services.router.routing import Routing
from services.router.routing_table import PACKAGED, load_routing_table
from services.router.undecided import WaitingReports
from services.stats import handlers as stats
from services.stats.counting import FactCounting
from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events.groups import groups_of, topics_by_group
from shared.messaging.subscribing import Subscription
from shared.messaging.topic_specs import all_topics

TAXONOMY = default_taxonomy()
OPDS = list(TAXONOMY.opds)
UNUSED: Any = None  # nothing is read here, so no handler needs what it works on


def _subscriptions() -> Iterator[Subscription]:
    records = intake.ChannelRecords(UNUSED, UNUSED, TAXONOMY, UNUSED)
    rows = [
        *intake.consumer_rows(records, intake.DepartmentRecords(UNUSED), OPDS),
        *stats.consumer_rows(FactCounting(UNUSED, UNUSED)),
    ]
    for lane in Lane:
        routing = Routing(load_routing_table(PACKAGED, TAXONOMY), lane, RouterMetrics(CollectorRegistry(), lane))
        rows += router.consumer_rows(lane, routing, WaitingReports(lambda _partition: None))
        rows += notifier.consumer_rows(lane, UNUSED, TAXONOMY, stats_url="http://stats.test")
    return (row.subscription for row in rows)


def _topics_of(subscription: Subscription) -> set[str]:
    if subscription.pattern:
        return {spec.name for spec in all_topics(OPDS) if re.match(subscription.pattern, spec.name)}
    return set(subscription.topics)


def test_the_list_is_what_the_services_read() -> None:
    """Every group of a service is in the list with its topics, and the list has no other."""
    read = {subscription.group: _topics_of(subscription) for subscription in _subscriptions()}

    assert read == {group: set(names) for group, names in topics_by_group(OPDS).items()}


def test_no_emergency_waits_for_others_of_a_batch() -> None:
    """Calls, emergencies and the answers to them are read one by one, everything else in batches."""
    one_by_one = {subscription.group for subscription in _subscriptions() if not subscription.batch}

    assert one_by_one == {"intake-112", "router-emergency", "notifier-emergency", "notifier-emergency-updates"}


@pytest.mark.parametrize("service", ["intake", "router", "notifier", "stats"])
def test_each_service_has_its_groups(service: str) -> None:
    """A group's name begins with its service's, and all groups belong to one of the four."""
    assert groups_of(service)
    assert all(group == service or group.startswith(f"{service}-") for group in groups_of(service))
    assert set(groups_of(service)) <= set(topics_by_group(OPDS))
