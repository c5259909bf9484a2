"""The table of ACLs: the rights that it grants and those that it must not grant."""

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
    """The users are four services, the lag exporter, six channels and 19 departments; no right is granted twice."""
    assert len(principals(OPDS)) == 4 + 1 + 6 + 19
    assert len(set(GRANTS)) == len(GRANTS)


@pytest.mark.parametrize("opd", OPDS)
def test_a_department_reads_its_own_two_topics_and_no_other(opd: str) -> None:
    """A department reads only its own two topics, also if its code is a prefix of another's."""
    own = {topics.opd(opd, lane) for lane in Lane}
    readable = {spec.name for spec in topic_specs.all_topics(OPDS) if _may(department_user(opd), spec.name, "read")}

    assert readable == own


@pytest.mark.parametrize("opd", OPDS)
def test_only_the_department_itself_and_intake_touch_its_answers(opd: str) -> None:
    """Only the department may write its updates and only intake may read them, because an update stops pushes."""
    topic = topics.department(opd)

    assert [user for user in principals(OPDS) if _may(user, topic, "write")] == [department_user(opd)]
    assert [user for user in principals(OPDS) if _may(user, topic, "read")] == ["intake"]


@pytest.mark.parametrize("service", ["stats", "lag-exporter"])
def test_who_only_counts_sees_no_personal_data(service: str) -> None:
    """Stats reads the lifecycle topic only, and the lag exporter reads no topic (promise S4)."""
    readable = {spec.name for spec in topic_specs.all_topics(OPDS) if _may(service, spec.name, "read")}

    assert readable == ({topics.LIFECYCLE} if service == "stats" else set())


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_joins_its_own_groups_and_no_other(service: str) -> None:
    """A service may join only its own groups, so that it cannot take over another's partitions."""
    joined = {
        group
        for group in topics_by_group(OPDS)
        if any(grant.covers(service, "group", group, "read") for grant in GRANTS)
    }

    assert joined == set(groups_of(service))


@pytest.mark.parametrize("user", principals(OPDS))
def test_nobody_may_make_change_or_delete_anything(user: str) -> None:
    """Only read, write and describe are granted; other operations are for the administrator."""
    operations = {grant.operation for grant in GRANTS if grant.principal == user}

    assert operations <= {"read", "write", "describe", "describe_configs"}


def test_a_prefix_covers_what_begins_with_it_and_a_star_everything() -> None:
    """Patterns match as Kafka's PREFIXED pattern and its wildcard do."""
    prefixed = Grant("router", "group", "prefixed", "router-", "read")
    anything = Grant("lag-exporter", "topic", "literal", "*", "describe")

    assert prefixed.covers("router", "group", "router-routine", "read")
    assert not prefixed.covers("router", "group", "notifier-routine", "read")
    assert not prefixed.covers("notifier", "group", "router-routine", "read")
    assert anything.covers("lag-exporter", "topic", "lifecycle.v1", "describe")
    assert not anything.covers("lag-exporter", "topic", "lifecycle.v1", "read")
