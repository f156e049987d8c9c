"""What our routes answer with: values as they are sent, and how they are made of what the library knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...history.event import Suspension
from ...history.explain import Explanation
from ...history.record import RunStatus
from ...model.path import show
from ...store.base import RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTold:
    """A run, as lists show it."""

    run_id: str
    workflow: str
    status: RunStatus
    resource_id: str | None
    created_at: datetime
    updated_at: datetime
    wake_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsTold:
    """One page of runs, newest first, and how many there are in all."""

    runs: Sequence[RunTold]
    total: int


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
    """A run as it is now. `steps` are by id, `error` is that of a run that failed, `questions` are the open ones."""

    run: RunTold
    input: Any
    result: Any
    error: Any
    steps: Mapping[str, Any]
    questions: Sequence[QuestionTold]


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


def run_told(row: RunRow) -> RunTold:
    """A run's row, as it is told."""
    return RunTold(
        run_id=row.id,
        workflow=row.workflow,
        status=row.status,
        resource_id=row.resource,
        created_at=row.created_at,
        updated_at=row.updated_at,
        wake_at=row.wake_at,
    )


def question_told(row: Suspension) -> QuestionTold:
    """A suspension's row, as it is told."""
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
        state=row.state,
        answer=row.answer,
        actor=row.actor,
        via=row.via,
        reason=row.reason,
        closed_at=row.closed_at,
    )
