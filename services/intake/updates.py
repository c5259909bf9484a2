"""Use case: record a department's answer and publish it for the notifier and stats."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.case_transitions import CaseTransition, next_transition
from services.intake.events import status_records
from services.intake.metrics import IntakeMetrics
from services.intake.spool_file import SpoolFile
from services.intake.tables import cases, reports
from shared.domain.lanes import Mode
from shared.domain.workflow import CaseStatus
from shared.errors import UnknownReport
from shared.events.models import DepartmentAnswer


@dataclass(frozen=True, slots=True)
class DepartmentUpdate:
    """A department's answer, with the department and the trace."""

    opd: str
    content: DepartmentAnswer
    traceparent: str


class CaseUpdates:
    """Stores the courses of reports, each in the spool file of the report's lane."""

    def __init__(self, files: Sequence[SpoolFile], *, now: Callable[[], datetime], metrics: IntakeMetrics) -> None:
        self._files = files
        self._now = now
        self._metrics = metrics

    async def record(self, answer: DepartmentUpdate) -> None:
        """Return when the transition is on disk; a repeat is published again unchanged.

        Raises:
            UnknownReport: no lane has accepted this report.
            WorkflowRefused: see `next_transition`.
            DatabaseUnavailable: a spool does not answer.
        """
        report_id = str(answer.content.report_id)
        file, mode = await self._home_of(report_id)
        async with file.writing() as connection:
            course = await _course(connection, report_id, answer.opd)
            step = next_transition(course, answer.opd, answer.content, now=self._now())
            if step.seq not in course:
                await connection.execute(insert(cases), [_row(report_id, answer.opd, step)])
            await file.outbox.add(
                connection,
                status_records(
                    answer.content, answer.opd, step, lane=file.lane, mode=mode, traceparent=answer.traceparent
                ),
            )
        file.outbox.wake()
        if step.seq not in course:
            self._metrics.department_answers.labels(answer.opd).inc()

    async def _home_of(self, report_id: str) -> tuple[SpoolFile, Mode]:
        for file in self._files:
            async with file.reading() as connection:
                mode = await connection.scalar(select(reports.c.mode).where(reports.c.report_id == report_id))
            if mode is not None:
                return file, Mode(mode)
        raise UnknownReport("This report was not accepted here")


async def _course(connection: AsyncConnection, report_id: str, opd: str) -> Mapping[int, CaseTransition]:
    of_this = (cases.c.report_id == report_id) & (cases.c.opd == opd)
    rows = await connection.execute(select(cases).where(of_this))
    return {
        row.seq: CaseTransition(
            seq=row.seq,
            from_status=CaseStatus(row.from_status),
            to_status=CaseStatus(row.to_status),
            at=datetime.fromisoformat(row.at),
            recorded_at=datetime.fromisoformat(row.recorded_at),
            digest=row.digest,
        )
        for row in rows
    }


def _row(report_id: str, opd: str, step: CaseTransition) -> dict[str, object]:
    return {
        "report_id": report_id,
        "opd": opd,
        "seq": step.seq,
        "from_status": step.from_status.value,
        "to_status": step.to_status.value,
        "at": step.at.isoformat(),
        "recorded_at": step.recorded_at.isoformat(),
        "digest": step.digest,
    }
