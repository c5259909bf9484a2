"""Only ``app.py`` makes the objects of a service, and ``handlers.py`` is its map: its topics and use cases."""

import ast
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
NAMES = ("intake", "router", "notifier", "stats")
OBJECTS = {
    "AckRule",
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "Consumer",
    "DeadLetters",
    "EventProducer",
    "Health",
    "KafkaBroker",
    "MessagingMetrics",
    "Relay",
    "create_async_engine",
    "make_broker",
    "make_client",
    "make_engine",
    "make_registry",
    "subscribe",
}
# A spool file opens its engine when the service starts and closes the connections itself.
MAKERS = {"app.py", "spool_file.py"}


def _calls(path: Path) -> set[str]:
    """The names of all functions and classes that a file calls."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return {call.id for call in calls if isinstance(call, ast.Name)} | {
        call.attr for call in calls if isinstance(call, ast.Attribute)
    }


@pytest.mark.parametrize("service", NAMES)
def test_only_the_app_makes_what_connects(service: str) -> None:
    """Only ``app.py`` makes an engine, a producer, a consumer or a registry."""
    found = {
        str(path.relative_to(SERVICES)): made
        for path in (SERVICES / service).rglob("*.py")
        if path.name not in MAKERS and (made := _calls(path) & OBJECTS)
    }

    assert found == {}


@pytest.mark.parametrize("service", NAMES)
def test_the_rows_of_a_service_are_in_its_handlers(service: str) -> None:
    """The consumer rows of a service are in ``handlers.py`` and in no other file."""
    makers = {path.name for path in (SERVICES / service).rglob("*.py") if "ConsumerRow" in _calls(path)}

    assert makers == {"handlers.py"}
