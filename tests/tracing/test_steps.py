"""What a step sees of its span, and what stands under it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel

from cadenza import Cadenza, StepContext, SyncStepContext, Workflow, step

from .told import Ears, Told, attempt, id_of, leg


async def ran(app: Cadenza, workflow: Workflow[Any, Any], **given: Any) -> Any:
    run = await app.workflow(workflow).create_run("r")
    return await run.start(input_data=1, **given)


async def test_spans_of_other_libraries_stand_under_the_step_on_the_loop_and_in_threads() -> None:
    ears = Ears()

    @step
    async def on_the_loop(value: int) -> int:
        with ears.tracer.start_as_current_span("GET"):
            return value

    @step
    def in_a_thread(value: int) -> int:
        with ears.tracer.start_as_current_span("SELECT"):
            return value

    @step(interrupt=True)
    async def interruptible(value: int) -> int:
        with ears.tracer.start_as_current_span("PUT"):
            return value

    flow = Workflow("flow", input=int).then(on_the_loop).then(in_a_thread).then(interruptible).commit()
    async with ears.app(flow) as app:
        await ran(app, flow)

    assert ears.trees == [
        leg(
            "flow",
            "start",
            "success",
            attempt("on_the_loop", "success", Told(name="GET")),
            attempt("in_a_thread", "success", Told(name="SELECT")),
            attempt("interruptible", "success", Told(name="PUT")),
        )
    ]


async def test_spans_in_parallel_steps_do_not_mix() -> None:
    ears = Ears()

    @step
    async def one(value: int) -> int:
        with ears.tracer.start_as_current_span("one's"):
            return value

    flow = Workflow("flow", input=int).parallel([one, one.clone(id="two")]).commit()
    async with ears.app(flow) as app:
        await ran(app, flow)

    both = [attempt("one", "success", Told(name="one's")), attempt("two", "success", Told(name="one's"))]
    assert ears.trees == [leg("flow", "start", "success", *both)]


async def test_a_step_sets_attributes_on_its_span_and_opens_spans_below_it() -> None:
    ears = Ears()

    @step
    async def one(value: int, ctx: StepContext) -> int:
        span = ctx.tracing_context.current_span
        span.set_attribute("customer", "ada")
        ears.tracer.start_span("below", trace.set_span_in_context(span)).end()
        return value

    @step
    def two(value: int, ctx: SyncStepContext) -> int:
        ctx.tracing_context["current_span"].set_attribute("customer", "bob")
        return value

    flow = Workflow("flow", input=int).then(one).then(two).commit()
    async with ears.app(flow) as app:
        await ran(app, flow)

    assert ears.trees == [
        leg(
            "flow",
            "start",
            "success",
            attempt("one", "success", Told(name="below"), more={"customer": "ada"}),
            attempt("two", more={"customer": "bob"}),
        )
    ]


async def test_spans_of_conditions_stand_under_the_leg() -> None:
    ears = Ears()

    def chosen(scope: Any) -> bool:
        with ears.tracer.start_as_current_span("condition"):
            return True

    @step
    async def one(value: int) -> int:
        return value

    flow = Workflow("flow", input=int).branch([(chosen, one)]).commit()
    async with ears.app(flow) as app:
        await ran(app, flow)

    assert ears.trees == [leg("flow", "start", "success", Told(name="condition"), attempt("one"))]


async def test_the_caller_s_span_is_the_parent_and_is_current_again_afterwards() -> None:
    ears = Ears()
    seen: list[Any] = []

    @step
    async def one(value: int) -> int:
        seen.append(baggage.get_baggage("tenant"))
        return value

    flow = Workflow("flow", input=int).then(one).commit()
    async with ears.app(flow) as app:
        token = otel.attach(baggage.set_baggage("tenant", "t1"))
        with ears.tracer.start_as_current_span("POST") as post:
            await ran(app, flow)
            assert trace.get_current_span() is post
        otel.detach(token)

    assert ears.trees == [Told(name="POST", below=(leg("flow", "start", "success", attempt("one")),))]
    assert seen == ["t1"]


@pytest.mark.parametrize("shape", ["mapping", "object"])
async def test_a_tracing_context_given_to_start_is_the_parent_instead_of_the_current_span(shape: str) -> None:
    @step
    async def one(value: int) -> int:
        return value

    ears = Ears()
    flow = Workflow("flow", input=int).then(one).commit()
    async with ears.app(flow) as app:
        with ears.tracer.start_as_current_span("job") as job, ears.tracer.start_as_current_span("inner"):
            given: Any = {"current_span": job} if shape == "mapping" else SimpleNamespace(current_span=job)
            await ran(app, flow, tracing_context=given)

    (root,) = ears.trees
    assert [(one.name, len(one.below)) for one in root.below] == [("inner", 0), ("invoke_workflow flow", 1)]
    assert root.name == "job"


async def test_a_step_may_hand_its_tracing_context_on_to_another_run() -> None:
    ears = Ears()

    @step
    async def leaf(value: int) -> int:
        return value

    other = Workflow("other", input=int).then(leaf).commit()

    @step
    async def calls(value: int, ctx: StepContext) -> int:
        run = await app.workflow(other).create_run("inner run")
        await run.start(input_data=value, tracing_context=ctx.tracing_context)
        return value

    flow = Workflow("flow", input=int).then(calls).commit()
    async with ears.app(flow, other) as app:
        await ran(app, flow)

    inner = ears.span("invoke_workflow other")
    assert inner.parent is not None
    assert inner.parent.span_id == id_of(ears.span("step calls"))


async def test_a_context_that_outlives_its_step_has_a_span_that_does_nothing() -> None:
    ears = Ears()
    kept: list[StepContext] = []

    @step
    async def one(value: int, ctx: StepContext) -> int:
        kept.append(ctx)
        return value

    flow = Workflow("flow", input=int).then(one).commit()
    async with ears.app(flow) as app:
        await ran(app, flow)

    assert dict(kept[0].tracing_context) == {"current_span": trace.INVALID_SPAN}
    with pytest.raises(KeyError):
        kept[0].tracing_context["another"]
