"""What a step sees and can do: `StepContext` and `SyncStepContext`."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from anyio import fail_after
from pydantic import BaseModel, Field, PlainSerializer, PlainValidator
from typing_extensions import TypedDict

from cadenza import (
    Cadenza,
    NonRetryableError,
    Retry,
    StepContext,
    SyncStepContext,
    Workflow,
    WorkflowResult,
    step,
)
from cadenza import errors as err
from cadenza.history.event import RunRewound
from cadenza.testing import kill


class Review(BaseModel):
    decision: Literal["pay", "reject"]


class Note(BaseModel):
    text: str = ""


async def ran(flow: Workflow[Any, Any], value: object = None, **arguments: Any) -> WorkflowResult[Any]:
    """Run *flow* in memory until it has ended or waits."""
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run("r1")
        return await run.start(input_data=value, **arguments)


def result_of(result: WorkflowResult[Any]) -> Any:
    assert result.status == "success", result
    return result.result


# ------------------------------------------------------------------ ask


async def test_ask_stops_at_the_line_and_returns_the_typed_answer_there_later() -> None:
    seen: list[object] = []

    @step
    async def review(value: int, ctx: StepContext) -> str:
        seen.append("start")
        answer = await ctx.ask(Review, question={"amount": value})
        seen.append(answer)
        return answer.decision

    flow = Workflow("flow", input=int).then(review).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        started = await run.start(input_data=7)
        assert started.status == "suspended"
        (row,) = started.suspensions
        assert (row.key, row.payload) == ("Review", {"amount": 7})
        assert row.resume_schema == Review.model_json_schema()

        result = await run.resume(resume_data={"decision": "pay"})

        assert result_of(result) == "pay"
        assert seen == ["start", "start", Review(decision="pay")]


async def test_several_questions_in_one_step_are_asked_one_after_the_other() -> None:
    @step
    async def review(value: int, ctx: StepContext) -> list[object]:
        first = await ctx.ask(Review, key="first")
        second = await ctx.ask(Review, key="second", label="boss")
        note = await ctx.ask(Note)
        return [first.decision, second.decision, note.text]

    flow = Workflow("flow", input=int).then(review).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        keys = []
        result = await run.start(input_data=7)
        for data in ({"decision": "pay"}, {"decision": "reject"}, {"text": "hm"}):
            assert result.status == "suspended"
            keys.append((result.suspensions[0].key, result.suspensions[0].labels))
            result = await run.resume(resume_data=data)

        assert keys == [("first", ()), ("second", ("boss",)), ("Note", ())]
        assert result_of(result) == ["pay", "reject", "hm"]


async def test_asking_twice_under_one_key_fails_the_step() -> None:
    @step
    async def review(value: int, ctx: StepContext) -> None:
        await ctx.ask(Review)
        await ctx.ask(Review)

    flow = Workflow("flow", input=int).then(review).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=7)

        result = await run.resume(resume_data={"decision": "pay"})

        assert result.status == "failed"
        assert (result.error.name, result.error.code) == ("DuplicateKey", "duplicate_key")
        assert result.error.message == (
            "ctx.ask was called twice with the key 'Review' in one execution; give each its own key="
        )


async def test_an_answer_to_ask_is_no_resume_data() -> None:
    seen: list[tuple[object, object]] = []

    @step
    async def review(value: int, ctx: StepContext) -> str:
        seen.append((ctx.resume_data, ctx.suspend_data))
        answer = await ctx.ask(Review, question="?")
        return answer.decision

    flow = Workflow("flow", input=int).then(review).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=7)
        result = await run.resume(resume_data={"decision": "pay"})

        assert seen == [(None, None), (None, None)]
        assert result.steps["review"].resume_payload == {"decision": "pay"}


async def test_answers_stand_over_the_retries_of_their_step() -> None:
    attempts: list[int] = []

    @step(retries=2)
    async def review(value: int, ctx: StepContext) -> str:
        answer = await ctx.ask(Review)
        attempts.append(ctx.retry_count)
        if len(attempts) < 3:
            raise ValueError("once more")
        return answer.decision

    flow = Workflow("flow", input=int).then(review).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=7)

        result = await run.resume(resume_data={"decision": "pay"})

        assert result_of(result) == "pay"
        assert attempts == [0, 1, 2]


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        (bool, True, "yes"),
        (int, 3, "3"),
        (list[int], [1], [None]),
        (Literal["a", "b"], "a", "c"),
        (int | None, None, "x"),
        (Annotated[int, Field(gt=3)], 4, 3),
    ],
    ids=["bool", "int", "list", "literal", "union", "annotated"],
)
async def test_an_answer_is_checked_against_any_type_that_was_asked_for(
    type_: Any, good: object, bad: object
) -> None:
    @step
    async def review(value: int, ctx: StepContext) -> object:
        return await ctx.ask(type_, key="k")

    flow = Workflow("flow", input=int).then(review).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=7)

        with pytest.raises(err.InvalidResumeData):
            await run.resume(resume_data=bad)
        result = await run.resume(resume_data=good)

        assert result_of(result) == good


# ------------------------------------------------------------------ once


async def test_once_is_called_once_over_waits_and_retries(store: str) -> None:
    calls: list[int] = []

    async def pay(amount: int) -> Note:
        calls.append(amount)
        return Note(text=f"paid {amount}")

    @step(retries=1)
    async def review(value: int, ctx: StepContext) -> str:
        note = await ctx.once("pay", pay, value)
        assert isinstance(note, Note)
        await ctx.ask(Review)
        if ctx.retry_count == 0:
            raise ValueError("once more")
        return note.text

    flow = Workflow("flow", input=int).then(review).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=7)

        result = await run.resume(resume_data={"decision": "pay"})

        assert result_of(result) == "paid 7"
        assert calls == [7]


async def test_once_reads_its_value_back_by_the_return_type_the_first_time_too() -> None:
    def when() -> tuple[Decimal, date]:
        return Decimal("1.50"), date(2026, 1, 2)

    def untyped():  # type: ignore[no-untyped-def]
        return (1, Decimal("2.5"))

    @step
    async def work(value: int, ctx: StepContext) -> list[object]:
        typed = await ctx.once("typed", when)
        plain = await ctx.once("plain", untyped)
        return [isinstance(typed, tuple), isinstance(typed[0], Decimal), typed == when(), plain]

    assert result_of(await ran(Workflow("flow", input=int).then(work).commit(), 1)) == [
        True,
        True,
        True,
        [1, "2.5"],
    ]


async def test_once_takes_plain_and_async_functions_and_keywords() -> None:
    def plain(a: int, *, b: int) -> int:
        return a + b

    async def awaited(a: int, *, b: int) -> int:
        return a * b

    @step
    async def work(value: int, ctx: StepContext) -> list[int]:
        return [await ctx.once("x", plain, 3, b=4), await ctx.once("y", awaited, 3, b=4)]

    assert result_of(await ran(Workflow("flow", input=int).then(work).commit(), 1)) == [7, 12]


async def test_a_once_that_failed_is_not_remembered() -> None:
    calls: list[int] = []

    async def flaky() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError("down")
        return len(calls)

    @step(retries=1)
    async def work(value: int, ctx: StepContext) -> int:
        return await ctx.once("pay", flaky)

    assert result_of(await ran(Workflow("flow", input=int).then(work).commit(), 1)) == 2


async def test_a_once_that_failed_may_be_tried_again_in_the_same_execution() -> None:
    calls: list[int] = []

    async def flaky() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError("down")
        return len(calls)

    @step
    async def work(value: int, ctx: StepContext) -> int:
        try:
            return await ctx.once("pay", flaky)
        except ConnectionError:
            return await ctx.once("pay", flaky)

    assert result_of(await ran(Workflow("flow", input=int).then(work).commit(), 1)) == 2


async def test_once_twice_under_one_key_fails_the_step() -> None:
    async def pay() -> int:
        return 1

    @step
    async def work(value: int, ctx: StepContext) -> None:
        await ctx.once("pay", pay)
        await ctx.once("pay", pay)

    result = await ran(Workflow("flow", input=int).then(work).commit(), 1)

    assert result.status == "failed"
    assert result.error.code == "duplicate_key"


async def test_keys_of_ask_and_once_are_kept_apart() -> None:
    async def pay() -> int:
        return 1

    @step
    async def work(value: int, ctx: StepContext) -> int:
        paid = await ctx.once("k", pay)
        return paid + await ctx.ask(int, key="k")

    flow = Workflow("flow", input=int).then(work).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)

        assert result_of(await run.resume(resume_data=41)) == 42


async def test_a_value_of_once_that_cannot_be_kept_fails_the_step() -> None:
    def bad() -> object:
        return {"x": float("nan")}

    @step
    async def work(value: int, ctx: StepContext) -> None:
        await ctx.once("pay", bad)

    result = await ran(Workflow("flow", input=int).then(work).commit(), 1)

    assert result.status == "failed"
    assert result.error.code == "value_not_kept"
    assert result.error.issues == (("x", "nan is no JSON number"),)


async def test_what_once_kept_is_there_after_a_crash(store: str) -> None:
    calls: list[str] = []
    reached = asyncio.Event()
    hang = asyncio.Event()

    async def pay() -> int:
        calls.append("pay")
        return 42

    @step
    async def work(value: int, ctx: StepContext) -> int:
        paid = await ctx.once("pay", pay)
        calls.append("work")
        if len(calls) < 3:
            reached.set()
            await hang.wait()
        return paid

    flow = Workflow("flow", input=int).then(work).commit()
    first = Cadenza(store=store, workflows=[flow], worker=False)
    run = await first.workflow(flow).create_run("r1")
    await run.start(input_data=1, wait=False)
    with fail_after(5):
        await reached.wait()
    kill(first)

    async with Cadenza(store=first.store, workflows=[flow], worker=False) as second:
        result = await (await second.get_run("r1")).restart()

        assert result_of(result) == 42
        assert calls == ["pay", "work", "work"]


# ------------------------------------------------------------------ idempotency_key


async def test_the_idempotency_key_is_the_same_over_retries_resumes_and_restart(store: str) -> None:
    keys: list[str] = []
    reached = asyncio.Event()
    hang = asyncio.Event()

    def inside(ctx: StepContext) -> str:
        return ctx.idempotency_key

    @step(retries=1)
    async def work(value: int, ctx: StepContext) -> str:
        keys.append(ctx.idempotency_key)
        if len(keys) == 1:
            raise ValueError("retry")
        await ctx.ask(bool)
        if len(keys) == 3:
            reached.set()
            await hang.wait()
        return await ctx.once("pay", inside, ctx)

    flow = Workflow("flow", input=int).then(work).commit()
    first = Cadenza(store=store, workflows=[flow], worker=False)
    run = await first.workflow(flow).create_run("r1")
    await run.start(input_data=1)
    await run.resume(resume_data=True, wait=False)
    with fail_after(5):
        await reached.wait()
    kill(first)

    async with Cadenza(store=first.store, workflows=[flow], worker=False) as second:
        result = await (await second.get_run("r1")).restart()

        assert keys == ["r1/work"] * 4
        assert result_of(result) == "r1/work/pay"


async def test_the_idempotency_key_is_new_after_time_travel_and_then_stays() -> None:
    keys: list[str] = []

    @step(retries=1)
    async def work(value: int, ctx: StepContext) -> int:
        keys.append(ctx.idempotency_key)
        if ctx.retry_count == 0:
            raise ValueError("retry")
        return value

    flow = Workflow("flow", input=int).then(work).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run("r1")
        await run.start(input_data=1)
        await run.time_travel(step=work)
        await run.time_travel(step=work)

        first, again, second, second_again, third, third_again = keys
        assert first == again == "r1/work"
        assert second == second_again
        assert third == third_again
        assert len({first, second, third}) == 3


async def test_items_rounds_and_nested_steps_have_keys_of_their_own() -> None:
    keys: list[str] = []

    @step
    async def work(value: int, ctx: StepContext) -> int:
        keys.append(ctx.idempotency_key)
        return value + 1

    inner = Workflow("inner", input=int).dowhile(work, lambda scope: scope.iteration < 2).commit()
    flow = Workflow("flow", input=list[int]).foreach(inner).commit()
    await ran(flow, [1, 2])

    assert keys == [
        "r1/inner[0].work[0]",
        "r1/inner[0].work[1]",
        "r1/inner[1].work[0]",
        "r1/inner[1].work[1]",
    ]


# ------------------------------------------------------------------ swallowed signals


@pytest.mark.parametrize("how", ["except", "gather", "task group", "finally raises"])
@pytest.mark.parametrize("signal", ["suspend", "ask", "bail"])
async def test_a_signal_that_user_code_swallows_still_counts_and_warns(how: str, signal: str) -> None:
    after: list[str] = []

    async def send(ctx: StepContext) -> None:
        if signal == "suspend":
            ctx.suspend("shown")
        elif signal == "bail":
            ctx.bail("bailed")
        else:
            await ctx.ask(int, question="shown")

    @step
    async def careless(value: int, ctx: StepContext) -> str:
        if how == "gather":
            await asyncio.gather(send(ctx), return_exceptions=True)
        elif how == "task group":
            async with asyncio.TaskGroup() as group:
                group.create_task(send(ctx))
        elif how == "finally raises":
            try:
                await send(ctx)
            finally:
                raise ValueError("dropped")
        else:
            try:
                await send(ctx)
            except BaseException:
                after.append("swallowed")
        return "dropped"

    flow = Workflow("flow", input=int).then(careless).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run("r1")

        with pytest.warns(RuntimeWarning, match=r"step careless of run r1 caught the signal"):
            result = await run.start(input_data=1)

        if signal == "bail":
            assert result_of(result) == "bailed"
        else:
            assert result.status == "suspended"
            assert [row.payload for row in result.suspensions] == ["shown"]


async def test_after_a_swallowed_signal_the_context_raises_it_again() -> None:
    again: list[str] = []

    @step
    async def careless(value: int, ctx: StepContext) -> str:
        try:
            ctx.suspend("first")
        except BaseException:
            again.append("suspend")
        for name, call in {
            "suspend": lambda: ctx.suspend("second"),
            "bail": lambda: ctx.bail("x"),
            "set_state": lambda: ctx.set_state({"late": 1}),
        }.items():
            try:
                call()
            except BaseException:
                again.append(name)
        for name, awaitable in {"ask": ctx.ask(int), "once": ctx.once("k", int)}.items():
            try:
                await awaitable
            except BaseException:
                again.append(name)
        return "dropped"

    flow = Workflow("flow", input=int).then(careless).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        with pytest.warns(RuntimeWarning, match="caught the signal"):
            result = await run.start(input_data=1, output_options={"include_state": True})

        assert again == ["suspend", "suspend", "bail", "set_state", "ask", "once"]
        assert result.status == "suspended"
        assert [row.payload for row in result.suspensions] == ["first"]
        assert result.state == {}


async def test_except_exception_lets_the_signal_through() -> None:
    @step
    async def careful(value: int, ctx: StepContext) -> str:
        try:
            ctx.suspend("shown")
        except Exception:
            return "swallowed"

    result = await ran(Workflow("flow", input=int).then(careful).commit(), 1)

    assert result.status == "suspended"


async def test_cleaning_up_on_the_way_out_is_no_swallowing() -> None:
    closed: list[str] = []

    @step
    async def tidy(value: int, ctx: StepContext) -> str:
        try:
            ctx.suspend("shown")
        finally:
            closed.append("closed")

    result = await ran(Workflow("flow", input=int).then(tidy).commit(), 1)

    assert result.status == "suspended"
    assert closed == ["closed"]


async def test_a_swallowed_signal_in_a_thread_counts_too() -> None:
    @step
    def careless(value: int, ctx: SyncStepContext) -> str:
        try:
            ctx.suspend("shown")
        except BaseException:
            return "dropped"

    flow = Workflow("flow", input=int).then(careless).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        with pytest.warns(RuntimeWarning, match="caught the signal"):
            result = await run.start(input_data=1)

        assert result.status == "suspended"


async def test_a_context_kept_beyond_its_step_refuses_to_act() -> None:
    kept: list[StepContext] = []

    @step
    async def first(value: int, ctx: StepContext) -> int:
        kept.append(ctx)
        return value

    @step
    async def second(value: int) -> int:
        kept[0].set_state({"late": 1})
        return value

    result = await ran(Workflow("flow", input=int).then(first).then(second).commit(), 1)

    assert result.status == "failed"
    assert result.error.code == "context_closed"
    assert result.error.message == (
        "ctx.set_state was called after its step had ended; wait for what you start inside a step"
    )


# ------------------------------------------------------------------ state


class Totals(BaseModel):
    total: int = 0
    names: list[str] = []


async def test_state_is_a_patch_of_keys() -> None:
    seen: list[object] = []

    @step
    async def a(value: int, ctx: StepContext) -> int:
        ctx.set_state({"x": 1, "deep": {"a": 1}})
        ctx.set_state({"y": 2})
        return value

    @step
    async def b(value: int, ctx: StepContext) -> int:
        seen.append(ctx.state)
        ctx.set_state({"deep": {"b": 2}})
        return value

    flow = Workflow("flow", input=int).then(a).then(b).commit()
    result = await ran(flow, 1, initial_state={"z": 0}, output_options={"include_state": True})

    assert seen == [{"z": 0, "x": 1, "deep": {"a": 1}, "y": 2}]
    assert result.state == {"z": 0, "x": 1, "deep": {"b": 2}, "y": 2}


async def test_state_is_a_snapshot_within_an_execution_and_a_copy() -> None:
    seen: list[object] = []

    @step
    async def a(value: int, ctx: StepContext) -> int:
        ctx.set_state({"n": ctx.state["n"] + 1})
        ctx.set_state({"n": ctx.state["n"] + 1})
        ctx.state["n"] = 99
        seen.append(ctx.state)
        return value

    result = await ran(
        Workflow("flow", input=int).then(a).commit(),
        1,
        initial_state={"n": 0},
        output_options={"include_state": True},
    )

    assert seen == [{"n": 0}]
    assert result.state == {"n": 1}


async def test_state_is_a_model_where_a_type_is_declared() -> None:
    @step
    async def a(value: int, ctx: StepContext[Totals]) -> int:
        ctx.set_state({"total": ctx.state.total + value})
        return value

    @step
    async def b(value: int, ctx: StepContext[Totals]) -> int:
        ctx.set_state(Totals(total=ctx.state.total + 1, names=["b"]))
        return ctx.state.total

    flow = Workflow("flow", input=int, state=Totals).then(a).then(b).commit()
    result = await ran(flow, 5, output_options={"include_state": True})

    assert result_of(result) == 5
    assert result.state == {"total": 6, "names": ["b"]}


async def test_state_that_breaks_its_type_fails_the_step_with_the_field() -> None:
    @step
    async def a(value: int, ctx: StepContext[Totals]) -> int:
        ctx.set_state({"total": "many"})
        return value

    result = await ran(Workflow("flow", input=int, state=Totals).then(a).commit(), 5)

    assert result.status == "failed"
    assert result.error.code == "invalid_state_data"
    assert result.error.issues == (("total", "Input should be a valid integer"),)


async def test_what_a_failed_attempt_set_is_dropped() -> None:
    @step(retries=1)
    async def a(value: int, ctx: StepContext) -> int:
        ctx.set_state({f"attempt {ctx.retry_count}": True})
        ctx.runtime_context[f"attempt {ctx.retry_count}"] = True
        if ctx.retry_count == 0:
            raise ValueError("once more")
        return value

    @step
    async def b(value: int, ctx: StepContext) -> list[str]:
        return list(ctx.runtime_context)

    flow = Workflow("flow", input=int).then(a).then(b).commit()
    result = await ran(flow, 1, output_options={"include_state": True})

    assert result.state == {"attempt 1": True}
    assert result_of(result) == ["attempt 1"]


async def test_what_a_suspending_execution_set_is_kept() -> None:
    @step
    async def a(value: int, ctx: StepContext) -> list[object]:
        if ctx.resume_data is None:
            ctx.set_state({"asked": True})
            ctx.runtime_context["asked"] = "yes"
            ctx.suspend()
        return [ctx.state, dict(ctx.runtime_context)]

    flow = Workflow("flow", input=int).then(a).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)

        assert result_of(await run.resume(resume_data=1)) == [{"asked": True}, {"asked": "yes"}]


async def test_state_set_in_a_nested_workflow_is_that_of_the_run() -> None:
    @step
    async def a(value: int, ctx: StepContext) -> int:
        ctx.set_state({"inner": value})
        return value

    @step
    async def b(value: int, ctx: StepContext) -> object:
        return ctx.state

    inner = Workflow("inner", input=int).then(a).commit()
    assert result_of(await ran(Workflow("flow", input=int).then(inner).then(b).commit(), 3)) == {"inner": 3}


@pytest.mark.parametrize("patch", [[1], "text", 3, None], ids=repr)
async def test_a_state_patch_that_is_no_mapping_fails_the_step(patch: object) -> None:
    @step
    async def a(value: int, ctx: StepContext) -> int:
        ctx.set_state(patch)
        return value

    result = await ran(Workflow("flow", input=int).then(a).commit(), 1)

    assert result.status == "failed"
    assert "ctx.set_state takes a mapping of the keys to set" in result.error.message


# ------------------------------------------------------------------ other steps and the input


async def test_get_step_result_is_the_output_of_a_step_that_succeeded_else_none() -> None:
    @step
    async def a(value: int) -> dict[str, int]:
        return {"a": value}

    @step
    async def never(value: int) -> int:
        return value

    @step
    async def b(value: object, ctx: StepContext) -> list[object]:
        found = await ctx.get_step_result(a)
        found["a"] = 99
        return [
            await ctx.get_step_result("a"),
            await ctx.get_step_result(never),
            await ctx.get_step_result("b"),
        ]

    flow = (
        Workflow("flow", input=int)
        .then(a)
        .map(lambda scope: scope.input["a"])
        .branch([(lambda scope: False, never)])
        .then(b)
        .commit()
    )

    assert result_of(await ran(flow, 1)) == [{"a": 1}, None, None]


async def test_get_step_result_of_a_step_that_the_workflow_does_not_have_fails_the_step() -> None:
    @step
    async def a(value: int, ctx: StepContext) -> object:
        return await ctx.get_step_result("nope")

    result = await ran(Workflow("flow", input=int).then(a).commit(), 1)

    assert result.status == "failed"
    assert (result.error.code, result.error.message) == (
        "step_not_found",
        "this workflow has no step 'nope'; it has: a",
    )


async def test_init_data_is_the_input_of_the_workflow_around() -> None:
    seen: list[object] = []

    @step
    async def double(value: int, ctx: StepContext) -> int:
        seen.append((await ctx.get_init_data(), ctx.workflow_id, ctx.path))
        return value * 2

    inner = Workflow("inner", input=int).then(double).commit()
    twin = double.clone(id="twin")
    await ran(Workflow("flow", input=int).then(double.clone(id="first")).then(inner).then(twin).commit(), 1)

    assert seen == [(1, "flow", ("first",)), (2, "inner", ("inner", "double")), (1, "flow", ("twin",))]


async def test_a_step_knows_its_run_its_workflow_and_what_the_run_is_for() -> None:
    @step
    async def work(value: int, ctx: StepContext) -> list[object]:
        return [ctx.run_id, ctx.workflow_id, ctx.resource_id, list(ctx.path), ctx.retry_count, ctx.run_count]

    flow = Workflow("flow", input=list[int]).foreach(work).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run("r1", resource_id="customer-1")

        result = await run.start(input_data=[1])

        assert result_of(result) == [["r1", "flow", "customer-1", ["work", 0], 0, 0]]


# ------------------------------------------------------------------ runtime context


async def test_the_runtime_context_is_a_mapping_that_goes_along() -> None:
    seen: list[object] = []

    @step
    async def a(value: int, ctx: StepContext) -> int:
        context = ctx.runtime_context
        context["b"] = {"x": 1}
        context.set("c", 3)
        context["b"]["x"] = 99
        seen.append([context["a"], context.get("b"), "c" in context, context.get("nope", 0), len(context)])
        with pytest.raises(KeyError):
            context["nope"]
        return value

    @step
    async def b(value: int, ctx: StepContext) -> int:
        seen.append(dict(ctx.runtime_context))
        return value

    await ran(Workflow("flow", input=int).then(a).then(b).commit(), 1, runtime_context={"a": [1]})

    assert seen == [[[1], {"x": 1}, True, 0, 3], {"a": [1], "b": {"x": 1}, "c": 3}]


async def test_a_secret_of_the_runtime_context_is_there_but_never_kept(store: str) -> None:
    token = object()

    @step
    async def a(value: int, ctx: StepContext) -> bool:
        ctx.runtime_context["seen"] = ctx.runtime_context.get("token") is token
        if ctx.resume_data is None:
            ctx.suspend()
        return ctx.runtime_context.get("token") is token

    flow = Workflow("flow", input=int).then(a).commit()
    async with Cadenza(store=store, workflows=[flow], context_secrets={"token"}) as app:
        run = await app.workflow(flow).create_run("r1")
        await run.start(input_data=1, runtime_context={"token": token, "user": "ann"})
        stored = await app.store.load("r1")
        assert stored is not None
        assert stored.entries[0].event.context == {"user": "ann"}  # type: ignore[union-attr]
        assert all("token" not in repr(entry) for entry in stored.entries)

        result = await run.resume(resume_data=1, runtime_context={"token": token})

        assert result_of(result) is True


async def test_a_secret_given_to_a_time_travel_is_there_but_never_kept(store: str) -> None:
    token = object()

    @step
    async def a(value: int, ctx: StepContext) -> bool:
        return ctx.runtime_context.get("token") is token

    flow = Workflow("flow", input=int).then(a).commit()
    async with Cadenza(store=store, workflows=[flow], context_secrets={"token"}) as app:
        run = await app.workflow(flow).create_run("r1")
        await run.start(input_data=1)

        result = await run.time_travel(step="a", runtime_context={"token": token, "user": "ann"})

        assert result_of(result) is True
        entries = await app.store.entries("r1")
        assert [e.event.context for e in entries if isinstance(e.event, RunRewound)] == [{"user": "ann"}]
        assert all("token" not in repr(entry) for entry in entries)


async def test_a_secret_must_be_given_again() -> None:
    @step
    async def a(value: int, ctx: StepContext) -> bool:
        if ctx.resume_data is None:
            ctx.suspend()
        return "token" in ctx.runtime_context

    flow = Workflow("flow", input=int).then(a).commit()
    async with Cadenza(workflows=[flow], context_secrets={"token"}) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, runtime_context={"token": "t"})

        assert result_of(await run.resume(resume_data=1)) is False


async def test_the_runtime_context_shows_keys_and_no_values_in_its_repr() -> None:
    @step
    async def a(value: int, ctx: StepContext) -> str:
        return repr(ctx.runtime_context)

    flow = Workflow("flow", input=int).then(a).commit()

    assert "hunter2" not in result_of(await ran(flow, 1, runtime_context={"password": "hunter2"}))


async def test_a_context_value_that_cannot_be_kept_fails_the_step_that_set_it() -> None:
    @step
    async def a(value: int, ctx: StepContext) -> int:
        ctx.runtime_context["db"] = object()
        return value

    result = await ran(Workflow("flow", input=int).then(a).commit(), 1)

    assert result.status == "failed"
    assert result.error.code == "value_not_kept"
    assert "'db'" in result.error.message


# ------------------------------------------------------------------ bail, abort


async def test_bail_ends_the_workflow_with_success() -> None:
    entered: list[str] = []

    @step
    async def a(value: int, ctx: StepContext) -> int:
        ctx.bail({"because": value})

    @step
    async def b(value: int) -> int:
        entered.append("b")
        return value

    result = await ran(Workflow("flow", input=int).then(a).then(b).commit(), 1)

    assert result_of(result) == {"because": 1}
    assert (result.steps["a"].status, result.steps["a"].bailed) == ("success", True)
    assert entered == []


async def test_bail_in_a_nested_workflow_ends_that_one() -> None:
    @step
    async def a(value: int, ctx: StepContext) -> int:
        ctx.bail(value * 10)

    @step
    async def skipped(value: int) -> int:
        raise AssertionError

    @step
    async def b(value: int) -> int:
        return value + 1

    inner = Workflow("inner", input=int).then(a).then(skipped).commit()
    result = await ran(Workflow("flow", input=int).then(inner).then(b).commit(), 1)

    assert result_of(result) == 11
    assert result.steps["inner"].bailed is False
    assert result.steps["inner.a"].bailed is True


async def test_bail_in_a_block_lets_siblings_finish_and_cancels_open_questions() -> None:
    order: list[str] = []
    asked = asyncio.Event()

    @step
    async def asks(value: int, ctx: StepContext) -> int:
        asked.set()
        return ctx.suspend()

    @step
    async def works(value: int) -> int:
        await asked.wait()
        order.append("works")
        return value

    @step
    async def bails(value: int, ctx: StepContext) -> int:
        await asked.wait()
        order.append("bails")
        ctx.bail("over")

    flow = Workflow("flow", input=int).parallel([asks, works, bails]).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run("r1")
        with fail_after(5):
            result = await run.start(input_data=1)

        assert result_of(result) == "over"
        assert order == ["works", "bails"]
        stored = await app.store.load("r1")
        assert stored is not None
        assert [row.state for row in stored.suspensions] == ["canceled"]


async def test_abort_cancels_the_run_and_returns() -> None:
    entered: list[str] = []

    @step
    async def a(value: int, ctx: StepContext) -> int:
        ctx.abort()
        entered.append(f"after abort, signal {ctx.abort_signal.is_set()}")
        return value

    @step
    async def b(value: int) -> int:
        entered.append("b")
        return value

    result = await ran(Workflow("flow", input=int).then(a).then(b).commit(), 1)

    assert result.status == "canceled"
    assert entered == ["after abort, signal True"]
    assert (result.steps["a"].status, result.steps["a"].output) == ("success", 1)
    assert "b" not in result.steps


async def test_a_running_step_hears_of_a_cancel() -> None:
    running = asyncio.Event()

    @step
    async def a(value: int, ctx: StepContext) -> str:
        running.set()
        await ctx.abort_signal.wait()
        return "stopped in order"

    flow = Workflow("flow", input=int).then(a).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, wait=False)
        with fail_after(5):
            await running.wait()
            assert await run.cancel() is True
            async for _ in run.observe_stream():
                pass

        result = await run.get_state()
        assert result.status == "canceled"
        assert result.steps["a"].output == "stopped in order"


async def test_a_step_in_a_thread_hears_of_a_cancel() -> None:
    running = threading.Event()

    @step
    def a(value: int, ctx: SyncStepContext) -> bool:
        running.set()
        return ctx.abort_signal.wait_in_thread(5)

    flow = Workflow("flow", input=int).then(a).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, wait=False)
        with fail_after(5):
            await asyncio.to_thread(running.wait)
            await run.cancel()
            async for _ in run.observe_stream():
                pass

        result = await run.get_state()
        assert result.status == "canceled"
        assert result.steps["a"].output is True


async def test_an_interruptible_step_gets_cancelled_error_on_cancel() -> None:
    running = asyncio.Event()
    seen: list[str] = []

    @step(interrupt=True)
    async def a(value: int) -> str:
        running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("interrupted")
            raise
        return "never"

    flow = Workflow("flow", input=int).then(a).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, wait=False)
        with fail_after(5):
            await running.wait()
            await run.cancel()
            async for _ in run.observe_stream():
                pass

        assert (await run.get_state()).status == "canceled"
        assert seen == ["interrupted"]


# ------------------------------------------------------------------ writer, logger


async def test_chunks_are_seen_in_the_stream_between_start_and_result() -> None:
    @step
    async def talks(value: int, ctx: StepContext) -> int:
        await ctx.writer.write({"n": 1})
        await ctx.writer.write("two")
        return value

    flow = Workflow("flow", input=int).then(talks).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        with fail_after(5):
            events = [event async for event in run.stream(input_data=1)]

        assert [event["type"] for event in events] == [
            "workflow-start",
            "workflow-step-start",
            "workflow-step-output",
            "workflow-step-output",
            "workflow-step-result",
            "workflow-finish",
        ]
        outputs = [event["payload"] for event in events if event["type"] == "workflow-step-output"]
        assert outputs == [
            {"id": "talks", "step_name": "talks", "output": {"n": 1}},
            {"id": "talks", "step_name": "talks", "output": "two"},
        ]


async def test_custom_chunks_are_events_of_their_own() -> None:
    @step
    async def talks(value: int, ctx: StepContext) -> int:
        await ctx.writer.custom({"type": "data-progress", "data": {"done": 1}})
        return value

    flow = Workflow("flow", input=int).then(talks).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        with fail_after(5):
            events = [event async for event in run.stream(input_data=1)]

        assert {"type": "data-progress", "data": {"done": 1}} in events


async def test_chunks_from_a_thread_are_seen_before_the_result() -> None:
    @step
    def talks(value: int, ctx: SyncStepContext) -> int:
        ctx.writer.write({"n": 1})
        ctx.writer.custom({"type": "data-x", "data": 2})
        return value

    flow = Workflow("flow", input=int).then(talks).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        with fail_after(5):
            events = [event["type"] async for event in run.stream(input_data=1)]

        assert events == [
            "workflow-start",
            "workflow-step-start",
            "workflow-step-output",
            "data-x",
            "workflow-step-result",
            "workflow-finish",
        ]


async def test_a_chunk_that_no_json_can_hold_fails_the_step() -> None:
    @step
    async def talks(value: int, ctx: StepContext) -> int:
        await ctx.writer.write({1: "x"})
        return value

    result = await ran(Workflow("flow", input=int).then(talks).commit(), 1)

    assert result.status == "failed"
    assert result.error.code == "value_not_kept"


async def test_the_logger_says_where_it_stands(caplog: pytest.LogCaptureFixture) -> None:
    @step
    async def talks(value: int, ctx: StepContext) -> int:
        ctx.logger.info("hello %s", value)
        return value

    with caplog.at_level(logging.INFO, logger="cadenza.step"):
        await ran(Workflow("flow", input=int).then(talks).commit(), 1)

    (record,) = [record for record in caplog.records if record.name == "cadenza.step"]
    assert record.getMessage() == "hello 1"
    assert (record.run_id, record.workflow_id, record.step_path) == ("r1", "flow", "talks")  # type: ignore[attr-defined]


# ------------------------------------------------------------------ def steps


async def test_a_def_step_runs_in_a_thread_with_the_same_names() -> None:
    here = threading.get_ident()
    calls: list[int] = []

    def pay(amount: int) -> Note:
        calls.append(amount)
        return Note(text=f"paid {amount}")

    @step
    def first(value: int) -> int:
        return value

    @step
    def work(value: int, ctx: SyncStepContext) -> dict[str, object]:
        assert threading.get_ident() != here
        note = ctx.once("pay", pay, value)
        ctx.set_state({"n": value})
        ctx.runtime_context["k"] = 1
        answer = ctx.ask(Review, question="?", label="it")
        return {
            "note": note.text,
            "answer": answer.decision,
            "first": ctx.get_step_result(first),
            "init": ctx.get_init_data(),
            "state": ctx.state,
            "run": ctx.run_id,
            "key": ctx.idempotency_key,
            "path": list(ctx.path),
            "aborted": ctx.abort_signal.is_set(),
        }

    flow = Workflow("flow", input=int).then(first).then(work).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run("r1")
        await run.start(input_data=7)

        result = await run.resume(label="it", resume_data={"decision": "pay"})

        assert result_of(result) == {
            "note": "paid 7",
            "answer": "pay",
            "first": 7,
            "init": 7,
            "state": {"n": 7},
            "run": "r1",
            "key": "r1/work",
            "path": ["work"],
            "aborted": False,
        }
        assert calls == [7]


async def test_a_def_step_can_suspend_bail_and_abort() -> None:
    @step
    def ask(value: int, ctx: SyncStepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend({"v": value})
        return int(ctx.resume_data)

    @step
    def stop(value: int, ctx: SyncStepContext) -> int:
        if value == 1:
            ctx.bail("bailed")
        ctx.abort()
        return value

    flow = Workflow("flow", input=int).then(ask).then(stop).commit()
    async with Cadenza(workflows=[flow]) as app:
        bailed, aborted = await app.workflow(flow).create_run(), await app.workflow(flow).create_run()
        await bailed.start(input_data=0)
        await aborted.start(input_data=0)

        assert result_of(await bailed.resume(resume_data=1)) == "bailed"
        assert (await aborted.resume(resume_data=2)).status == "canceled"


async def test_once_in_a_def_step_refuses_an_async_function() -> None:
    async def pay() -> int:
        return 1

    @step
    def work(value: int, ctx: SyncStepContext) -> object:
        return ctx.once("pay", pay)

    result = await ran(Workflow("flow", input=int).then(work).commit(), 1)

    assert result.status == "failed"
    assert "takes a plain function; make the step async def" in result.error.message


async def test_context_variables_reach_the_thread_of_a_def_step() -> None:
    import contextvars

    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")

    @step
    def work(value: int) -> str:
        return who.get()

    who.set("ann")

    assert result_of(await ran(Workflow("flow", input=int).then(work).commit(), 1)) == "ann"


async def test_parameters_are_told_apart_by_type_and_name() -> None:
    @step
    async def nothing() -> int:
        return 1

    @step
    async def only_context(context: StepContext) -> int:
        return len(context.path)

    @step
    async def context_first(context: StepContext, value: int) -> int:
        return value + len(context.path)

    @step
    async def by_name(value, ctx):  # type: ignore[no-untyped-def]
        return value + len(ctx.path)

    @step
    async def keyword(value: int, *, ctx: StepContext, extra: int = 5) -> int:
        return value + len(ctx.path) + extra

    flow = (
        Workflow("flow", input=int)
        .then(nothing)
        .then(only_context)
        .then(context_first)
        .then(by_name)
        .then(keyword)
        .commit()
    )

    assert result_of(await ran(flow, 100)) == 9


# ------------------------------------------------------------------ values


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int = 0


class Order(TypedDict):
    id: str
    lines: list[int]


class Invoice(BaseModel):
    id: UUID
    amount: Decimal
    due: date
    at: datetime
    color: Color
    point: Point
    tags: set[str]


INVOICE = Invoice(
    id=UUID(int=1),
    amount=Decimal("10.50"),
    due=date(2026, 1, 2),
    at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    color=Color.RED,
    point=Point(1, 2),
    tags={"a"},
)


async def test_steps_get_and_give_model_instances_and_between_them_there_is_json(store: str) -> None:
    seen: list[object] = []

    @step
    async def first(invoice: Invoice) -> Invoice:
        seen.append(invoice)
        return invoice

    @step
    async def second(invoice: Invoice) -> Point:
        seen.append(invoice)
        return invoice.point

    @step
    async def third(point: Point) -> Order:
        seen.append(point)
        return {"id": "o", "lines": [point.x]}

    @step
    async def fourth(order: Order) -> list[Decimal]:
        seen.append(order)
        return [Decimal(order["lines"][0])]

    flow = Workflow("flow", input=Invoice).then(first).then(second).then(third).then(fourth).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        result = await (await app.workflow(flow).create_run()).start(input_data=INVOICE)

        assert result_of(result) == ["1"]
        assert seen == [INVOICE, INVOICE, Point(1, 2), {"id": "o", "lines": [1]}]
        assert result.input == {
            "id": "00000000-0000-0000-0000-000000000001",
            "amount": "10.50",
            "due": "2026-01-02",
            "at": "2026-01-02T03:04:00Z",
            "color": "red",
            "point": {"x": 1, "y": 2},
            "tags": ["a"],
        }


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"a": [1, float("nan")]}, "a.1", "nan is no JSON number"),
        ({"a": float("-inf")}, "a", "-inf is no JSON number"),
        (float("inf"), "", "inf is no JSON number"),
        ({"a": {3: "x"}}, "a", "the key 3 is int, not str"),
        ({"a": ["\ud800"]}, "a.0", "text with a lone surrogate"),
        ({"\ud800": 1}, "", "text with a lone surrogate"),
    ],
    ids=["nan", "-inf", "inf", "key", "surrogate", "surrogate key"],
)
@pytest.mark.parametrize("hint", [object, "declared"], ids=["untyped", "typed"])
async def test_a_value_that_json_cannot_hold_fails_the_step_with_its_path(
    value: Any, path: str, message: str, hint: object
) -> None:
    async def make(_: int) -> object:
        return value

    typed: Any = {float: float, dict: dict[str, Any]}[type(value)]
    make_step = step(output_schema=typed if hint == "declared" else None)(make)
    flow = Workflow("flow", input=int).then(make_step).commit()

    result = await ran(flow, 1)

    assert result.status == "failed"
    assert (result.error.name, result.error.code) == ("ValueNotKept", "value_not_kept")
    assert result.error.issues == ((path, message),)
    assert "step make" in result.error.message


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
async def test_a_model_with_a_number_that_json_does_not_have_fails_the_step(number: str) -> None:
    class Measured(BaseModel):
        values: list[float]

    @step
    async def make(_: int) -> Measured:
        return Measured(values=[1.0, float(number)])

    result = await ran(Workflow("flow", input=int).then(make).commit(), 1)

    assert result.status == "failed"
    assert result.error.issues == (("values.1", f"{number} is no JSON number"),)


class Money:
    """A class that Pydantic knows only with a serializer and a validator."""

    def __init__(self, cents: int) -> None:
        self.cents = cents


Amount = Annotated[
    Money,
    PlainValidator(lambda found: Money(found["cents"])),
    PlainSerializer(lambda money: {"cents": money.cents}),
]


async def test_a_type_with_a_serializer_of_its_own_is_dumped_by_it_everywhere() -> None:
    seen: list[int] = []

    @step
    async def pay(amount: Amount, ctx: StepContext[Any, Amount]) -> Amount:
        if ctx.resume_data is None:
            ctx.suspend()
        seen.append(amount.cents)
        return ctx.resume_data

    flow = Workflow("flow", input=Amount).then(pay).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=Money(7))
        result = await run.resume(resume_data=Money(9))

        assert result_of(result) == {"cents": 9}
        assert (result.input, seen) == ({"cents": 7}, [7])


async def test_an_object_that_nothing_can_dump_fails_the_step_with_its_path() -> None:
    class Handle:
        pass

    @step
    async def make(_: int) -> object:
        return {"handles": [Handle()]}

    result = await ran(Workflow("flow", input=int).then(make).commit(), 1)

    assert result.status == "failed"
    assert [path for path, _ in result.error.issues] == ["handles.0"]


async def test_a_value_with_a_cycle_fails_the_step() -> None:
    @step
    async def make(_: int) -> object:
        cycle: list[object] = []
        cycle.append(cycle)
        return cycle

    result = await ran(Workflow("flow", input=int).then(make).commit(), 1)

    assert result.status == "failed"
    assert result.error.code == "value_not_kept"


@pytest.mark.parametrize(
    "value",
    [2**63, -(2**64), 10**400, 0, -0.0, 1e308, 5e-324, "", "\x00", "ä€😀", {"": None}, [[]], {"a": {}}, True],
    ids=lambda value: repr(value)[:20],
)
async def test_every_json_value_survives_the_way_through_steps_and_store(store: str, value: object) -> None:
    @step
    async def give(_: int) -> object:
        return value

    @step
    async def take(got: object) -> list[object]:
        return [repr(got), got]

    flow = Workflow("flow", input=int).then(give).then(take).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)

        result = await run.get_state()

        assert result_of(result) == [repr(value), value]


async def test_keys_keep_their_order(store: str) -> None:
    @step
    async def give(_: int) -> dict[str, int]:
        return {"z": 1, "a": 2, "m": 3}

    flow = Workflow("flow", input=int).then(give).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)

        assert list(result_of(await run.get_state())) == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("type_", "value", "read"),
    [(int, 1.0, 1), (list[int], [1.0, 2], [1, 2]), (dict[str, int], {"a": 3.0}, {"a": 3}), (float, 1, 1.0)],
    ids=["int", "list", "dict", "float"],
)
async def test_a_whole_number_written_as_a_float_is_an_integer(
    type_: Any, value: object, read: object
) -> None:
    @step(input_schema=type_)
    async def take(got: Any) -> str:
        return repr(got)

    flow = Workflow("flow", input=type_).then(take).commit()

    assert result_of(await ran(flow, value)) == repr(read)


@pytest.mark.parametrize(
    ("type_", "value"),
    [(bool, "yes"), (bool, 1), (int, "1"), (int, 1.5), (int, True), (str, 1), (float, "1.0")],
    ids=lambda value: repr(value) if not isinstance(value, type) else value.__name__,
)
async def test_input_is_read_strictly(type_: Any, value: object) -> None:
    @step
    async def take(got: object) -> object:
        return got

    flow = Workflow("flow", input=type_).then(take).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()

        with pytest.raises(err.InvalidInput):
            await run.start(input_data=value)


async def test_what_does_not_fit_the_next_step_fails_it_without_retries() -> None:
    calls: list[int] = []

    @step
    async def give(_: int) -> object:
        return {"decision": "maybe"}

    @step(retries=3)
    async def take(review: Review) -> str:
        calls.append(1)
        return review.decision

    result = await ran(Workflow("flow", input=int).then(give).then(take).commit(), 1)

    assert result.status == "failed"
    assert result.error.code == "invalid_step_input"
    assert result.error.issues == (("decision", "Input should be 'pay' or 'reject'"),)
    assert calls == []
    assert result.steps["take"].status == "failed"


async def test_validate_inputs_off_lets_everything_pass() -> None:
    @step
    async def take(review: Review, ctx: StepContext[Totals, Review]) -> object:
        if ctx.resume_data is None:
            ctx.suspend()
        return [review, ctx.resume_data]

    flow = Workflow("flow", input=Review, validate_inputs=False).then(take).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        started = await run.start(input_data={"decision": "maybe"}, initial_state={"total": "x"})
        assert started.status == "suspended"

        result = await run.resume(resume_data="anything")

        assert result_of(result) == [{"decision": "maybe"}, "anything"]


async def test_defaults_are_filled_in_and_unknown_keys_dropped_on_the_way_in() -> None:
    @step
    async def take(note: Note) -> Note:
        return note

    result = await ran(Workflow("flow", input=Note).then(take).commit(), {"more": 1})

    assert result_of(result) == {"text": ""}
    assert result.input == {"text": ""}


async def test_an_output_type_shapes_the_dump_and_does_not_enforce() -> None:
    class Wide(BaseModel):
        at: datetime

    @step
    async def shaped(_: int) -> Wide:
        return Wide(at=datetime(2026, 1, 1, tzinfo=UTC))

    @step
    async def wrong(_: object) -> int:
        return {"not": "a number"}  # type: ignore[return-value]

    flow = Workflow("flow", input=int).then(shaped).then(wrong).commit()
    result = await ran(flow, 1)

    assert result.steps["shaped"].output == {"at": "2026-01-01T00:00:00Z"}
    assert result_of(result) == {"not": "a number"}


async def test_validate_outputs_enforces_the_output_type() -> None:
    calls: list[int] = []

    @step(retries=2)
    async def wrong(_: int) -> Review:
        calls.append(1)
        return {"decision": "maybe"}  # type: ignore[return-value]

    result = await ran(Workflow("flow", input=int, validate_outputs=True).then(wrong).commit(), 1)

    assert result.status == "failed"
    assert result.error.code == "invalid_step_output"
    assert result.error.issues == (("decision", "Input should be 'pay' or 'reject'"),)
    assert calls == [1]


async def test_a_suspend_payload_is_checked_and_comes_back_as_its_type() -> None:
    class Shown(BaseModel):
        amount: Decimal
        currency: str = "EUR"

    seen: list[object] = []

    @step(suspend_schema=Shown)
    async def ask(value: int, ctx: StepContext) -> int:
        seen.append(ctx.suspend_data)
        if ctx.resume_data is None:
            ctx.suspend({"amount": "1.5"} if value else {"currency": "USD"})
        return value

    flow = Workflow("flow", input=int).then(ask).commit()
    async with Cadenza(workflows=[flow]) as app:
        good, bad = await app.workflow(flow).create_run(), await app.workflow(flow).create_run()

        started = await good.start(input_data=1)
        assert started.status == "suspended"
        assert started.suspensions[0].payload == {"amount": "1.5", "currency": "EUR"}
        await good.resume(resume_data=1)
        failed = await bad.start(input_data=0)

        assert seen == [None, Shown(amount=Decimal("1.5")), None]
        assert failed.status == "failed"
        assert failed.error.code == "invalid_suspend_data"
        assert failed.error.issues == (("amount", "Field required"),)


async def test_a_step_cannot_change_what_others_see_by_changing_its_input() -> None:
    @step
    async def spoil(value: dict[str, list[int]]) -> int:
        value["a"].append(99)
        return 1

    @step
    async def look(value: dict[str, list[int]]) -> dict[str, list[int]]:
        return value

    flow = Workflow("flow", input=dict[str, list[int]]).parallel([spoil, look]).commit()
    result = await ran(flow, {"a": [1]})

    assert result_of(result) == {"spoil": 1, "look": {"a": [1]}}
    assert result.input == {"a": [1]}


# ------------------------------------------------------------------ failing


async def test_an_error_is_a_result_with_name_message_and_trace() -> None:
    @step
    async def burst(value: int) -> int:
        raise ConnectionError("no route")

    result = await ran(Workflow("flow", input=int).then(burst).commit(), 1)

    assert result.status == "failed"
    assert (result.error.name, result.error.message, result.error.code) == (
        "ConnectionError",
        "no route",
        None,
    )
    assert "in burst" in (result.error.trace or "")
    assert result.steps["burst"].error == result.error


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), ExceptionGroup("g", [ValueError("x")]), StopIteration("x"), asyncio.CancelledError()],
)
async def test_odd_errors_fail_the_step_and_not_the_program(error: BaseException) -> None:
    @step
    async def burst(value: int) -> int:
        raise error

    with fail_after(5):
        result = await ran(Workflow("flow", input=int).then(burst).commit(), 1)

    assert result.status == "failed"


async def test_a_non_retryable_error_ends_the_retries() -> None:
    calls: list[int] = []

    class Refused(NonRetryableError):
        pass

    @step(retries=5)
    async def burst(value: int) -> int:
        calls.append(1)
        raise Refused("card stolen")

    result = await ran(Workflow("flow", input=int).then(burst).commit(), 1)

    assert result.status == "failed"
    assert result.error.name.endswith("Refused")
    assert calls == [1]


async def test_retry_on_limits_the_retries_to_these_errors() -> None:
    calls: list[str] = []

    @step(retries=Retry(attempts=5), retry_on=(ConnectionError,))
    async def burst(value: int) -> int:
        calls.append("x")
        if len(calls) == 1:
            raise ConnectionError("again")
        raise ValueError("for good")

    result = await ran(Workflow("flow", input=int).then(burst).commit(), 1)

    assert result.status == "failed"
    assert result.error.name == "ValueError"
    assert len(calls) == 2
