"""Structured logs: one JSON object a line on stderr; messages are fixed sentences, values are fields."""

import contextlib
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import orjson
import structlog

from shared.errors import LaksaError
from shared.events.envelope import Attributes
from shared.observability.expected_lines import LowerExpectedLines
from shared.observability.tracing import trace_id_of

Logger = structlog.stdlib.BoundLogger


def configure_logs(service: str, level: str = "INFO") -> None:
    """Send every line of this process, libraries' included, to stderr as JSON. Call once, from ``__main__``.

    Our own lines bypass the standard library, which would make each three times as expensive.
    """
    steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_describe),
    ]
    rename = structlog.processors.EventRenamer("message")
    structlog.configure(
        processors=[*steps, rename, structlog.processors.JSONRenderer(serializer=_to_json)],
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", _Stderr())),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*steps, structlog.stdlib.ExtraAdder(allow=["reason"])],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                rename,
                structlog.processors.JSONRenderer(serializer=lambda value, **_options: _to_json(value).decode()),
            ],
        )
    )
    handler.addFilter(LowerExpectedLines(logging.getLevelNamesMapping()[level]))
    logging.raiseExceptions = False  # a closed stderr must not stop the service
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("aiokafka", "uvicorn.access", "aiosqlite", "faststream"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def logger(name: str) -> Logger:
    """A logger; creating it is cheap, it is bound at its first use."""
    log: Logger = structlog.stdlib.get_logger(name)
    return log


@contextmanager
def log_context(attributes: Attributes) -> Iterator[None]:
    """Put report id, event id and trace id on every line logged inside."""
    with structlog.contextvars.bound_contextvars(
        report_id=attributes.subject, event_id=attributes.id, trace_id=trace_id_of(attributes.traceparent)
    ):
        yield


def _describe(exc_info: structlog.typing.ExcInfo) -> list[str]:
    """The chain of errors, each with its stack frames.

    Only our own errors keep their text: others quote their input, which may be a caller's phone number.
    """
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        text = f": {error}" if isinstance(error, LaksaError) else ""
        lines.append(f"{type(error).__name__}{text}")
        frames = traceback.extract_tb(error.__traceback__)
        lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines


def _to_json(value: object, **_options: object) -> bytes:
    return orjson.dumps(value, default=str)


class _Stderr:
    """Standard error as a file; if its reader is gone, lines are dropped and the service goes on."""

    def write(self, line: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()

    def flush(self) -> None:
        """Nothing is buffered."""
