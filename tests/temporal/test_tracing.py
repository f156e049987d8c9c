"""Spans on Temporal: who calls sees the legs, activities the attempts, and nothing of it is in what is replayed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from cadenza import Retry, StepContext, Tracing, Workflow, step

from ..tracing.told import Ears, Told, attempt, leg, trace_of
from .conftest import MakeApp

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning"),
]


@step
async def a(value: int) -> int:
    return value + 1


@step
async def ask(value: int, ctx: StepContext) -> int:
    return ctx.suspend({"value": value}) if ctx.resume_data is None else int(ctx.resume_data)


waits = Workflow("waits", input=int).then(a).then(ask).commit()


def _trees(ears: Ears) -> list[Told]:
    """What was told, with the run named as the expectations name it: one server cannot have "r" for each test."""

    def renamed(told: Told) -> Told:
        run = {"workflow.run.id": "r"} if "workflow.run.id" in told.attributes else {}
        return replace(told, attributes={**told.attributes, **run}, below=tuple(map(renamed, told.below)))

    return [renamed(told) for told in ears.trees]


async def test_a_run_is_one_trace_from_start_to_resume(make_app: MakeApp) -> None:
    """Every task is a full replay here: an attempt that was seen again would stand twice."""
    ears = Ears()
    async with make_app(waits, tracing=Tracing(tracer_provider=ears.provider)) as app:
        run = await app.workflow(waits).create_run()
        started = await run.start(input_data=1)
        result = await run.resume(resume_data=7)
        state = await run.get_state()

    resumed = leg("waits", "resume", "success", attempt("ask", remote=True), remote=True)
    first = [attempt("a", remote=True), attempt("ask", "suspended", remote=True)]
    assert _trees(ears) == [leg("waits", "start", "suspended", *first, resumed)]
    assert started.trace_id == result.trace_id == state.trace_id == trace_of(ears.spans[0])
    assert started.span_id != result.span_id


async def test_a_time_travel_is_a_leg_of_its_own_with_a_link(make_app: MakeApp) -> None:
    ears = Ears()
    async with make_app(waits, tracing=Tracing(tracer_provider=ears.provider)) as app:
        run = await app.workflow(waits).create_run()
        await run.start(input_data=1)
        await run.time_travel(step="ask", resume_data=3)

    _, travel = _trees(ears)
    assert travel == leg(
        "waits", "time_travel", "success", attempt("ask", remote=True), links=("invoke_workflow waits",)
    )


async def test_the_span_of_who_starts_is_around_the_leg_and_the_step_sees_its_own(make_app: MakeApp) -> None:
    ears = Ears()
    seen: list[Any] = []

    @step(retries=Retry(attempts=1, delay=0.01))
    async def look(value: int, ctx: StepContext) -> int:
        seen.append(ctx.tracing_context.current_span)
        if ctx.retry_count == 0:
            raise ValueError("again")
        return value

    flow = Workflow("flow", input=int).then(look).commit()
    async with make_app(flow, tracing=Tracing(tracer_provider=ears.provider)) as app:
        run = await app.workflow(flow).create_run()
        with ears.tracer.start_as_current_span("request"):
            await run.start(input_data=1)

    (request,) = _trees(ears)
    (begun,) = request.below
    assert [(one.name, one.attributes["workflow.step.attempt"]) for one in begun.below] == [
        ("step look", 0),
        ("step look", 1),
    ]
    assert [span.get_span_context().span_id for span in seen] == [
        span.context.span_id for span in ears.spans if span.name == "step look" and span.context
    ]


async def test_a_refused_answer_ends_its_leg_with_the_error(make_app: MakeApp) -> None:
    ears = Ears()
    async with make_app(waits, tracing=Tracing(tracer_provider=ears.provider)) as app:
        run = await app.workflow(waits).create_run()
        row = (await run.start(input_data=1)).suspensions[0]
        found = await asyncio.gather(
            *[run.resume(step=row, resume_data=i) for i in range(2)], return_exceptions=True
        )

    assert sum(isinstance(one, BaseException) for one in found) == 1
    legs = [one for one in _trees(ears)[0].below if one.attributes.get("workflow.leg") == "resume"]
    assert sorted(one.attributes.get("error.type", "") for one in legs) == ["", "already_answered"]


async def test_without_an_sdk_nothing_of_it_travels(make_app: MakeApp) -> None:
    async with make_app(waits) as app:
        run = await app.workflow(waits).create_run()
        await run.start(input_data=1)
        await run.resume(resume_data=7)
        history = await app.engine.calls.handle(run.id).fetch_history()  # type: ignore[attr-defined]
        # Values are base64 in there.
        assert not any(b"span_id" in event.SerializeToString() for event in history.events)
