"""The request bodies of channels as strict models: no unknown fields, no coercion. OpenAPI documents them."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.domain.texts import has_controls

# RFC 3339 with an offset; seconds since 1970 are refused, because they cannot be told from milliseconds.
# The lower bound of the year keeps every sum with an offset or a tolerance inside the range of datetime.
_MOMENT = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
TEXT_CHARACTERS = 8_000  # about four pages; fits in the 64 KiB of a request even with the widest characters
CATEGORY_CHARACTERS = 40
LINE_ENDS = "\n\r\t\u2028\u2029"
_LINE_END = re.compile(f"[{LINE_ENDS}]")


def _no_controls(text: str) -> str:
    if has_controls(text):
        raise PydanticCustomError("control_characters", "holds control characters")
    return text


def _one_line(text: str) -> str:
    if has_controls(text) or _LINE_END.search(text):
        raise PydanticCustomError("control_characters", "contains control characters or line ends")
    return text


def read_moment(value: object) -> object:
    """An aware time in UTC from RFC 3339 text.

    Raises:
        PydanticCustomError: ``naive_time``, or ``not_a_time`` for anything else.
    """
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise PydanticCustomError("not_a_time", "is no RFC 3339 time")
    try:
        moment = datetime.fromisoformat(value.upper().replace(",", "."))
    except ValueError:
        raise PydanticCustomError("not_a_time", "is no RFC 3339 time") from None
    if moment.tzinfo is None:
        raise PydanticCustomError("naive_time", "has no UTC offset")
    return moment.astimezone(UTC)


Text = Annotated[str, Field(max_length=TEXT_CHARACTERS), AfterValidator(_no_controls)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Code = Annotated[str, Field(max_length=CATEGORY_CHARACTERS), AfterValidator(_one_line)]
Landmark = Annotated[str, Field(max_length=500), AfterValidator(_one_line)]
Phone = Annotated[str, Field(max_length=40), AfterValidator(_one_line)]
Moment = Annotated[
    datetime,
    BeforeValidator(read_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Body(BaseModel):
    """Base class of all bodies."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class PlaceBody(Body):
    """The place; latitude and longitude must be given together and lie in the city."""

    latitude: float | None = Field(default=None, description="Degrees, WGS 84", examples=[-6.178])
    longitude: float | None = Field(default=None, description="Degrees, WGS 84", examples=[106.63])
    kecamatan: Line | None = Field(default=None, description="Name or code of a kecamatan", examples=["Karawaci"])
    kelurahan: Line | None = None
    landmark: Landmark | None = Field(default=None, description="What one sees there, or the street")


class PersonBody(Body):
    """The reporter or caller; only visible to those who handle the report."""

    name: Line | None = None
    phone: Phone | None = None
    email: Line | None = None


class _Shared(Body):
    category: Code | None = Field(
        default=None,
        description="A code of the taxonomy. If unknown or missing, the Live Room decides",
        examples=["INF-PJU"],
    )
    place: PlaceBody | None = None
    reporter: PersonBody | None = None
    source_reference: Line | None = Field(
        default=None, description="Your own id of the report; with it, a repeated request is recognised"
    )
    occurred_at: Moment | None = Field(
        default=None, description="With UTC offset; not in the future, not older than 30 days"
    )
    mode: Literal["live", "exercise", "backfill"] = Field(
        default="live", description="exercise: a drill, never counted; backfill: history, counted, never pushed"
    )


class ReportBody(_Shared):
    """One citizen report."""

    text: Text = Field(min_length=1, description="What the citizen wrote", examples=["Lampu jalan padam sejak kemarin"])


class CallBody(_Shared):
    """One 112 call. Text or category is required; other invalid fields are left out and flagged."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["text"]}, {"required": ["category"]}]})

    text: Text | None = Field(default=None, description="The operator's notes")
    call_type: Code = Field(
        description="normal, information, prank, ghost or dropped; anything else counts as normal", examples=["normal"]
    )
    caller: PersonBody | None = None
    call_started_at: Moment | None = None
    call_ended_at: Moment | None = None
    operator: Line | None = None
