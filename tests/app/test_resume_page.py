"""Every form of every parameter of `Run.resume()`, and what comes back."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from anyio import fail_after
from pydantic import BaseModel

from cadenza import Cadenza, OutputOptions, StepContext, Workflow, step
from cadenza import errors as err


class Review(BaseModel):
    decision: Literal["pay", "reject"]


PAY = {"decision": "pay"}


@step
async def approve(value: int, ctx: StepContext[Any, Review]) -> str:
    if ctx.resume_data is None:
        ctx.suspend({"value": value}, label="approve-it")
    return ctx.resume_data.decision


@step
async def check(value: int, ctx: StepContext[Any, Review]) -> str:
    if ctx.resume_data is None:
        ctx.suspend({"value": value}, label=["check-it", "second"])
    return ctx.resume_data.decision


@step
async def review(item: int, ctx: StepContext[Any, Review]) -> str:
    if ctx.resume_data is None:
        ctx.suspend({"item": item}, label=f"item-{item}")
    return ctx.resume_data.decision


one = Workflow("one", input=int).then(approve).commit()
two = Workflow("two", input=int).parallel([approve, check]).commit()
each = Workflow("each", input=list[int]).foreach(review, concurrency=3).commit()
inner = Workflow("inner", input=int).then(approve).commit()
outer = Workflow("outer", input=int).parallel([inner, check]).commit()
deep = Workflow("deep", input=int).then(outer).commit()
inner_each = Workflow("inner-each", input=list[int]).foreach(review, concurrency=3).commit()
outer_each = Workflow("outer-each", input=list[int]).then(inner_each).commit()
each_inner = Workflow("each-inner", input=list[int]).foreach(inner, concurrency=3).commit()


# ------------------------------------------------------------------ which step


@pytest.mark.parametrize(
    "named",
    [approve, [approve], (approve,), "approve", ["approve"]],
    ids=["Step", "list of steps", "tuple", "id", "list of ids"],
)
async def test_a_step_is_named_by_itself_or_its_id(named: Any) -> None:
    async with Cadenza(workflows=[two]) as app:
        run = await app.workflow(two).create_run()
        await run.start(input_data=1)

        result = await run.resume(step=named, resume_data=PAY)

        assert result.status == "suspended"
        assert result.suspended == [["check"]]
        assert result.steps["approve"].output == "pay"


@pytest.mark.parametrize(
    "named",
    [
        [outer, inner, approve],
        ["outer", "inner", "approve"],
        [outer, "inner", approve],
        "outer.inner.approve",
        [outer, inner],
        "outer.inner",
    ],
    ids=["steps", "ids", "mixed", "dotted", "steps of the workflow around", "dotted workflow"],
)
async def test_a_step_in_nested_workflows_is_named_by_the_way_to_it(named: Any) -> None:
    async with Cadenza(workflows=[deep]) as app:
        run = await app.workflow(deep).create_run()
        started = await run.start(input_data=1)
        assert started.status == "suspended"
        assert started.suspended == [["outer", "inner", "approve"], ["outer", "check"]]

        result = await run.resume(step=named, resume_data=PAY)

        assert result.status == "suspended"
        assert result.suspended == [["outer", "check"]]


async def test_a_nested_workflow_stands_for_the_one_step_that_waits_in_it() -> None:
    async with Cadenza(workflows=[outer]) as app:
        run = await app.workflow(outer).create_run()
        await run.start(input_data=1)

        result = await run.resume(step=inner, resume_data=PAY)

        assert result.status == "suspended"
        assert result.suspended == [["check"]]


async def test_a_nested_workflow_in_which_two_steps_wait_is_ambiguous() -> None:
    async with Cadenza(workflows=[deep]) as app:
        run = await app.workflow(deep).create_run()
        await run.start(input_data=1)

        with pytest.raises(err.AmbiguousStep) as refused:
            await run.resume(step=outer, resume_data=PAY)

        assert refused.value.waiting == ["outer.check", "outer.inner.approve"]


async def test_the_inner_step_alone_does_not_name_its_place() -> None:
    async with Cadenza(workflows=[outer]) as app:
        run = await app.workflow(outer).create_run()
        await run.start(input_data=1)

        with pytest.raises(err.StepNotSuspended, match=r"these are: check, inner\.approve"):
            await run.resume(step=approve, resume_data=PAY)


@pytest.mark.parametrize("position", [0, 1])
async def test_what_suspended_lists_can_be_given_back(position: int) -> None:
    async with Cadenza(workflows=[deep]) as app:
        run = await app.workflow(deep).create_run()
        started = await run.start(input_data=1)
        assert started.status == "suspended"

        result = await run.resume(step=started.suspended[position], resume_data=PAY)

        assert result.status == "suspended"
        assert result.suspended == [started.suspended[1 - position]]


@pytest.mark.parametrize("position", [0, 1])
async def test_what_suspensions_lists_can_be_given_back(position: int) -> None:
    async with Cadenza(workflows=[deep]) as app:
        run = await app.workflow(deep).create_run()
        started = await run.start(input_data=1)
        assert started.status == "suspended"

        result = await run.resume(step=started.suspensions[position], resume_data=PAY)

        assert result.status == "suspended"
        assert result.suspensions == [started.suspensions[1 - position]]


async def test_a_suspension_id_names_one_row() -> None:
    async with Cadenza(workflows=[each]) as app:
        run = await app.workflow(each).create_run()
        started = await run.start(input_data=[7, 8])
        assert started.status == "suspended"

        result = await run.resume(suspension_id=started.suspensions[1].id, resume_data=PAY)

        assert result.status == "suspended"
        assert [row.path for row in result.suspensions] == [("review", 0)]


async def test_the_step_may_be_left_out_while_one_is_suspended() -> None:
    async with Cadenza(workflows=[one]) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        result = await run.resume(resume_data=PAY)

        assert result.status == "success"
        assert result.result == "pay"


async def test_the_step_may_be_left_out_while_one_nested_step_is_suspended() -> None:
    async with Cadenza(workflows=[deep]) as app:
        run = await app.workflow(deep).create_run()
        await run.start(input_data=1)
        await run.resume(step="outer.check", resume_data=PAY)

        result = await run.resume(resume_data=PAY)

        assert result.status == "success"
        assert result.result == {"inner": "pay", "check": "pay"}


@pytest.mark.parametrize("label", ["check-it", "second"])
async def test_a_label_names_a_suspension(label: str) -> None:
    async with Cadenza(workflows=[two]) as app:
        run = await app.workflow(two).create_run()
        await run.start(input_data=1)

        result = await run.resume(label=label, resume_data=PAY)

        assert result.status == "suspended"
        assert result.suspended == [["approve"]]


async def test_a_label_names_an_item_of_a_foreach() -> None:
    async with Cadenza(workflows=[each]) as app:
        run = await app.workflow(each).create_run()
        await run.start(input_data=[7, 8, 9])

        result = await run.resume(label="item-8", resume_data=PAY)

        assert result.status == "suspended"
        assert [row.path for row in result.suspensions] == [("review", 0), ("review", 2)]


async def test_a_label_reaches_into_nested_workflows() -> None:
    async with Cadenza(workflows=[deep]) as app:
        run = await app.workflow(deep).create_run()
        await run.start(input_data=1)

        result = await run.resume(label="approve-it", resume_data=PAY)

        assert result.status == "suspended"
        assert result.suspended == [["outer", "check"]]


async def test_names_that_agree_may_be_given_together() -> None:
    async with Cadenza(workflows=[each]) as app:
        run = await app.workflow(each).create_run()
        started = await run.start(input_data=[7, 8])
        assert started.status == "suspended"

        result = await run.resume(
            step=review,
            label="item-8",
            for_each_index=1,
            suspension_id=started.suspensions[1].id,
            resume_data=PAY,
        )

        assert result.status == "suspended"
        assert [row.path for row in result.suspensions] == [("review", 0)]


async def test_one_label_on_two_steps_is_ambiguous() -> None:
    @step
    async def a(value: int, ctx: StepContext) -> int:
        return ctx.suspend(label="same") if ctx.resume_data is None else value

    flow = Workflow("flow", input=int).parallel([a, a.clone(id="b")]).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)

        with pytest.raises(err.AmbiguousStep):
            await run.resume(label="same", resume_data=1)
        result = await run.resume(label="same", step="b", resume_data=1)

        assert result.status == "suspended"
        assert result.suspended == [["a"]]


# ------------------------------------------------------------------ items


async def test_a_foreach_without_an_index_answers_all_items_that_wait() -> None:
    async with Cadenza(workflows=[each]) as app:
        run = await app.workflow(each).create_run()
        started = await run.start(input_data=[7, 8, 9])
        assert started.status == "suspended"
        assert started.suspended == [["review"]]
        assert len(started.suspensions) == 3

        result = await run.resume(step=review, resume_data=PAY)

        assert result.status == "success"
        assert result.result == ["pay", "pay", "pay"]


async def test_left_out_means_all_items_of_the_one_foreach_that_waits() -> None:
    async with Cadenza(workflows=[each]) as app:
        run = await app.workflow(each).create_run()
        await run.start(input_data=[7, 8, 9])

        assert (await run.resume(resume_data=PAY)).status == "success"


@pytest.mark.parametrize("named", [review, None], ids=["with the step", "alone"])
async def test_for_each_index_answers_one_item(named: Any) -> None:
    async with Cadenza(workflows=[each]) as app:
        run = await app.workflow(each).create_run()
        await run.start(input_data=[7, 8, 9])

        result = await run.resume(step=named, for_each_index=1, resume_data=PAY)

        assert result.status == "suspended"
        assert [row.path for row in result.suspensions] == [("review", 0), ("review", 2)]


@pytest.mark.parametrize("named", [["review", 1], "review[1]"], ids=["list", "dotted"])
async def test_an_item_can_stand_in_the_path(named: Any) -> None:
    async with Cadenza(workflows=[each]) as app:
        run = await app.workflow(each).create_run()
        await run.start(input_data=[7, 8, 9])

        result = await run.resume(step=named, resume_data=PAY)

        assert result.status == "suspended"
        assert [row.path for row in result.suspensions] == [("review", 0), ("review", 2)]


async def test_for_each_index_reaches_a_foreach_in_a_nested_workflow() -> None:
    """Mastra gives all items the one answer (B9)."""
    async with Cadenza(workflows=[outer_each]) as app:
        run = await app.workflow(outer_each).create_run()
        await run.start(input_data=[7, 8])

        result = await run.resume(step=[inner_each, review], for_each_index=0, resume_data=PAY)

        assert result.status == "suspended"
        assert [row.path for row in result.suspensions] == [("inner-each", "review", 1)]


@pytest.mark.parametrize("named", [inner, [inner, approve], "inner.approve"], ids=["flow", "list", "dotted"])
async def test_for_each_index_picks_the_nested_run_of_an_item(named: Any) -> None:
    async with Cadenza(workflows=[each_inner]) as app:
        run = await app.workflow(each_inner).create_run()
        await run.start(input_data=[7, 8])

        result = await run.resume(step=named, for_each_index=1, resume_data=PAY)

        assert result.status == "suspended"
        assert [row.path for row in result.suspensions] == [("inner", 0, "approve")]


# ------------------------------------------------------------------ the data


@pytest.mark.parametrize("data", [Review(decision="pay"), PAY], ids=["model", "JSON"])
async def test_resume_data_is_a_model_or_its_json(data: object) -> None:
    async with Cadenza(workflows=[one]) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        result = await run.resume(resume_data=data)

        assert result.status == "success"
        assert result.steps["approve"].resume_payload == {"decision": "pay"}


@pytest.mark.parametrize("data", [0, False, "", [], {}, 1.5, "text", {"a": [None]}], ids=repr)
async def test_any_json_value_is_resume_data_also_a_falsy_one(data: object) -> None:
    """Mastra loses 0 and false from the record (B13)."""

    @step
    async def anything(value: int, ctx: StepContext) -> object:
        return ctx.suspend("text payload") if ctx.resume_data is None else ctx.resume_data

    flow = Workflow("flow", input=int).then(anything).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)

        result = await run.resume(resume_data=data)

        assert result.status == "success"
        assert result.result == data
        assert result.steps["anything"].resume_payload == data
        assert result.steps["anything"].resumed_at is not None


async def test_a_step_that_suspends_again_gets_each_answer_in_turn() -> None:
    seen: list[tuple[object, object]] = []

    @step
    async def haggle(value: int, ctx: StepContext) -> int:
        seen.append((ctx.resume_data, ctx.suspend_data))
        if ctx.resume_data is None or ctx.resume_data < 3:
            ctx.suspend({"offer": ctx.resume_data or 0})
        return int(ctx.resume_data)

    flow = Workflow("flow", input=int).then(haggle).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)
        await run.resume(resume_data=1)
        result = await run.resume(resume_data=3)

        assert result.status == "success"
        assert result.result == 3
        assert seen == [(None, None), (1, {"offer": 0}), (3, {"offer": 1})]


# ------------------------------------------------------------------ what goes along


@pytest.mark.parametrize("name", ["runtime_context", "request_context"])
async def test_the_context_of_a_resume_is_merged_and_wins_for_good(name: str) -> None:
    seen: list[dict[str, object]] = []

    @step
    async def before(value: int, ctx: StepContext) -> int:
        ctx.runtime_context["own"] = "set by a step"
        return value

    @step
    async def ask(value: int, ctx: StepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend()
        seen.append(dict(ctx.runtime_context))
        return value

    @step
    async def after(value: int, ctx: StepContext) -> int:
        seen.append(dict(ctx.request_context))
        return value

    flow = Workflow("flow", input=int).then(before).then(ask).then(after).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, **{name: {"user": "ann", "tier": 1}})

        await run.resume(resume_data=1, **{name: {"user": "bob", "new": [1]}})

        expected = {"user": "bob", "tier": 1, "own": "set by a step", "new": [1]}
        assert seen == [expected, expected]


@pytest.mark.parametrize("name", ["run_count", "retry_count"])
async def test_run_count_is_what_the_step_sees_as_its_retry_count(name: str) -> None:
    seen: list[tuple[int, int]] = []

    @step(retries=1)
    async def ask(value: int, ctx: StepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend()
        seen.append((ctx.retry_count, ctx.run_count))
        if len(seen) == 1:
            raise ValueError("once more")
        return value

    flow = Workflow("flow", input=int).then(ask).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)

        await run.resume(resume_data=1, **{name: 4})

        assert seen == [(4, 4), (5, 5)]


async def test_run_count_does_not_let_an_unsuspended_step_through() -> None:
    """In Mastra a run count above 0 skips the check."""
    async with Cadenza(workflows=[one]) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        with pytest.raises(err.StepNotSuspended):
            await run.resume(step="nope", run_count=1, resume_data=PAY)


async def test_tracing_context_and_options_are_accepted_and_carried() -> None:
    seen: list[Any] = []

    @step
    async def ask(value: int, ctx: StepContext) -> int:
        seen.append(ctx.tracing_context)
        return ctx.suspend() if ctx.resume_data is None else value

    flow = Workflow("flow", input=int).then(ask).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, tracing_context={"current_span": "s1"})

        result = await run.resume(
            resume_data=1, tracing_context={"current_span": "s2"}, tracing_options={"metadata": {"a": 1}}
        )

        assert [context["current_span"] for context in seen] == ["s1", "s2"]
        assert result.status == "success"
        assert result.trace_id is None


async def test_the_actor_is_kept_with_the_answer() -> None:
    async with Cadenza(workflows=[one]) as app:
        run = await app.workflow(one).create_run()
        started = await run.start(input_data=1)
        assert started.status == "suspended"

        await run.resume(resume_data=PAY, actor="ann")

        row = await app.store.suspension(started.suspensions[0].id)
        assert row is not None
        assert (row.state, row.answer, row.actor) == ("answered", PAY, "ann")


# ------------------------------------------------------------------ what comes back


@pytest.mark.parametrize(
    "options",
    [
        {"include_state": True, "include_resume_labels": True},
        OutputOptions(include_state=True, include_resume_labels=True),
    ],
    ids=["mapping", "OutputOptions"],
)
async def test_state_and_labels_come_back_where_they_are_asked_for(options: Any) -> None:
    @step
    async def count(value: int, ctx: StepContext) -> int:
        ctx.set_state({"n": value})
        return value

    flow = Workflow("flow", input=int).then(count).parallel([approve, check]).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        started = await run.start(input_data=5, initial_state={"m": 1}, output_options=options)
        assert started.status == "suspended"
        by_step = {row.path[-1]: row for row in started.suspensions}
        assert started.state == {"m": 1, "n": 5}
        assert started.resume_labels == {
            "approve-it": by_step["approve"],
            "check-it": by_step["check"],
            "second": by_step["check"],
        }

        resumed = await run.resume(step=check, resume_data=PAY, output_options=options)

        assert resumed.state == {"m": 1, "n": 5}
        assert resumed.resume_labels == {"approve-it": by_step["approve"]}
        assert (await run.get_state(output_options=options)) == resumed


async def test_state_and_labels_are_left_out_unless_asked_for() -> None:
    async with Cadenza(workflows=[one]) as app:
        run = await app.workflow(one).create_run()
        started = await run.start(input_data=1)
        resumed = await run.resume(resume_data=PAY)

        assert (started.state, started.resume_labels) == (None, None)
        assert (resumed.state, resumed.resume_labels) == (None, None)


async def test_a_suspended_result_says_what_waits_and_what_it_shows() -> None:
    async with Cadenza(workflows=[deep]) as app:
        run = await app.workflow(deep).create_run("r1")

        result = await run.start(input_data=1)

        assert result.status == "suspended"
        assert (result.run_id, result.workflow_id, result.input) == ("r1", "deep", 1)
        assert result.suspended == [["outer", "inner", "approve"], ["outer", "check"]]
        assert result.suspend_payload == {"outer": {"value": 1}}
        assert {id_: record.status for id_, record in result.steps.items()} == {
            "outer": "suspended",
            "outer.inner": "suspended",
            "outer.inner.approve": "suspended",
            "outer.check": "suspended",
        }
        first = result.suspensions[0]
        assert (first.path, first.key, first.labels, first.payload, first.state) == (
            ("outer", "inner", "approve"),
            None,
            ("approve-it",),
            {"value": 1},
            "open",
        )
        assert first.resume_schema == Review.model_json_schema()


async def test_the_record_of_a_resumed_step_keeps_question_and_answer() -> None:
    async with Cadenza(workflows=[one]) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        result = await run.resume(resume_data=PAY)

        record = result.steps["approve"]
        assert (record.status, record.payload, record.output) == ("success", 1, "pay")
        assert (record.suspend_payload, record.resume_payload) == ({"value": 1}, PAY)
        assert record.started_at
        assert record.suspended_at
        assert record.resumed_at
        assert record.ended_at
        assert record.started_at <= record.suspended_at <= record.resumed_at <= record.ended_at


async def test_resume_without_waiting_returns_as_soon_as_the_answer_is_durable() -> None:
    may_end = asyncio.Event()

    @step
    async def ask(value: int, ctx: StepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend()
        await may_end.wait()
        return value + 1

    flow = Workflow("flow", input=int).then(ask).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        started = await run.start(input_data=1)
        assert started.status == "suspended"

        with fail_after(5):
            early = await run.resume(resume_data=1, wait=False)
        row = await app.store.suspension(started.suspensions[0].id)

        assert early.status == "running"
        assert row is not None
        assert row.state == "answered"
        may_end.set()
        with fail_after(5):
            stream = [event["type"] async for event in run.observe_stream()]
        assert stream[-1] == "workflow-finish"
        assert (await run.get_state()).status == "success"


async def test_start_without_waiting_returns_while_the_first_step_runs() -> None:
    may_end = asyncio.Event()

    @step
    async def slow(value: int) -> int:
        await may_end.wait()
        return value + 1

    flow = Workflow("flow", input=int).then(slow).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()

        with fail_after(5):
            early = await run.start(input_data=1, wait=False)
        assert early.status == "running"

        may_end.set()
        with fail_after(5):
            async for _ in run.observe_stream():
                pass
        final = await run.get_state()
        assert final.status == "success"
        assert final.result == 2


# ------------------------------------------------------------------ making runs


async def test_create_run_async_is_create_run() -> None:
    async with Cadenza(workflows=[one]) as app:
        run = await app.workflow(one).create_run_async("r1", resource_id="customer-1")
        same = await one.create_run_async("r1")

        assert (run.id, run.run_id, run.workflow_id) == ("r1", "r1", "one")
        assert same.id == "r1"
        row = await app.store.row("r1")
        assert row is not None
        assert (row.status, row.resource) == ("pending", "customer-1")


async def test_a_known_run_id_gives_a_handle_of_that_run() -> None:
    async with Cadenza(workflows=[one]) as app:
        await (await app.workflow(one).create_run("r1")).start(input_data=1)

        again = await app.workflow(one).create_run("r1")
        result = await again.resume(resume_data=PAY)

        assert result.status == "success"


async def test_a_known_run_id_of_another_workflow_is_refused() -> None:
    async with Cadenza(workflows=[one, two]) as app:
        await app.workflow(one).create_run("r1")

        with pytest.raises(err.CadenzaError, match="one"):
            await app.workflow(two).create_run("r1")


async def test_a_run_is_resumed_through_a_handle_from_get_run(store: str) -> None:
    async with Cadenza(store=store, workflows=[one]) as app:
        await (await app.workflow(one).create_run("r1")).start(input_data=1)

        run = await app.get_run("r1")

        assert (await run.get_state()).status == "suspended"
        assert (await run.resume(resume_data=PAY)).status == "success"


async def test_a_waiting_run_is_resumed_by_another_app_on_the_same_store(store: str) -> None:
    first = Cadenza(store=store, workflows=[deep])
    await (await first.workflow(deep).create_run("r1")).start(input_data=1)

    # A memory store lives as long as its object: it is handed over. A file is opened again.
    if store.startswith("sqlite"):
        await first.close()
    async with Cadenza(store=first.store if store == "memory://" else store, workflows=[deep]) as second:
        run = await second.get_run("r1")
        await run.resume(step="outer.inner.approve", resume_data=PAY)
        result = await run.resume(resume_data=PAY)

        assert result.status == "success"
        assert result.result == {"inner": "pay", "check": "pay"}


async def test_results_are_copies() -> None:
    @step
    async def make(value: int) -> dict[str, list[int]]:
        return {"a": [value]}

    flow = Workflow("flow", input=int).then(make).then(approve_any).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        result = await run.start(input_data=1, output_options={"include_state": True})
        assert result.status == "suspended"

        result.steps["make"].output["a"].append("mine")
        result.suspensions[0].payload["a"].append("mine")
        assert result.state is not None
        result.state["mine"] = 1

        again = await run.get_state(output_options={"include_state": True})
        assert again.status == "suspended"
        assert again.steps["make"].output == {"a": [1]}
        assert again.suspensions[0].payload == {"a": [1]}
        assert again.state == {}


@step
async def approve_any(value: dict[str, list[int]], ctx: StepContext) -> object:
    return ctx.suspend(value) if ctx.resume_data is None else value
