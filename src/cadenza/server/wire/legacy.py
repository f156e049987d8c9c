"""Routes of the 0.2x era, and 1.x's own streams with the older event names."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any

from starlette.responses import Response

from ...model.values import Json, encode
from ..route import Call
from . import asking
from .bodies import SendEvent, Start, TheRun
from .found import Found, run_of, run_or_new, told_of
from .records import record_stream
from .results import millis, result_json, run_json
from .streams import asked, history

_RESULT = ("status", "result", "error", "payload", "steps", "activeStepsPath", "serializedStepGraph")


async def execution_result(call: Call[None, None]) -> Json:
    """How a run stands, in fewer words."""
    found, snapshot, graph = await told_of(call, call.path["run_id"])
    told = run_json(found.row, found.workflow, snapshot, graph, nested=True)
    return {name: told[name] for name in _RESULT if name in told}


async def send_event(call: Call[None, SendEvent]) -> Json:
    """Let an event reach the run; where it does not wait for it yet, it is kept for a while."""
    found = await run_of(call, call.path["run_id"])
    body = call.body
    await call.cadenza.send_event(
        body.event, body.data, run_id=found.row.id, keep=True, actor=call.principal.name
    )
    return {"message": "Workflow run event sent"}


async def watch(call: Call[TheRun, None]) -> Response:
    """After each event of a step how the run stands. Each record is a text that holds JSON."""
    found = await run_of(call, call.query.run_id)
    return record_stream(_watched(call, found))


async def stream_legacy(call: Call[TheRun, Start]) -> Response:
    """As `stream`, until the run has ended, with the older names."""
    found = await run_or_new(call, call.query.run_id, call.body.resource_id)
    ask = partial(asking.start, call, found, wait=False)
    return record_stream(_older(await asked(call, found, ask, until_end=True)))


async def observe_legacy(call: Call[TheRun, None]) -> Response:
    """As `observe`, until the run has ended, with the older names."""
    found = await run_of(call, call.query.run_id)
    return record_stream(_older(await history(call, found, until_end=True, legs=False)))


async def _watched(call: Call[Any, Any], found: Found) -> AsyncGenerator[Json]:
    engine = call.cadenza.engine
    async with aclosing(await history(call, found, legs=False)) as events:
        async for event in events:
            over = event["type"] == "workflow-finish"
            if not over and not event["type"].startswith("workflow-step-"):
                continue
            snapshot = await engine.snapshot(found.row.id)
            graph = await engine.graph(found.workflow, found.row.id, snapshot)
            told = result_json(found.row.id, found.workflow, snapshot, graph)
            state = {name: told.get(name) for name in ("status", "steps", "result", "error")}
            current = {} if over else {"currentStep": _step(event["payload"])}
            record = {
                "type": "watch",
                "payload": {**current, "workflowState": state},
                "eventTimestamp": millis(call.cadenza.clock.now()),
                "runId": found.row.id,
            }
            yield encode(record).decode()


async def _older(events: AsyncGenerator[Json]) -> AsyncGenerator[Json]:
    async with aclosing(events):
        async for event in events:
            for told in _renamed(event):
                yield told


def _renamed(event: Json) -> list[Json]:
    kind: str = event["type"].removeprefix("workflow-")
    payload = event["payload"]
    if kind in {"start", "finish"}:
        return [{"type": kind, "payload": {"runId": event["runId"]}}]
    renamed = {"type": kind, "payload": _step(payload)}
    if kind != "step-result":
        return [renamed]
    ended = {name: payload[name] for name in ("id", "stepCallId") if name in payload}
    return [renamed, {"type": "step-finish", "payload": {**ended, "metadata": {}}}]


def _step(payload: dict[str, Json]) -> Json:
    return {name: value for name, value in payload.items() if name != "stepName"}
