"""How severe the log line of a failed push is."""

from structlog.testing import capture_logs

from tests.support.apps.notifying import TestClock, notifier
from tests.support.builders.assignments import assigned, report
from tests.support.builders.endpoints import endpoint
from tests.support.receivers import answer, receiver

HOUR = 3600.0


async def test_a_receiver_that_fails_once_or_twice_is_no_warning(database_url: str) -> None:
    """The first two failed pushes are logged as information; from the third on each is a warning."""
    async with (
        receiver(*[answer(503)] * 4) as department,
        notifier(database_url, [endpoint(url=department.url)], clock=TestClock()) as service,
    ):
        await service.inbox.take_in([assigned(report())])
        with capture_logs() as lines:
            for _ in range(4):
                assert await service.push_due() == 1
                service.clock.move(HOUR)
    failed = [line["log_level"] for line in lines if line["event"] == "A push failed, it will be tried again"]
    assert failed == ["info", "info", "warning", "warning"]
