"""The spans of one leg, as whole trees."""

from __future__ import annotations

import asyncio
from typing import Any

from anyio import fail_after

from cadenza import Cadenza, Run, Scope, StepContext, Workflow, step

from ..engine.fake_clock import JumpingClock
from .told import Ears, around, attempt, leg, trace_of


@step
async def a(value: int) -> int:
    return value + 1


@step
def b(value: int) -> int:
    return value * 2


@step
async def breaks(value: int) -> int:
    raise ValueError(f"no {value}")


@step(retries=2)
async def flaky(value: int, ctx: StepContext) -> int:
    if ctx.retry_count < 2:
        raise OSError("away")
    return value


@step
async def ask(value: int, ctx: StepContext) -> int:
    return ctx.suspend({"value": value}) if ctx.resume_data is None else int(ctx.resume_data)


async def started(app: Cadenza, workflow: Workflow[Any, Any], value: Any) -> tuple[Run[Any], Any]:
    run = await app.workflow(workflow).create_run("r")
    with fail_after(5):
        return run, await run.start(input_data=value)


async def test_steps_in_sequence_stand_side_by_side_under_their_leg() -> None:
    ears = Ears()
    flow = Workflow("flow", input=int).then(a).then(b).commit()
    async with ears.app(flow) as app:
        _, result = await started(app, flow, 1)

    assert ears.trees == [leg("flow", "start", "success", attempt("a"), attempt("b"))]
    root = ears.span("invoke_workflow flow")
    assert root.context is not None
    assert (result.trace_id, result.span_id) == (trace_of(root), f"{root.context.span_id:016x}")


async def test_branches_side_by_side_each_have_a_span() -> None:
    ears = Ears()
    flow = Workflow("flow", input=int).parallel([a, b]).commit()
    async with ears.app(flow) as app:
        await started(app, flow, 1)

    assert ears.trees == [leg("flow", "start", "success", attempt("a"), attempt("b"))]


async def test_of_a_branch_only_what_was_chosen_has_spans() -> None:
    def small(scope: Scope) -> bool:
        return bool(scope.input < 5)

    def large(scope: Scope) -> bool:
        return bool(scope.input >= 5)

    ears = Ears()
    flow = Workflow("flow", input=int).branch([(small, a), (large, b)]).commit()
    async with ears.app(flow) as app:
        await started(app, flow, 7)

    assert ears.trees == [leg("flow", "start", "success", attempt("b"))]


async def test_a_foreach_stands_around_its_items() -> None:
    ears = Ears()
    flow = Workflow("flow", input=list[int]).foreach(a, concurrency=2).commit()
    async with ears.app(flow) as app:
        await started(app, flow, [1, 2])

    items = [attempt("a[0]", index=0), attempt("a[1]", index=1)]
    assert ears.trees == [leg("flow", "start", "success", around("foreach a", "a", "success", *items))]


async def test_rounds_of_a_loop_stand_side_by_side_and_are_no_items() -> None:
    ears = Ears()
    flow = Workflow("flow", input=int).dountil(a, lambda scope: scope.input >= 2).commit()
    async with ears.app(flow) as app:
        await started(app, flow, 0)

    assert ears.trees == [leg("flow", "start", "success", attempt("a[0]"), attempt("a[1]"))]


async def test_spans_do_not_wait_for_what_is_durable_only_at_the_end() -> None:
    ears = Ears()
    inner = Workflow("inner", input=int).then(a).commit()
    flow = Workflow("flow", input=int, durability="exit").then(inner).then(b).commit()
    async with ears.app(flow) as app:
        await started(app, flow, 1)

    ended = [span.name for span in ears.exporter.get_finished_spans()]
    assert ended == ["step a", "invoke_workflow inner", "step b", "invoke_workflow flow"]


async def test_a_nested_workflow_stands_around_its_steps_at_any_depth() -> None:
    ears = Ears()
    inner = Workflow("inner", input=int).then(a).then(b).commit()
    middle = Workflow("middle", input=int).then(inner).commit()
    flow = Workflow("flow", input=int).then(middle).then(a).commit()
    async with ears.app(flow) as app:
        await started(app, flow, 1)

    assert ears.trees == [
        leg(
            "flow",
            "start",
            "success",
            around(
                "invoke_workflow middle",
                "middle",
                "success",
                around(
                    "invoke_workflow inner",
                    "middle.inner",
                    "success",
                    attempt("middle.inner.a"),
                    attempt("middle.inner.b"),
                ),
            ),
            attempt("a"),
        )
    ]


async def test_each_item_of_a_foreach_over_a_workflow_has_a_span_of_its_own() -> None:
    ears = Ears()
    inner = Workflow("inner", input=int).then(a).commit()
    flow = Workflow("flow", input=list[int]).foreach(inner).commit()
    async with ears.app(flow) as app:
        await started(app, flow, [1, 2])

    items = [
        around("invoke_workflow inner", f"inner[{i}]", "success", attempt(f"inner[{i}].a", index=i), index=i)
        for i in range(2)
    ]
    assert ears.trees == [
        leg("flow", "start", "success", around("foreach inner", "inner", "success", *items))
    ]


async def test_each_attempt_has_a_span_and_says_which_it_is() -> None:
    ears = Ears()
    flow = Workflow("flow", input=int).then(flaky).commit()
    async with ears.app(flow, clock=JumpingClock()) as app:
        await started(app, flow, 1)

    failed = ("OSError", "OSError: away")
    assert ears.trees == [
        leg(
            "flow",
            "start",
            "success",
            attempt("flaky", "failed", number=0, error=failed),
            attempt("flaky", "failed", number=1, error=failed),
            attempt("flaky", number=2),
        )
    ]


async def test_each_attempt_of_a_nested_workflow_has_a_span_around_it() -> None:
    ears = Ears()
    inner = Workflow("inner", input=int, retries=0).then(a).then(breaks).commit()
    flow = Workflow("flow", input=int, retries=1).then(inner).commit()
    async with ears.app(flow, clock=JumpingClock()) as app:
        await started(app, flow, 1)

    failed = ("ValueError", "ValueError: no 2")
    tries = [
        around(
            "invoke_workflow inner",
            "inner",
            "failed",
            attempt("inner.a"),
            attempt("inner.breaks", "failed", error=failed),
            number=number,
            error=failed,
            events=("exception",),
        )
        for number in range(2)
    ]
    assert ears.trees == [leg("flow", "start", "failed", *tries, error=failed)]


async def test_a_failure_marks_the_step_and_the_leg_and_tells_what_was_raised() -> None:
    ears = Ears()
    flow = Workflow("flow", input=int).then(a).then(breaks).then(b).commit()
    async with ears.app(flow) as app:
        await started(app, flow, 1)

    failed = ("ValueError", "ValueError: no 2")
    assert ears.trees == [
        leg("flow", "start", "failed", attempt("a"), attempt("breaks", "failed", error=failed), error=failed)
    ]
    (event,) = ears.span("step breaks").events
    told = dict(event.attributes or {})
    assert (told["exception.type"], told["exception.message"]) == ("ValueError", "no 2")
    assert "in breaks" in str(told["exception.stacktrace"])


async def test_a_suspended_step_is_no_error_and_everything_around_it_is_closed() -> None:
    ears = Ears()
    inner = Workflow("inner", input=int).then(a).then(ask).commit()
    flow = Workflow("flow", input=list[int]).foreach(inner).commit()
    async with ears.app(flow) as app:
        _, result = await started(app, flow, [1])

        item = around(
            "invoke_workflow inner",
            "inner[0]",
            "suspended",
            attempt("inner[0].a", index=0),
            attempt("inner[0].ask", "suspended", index=0),
            index=0,
        )
        # Asserted while the run waits: nothing is left open.
        assert ears.trees == [
            leg("flow", "start", "suspended", around("foreach inner", "inner", "suspended", item))
        ]
    (event,) = ears.span("step ask").events
    assert dict(event.attributes or {}) == {"workflow.suspension.id": result.suspensions[0].id}


async def test_the_key_of_a_question_stands_with_its_suspension() -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> int:
        return await ctx.ask(int, key="how many")

    ears = Ears()
    flow = Workflow("flow", input=int).then(asks).commit()
    async with ears.app(flow) as app:
        _, result = await started(app, flow, 1)

    (event,) = ears.span("step asks").events
    suspension = result.suspensions[0].id
    assert dict(event.attributes or {}) == {
        "workflow.suspension.id": suspension,
        "workflow.suspension.key": "how many",
    }


async def test_a_step_that_bails_says_so() -> None:
    @step
    async def bails(value: int, ctx: StepContext) -> int:
        ctx.bail(0)

    ears = Ears()
    flow = Workflow("flow", input=int).then(bails).then(a).commit()
    async with ears.app(flow) as app:
        await started(app, flow, 1)

    bailed = attempt("bails", more={"workflow.step.bailed": True})
    assert ears.trees == [leg("flow", "start", "success", bailed)]


async def test_what_waits_beside_a_failure_is_canceled_with_it() -> None:
    ears = Ears()
    waits = Workflow("waits", input=int).then(ask).commit()
    both = Workflow("both", input=int).parallel([waits, breaks]).commit()
    flow = Workflow("flow", input=int).then(both).commit()
    async with ears.app(flow) as app:
        await started(app, flow, 1)

    failed = ("ValueError", "ValueError: no 1")
    (root,) = ears.trees
    (outer,) = root.below
    assert outer.attributes["workflow.step.status"] == "failed"
    assert [(one.name, one.attributes["workflow.step.status"]) for one in outer.below] == [
        ("invoke_workflow waits", "canceled"),
        ("step breaks", "failed"),
    ]
    assert outer.error == root.error == failed[1]


async def test_a_canceled_run_ends_its_leg_as_canceled() -> None:
    @step
    async def stops(value: int, ctx: StepContext) -> int:
        ctx.abort()
        return value

    ears = Ears()
    flow = Workflow("flow", input=int).then(stops).then(a).commit()
    async with ears.app(flow) as app:
        await started(app, flow, 1)

    assert ears.trees == [leg("flow", "start", "canceled", attempt("stops"))]


async def test_the_resource_of_a_run_stands_on_its_leg() -> None:
    ears = Ears()
    flow = Workflow("flow", input=int).then(a).commit()
    async with ears.app(flow) as app:
        run = await app.workflow(flow).create_run("r", resource_id="ann")
        await run.start(input_data=1)

    more = {"workflow.resource.id": "ann"}
    assert ears.trees == [leg("flow", "start", "success", attempt("a"), more=more)]


async def test_a_leg_whose_process_stops_is_closed_and_says_that_it_was_running() -> None:
    ears = Ears()
    began = asyncio.Event()

    @step
    async def hangs(value: int) -> int:
        began.set()
        await asyncio.Event().wait()
        return value

    flow = Workflow("flow", input=int).then(hangs).commit()
    async with ears.app(flow) as app:
        run = await app.workflow(flow).create_run("r")
        await run.start(input_data=1, wait=False)
        with fail_after(5):
            await began.wait()

    assert ears.trees == [leg("flow", "start", "running", attempt("hangs", "running"))]
