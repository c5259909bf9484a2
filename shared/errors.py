"""The one tree of errors. Its two branches alone decide what becomes of a record.

Permanent: trying again cannot help, so the record is dead-lettered. Transient: something around us is down, so the
record waits. No message quotes a value: it may hold a caller's phone number.
"""

from typing import ClassVar, Literal

DeadLetterCode = Literal[
    "unreadable_body",
    "missing_attribute",
    "unknown_event_type",
    "unsupported_version",
    "invalid_event",
    "workflow_refused",
    "unknown_report",
    "idempotency_mismatch",
    "too_large",
    "unclassified",
]


class LaksaError(Exception):
    """Whatever this project raises on purpose."""


class ConfigurationError(LaksaError):
    """A setting or a file that the person running this has to change; the message says how."""


class PermanentError(LaksaError):
    """Trying again cannot help."""

    code: ClassVar[DeadLetterCode] = "unclassified"


class TransientError(LaksaError):
    """Something around us is down; the same record will do later."""


class UnreadableBody(PermanentError):  # noqa: N818  # named after what happened, as the dead-letter codes are
    """The body is not JSON, or not text."""

    code = "unreadable_body"


class MissingAttribute(PermanentError):  # noqa: N818  # as above
    """A CloudEvents attribute that we cannot do without is missing or is not text."""

    code = "missing_attribute"


class UnknownEventType(PermanentError):  # noqa: N818  # as above
    """No consumer of this topic knows this type."""

    code = "unknown_event_type"


class UnsupportedVersion(PermanentError):  # noqa: N818  # as above
    """A version of CloudEvents, or of an event, that we do not read."""

    code = "unsupported_version"


class InvalidEvent(PermanentError):  # noqa: N818  # as above
    """JSON, but not the fields that this event type has."""

    code = "invalid_event"


class WorkflowRefused(PermanentError):  # noqa: N818  # as above
    """An illegal or stale transition of the case workflow."""

    code = "workflow_refused"


class UnknownReport(PermanentError):  # noqa: N818  # as above
    """An answer to a report that was never accepted here."""

    code = "unknown_report"


class IdempotencyMismatch(PermanentError):  # noqa: N818  # as above
    """Another body came under the same reference or key before."""

    code = "idempotency_mismatch"


class RecordTooLarge(PermanentError):  # noqa: N818  # as above
    """What follows from this record is larger than Kafka takes."""

    code = "too_large"


class BrokerUnavailable(TransientError):  # noqa: N818  # as above
    """Kafka did not acknowledge in time. The result is unknown, not failed."""


class TopicMissing(BrokerUnavailable):
    """A topic is not there yet; the message says what to run."""


class DatabaseUnavailable(TransientError):  # noqa: N818  # as above
    """The database did not answer, or is locked or full."""
