"""Runs: list, one, why it stands where it does, and what happens to it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ...errors import RunNotFound, UnknownWorkflow
from ...history.timeline import timeline
from ..route import Call, Route
from .access import own_run
from .asked import EventsAsked, RecordsAsked, RunsAsked
from .stream import event_stream
from .told import ExplanationTold, RunState, RunsTold, question_told, run_told, runs_told
from .visited import RecordsTold, records_told

# How often a run is read, at most, until nothing has happened meanwhile.
_READINGS = 5


async def list_runs(call: Call[RunsAsked, None]) -> RunsTold:
    query = call.query.model_dump()
    if call.principal.resource_id is not None:
        query["resource_id"] = call.principal.resource_id
    page = await call.cadenza.list_runs(**query)
    return RunsTold(runs=await runs_told(call.cadenza.store, page.runs), total=page.total)


async def get_run(call: Call[None, None]) -> RunState:
    row = await own_run(call, call.path["run_id"])
    run = await call.cadenza.get_run(row.id)
    readings = 0
    while True:
        state: Any = await run.get_state()
        questions = await call.cadenza.inbox.list(run_id=row.id, limit=None)
        latest, readings = await own_run(call, row.id), readings + 1
        if (latest.seq, latest.status) == (row.seq, row.status) or readings == _READINGS:
            break
        row = latest
    # Of a run that never rests the older row is told: by the newer one it might be done, and have no result.
    return RunState(
        run=run_told(row, questions.items),
        input=state.input,
        result=getattr(state, "result", None),
        error=getattr(state, "error", None),
        steps=state.steps,
        questions=[question_told(question) for question in questions.items],
        trace_id=state.trace_id,
        reason=getattr(state, "reason", None),
    )


async def list_records(call: Call[RecordsAsked, None]) -> RecordsTold:
    row = await own_run(call, call.path["run_id"])
    found = timeline(await call.cadenza.store.entries(row.id))
    return records_told(found, values=call.query.values)


async def explain_run(call: Call[None, None]) -> ExplanationTold:
    row = await own_run(call, call.path["run_id"])
    found = await (await call.cadenza.get_run(row.id)).explain()
    return ExplanationTold(text=str(found), explanation=found)


async def stream_run(call: Call[EventsAsked, None]) -> Response:
    row = await own_run(call, call.path["run_id"])
    return event_stream(call.cadenza, row, call.request.headers.get("last-event-id"), call.query.after)


_MISSING = (RunNotFound, UnknownWorkflow)

ROUTES: list[Route[Any, Any]] = [
    Route(
        method="GET",
        path="/runs",
        handler=list_runs,
        scope="read",
        summary="Runs, newest first",
        query=RunsAsked,
        answer=RunsTold,
        tags=("runs",),
    ),
    Route(
        method="GET",
        path="/runs/{run_id}",
        handler=get_run,
        scope="read",
        summary="A run as it is now",
        answer=RunState,
        errors=_MISSING,
        tags=("runs",),
    ),
    Route(
        method="GET",
        path="/runs/{run_id}/records",
        handler=list_records,
        scope="read",
        summary="Where a run has been and since when: its places, items and rounds, in the order in which they were reached",
        query=RecordsAsked,
        answer=RecordsTold,
        errors=(RunNotFound,),
        tags=("runs",),
    ),
    Route(
        method="GET",
        path="/runs/{run_id}/explain",
        handler=explain_run,
        scope="read",
        summary="Why a run stands where it does",
        answer=ExplanationTold,
        errors=_MISSING,
        tags=("runs",),
    ),
    Route(
        method="GET",
        path="/runs/{run_id}/events",
        handler=stream_run,
        scope="read",
        summary="What happened and happens to a run, until it ends; `Last-Event-ID` goes on where a connection was lost",
        query=EventsAsked,
        media="text/event-stream",
        errors=(RunNotFound,),
        tags=("runs",),
    ),
]
