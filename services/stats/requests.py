"""The query parameters of the API, strictly checked: a misspelt parameter gives a 422 instead of all reports."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from services.stats.queries import Dimension, Position, ReportFilter
from services.stats.windows import Window, window_of
from shared.domain.lanes import Channel, Lane, Mode

Month = Annotated[str, StringConstraints(pattern=r"^(19|20)\d\d-(0[1-9]|1[0-2])$")]
MonthOrDay = Annotated[str, StringConstraints(pattern=r"^(19|20)\d\d-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9_-]{0,39}$")]
Status = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,30}$")]


class Query(BaseModel):
    """Base class of query parameters; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MonthsQuery(Query):
    """A range of whole months, including the last."""

    first: Month = Field(alias="from", description="First month, YYYY-MM")
    last: Month = Field(alias="to", description="Last month, YYYY-MM, included")

    @model_validator(mode="after")
    def _check(self) -> Self:
        _ = self.window
        return self

    @property
    def window(self) -> Window:
        """The days of these months."""
        return window_of(self.first, self.last)


class WindowQuery(Query):
    """A window of days; a missing bound leaves that side open."""

    first: MonthOrDay | None = Field(default=None, alias="from", description="First day (or month), in Jakarta")
    last: MonthOrDay | None = Field(default=None, alias="to", description="Last day (or month), included")

    @model_validator(mode="after")
    def _check(self) -> Self:
        _ = self.window
        return self

    @property
    def window(self) -> Window:
        """The window of these days."""
        return window_of(self.first, self.last)


class CountsQuery(WindowQuery):
    """Counts by one dimension."""

    group_by: Dimension = Field(description="One dimension of the cube")


class ReportsQuery(WindowQuery):
    """A page of reports."""

    channel: Channel | None = Field(default=None, description="The channel of the reports")
    category: Code | None = Field(default=None, description="A code of the taxonomy, NONE or UNKNOWN")
    opd: Code | None = Field(default=None, description="The owner's code, or NONE")
    status: Status | None = Field(default=None, description="A status of the case workflow, or ended")
    lane: Lane | None = Field(default=None, description="emergency or routine")
    mode: Mode | None = Field(default=None, description="live, exercise or backfill")
    limit: int = Field(default=50, ge=1, le=200, description="Reports on a page")
    cursor: str | None = Field(default=None, max_length=200, description="`next` of the page before")

    @field_validator("cursor")
    @classmethod
    def _check_cursor(cls, cursor: str | None) -> str | None:
        if cursor is not None:
            position_of(cursor)
        return cursor

    @property
    def wanted(self) -> ReportFilter:
        """The filter for the list."""
        return ReportFilter(self.channel, self.category, self.opd, self.status, self.lane, self.mode, self.window)

    @property
    def after(self) -> Position | None:
        """The position where the page begins."""
        return position_of(self.cursor) if self.cursor else None


def cursor_of(position: Position) -> str:
    """Encode a position in the list as an opaque text."""
    text = f"{position.received_at.isoformat()}|{position.report_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position_of(cursor: str) -> Position:
    """Decode the text of `cursor_of`.

    Raises:
        ValueError: the text is not a cursor of `cursor_of`.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        moment, _, report_id = text.partition("|")
        return Position(datetime.fromisoformat(moment).astimezone(UTC), str(UUID(report_id)))
    except (binascii.Error, ValueError, OverflowError) as error:
        raise ValueError("Not a valid cursor") from error
