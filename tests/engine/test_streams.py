"""Streams, and those who watch: what is told of a run, in which order, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import Any

import pytest
from anyio import fail_after

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza import errors as err
from cadenza.engine.feed import observe


@step
async def a(value: int) -> int:
    return value + 1


@step
async def ask(value: int, ctx: StepContext) -> int:
    return ctx.suspend({"value": value}) if ctx.resume_data is None else int(ctx.resume_data)


@step
async def burst(value: int) -> int:
    raise ValueError("no")


async def told(events: AsyncIterable[dict[str, Any]]) -> list[str]:
    """The events, as "type id"."""
    with fail_after(5):
        return [short(event) async for event in events]


def short(event: dict[str, Any]) -> str:
    name = event["payload"].get("id") if isinstance(event.get("payload"), dict) else None
    return (
        f"{event['type'].removeprefix('workflow-')} {name}"
        if name
        else event["type"].removeprefix("workflow-")
    )


plain = Workflow("plain", input=int).then(a).then(a.clone(id="b")).commit()
waits = Workflow("waits", input=int).then(a).then(ask).then(a.clone(id="b")).commit()
nested = Workflow("nested", input=int).then(waits).commit()


# ------------------------------------------------------------------ stream


async def test_a_stream_tells_each_step_from_start_to_finish(store: str) -> None:
    async with Cadenza(store=store, workflows=[plain]) as app:
        run = await app.workflow(plain).create_run("r1")

        stream = run.stream(input_data=1)
        with fail_after(5):
            events = [event async for event in stream]
            result = await stream.result()

        assert [short(event) for event in events] == [
            "start",
            "step-start a",
            "step-result a",
            "step-start b",
            "step-result b",
            "finish",
        ]
        assert {event["run_id"] for event in events} == {"r1"}
        assert {event["from"] for event in events} == {"WORKFLOW"}
        assert events[0]["payload"] == {"workflow_id": "plain"}
        assert events[-1]["payload"] == {"workflow_status": "success"}
        started, ended = events[1]["payload"], events[2]["payload"]
        assert (started["step_name"], started["status"], started["payload"]) == ("a", "running", 1)
        assert (ended["status"], ended["output"]) == ("success", 2)
        assert result.status == "success"
        assert result.result == 3


async def test_a_stream_ends_when_the_run_waits_and_the_next_one_takes_up_there(store: str) -> None:
    async with Cadenza(store=store, workflows=[waits]) as app:
        run = await app.workflow(waits).create_run()

        first = run.stream(input_data=1)
        assert await told(first) == [
            "start",
            "step-start a",
            "step-result a",
            "step-start ask",
            "step-suspended ask",
            "finish",
        ]
        assert (await first.result()).status == "suspended"

        second = run.resume_stream(resume_data=5)
        assert await told(second) == [
            "start",
            "step-start ask",
            "step-result ask",
            "step-start b",
            "step-result b",
            "finish",
        ]
        assert (await second.result()).status == "success"


async def test_what_is_inside_a_nested_workflow_is_told_under_its_dotted_id() -> None:
    async with Cadenza(workflows=[nested]) as app:
        run = await app.workflow(nested).create_run()

        assert await told(run.stream(input_data=1)) == [
            "start",
            "step-start waits",
            "step-start waits.a",
            "step-result waits.a",
            "step-start waits.ask",
            "step-suspended waits.ask",
            "step-suspended waits",
            "finish",
        ]
        assert await told(run.resume_stream(resume_data=1)) == [
            "start",
            "step-start waits",
            "step-start waits.ask",
            "step-result waits.ask",
            "step-start waits.b",
            "step-result waits.b",
            "step-result waits",
            "finish",
        ]


async def test_the_items_of_a_foreach_are_told_as_progress() -> None:
    flow = Workflow("flow", input=list[int]).foreach(a).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        with fail_after(5):
            events = [event async for event in run.stream(input_data=[10, 20])]

        assert [short(event) for event in events] == [
            "start",
            "step-start a",
            "step-progress a",
            "step-progress a",
            "step-result a",
            "finish",
        ]
        assert events[3]["payload"] == {
            "id": "a",
            "step_name": "a",
            "completed_count": 2,
            "total_count": 2,
            "current_index": 1,
            "iteration_status": "success",
            "iteration_output": 21,
        }


async def test_a_step_that_fails_is_told_with_its_error() -> None:
    flow = Workflow("flow", input=int).then(burst).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        with fail_after(5):
            events = [event async for event in run.stream(input_data=1)]

        assert [short(event) for event in events] == [
            "start",
            "step-start burst",
            "step-result burst",
            "finish",
        ]
        assert events[2]["payload"]["status"] == "failed"
        assert events[2]["payload"]["error"] == {"name": "ValueError", "message": "no", "code": None}
        assert events[3]["payload"] == {"workflow_status": "failed"}


async def test_an_answer_is_told_with_its_step() -> None:
    async with Cadenza(workflows=[waits]) as app:
        run = await app.workflow(waits).create_run()
        await run.start(input_data=1)
        with fail_after(5):
            events = [event async for event in run.resume_stream(resume_data=7)]

        assert events[1]["payload"]["resume_payload"] == 7
        assert events[1]["payload"]["payload"] == 2


async def test_a_refused_start_is_raised_by_the_result_of_the_stream() -> None:
    async with Cadenza(workflows=[plain]) as app:
        run = await app.workflow(plain).create_run()

        stream = run.stream(input_data="no number")
        events = await told(stream)

        assert events == ["start", "finish"]
        with pytest.raises(err.InvalidInput):
            await stream.result()
        assert (await run.get_state()).status == "pending"


async def test_a_refused_resume_is_raised_by_the_result_of_the_stream() -> None:
    async with Cadenza(workflows=[waits]) as app:
        run = await app.workflow(waits).create_run()
        await run.start(input_data=1)

        stream = run.resume_stream(step="nope")
        await told(stream)

        with pytest.raises(err.StepNotSuspended):
            await stream.result()


async def test_the_result_can_be_had_without_the_events() -> None:
    async with Cadenza(workflows=[plain]) as app:
        run = await app.workflow(plain).create_run()

        with fail_after(5):
            result = await run.stream(input_data=1).result()

        assert result.status == "success"


async def test_leaving_a_stream_early_stops_nothing() -> None:
    async with Cadenza(workflows=[plain]) as app:
        run = await app.workflow(plain).create_run()
        stream = run.stream(input_data=1)
        with fail_after(5):
            async for _ in stream:
                break
            result = await stream.result()

        assert result.status == "success"


async def test_arguments_go_along_with_a_stream() -> None:
    async with Cadenza(workflows=[waits]) as app:
        run = await app.workflow(waits).create_run()
        stream = run.stream(
            input_data=1,
            initial_state={"x": 1},
            runtime_context={"user": "ann"},
            output_options={"include_state": True},
        )
        await told(stream)

        result = await stream.result()

        assert result.state == {"x": 1}


# ------------------------------------------------------------------ watch


async def test_those_who_watch_are_told_every_leg_until_they_stop() -> None:
    async with Cadenza(workflows=[waits]) as app:
        run = await app.workflow(waits).create_run()
        seen: list[str] = []
        ended = asyncio.Event()

        def hear(event: dict[str, Any]) -> None:
            seen.append(short(event))
            if event["payload"].get("id") == "b" and event["type"] == "workflow-step-result":
                ended.set()

        unwatch = run.watch(hear)
        await run.start(input_data=1)
        await run.resume(resume_data=1)
        with fail_after(5):
            await ended.wait()
        unwatch()
        await run.time_travel(step="a")

        assert [name for name in seen if name.startswith("step")] == [
            "step-start a",
            "step-result a",
            "step-start ask",
            "step-suspended ask",
            "step-start ask",
            "step-result ask",
            "step-start b",
            "step-result b",
        ]


async def test_a_watcher_that_raises_harms_neither_the_run_nor_the_next_event() -> None:
    async with Cadenza(workflows=[plain]) as app:
        run = await app.workflow(plain).create_run()
        seen: list[str] = []
        done = asyncio.Event()

        def hear(event: dict[str, Any]) -> None:
            seen.append(short(event))
            if short(event) == "step-result b":
                done.set()
            raise RuntimeError("mine")

        unwatch = run.watch(hear)
        result = await run.start(input_data=1)

        assert result.status == "success"
        with fail_after(1):
            await done.wait()
        unwatch()


# ------------------------------------------------------------------ observe_stream


HISTORY = [
    "start",
    "step-start a",
    "step-result a",
    "step-start ask",
    "step-suspended ask",
    "step-start ask",
    "step-result ask",
    "step-start b",
    "step-result b",
    "finish",
]


async def test_a_late_observer_gets_the_whole_history_once(store: str) -> None:
    async with Cadenza(store=store, workflows=[waits]) as app:
        run = await app.workflow(waits).create_run()
        await run.start(input_data=1)
        await run.resume(resume_data=1)

        assert await told(run.observe_stream()) == HISTORY
        assert await told(run.observe_stream()) == HISTORY


async def test_an_observer_in_another_process_gets_the_whole_history_too(store: str) -> None:
    first = Cadenza(store=store, workflows=[waits])
    run = await first.workflow(waits).create_run("r1")
    await run.start(input_data=1)
    await run.resume(resume_data=1)
    if store.startswith("sqlite"):
        await first.close()

    async with Cadenza(store=first.store if store == "memory://" else store, workflows=[waits]) as second:
        assert await told((await second.get_run("r1")).observe_stream()) == HISTORY


async def test_an_observer_can_begin_after_any_entry_and_misses_and_repeats_nothing(store: str) -> None:
    async with Cadenza(store=store, workflows=[waits]) as app:
        run = await app.workflow(waits).create_run("r1")
        await run.start(input_data=1)
        await run.resume(resume_data=1)
        count = len(await app.store.entries("r1"))

        tails = [await told(run.observe_stream(after=after)) for after in range(count + 1)]

        for tail in tails:
            assert tail[0] == "start"
            assert tail[1:] == HISTORY[len(HISTORY) - len(tail) + 1 :]
        lengths = [len(tail) for tail in tails]
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[-1] == 2


async def test_an_observer_who_comes_while_a_step_runs_gets_the_past_and_then_what_comes(store: str) -> None:
    running, may_end = asyncio.Event(), asyncio.Event()

    @step
    async def slow(value: int, ctx: StepContext) -> int:
        await ctx.writer.write("before anybody listened")
        running.set()
        await may_end.wait()
        await ctx.writer.write("heard")
        return value

    flow = Workflow("flow", input=int).then(a).then(slow).then(a.clone(id="b")).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, wait=False)
        with fail_after(5):
            await running.wait()
        seen: list[str] = []
        with fail_after(5):
            async for event in run.observe_stream():
                seen.append(short(event))
                if seen[-1] == "step-start slow":
                    may_end.set()

        assert seen == [
            "start",
            "step-start a",
            "step-result a",
            "step-start slow",
            "step-output slow",
            "step-result slow",
            "step-start b",
            "step-result b",
            "finish",
        ]


async def test_several_observers_are_told_the_same() -> None:
    gate = asyncio.Event()

    @step
    async def slow(value: int) -> int:
        await gate.wait()
        return value

    flow = Workflow("flow", input=int).then(slow).then(a).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, wait=False)
        observers = [asyncio.ensure_future(told(run.observe_stream())) for _ in range(3)]
        gate.set()

        with fail_after(5):
            found = await asyncio.gather(*observers)

        assert found[0] == found[1] == found[2]
        assert found[0][-3:] == ["step-start a", "step-result a", "finish"]


async def test_an_observer_of_a_waiting_run_ends_there() -> None:
    async with Cadenza(workflows=[waits]) as app:
        run = await app.workflow(waits).create_run()
        await run.start(input_data=1)

        events = await told(run.observe_stream())

        assert events == [*HISTORY[:5], "finish"]


async def test_observing_an_unknown_run_says_so() -> None:
    async with Cadenza(workflows=[waits]) as app:
        run = await app.workflow(waits).create_run("r1")
        await app.delete_run("r1")

        with pytest.raises(err.RunNotFound):
            await told(run.observe_stream())


async def test_a_canceled_run_is_told_as_such() -> None:
    async with Cadenza(workflows=[waits]) as app:
        run = await app.workflow(waits).create_run()
        await run.start(input_data=1)
        await run.cancel()

        assert await told(run.observe_stream()) == [*HISTORY[:5], "canceled", "finish"]


async def test_a_stream_of_a_quiet_run_leaves_the_store_alone(store: str) -> None:
    """Every wait that was given up woke the next one: as long as it was open, a stream read the store without a pause."""

    @step
    async def asks(value: int, ctx: StepContext) -> int:
        return value + await ctx.ask(int)

    flow = Workflow("quiet", input=int).then(asks).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        looks: list[str] = []
        row = app.store.row

        async def counted(run_id: str) -> Any:
            looks.append(run_id)
            return await row(run_id)

        app.store.row = counted  # type: ignore[method-assign]
        seen = asyncio.Event()

        async def watch() -> None:
            async for event in observe(app.store, app.engine.feed, run.id, 0, lambda _: False):
                if event["type"] == "workflow-step-suspended":
                    seen.set()

        watching = asyncio.ensure_future(watch())
        await run.start(input_data=1)
        with fail_after(5):
            await seen.wait()
        for _ in range(20):
            await asyncio.to_thread(lambda: None)
        looks.clear()
        for _ in range(100):
            await asyncio.to_thread(lambda: None)
        assert len(looks) <= 2
        watching.cancel()


async def test_a_stream_whose_store_is_away_says_so_and_does_not_hang(store: str) -> None:
    flow = Workflow("flow", input=int).then(a).commit()
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()

        async def away(*_: Any, **__: Any) -> Any:
            raise err.StoreUnavailable("it is being moved", unsure=False)

        app.store.entries = away  # type: ignore[method-assign]
        stream = run.stream(input_data=1)
        with fail_after(5), pytest.raises(err.StoreUnavailable):
            async for _ in stream:
                pass
        with pytest.raises(err.StoreUnavailable):
            await stream.result()
