"""A service logs one JSON object per line, without personal data."""

import json
import subprocess
import sys

PROGRAM = """
import logging
from shared.errors import BrokerUnavailable
from shared.events.envelope import Attributes
from shared.observability.logs import configure_logs, log_context, logger

configure_logs("demo", "INFO")
log = logger("shared.demo")
trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
with log_context(Attributes(id="e-1", type="t", source="s", subject="r-1", traceparent=trace)):
    log.info("Something happened", topic="t")
log.debug("Nobody asked for this")

def fail():
    try:
        raise KeyError("081200009999")
    except KeyError as error:
        raise BrokerUnavailable("Kafka does not answer") from error

try:
    fail()
except BrokerUnavailable:
    log.exception("Something failed")
    logging.getLogger("library").exception("A library failed")
"""


def _logged() -> list[dict[str, object]]:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_every_line_is_json_and_says_whose_it_is() -> None:
    """Each line has service, level, time and message, and report, event and trace while a report is processed."""
    first, *_ = lines = _logged()

    assert len(lines) == 3
    assert all(line["service"] == "demo" and line["timestamp"] for line in lines)
    assert first["message"] == "Something happened"
    assert first["topic"] == "t"
    assert (first["report_id"], first["event_id"]) == ("r-1", "e-1")
    assert first["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_an_exception_is_told_without_the_values_that_it_quotes() -> None:
    """A traceback has types and lines of the whole chain and our own texts, but no text of a library's error."""
    _, ours, library = _logged()

    for line in (ours, library):
        told = line["exception"]
        assert isinstance(told, list)
        assert told[0] == "BrokerUnavailable: Kafka does not answer"
        assert "KeyError" in told
        assert any("in fail" in place for place in told)
        assert "081200009999" not in json.dumps(line)
