"""The table of rights: what it grants, and what it must never grant."""

import pytest

from shared.domain.lanes import Lane
from shared.domain.taxonomy import default_taxonomy
from shared.events import topics
from shared.events.groups import groups_of, topics_by_group
from shared.messaging import topic_specs
from shared.messaging.access import Grant, Operation, all_grants, department_user, principals

OPDS = tuple(default_taxonomy().opds)
GRANTS = all_grants(OPDS)
SERVICES = ("intake", "router", "notifier", "stats")


def _may(user: str, topic: str, operation: Operation) -> bool:
    return any(grant.covers(user, "topic", topic, operation) for grant in GRANTS)


def test_everybody_has_a_name_of_their_own() -> None:
    """Four services, what measures lag, six channels and 19 departments; nobody is granted anything twice."""
    assert len(principals(OPDS)) == 4 + 1 + 6 + 19
    assert len(set(GRANTS)) == len(GRANTS)


@pytest.mark.parametrize("opd", OPDS)
def test_a_department_reads_its_own_two_topics_and_no_other(opd: str) -> None:
    """Two departments whose codes begin alike are no exception."""
    own = {topics.opd(opd, lane) for lane in Lane}
    readable = {spec.name for spec in topic_specs.all_topics(OPDS) if _may(department_user(opd), spec.name, "read")}

    assert readable == own


@pytest.mark.parametrize("opd", OPDS)
def test_only_the_department_itself_and_intake_touch_its_answers(opd: str) -> None:
    """Who may write there may stop its pushes."""
    topic = topics.department(opd)

    assert [user for user in principals(OPDS) if _may(user, topic, "write")] == [department_user(opd)]
    assert [user for user in principals(OPDS) if _may(user, topic, "read")] == ["intake"]


@pytest.mark.parametrize("service", ["stats", "lag-exporter"])
def test_who_only_counts_sees_no_personal_data(service: str) -> None:
    """Of all topics stats reads the lifecycle alone, and what measures lag reads none (promise S4)."""
    readable = {spec.name for spec in topic_specs.all_topics(OPDS) if _may(service, spec.name, "read")}

    assert readable == ({topics.LIFECYCLE} if service == "stats" else set())


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_joins_its_own_groups_and_no_other(service: str) -> None:
    """The groups are those of the one list; nobody can take another's partitions away."""
    joined = {
        group
        for group in topics_by_group(OPDS)
        if any(grant.covers(service, "group", group, "read") for grant in GRANTS)
    }

    assert joined == set(groups_of(service))


@pytest.mark.parametrize("user", principals(OPDS))
def test_nobody_may_make_change_or_delete_anything(user: str) -> None:
    """Reading, writing and looking are all that there is; the rest is the administrator's."""
    operations = {grant.operation for grant in GRANTS if grant.principal == user}

    assert operations <= {"read", "write", "describe", "describe_configs"}


def test_a_prefix_covers_what_begins_with_it_and_a_star_everything() -> None:
    """As Kafka's own PREFIXED pattern and its wildcard."""
    prefixed = Grant("router", "group", "prefixed", "router-", "read")
    anything = Grant("lag-exporter", "topic", "literal", "*", "describe")

    assert prefixed.covers("router", "group", "router-routine", "read")
    assert not prefixed.covers("router", "group", "notifier-routine", "read")
    assert not prefixed.covers("notifier", "group", "router-routine", "read")
    assert anything.covers("lag-exporter", "topic", "lifecycle.v1", "describe")
    assert not anything.covers("lag-exporter", "topic", "lifecycle.v1", "read")
