"""Asking the engine for what a request says: start, resume, travel, restart."""

from __future__ import annotations

from typing import Any

from ...engine.base import Resuming, Starting
from ...errors import InvalidIndex, RunAlive
from ...history.resume import ResumeRequest, target_of
from ...history.rewind import TravelRequest, records_of
from ...history.snapshot import Snapshot
from ...model.path import Path
from ..refusal import Refusal
from ..route import Call
from .bodies import Restart, Resume, Start, Target, TimeTravel
from .found import Found, context_of, refuse_steps, tracing_of


async def start(call: Call[Any, Start], found: Found, *, wait: bool) -> Snapshot:
    """Run it from its first step."""
    body = call.body
    refuse_steps(body)
    starting = Starting(
        input=body.input_data,
        state=body.initial_state,
        context=context_of(body),
        actor=call.principal.name,
        tracing=tracing_of(body),
        wait=wait,
    )
    return await call.cadenza.engine.start(found.workflow, found.row.id, starting)


async def resume(call: Call[Any, Resume], found: Found, *, wait: bool) -> Snapshot:
    """Answer what is suspended and go on. An item that does not wait is no error here: nothing happens."""
    body = call.body
    refuse_steps(body)
    resuming = Resuming(
        request=ResumeRequest(step=_path(body.step), for_each_index=body.for_each_index),
        data=body.resume_data,
        context=context_of(body),
        actor=call.principal.name,
        via="mastra",
        idempotency_key=call.request.headers.get("idempotency-key"),
        tracing=tracing_of(body),
        wait=wait,
    )
    try:
        return await call.cadenza.engine.answer(found.workflow, found.row.id, resuming)
    except InvalidIndex:
        return await call.cadenza.engine.snapshot(found.row.id)


async def travel(call: Call[Any, TimeTravel], found: Found, *, wait: bool) -> Snapshot:
    """Go back to a step and on from there."""
    body = call.body
    refuse_steps(body)
    request = TravelRequest(
        target=_path(body.step),
        input=body.given("input_data"),
        resume=body.given("resume_data"),
        state=body.initial_state,
        context=context_of(body) or {},
        records=records_of(body.context, body.nested_steps_context),
    )
    return await call.cadenza.engine.rewind(
        found.workflow, found.row.id, request, tracing_of(body), wait=wait
    )


async def restart(call: Call[Any, Restart], found: Found, *, wait: bool) -> Snapshot:
    """Take up a run whose process has died; one that is alive goes on as it is."""
    body = call.body
    refuse_steps(body)
    engine = call.cadenza.engine
    try:
        return await engine.restart(
            found.workflow, found.row.id, context_of(body), tracing_of(body), wait=wait
        )
    except RunAlive:
        if not wait:
            return await engine.snapshot(found.row.id)
        return await engine.settled(found.workflow, found.row.id)


def _path(step: Target | None) -> Path | None:
    target = target_of(step)
    # Only the one of a suspension is a text, and no request here names one.
    if isinstance(target, str):
        raise Refusal(400, "invalid_body", "Invalid request body")
    return target
