"""Routes that make a run do something: start it, cancel it, take it up again, take it back."""

from __future__ import annotations

from typing import Any

from ...engine.base import Starting
from ...engine.checking import begin_of
from ...errors import (
    InvalidContext,
    InvalidInput,
    InvalidResumeData,
    InvalidState,
    InvalidStepInput,
    RunAlive,
    RunAlreadyStarted,
    RunEnded,
    RunHeld,
    RunNotActive,
    RunNotFound,
    TimeTravelError,
    UnknownWorkflow,
    WrongWorkflow,
)
from ...history.resume import target_of
from ...history.rewind import TravelRequest, records_of
from ...model.workflow import Workflow
from ...run import new_run_id
from ...store.base import RunRow
from ...tracing.options import NOTHING_ASKED
from ..refusal import Refusal
from ..route import Call, Route
from .access import actor_of, own_run, told_now
from .asked import RestartAsked, StartAsked, TravelAsked
from .told import RunTold


async def start_run(call: Call[None, StartAsked]) -> RunTold:
    body, mine, engine = call.body, call.principal.resource_id, call.cadenza.engine
    workflow = call.cadenza.workflow(call.path["id"]).workflow
    if mine is not None and body.resource_id not in {None, mine}:
        raise Refusal(403, "forbidden", "You see one resource's runs alone, and can start no others")
    starting = Starting(
        input=body.input,
        state=body.initial_state,
        context=body.runtime_context,
        actor=actor_of(call, body.actor),
        wait=body.wait,
    )
    # Checked before the run is made: a form that was filled in wrongly leaves no pending run behind.
    begin_of(workflow, starting, engine.secret_keys)
    run_id = new_run_id() if body.run_id is None else body.run_id
    if not await engine.create(workflow, run_id, body.resource_id if mine is None else mine):
        row = await own_run(call, run_id)
        if row.workflow != workflow.id:
            raise WrongWorkflow(run_id, row.workflow, workflow.id)
    await engine.start(workflow, run_id, starting)
    return await told_now(call, run_id)


async def cancel_run(call: Call[None, None]) -> RunTold:
    row, workflow = await _find(call)
    if not await call.cadenza.engine.cancel(workflow, row.id):
        raise RunEnded(row.id, (await own_run(call, row.id)).status)
    return await told_now(call, row.id)


async def restart_run(call: Call[None, RestartAsked]) -> RunTold:
    row, workflow = await _find(call)
    await call.cadenza.engine.restart(
        workflow, row.id, call.body.runtime_context, NOTHING_ASKED, wait=call.body.wait
    )
    return await told_now(call, row.id)


async def travel(call: Call[None, TravelAsked]) -> RunTold:
    row, workflow = await _find(call)
    body = call.body
    target = target_of(body.step)
    assert not isinstance(target, str)  # that would be the id of a suspension, which no text names
    request = TravelRequest(
        target=target,
        input=body.given("input"),
        resume=body.given("resume_data"),
        state=body.initial_state,
        context=body.runtime_context or {},
        records=records_of(body.context, body.nested_steps_context),
    )
    await call.cadenza.engine.rewind(workflow, row.id, request, NOTHING_ASKED, wait=body.wait)
    return await told_now(call, row.id)


async def _find(call: Call[None, Any]) -> tuple[RunRow, Workflow[Any, Any]]:
    row = await own_run(call, call.path["run_id"])
    return row, call.cadenza.workflow(row.workflow).workflow


def _route(path: str, handler: Any, summary: str, **more: Any) -> Route[Any, Any]:
    given: dict[str, Any] = {"scope": "admin", "answer": RunTold, "tags": ("runs",)} | more
    return Route(method="POST", path=path, handler=handler, summary=summary, **given)


_MISSING = (RunNotFound, UnknownWorkflow)

ROUTES: list[Route[Any, Any]] = [
    _route(
        "/workflows/{id}/runs",
        start_run,
        "Start a run",
        scope="start",
        body=StartAsked,
        status=201,
        errors=(
            *_MISSING,
            WrongWorkflow,
            RunAlreadyStarted,
            RunHeld,
            InvalidInput,
            InvalidState,
            InvalidContext,
        ),
    ),
    _route(
        "/runs/{run_id}/cancel",
        cancel_run,
        "Ask a run to stop: what runs finishes, nothing further starts, open questions are closed",
        errors=(*_MISSING, RunEnded),
    ),
    _route(
        "/runs/{run_id}/restart",
        restart_run,
        "Take up a run whose process has died, or one that is held",
        body=RestartAsked,
        errors=(*_MISSING, RunNotActive, RunAlive, RunHeld, InvalidContext),
    ),
    _route(
        "/runs/{run_id}/time-travel",
        travel,
        "Go back to a step and on from there with today's code",
        body=TravelAsked,
        errors=(
            *_MISSING,
            TimeTravelError,
            RunAlive,
            RunHeld,
            InvalidStepInput,
            InvalidResumeData,
            InvalidState,
            InvalidContext,
        ),
    ),
]
