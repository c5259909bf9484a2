"""All event types, with the model and the topics of each."""

from collections.abc import Mapping
from types import MappingProxyType

from shared.events.envelope import TYPE_PREFIX
from shared.events.models import (
    DeliveryChanged,
    Event,
    ReportDecided,
    ReportRegistered,
    ReportStatusChanged,
    ReportSubmitted,
)

SUBMITTED = f"{TYPE_PREFIX}report.submitted.v1"
ASSIGNED = f"{TYPE_PREFIX}report.assigned.v1"
UNREADABLE = f"{TYPE_PREFIX}report.unreadable.v1"
REGISTERED = f"{TYPE_PREFIX}report.registered.v1"
ROUTED = f"{TYPE_PREFIX}report.routed.v1"
TRIAGED = f"{TYPE_PREFIX}report.triaged.v1"
ENDED = f"{TYPE_PREFIX}report.ended.v1"
REJECTED = f"{TYPE_PREFIX}report.rejected.v1"
STATUS_CHANGED = f"{TYPE_PREFIX}report.status_changed.v1"
DELIVERED = f"{TYPE_PREFIX}delivery.delivered.v1"
DELIVERY_FAILED = f"{TYPE_PREFIX}delivery.failed.v1"
DELIVERY_ACKNOWLEDGED = f"{TYPE_PREFIX}delivery.acknowledged.v1"
DELIVERY_ESCALATED = f"{TYPE_PREFIX}delivery.escalated.v1"
DELIVERY_EXHAUSTED = f"{TYPE_PREFIX}delivery.exhausted.v1"

DECISIONS: Mapping[str, str] = MappingProxyType(
    {"routed": ROUTED, "triaged": TRIAGED, "ended": ENDED, "rejected": REJECTED}
)

# report.unreadable has no model: its body is the raw bytes of an unreadable record.
MODELS: Mapping[str, type[Event]] = MappingProxyType(
    {
        SUBMITTED: ReportSubmitted,
        ASSIGNED: ReportSubmitted,
        REGISTERED: ReportRegistered,
        ROUTED: ReportDecided,
        TRIAGED: ReportDecided,
        ENDED: ReportDecided,
        REJECTED: ReportDecided,
        STATUS_CHANGED: ReportStatusChanged,
        DELIVERED: DeliveryChanged,
        DELIVERY_FAILED: DeliveryChanged,
        DELIVERY_ACKNOWLEDGED: DeliveryChanged,
        DELIVERY_ESCALATED: DeliveryChanged,
        DELIVERY_EXHAUSTED: DeliveryChanged,
    }
)
