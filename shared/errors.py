"""The error hierarchy. Its two branches decide what happens to a record.

Permanent: a retry cannot help, so the record is dead-lettered. Transient: a dependency is down, so the record waits. No
message quotes a value: it may contain a caller's phone number.
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
    """Base class of all errors of this project."""


class ConfigurationError(LaksaError):
    """A setting or file must be changed; the message says how."""


class PermanentError(LaksaError):
    """A retry cannot help."""

    code: ClassVar[DeadLetterCode] = "unclassified"


class TransientError(LaksaError):
    """A dependency is down; the same record can succeed later."""


class UnreadableBody(PermanentError):  # noqa: N818  # named after what happened, as the dead-letter codes are
    """The body is not JSON, or not text."""

    code = "unreadable_body"


class MissingAttribute(PermanentError):  # noqa: N818  # as above
    """A required CloudEvents attribute is missing or is not text."""

    code = "missing_attribute"


class UnknownEventType(PermanentError):  # noqa: N818  # as above
    """No consumer of this topic knows this type."""

    code = "unknown_event_type"


class UnsupportedVersion(PermanentError):  # noqa: N818  # as above
    """A version of CloudEvents or of an event that is not supported."""

    code = "unsupported_version"


class InvalidEvent(PermanentError):  # noqa: N818  # as above
    """The JSON body does not match the event type's schema."""

    code = "invalid_event"


class WorkflowRefused(PermanentError):  # noqa: N818  # as above
    """An illegal or stale transition of the case workflow."""

    code = "workflow_refused"


class UnknownReport(PermanentError):  # noqa: N818  # as above
    """An answer to a report that this intake never accepted."""

    code = "unknown_report"


class IdempotencyMismatch(PermanentError):  # noqa: N818  # as above
    """The same reference or key was used before with another body."""

    code = "idempotency_mismatch"


class RecordTooLarge(PermanentError):  # noqa: N818  # as above
    """An output of this record is larger than Kafka's limit."""

    code = "too_large"


class BrokerUnavailable(TransientError):  # noqa: N818  # as above
    """Kafka did not acknowledge in time. The outcome is unknown: the record may have been stored."""


class TopicMissing(BrokerUnavailable):
    """A topic does not exist yet; the message says what to run."""


class DatabaseUnavailable(TransientError):  # noqa: N818  # as above
    """The database did not answer, or is locked or full."""
