"""`tracing_options`, and what an app says of tracing."""

from __future__ import annotations

from typing import Any

import pytest

from cadenza import StepContext, Tracing, TracingOptions, Workflow, step

from .told import Ears, Told, attempt, each, leg, trace_of


@step
async def double(value: int) -> int:
    return value * 2


@step
async def ask(value: int, ctx: StepContext) -> int:
    return await ctx.ask(int, question={"secret": value})


flow = Workflow("flow", input=int).then(double).commit()
asks = Workflow("asks", input=int).then(ask).commit()
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def heard(**options: Any) -> tuple[Ears, Any]:
    ears = Ears()
    async with ears.app(flow) as app:
        run = await app.workflow(flow).create_run("r")
        with ears.tracer.start_as_current_span("POST"):
            result = await run.start(input_data=21, tracing_options=options)
    return ears, result


async def test_metadata_and_tags_stand_on_the_leg_s_span_alone() -> None:
    ears, _ = await heard(
        metadata={"user.id": "ada", "n": 1, "nested": {"a": [1]}, "workflow.run.id": "not mine"},
        tags=["x", "y"],
    )

    more = {"user.id": "ada", "n": 1, "nested": '{"a": [1]}', "workflow.tags": ("x", "y")}
    expected = leg("flow", "start", "success", attempt("double"), more=more)
    assert ears.trees == [Told(name="POST", below=(expected,))]


async def test_the_root_span_takes_the_name_that_is_given() -> None:
    ears, _ = await heard(root_span_name="nightly")

    assert [one.name for one in each(ears.trees)] == ["POST", "nightly", "step double"]


async def test_a_trace_id_and_a_parent_place_the_run_in_that_trace_and_the_caller_is_linked() -> None:
    ears, result = await heard(trace_id=TRACE, parent_span_id="b7ad6b7169203331")

    root = ears.span("invoke_workflow flow")
    assert root.parent is not None
    assert (result.trace_id, root.parent.span_id) == (TRACE, 0xB7AD6B7169203331)
    expected = leg("flow", "start", "success", attempt("double"), remote=True, links=("POST",))
    assert ears.trees == [Told(name="POST"), expected]


async def test_a_trace_id_alone_may_be_short() -> None:
    ears, result = await heard(trace_id="abc")

    assert result.trace_id == "abc".zfill(32)
    assert trace_of(ears.span("step double")) == result.trace_id


async def test_a_parent_span_id_alone_is_in_the_caller_s_trace() -> None:
    ears, result = await heard(parent_span_id="ff")

    root = ears.span("invoke_workflow flow")
    assert root.parent is not None
    assert root.parent.span_id == 0xFF
    assert result.trace_id == trace_of(ears.span("POST"))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("trace_id", "no hex"),
        ("trace_id", "1" * 33),
        ("trace_id", "0"),
        ("trace_id", "-1"),
        ("parent_span_id", "1" * 17),
    ],
)
async def test_an_id_that_cannot_be_one_is_ignored_with_a_warning(
    name: str, given: str, caplog: pytest.LogCaptureFixture
) -> None:
    ears, _ = await heard(**{name: given})

    assert ears.trees == [Told(name="POST", below=(leg("flow", "start", "success", attempt("double")),))]
    assert [record.getMessage() for record in caplog.records if name in record.getMessage()]


async def test_another_trace_id_takes_a_resumed_leg_there_linked_with_the_first() -> None:
    ears = Ears()
    async with ears.app(asks) as app:
        run = await app.workflow(asks).create_run("r")
        await run.start(input_data=1)
        result = await run.resume(resume_data=2, tracing_options={"trace_id": TRACE})

    assert result.trace_id == TRACE
    second = leg("asks", "resume", "success", attempt("ask"), remote=True, links=("invoke_workflow asks",))
    assert ears.trees[1] == second


async def test_the_run_s_own_trace_id_changes_nothing() -> None:
    ears = Ears()
    async with ears.app(asks) as app:
        run = await app.workflow(asks).create_run("r")
        started = await run.start(input_data=1)
        await run.resume(resume_data=2, tracing_options=TracingOptions(trace_id=started.trace_id))

    second = leg("asks", "resume", "success", attempt("ask"), remote=True)
    assert ears.trees == [leg("asks", "start", "suspended", attempt("ask", "suspended"), second)]


async def test_no_content_is_captured_unless_it_is_asked_for() -> None:
    @step
    async def refuses(value: dict[str, int]) -> int:
        return 1

    ears = Ears()
    wrong: Workflow[Any, Any] = Workflow("wrong").then(refuses).commit()
    async with ears.app(asks, wrong) as app:
        run = await app.workflow(asks).create_run("r")
        await run.start(input_data=424242)
        await run.resume(resume_data=434343)
        await (await app.workflow(wrong).create_run("r2")).start(input_data={"key": "444444"})

    told = "".join(span.to_json() for span in ears.spans)
    assert not [secret for secret in ("424242", "434343", "444444") if secret in told]
    assert "invalid_step_input" in told


@pytest.mark.parametrize("by", ["app", "call"])
async def test_content_is_captured_where_the_app_or_the_call_asks_for_it(by: str) -> None:
    ears = Ears()
    options = {"capture_content": True} if by == "call" else None
    async with ears.app(asks, capture_content=by == "app") as app:
        run = await app.workflow(asks).create_run("r")
        await run.start(input_data=1, tracing_options=options)
        await run.resume(resume_data=2, tracing_options=options)

    second = leg(
        "asks",
        "resume",
        "success",
        attempt(
            "ask",
            more={"workflow.step.input": "1", "workflow.step.answer": "2", "workflow.step.output": "2"},
        ),
        remote=True,
        more={"workflow.run.input": "1", "workflow.run.output": "2"},
    )
    first = leg(
        "asks",
        "start",
        "suspended",
        attempt("ask", "suspended", more={"workflow.step.input": "1"}),
        second,
        more={"workflow.run.input": "1"},
    )
    assert ears.trees == [first]


async def test_a_call_may_keep_content_out_that_its_app_captures() -> None:
    ears = Ears()
    async with ears.app(flow, capture_content=True) as app:
        run = await app.workflow(flow).create_run("r")
        await run.start(input_data=1, tracing_options={"capture_content": False})

    assert ears.trees == [leg("flow", "start", "success", attempt("double"))]


async def test_an_unknown_option_is_an_error_and_the_run_stays_pending() -> None:
    ears = Ears()
    async with ears.app(flow) as app:
        run = await app.workflow(flow).create_run("r")
        with pytest.raises(TypeError, match="traceid"):
            await run.start(input_data=1, tracing_options={"traceid": TRACE})

        assert (await run.get_state()).status == "pending"


@pytest.mark.parametrize("options", [Tracing, TracingOptions])
def test_resume_trace_is_same_or_link(options: Any) -> None:
    with pytest.raises(ValueError, match="'same' or 'link', found 'new'"):
        options(resume_trace="new")
