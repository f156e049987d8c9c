"""Schedules: workflows that are started by the clock. Whether they do, when, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ...errors import InvalidData, ScheduleNotFound, UnknownWorkflow
from ...history.record import RunStatus
from ...store.base import Fire, Schedule
from ..route import Call, Route
from .access import told_now
from .asked import FiresAsked, SchedulesAsked
from .told import RunTold


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTold:
    """A schedule. `timezone` null is UTC; `next_at` null: never again; `declared`: the program says it, not a user.

    `last_status` is how the run of its last fire stands, null where there is none.
    """

    id: str
    workflow: str
    cron: str
    timezone: str | None
    status: Literal["active", "paused"]
    declared: bool
    next_at: datetime | None
    last_at: datetime | None
    last_run_id: str | None
    last_status: RunStatus | None
    input: Any
    initial_state: Any
    runtime_context: Mapping[str, Any]
    resource_id: str | None
    metadata: Any
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulesTold:
    """Schedules, the oldest first."""

    schedules: Sequence[ScheduleTold]


@dataclass(frozen=True, slots=True, kw_only=True)
class FireTold:
    """One fire: when it was to be, when it was, and how its run stands (null where it is gone, or an `error` prevented it)."""

    run_id: str
    scheduled_at: datetime
    at: datetime
    kind: Literal["schedule", "manual"]
    error: str | None
    status: RunStatus | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleShown:
    """A schedule with its last fires, the latest first."""

    schedule: ScheduleTold
    fires: Sequence[FireTold]


async def list_schedules(call: Call[SchedulesAsked, None]) -> SchedulesTold:
    mine = call.principal.resource_id
    rows = await call.cadenza.schedules.list(workflow=call.query.workflow, status=call.query.status)
    told = [await _told(call, row) for row in rows if mine in {None, row.resource}]
    return SchedulesTold(schedules=told)


async def get_schedule(call: Call[FiresAsked, None]) -> ScheduleShown:
    row = await _own(call)
    fires = await call.cadenza.schedules.fires(row.id, limit=call.query.fires)
    return ScheduleShown(schedule=await _told(call, row), fires=[await _fire(call, fire) for fire in fires])


async def pause_schedule(call: Call[None, None]) -> ScheduleTold:
    row = await _own(call)
    return await _told(call, await call.cadenza.schedules.pause(row.id))


async def resume_schedule(call: Call[None, None]) -> ScheduleTold:
    row = await _own(call)
    return await _told(call, await call.cadenza.schedules.resume(row.id))


async def run_schedule(call: Call[None, None]) -> RunTold:
    row = await _own(call)
    fire = await call.cadenza.schedules.run(row.id, actor=call.principal.name)
    return await told_now(call, fire.run_id)


async def _own(call: Call[Any, None]) -> Schedule:
    """The schedule that the path names, if who asks may see it.

    Raises `ScheduleNotFound`.
    """
    row = await call.cadenza.schedules.get(call.path["id"])
    if call.principal.resource_id not in {None, row.resource}:
        raise ScheduleNotFound(row.id)
    return row


async def _told(call: Call[Any, None], row: Schedule) -> ScheduleTold:
    return ScheduleTold(
        id=row.id,
        workflow=row.workflow,
        cron=row.cron,
        timezone=row.timezone,
        status=row.status,
        declared=row.declared,
        next_at=row.next_at,
        last_at=row.last_at,
        last_run_id=row.last_run_id,
        last_status=await _status(call, row.last_run_id),
        input=row.input,
        initial_state=row.state,
        runtime_context=row.context,
        resource_id=row.resource,
        metadata=row.metadata,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def _fire(call: Call[Any, None], fire: Fire) -> FireTold:
    return FireTold(
        run_id=fire.run_id,
        scheduled_at=fire.scheduled_at,
        at=fire.at,
        kind=fire.kind,
        error=fire.error,
        status=await _status(call, fire.run_id),
    )


async def _status(call: Call[Any, None], run_id: str | None) -> RunStatus | None:
    row = await call.cadenza.store.row(run_id) if run_id is not None else None
    return row.status if row is not None else None


def _route(method: Any, path: str, handler: Any, summary: str, answer: Any, **more: Any) -> Route[Any, Any]:
    given: dict[str, Any] = {"scope": "admin", "tags": ("schedules",)} | more
    return Route(
        method=method, path=f"/schedules{path}", handler=handler, summary=summary, answer=answer, **given
    )


_KNOWN = (ScheduleNotFound,)

ROUTES: list[Route[Any, Any]] = [
    _route(
        "GET",
        "",
        list_schedules,
        "Schedules, the oldest first",
        SchedulesTold,
        scope="read",
        query=SchedulesAsked,
    ),
    _route(
        "GET",
        "/{id}",
        get_schedule,
        "One schedule, and when it fired",
        ScheduleShown,
        scope="read",
        query=FiresAsked,
        errors=_KNOWN,
    ),
    _route(
        "POST",
        "/{id}/pause",
        pause_schedule,
        "Let it not fire until it is resumed",
        ScheduleTold,
        errors=_KNOWN,
    ),
    _route(
        "POST", "/{id}/resume", resume_schedule, "Let it fire again, from now on", ScheduleTold, errors=_KNOWN
    ),
    _route(
        "POST",
        "/{id}/run",
        run_schedule,
        "Start its workflow now, paused or not",
        RunTold,
        scope="start",
        status=201,
        errors=(*_KNOWN, UnknownWorkflow, InvalidData),
    ),
]
