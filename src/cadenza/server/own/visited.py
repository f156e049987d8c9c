"""Where a run has been, as our routes tell it: one record per place, with the stretches of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from ...history.event import Failure
from ...history.record import RunStatus, StepStatus
from ...history.timeline import Span, SpanKind, Timeline, Visit
from ...model.path import show


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTold:
    """Code ran ("run"), somebody was waited for ("wait"), a time ("sleep"), or another attempt ("retry"); `to` null: still.

    A "run" may lie ahead: the attempt after a pause that is not over.
    """

    kind: SpanKind
    start: Annotated[datetime, Field(serialization_alias="from")]
    end: Annotated[datetime | None, Field(serialization_alias="to")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTold:
    """A place that the run has reached: `path` for people ("review[2].approve"), `place` its parts ("review", 2, "approve").

    `question`, `answer` and `actor` are those of its last question, `error` that of the last attempt unless it ended well.
    `wake_at` is until when a sleep lasts.
    """

    path: str
    place: Sequence[str | int]
    status: StepStatus
    input: Any
    output: Any
    error: Failure | None
    attempts: int
    suspension_id: str | None
    wake_at: datetime | None
    question: Any
    answer: Any
    actor: str | None
    started_at: datetime
    ended_at: datetime | None
    spans: Sequence[SpanTold]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsTold:
    """The places of a run in the order in which they were first reached, and when the run as a whole ran and waited."""

    status: RunStatus
    spans: Sequence[SpanTold]
    records: Sequence[RecordTold]


def records_told(found: Timeline, *, values: bool) -> RecordsTold:
    """A timeline, as it is told; without *values* what went in and came out is null."""
    return RecordsTold(
        status=found.status,
        spans=_spans(found.spans),
        records=[_record(visit, values=values) for visit in found.visits],
    )


def _record(visit: Visit, *, values: bool) -> RecordTold:
    return RecordTold(
        path=show(visit.path),
        place=visit.path,
        status=visit.status,
        input=visit.input if values else None,
        output=visit.output if values else None,
        error=visit.error,
        attempts=visit.attempts,
        suspension_id=visit.suspension_id,
        wake_at=visit.wake_at,
        question=visit.question if values else None,
        answer=visit.answer if values else None,
        actor=visit.actor,
        started_at=visit.started_at,
        ended_at=visit.ended_at,
        spans=_spans(visit.spans),
    )


def _spans(spans: Sequence[Span]) -> list[SpanTold]:
    return [SpanTold(kind=span.kind, start=span.start, end=span.end) for span in spans]
