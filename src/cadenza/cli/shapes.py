"""The JSON that commands print: stable names, times in ISO 8601, UTC. `docs/how-to/command-line.md` lists them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ..model.path import show

if TYPE_CHECKING:
    from ..history.event import Failure, Suspension
    from ..history.result import StepResult, WorkflowResult
    from ..inbox import Closing
    from ..model.values import Json
    from ..store.base import Fire, RunRow, Schedule


def run_json(row: RunRow) -> Json:
    """A run, as lists show it."""
    return {
        "run_id": row.id,
        "workflow": row.workflow,
        "status": row.status,
        "resource_id": row.resource,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "wake_at": iso(row.wake_at),
        "driver": row.lease.owner if row.lease is not None else None,
    }


def question_json(row: Suspension) -> Json:
    """A question, open or closed."""
    found = {
        "id": row.id,
        "run_id": row.run_id,
        "workflow": row.workflow,
        "step": show(row.path),
        "key": row.key,
        "labels": list(row.labels),
        "question": row.payload,
        "schema": row.resume_schema,
        "event": row.event,
        "state": row.state,
        "opened_at": iso(row.opened_at),
        "deadline": iso(row.deadline),
        "assigned": list(row.assigned),
        "claimed_by": row.claimed_by,
        "claimed_at": iso(row.claimed_at),
    }
    if row.state != "open":
        found |= {"answer": row.answer, "actor": row.actor, "via": row.via, "reason": row.reason}
        found |= {"closed_at": iso(row.closed_at)}
    return found


def closing_json(closing: Closing) -> Json:
    """How a question was closed."""
    return {
        "id": closing.suspension_id,
        "step": show(closing.path),
        "key": closing.key,
        "question": closing.question,
        "state": closing.became,
        "answer": closing.data,
        "actor": closing.actor,
        "via": closing.via,
        "reason": closing.reason,
        "opened_at": iso(closing.opened_at),
        "closed_at": iso(closing.at),
    }


def schedule_json(row: Schedule) -> Json:
    """What a schedule says, and how it stands."""
    return {
        "id": row.id,
        "workflow": row.workflow,
        "cron": row.cron,
        "timezone": row.timezone,
        "status": row.status,
        "declared": row.declared,
        "input": row.input,
        "state": row.state,
        "context": dict(row.context),
        "resource_id": row.resource,
        "metadata": row.metadata,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "next_at": iso(row.next_at) if row.status == "active" else None,
        "last_at": iso(row.last_at),
        "last_run_id": row.last_run_id,
    }


def fire_json(fire: Fire) -> Json:
    """One time that a schedule fired."""
    return {
        "schedule_id": fire.schedule_id,
        "run_id": fire.run_id,
        "kind": fire.kind,
        "scheduled_at": iso(fire.scheduled_at),
        "fired_at": iso(fire.at),
        "error": fire.error,
    }


def result_json(result: WorkflowResult[object]) -> Json:
    """A run with its steps: what `run`, `resume`, `restart`, `time-travel` and `runs show` print."""
    found: dict[str, Json] = {
        "run_id": result.run_id,
        "workflow": result.workflow_id,
        "status": result.status,
        "input": result.input,
    }
    if result.status == "success":
        found["result"] = result.result
    elif result.status == "failed":
        found["error"] = failure_json(result.error)
    elif result.status == "suspended":
        found["suspensions"] = [question_json(row) for row in result.suspensions]
    return found | {"steps": {id_: step_json(step) for id_, step in result.steps.items()}}


def step_json(step: StepResult) -> Json:
    """What became of a place."""
    found: dict[str, Json] = {
        "status": step.status,
        "input": step.payload,
        "output": step.output,
        "error": failure_json(step.error) if step.error is not None else None,
        "attempt": step.attempt,
        "started_at": iso(step.started_at),
        "suspended_at": iso(step.suspended_at),
        "resumed_at": iso(step.resumed_at),
        "ended_at": iso(step.ended_at),
    }
    if step.items is not None:
        found["items"] = [step_json(item) for item in step.items]
    if step.steps is not None:
        found["steps"] = {id_: step_json(inner) for id_, inner in step.steps.items()}
    return found


def failure_json(error: Failure) -> Json:
    """An error."""
    issues = [{"path": path, "message": message} for path, message in error.issues]
    return {"name": error.name, "message": error.message, "code": error.code, "issues": issues}


def plain_json(value: object) -> Json:
    """Any of the library's own dataclasses, by the names of its fields."""
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return {field.name: plain_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain_json(item) for item in value]
    if isinstance(value, dict):
        return {key: plain_json(item) for key, item in value.items()}
    return value


def iso(at: datetime | None) -> str | None:
    """A moment in ISO 8601."""
    return at.isoformat() if at is not None else None
