"""Mastra's routes of schedules. A schedule that is made here has the prefix `schedule_` before the id that was given, as there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from ... import errors as e
from ...history.record import ENDED
from ...model.values import Json
from ...store.base import Fire, Schedule
from ..principal import Scope
from ..refusal import Refusal
from ..route import Call, Method, Route
from .bodies import Wire
from .found import RESERVED

_PREFIX = "schedule_"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# The last moment that a date can be.
_FAR = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_MOST = 1000


class ListSchedules(Wire):
    workflow_id: str | None = None
    agent_id: str | None = None
    thread_id: str | None = None
    name: str | None = None
    status: Literal["active", "paused"] | None = None
    resource_id: str | None = None


class _Strict(Wire):
    """Here alone unknown keys are refused, as there."""

    model_config = ConfigDict(extra="forbid")


class CreateSchedule(_Strict):
    workflow_id: str
    cron: str
    timezone: str | None = None
    id: str | None = Field(default=None, min_length=1, max_length=200)
    input_data: Any = None
    initial_state: Any = None
    request_context: dict[str, Any] | None = None
    resource_id: str | None = None
    metadata: dict[str, Any] | None = None


class UpdateSchedule(_Strict):
    cron: str | None = None
    timezone: str | None = None
    status: Literal["active", "paused"] | None = None
    input_data: Any = None
    initial_state: Any = None
    request_context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class ListTriggers(Wire):
    limit: Annotated[int, Field(ge=1, le=_MOST)] = 100
    from_actual_fire_at: Annotated[int, Field(ge=0, le=_FAR)] | None = None
    to_actual_fire_at: Annotated[int, Field(ge=0, le=_FAR)] | None = None


async def list_schedules(call: Call[ListSchedules, None]) -> Json:
    """Schedules, oldest first."""
    query, mine = call.query, call.principal.resource_id
    if query.agent_id is not None or query.thread_id is not None or query.name is not None:
        return {"schedules": []}  # those of agents, of which there are none here
    workflow = call.aliases.get(query.workflow_id or "", query.workflow_id)
    rows = await call.cadenza.schedules.list(workflow=workflow, status=query.status)
    seen = [
        row
        for row in rows
        if query.resource_id in {None, row.resource} and (mine is None or mine == row.resource)
    ]
    return {"schedules": [await _schedule_json(call, row) for row in seen]}


async def create_schedule(call: Call[None, CreateSchedule]) -> Json:
    """A new schedule of a workflow."""
    body, mine = call.body, call.principal.resource_id
    workflow = call.aliases.get(body.workflow_id, body.workflow_id)
    if workflow not in call.cadenza.workflows:
        raise Refusal(404, "unknown_workflow", f'Workflow "{body.workflow_id}" not found')
    row = await call.cadenza.schedules.create(
        workflow,
        id=None if body.id is None else _PREFIX + body.id.removeprefix(_PREFIX),
        cron=body.cron,
        timezone=body.timezone,
        input_data=body.input_data,
        initial_state=body.initial_state,
        runtime_context=_context(body.request_context),
        resource_id=body.resource_id if mine is None else mine,
        metadata=body.metadata,
    )
    return await _schedule_json(call, row)


async def show_schedule(call: Call[None, None]) -> Json:
    """One schedule."""
    return await _schedule_json(call, await _own(call))


async def update_schedule(call: Call[None, UpdateSchedule]) -> Json:
    """Change what a schedule says; what is left out stays."""
    row = await _own(call)
    given = call.body.model_dump(exclude_unset=True)
    status = given.pop("status", None)
    context = _context(given.pop("request_context", None))
    if given or context is not None:
        row = await call.cadenza.schedules.update(row.id, runtime_context=context, **given)
    if status is not None:
        row = await (call.cadenza.schedules.pause if status == "paused" else call.cadenza.schedules.resume)(
            row.id
        )
    return await _schedule_json(call, row)


async def delete_schedule(call: Call[None, None]) -> Json:
    """Remove a schedule; its runs stay."""
    await call.cadenza.schedules.delete((await _own(call)).id)
    return {"message": "Schedule deleted"}


async def pause_schedule(call: Call[None, None]) -> Json:
    """Let a schedule not fire until it is resumed."""
    return await _schedule_json(call, await call.cadenza.schedules.pause((await _own(call)).id))


async def resume_schedule(call: Call[None, None]) -> Json:
    """Let a schedule fire again, from now on."""
    return await _schedule_json(call, await call.cadenza.schedules.resume((await _own(call)).id))


async def run_schedule(call: Call[None, None]) -> Json:
    """Start the workflow of a schedule now."""
    fire = await call.cadenza.schedules.run((await _own(call)).id, actor=call.principal.name)
    return {"scheduleId": fire.schedule_id, "claimId": fire.run_id, "scheduledFireAt": _ms(fire.scheduled_at)}


async def list_triggers(call: Call[ListTriggers, None]) -> Json:
    """When a schedule fired, the latest first."""
    query = call.query
    fires = await call.cadenza.schedules.fires(
        (await _own(call)).id,
        since=_moment(query.from_actual_fire_at),
        until=_moment(query.to_actual_fire_at),
        limit=query.limit,
    )
    return {"triggers": [await _trigger_json(call, fire) for fire in fires]}


async def _own(call: Call[Any, Any]) -> Schedule:
    row = await call.cadenza.schedules.get(call.path["schedule_id"])
    if call.principal.resource_id not in {None, row.resource}:
        raise e.ScheduleNotFound(row.id)
    return row


def _context(given: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if given is None else {key: value for key, value in given.items() if key not in RESERVED}


async def _schedule_json(call: Call[Any, Any], row: Schedule) -> Json:
    told: dict[str, Json] = {
        "id": row.id,
        "workflowId": row.workflow,
        "cron": row.cron,
        "timezone": row.timezone,
        "status": row.status,
        "nextFireAt": _ms(row.next_at),
        "lastFireAt": _ms(row.last_at),
        "lastRunId": row.last_run_id,
        "lastRun": await _run_json(call, row.last_run_id),
        "inputData": row.input,
        "initialState": row.state,
        "resourceId": row.resource,
        "metadata": row.metadata,
    }
    times = {"createdAt": _ms(row.created_at), "updatedAt": _ms(row.updated_at)}
    return {**_there(told), "requestContext": dict(row.context), **times}


async def _trigger_json(call: Call[Any, Any], fire: Fire) -> Json:
    told: dict[str, Json] = {
        "id": fire.run_id,
        "scheduleId": fire.schedule_id,
        "runId": fire.run_id,
        "scheduledFireAt": _ms(fire.scheduled_at),
        "actualFireAt": _ms(fire.at),
        "outcome": "published" if fire.error is None else "failed",
        "error": fire.error,
        "triggerKind": "manual" if fire.kind == "manual" else "schedule-fire",
        "run": await _run_json(call, fire.run_id),
    }
    return _there(told)


async def _run_json(call: Call[Any, Any], run_id: str | None) -> Json:
    row = await call.cadenza.store.row(run_id) if run_id is not None else None
    if row is None:
        return None
    told: dict[str, Json] = {"status": row.status, "startedAt": _ms(row.created_at)}
    if row.status in ENDED:
        end = {
            "completedAt": _ms(row.updated_at),
            "durationMs": (row.updated_at - row.created_at) // _MILLISECOND,
        }
        told |= end
    return told


def _there(told: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in told.items() if value is not None}


def _ms(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MILLISECOND


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else _EPOCH + ms * _MILLISECOND


def _route(
    method: Method, path: str, handler: Any, scope: Scope, *errors: type[e.CadenzaError], **read: Any
) -> Route[Any, Any]:
    known = (e.ScheduleNotFound,) if "{schedule_id}" in path else ()
    return Route(
        method=method,
        path=f"/schedules{path}",
        handler=handler,
        scope=scope,
        summary=handler.__doc__.partition("\n")[0],
        errors=(*known, *errors),
        tags=("mastra",),
        **read,
    )


_ONE = "/{schedule_id}"
_SAID = (e.InvalidCron, e.InvalidTimezone, e.InvalidInput, e.InvalidState, e.InvalidContext)
ROUTES: list[Route[Any, Any]] = [
    _route("GET", "", list_schedules, "read", query=ListSchedules),
    _route(
        "POST",
        "",
        create_schedule,
        "admin",
        e.UnknownWorkflow,
        e.DuplicateSchedule,
        *_SAID,
        body=CreateSchedule,
    ),
    _route("GET", _ONE, show_schedule, "read"),
    _route("PATCH", _ONE, update_schedule, "admin", e.ScheduleDeclared, *_SAID, body=UpdateSchedule),
    _route("DELETE", _ONE, delete_schedule, "admin", e.ScheduleDeclared),
    _route("POST", f"{_ONE}/pause", pause_schedule, "admin"),
    _route("POST", f"{_ONE}/resume", resume_schedule, "admin"),
    _route("POST", f"{_ONE}/run", run_schedule, "start", e.InvalidInput),
    _route("GET", f"{_ONE}/triggers", list_triggers, "read", query=ListTriggers),
]
