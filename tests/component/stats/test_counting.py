"""The counting of the service: metrics, delay, duplicates, and the monitoring of the accounts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from services.stats.counting import AccountWatch, FactCounting
from services.stats.metrics import StatsMetrics
from services.stats.queries import StatsQueries
from services.stats.store import StatsStore
from shared.events.models import Event
from shared.messaging.received import Received
from tests.support.builders import lifecycle
from tests.support.builders.fact_sets import facts


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """A metric's value, 0 if it has none."""
    return registry.get_sample_value(name, labels) or 0.0


async def test_facts_and_duplicates_are_counted_apart(store: StatsStore) -> None:
    """The first fact with an event id is counted as applied, repeats as duplicates."""
    registry = CollectorRegistry()
    counting = FactCounting(store, StatsMetrics(registry))
    events: Sequence[Received[Event]] = [lifecycle.registered(), lifecycle.decided(), lifecycle.registered()]
    await counting.count_facts(events)
    await counting.count_facts(events)
    assert value(registry, "laksa_facts_applied_total", type="report.registered.v1") == 1
    assert value(registry, "laksa_facts_applied_total", type="report.routed.v1") == 1
    assert value(registry, "laksa_facts_duplicate_total") == 4


async def test_freshness_is_measured_once_per_fact(store: StatsStore) -> None:
    """The delay from ce_time until the fact is counted is observed once per fact (S2)."""
    registry = CollectorRegistry()
    counting = FactCounting(store, StatsMetrics(registry))
    await counting.count_facts([lifecycle.registered()])
    await counting.count_facts([lifecycle.registered()])
    assert value(registry, "laksa_stats_freshness_seconds_count") == 1
    assert value(registry, "laksa_stats_freshness_seconds_sum") < 5


async def test_an_undecided_report_shows_in_the_metrics(store: StatsStore, queries: StatsQueries) -> None:
    """The difference of the lane is 1 and the age of the report grows until it is decided."""
    registry = CollectorRegistry()
    watch = AccountWatch(queries, StatsMetrics(registry))
    received_at = datetime.now(UTC) - timedelta(minutes=5)
    await store.record_facts(facts(lifecycle.registered(lane="emergency", received_at=received_at)))
    await watch.look()
    assert value(registry, "laksa_conservation_difference", lane="emergency") == 1
    assert 300 <= value(registry, "laksa_oldest_undecided_report_seconds", lane="emergency") < 330
    assert value(registry, "laksa_oldest_undecided_report_seconds", lane="routine") == 0
    await store.record_facts(facts(lifecycle.decided()))
    await watch.look()
    assert value(registry, "laksa_conservation_difference", lane="emergency") == 0
    assert value(registry, "laksa_oldest_undecided_report_seconds", lane="emergency") == 0


async def test_facts_without_a_registration_show_in_the_metrics(store: StatsStore, queries: StatsQueries) -> None:
    """Reports without a registration are in no account, so a metric counts them."""
    registry = CollectorRegistry()
    await store.record_facts(facts(lifecycle.decided()))
    await AccountWatch(queries, StatsMetrics(registry)).look()
    assert value(registry, "laksa_stats_unregistered_reports") == 1
