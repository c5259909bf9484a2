"""A submission: the checked content of a report from any channel. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.intake.bodies import CallBody, PersonBody, PlaceBody, ReportBody
from shared.domain.flags import CALL_TYPE_UNKNOWN, CATEGORY_UNKNOWN, KECAMATAN_UNKNOWN
from shared.domain.lanes import CallType, Channel, Lane, Mode, lane_of
from shared.domain.places import kecamatan_code
from shared.domain.taxonomy import Category, Taxonomy
from shared.events.models import Call, Place, Reporter

FUTURE_TOLERANCE = timedelta(seconds=60)  # tolerance for the clocks of phones and call systems
OLDEST = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Submission:
    """A report after validation and cleaning.

    ``category_text`` is the code as sent; ``category`` is None if the taxonomy does not have it. ``flags`` are codes
    from a fixed set that say what was corrected or left out. ``digest`` is a hash of the body as sent.
    """

    category: Category | None
    category_text: str | None
    text: str | None
    place: Place | None
    reporter: Reporter | None
    call: Call | None
    source_reference: str | None
    occurred_at: datetime | None
    mode: Mode
    flags: tuple[str, ...]
    digest: bytes

    def lane_from(self, channel: Channel) -> Lane:
        """The lane of this submission if it comes from this channel."""
        return lane_of(
            channel=channel,
            category=self.category,
            call_type=CallType.parse(self.call.call_type) if self.call else None,
            mode=self.mode,
        )


def time_fault(moment: datetime, now: datetime, mode: str) -> str | None:
    """The fault of a time that a channel sent: ``in_future``, ``too_old`` or None. Both times are aware."""
    if moment > now + FUTURE_TOLERANCE:
        return "in_future"
    if moment < now - OLDEST and mode != Mode.BACKFILL:
        return "too_old"
    return None


def submission_of(
    body: ReportBody | CallBody, *, digest: bytes, flags: tuple[str, ...], taxonomy: Taxonomy
) -> Submission:
    """Convert a validated body to domain values; unknown codes are flagged, never refused."""
    noted = dict.fromkeys(flags)
    category_text = _given(body.category)
    category = taxonomy.category(category_text.upper() if category_text else None)
    if category_text and category is None:
        noted[CATEGORY_UNKNOWN] = None
    place, unknown_kecamatan = _place_of(body.place)
    if unknown_kecamatan:
        noted[KECAMATAN_UNKNOWN] = None
    call = _call_of(body) if isinstance(body, CallBody) else None
    if isinstance(body, CallBody) and CallType.parse(body.call_type) != body.call_type.strip().casefold():
        noted[CALL_TYPE_UNKNOWN] = None
    return Submission(
        category=category,
        category_text=category.code if category else category_text,
        text=body.text if _given(body.text) else None,
        place=place,
        reporter=_reporter_of(body),
        call=call,
        source_reference=_given(body.source_reference),
        occurred_at=body.occurred_at or (call.started_at if call else None),
        mode=Mode(body.mode),
        flags=tuple(noted),
        digest=digest,
    )


def _given(text: str | None) -> str | None:
    """The trimmed text; a blank one counts as missing."""
    return (text or "").strip() or None


def _place_of(body: PlaceBody | None) -> tuple[Place | None, bool]:
    if body is None:
        return None, False
    code = kecamatan_code(body.kecamatan)
    sent = _given(body.kecamatan)
    unknown = bool(sent) and code is None
    # an unknown kecamatan name may still help to find the place
    landmark = ", ".join(filter(None, (_given(body.landmark), sent if unknown else None)))
    kelurahan = _given(body.kelurahan)
    if not (code or kelurahan or landmark) and body.latitude is None and body.longitude is None:
        return None, unknown
    place = Place(
        latitude=body.latitude,
        longitude=body.longitude,
        kecamatan=code,
        kelurahan=kelurahan,
        landmark=landmark or None,
    )
    return place, unknown


def _call_of(body: CallBody) -> Call:
    return Call(
        call_type=CallType.parse(body.call_type),
        started_at=body.call_started_at,
        ended_at=body.call_ended_at,
        operator=_given(body.operator),
    )


def _reporter_of(body: ReportBody | CallBody) -> Reporter | None:
    """The reporter. For a call: the caller, completed by the reporter if both are given."""
    people = [body.caller, body.reporter] if isinstance(body, CallBody) else [body.reporter]
    name, phone, email = _first(people, "name"), _first(people, "phone"), _first(people, "email")
    return Reporter(name=name, phone=phone, email=email) if name or phone or email else None


def _first(people: list[PersonBody | None], field: str) -> str | None:
    return next((text for person in people if person and (text := _given(getattr(person, field)))), None)
