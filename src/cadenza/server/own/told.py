"""What our routes answer with: values as they are sent, and how they are made of what the library knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ...engine.firing import schedule_of
from ...history.event import Suspension
from ...history.explain import Explanation
from ...history.record import ENDED, RunStatus
from ...model.path import show
from ...store.base import RunRow, Store, SuspensionQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTold:
    """A run, as lists show it.

    `waiting_on` are the places of its open questions ("nested.approve"), `open` how many these are; `schedule_id` is that of
    the schedule that started it.
    """

    run_id: str
    workflow: str
    status: RunStatus
    resource_id: str | None
    created_at: datetime
    updated_at: datetime
    wake_at: datetime | None
    waiting_on: Sequence[str]
    open: int
    schedule_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsTold:
    """One page of runs, newest first, and how many there are in all."""

    runs: Sequence[RunTold]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowsTold:
    """What follows when the deadline passes: `answer` is given, the step fails, the workflow ends; or nothing (kind null)."""

    kind: Literal["answer", "fail", "bail"] | None
    answer: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionTold:
    """A question: where it stands, what it shows, and the JSON Schema of its answer (null: anything).

    `state` is "open" or how it was closed: then `answer`, `actor`, `via` and `closed_at` say what, by whom and which way.
    """

    id: str
    run_id: str
    workflow: str
    step: str
    key: str | None
    labels: Sequence[str]
    question: Any
    answer_schema: Any
    event: str | None
    assigned: Sequence[str]
    claimed_by: str | None
    claimed_at: datetime | None
    opened_at: datetime
    deadline: datetime | None
    on_timeout: FollowsTold
    remind_at: Sequence[datetime]
    exclude_requester: bool
    state: str
    answer: Any
    actor: str | None
    via: str | None
    reason: str | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxTold:
    """One page of questions, oldest first, and how many there are in all."""

    items: Sequence[QuestionTold]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run as it is now. `steps` are by id, `error` is that of a run that failed, `questions` are the open ones.

    `trace_id` (32 hex digits) is that of its last leg that was traced; `reason` why it is held.
    """

    run: RunTold
    input: Any
    result: Any
    error: Any
    steps: Mapping[str, Any]
    questions: Sequence[QuestionTold]
    trace_id: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationTold:
    """Why a run stands where it does: in words, and as data."""

    text: str
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The answer is durable. `status` is that of the run: as the answer reached it, or, where that was waited for, as it then was."""

    run_id: str
    status: str
    result: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The runs that an event has reached."""

    run_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Well:
    """The server is there; or, asked whether it is ready, its store is too."""

    status: str = "ok"


async def runs_told(store: Store, rows: Sequence[RunRow]) -> list[RunTold]:
    """Some runs, as they are told; their open questions are found at once."""
    living = [row.id for row in rows if row.status not in ENDED]
    found: dict[str, list[Suspension]] = {}
    for question in await store.suspensions(SuspensionQuery(run_ids=living, limit=None)) if living else ():
        found.setdefault(question.run_id, []).append(question)
    return [run_told(row, found.get(row.id, ())) for row in rows]


def run_told(row: RunRow, questions: Sequence[Suspension]) -> RunTold:
    """A run's row, as it is told; *questions* are those of it that are open."""
    return RunTold(
        run_id=row.id,
        workflow=row.workflow,
        status=row.status,
        resource_id=row.resource,
        created_at=row.created_at,
        updated_at=row.updated_at,
        wake_at=row.wake_at,
        waiting_on=list(dict.fromkeys(show(question.path) for question in questions)),
        open=len(questions),
        schedule_id=schedule_of(row.id),
    )


def question_told(row: Suspension) -> QuestionTold:
    """A suspension's row, as it is told."""
    follows = row.on_timeout
    return QuestionTold(
        id=row.id,
        run_id=row.run_id,
        workflow=row.workflow,
        step=show(row.path),
        key=row.key,
        labels=row.labels,
        question=row.payload,
        answer_schema=row.resume_schema,
        event=row.event,
        assigned=row.assigned,
        claimed_by=row.claimed_by,
        claimed_at=row.claimed_at,
        opened_at=row.opened_at,
        deadline=row.deadline,
        on_timeout=FollowsTold(
            kind=follows.do if follows is not None else None,
            answer=follows.data if follows is not None else None,
        ),
        remind_at=row.remind_at,
        exclude_requester=row.exclude_requester,
        state=row.state,
        answer=row.answer,
        actor=row.actor,
        via=row.via,
        reason=row.reason,
        closed_at=row.closed_at,
    )
