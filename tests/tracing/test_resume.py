"""One trace from start to resume: whose child a later leg is, and what it is linked with."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.store.memory import MemoryStore
from cadenza.testing import kill

from ..engine.fake_clock import HeldClock
from .told import Ears, Told, around, attempt, id_of, leg, trace_of


@step
async def a(value: int) -> int:
    return value + 1


@step
async def ask(value: int, ctx: StepContext) -> int:
    return ctx.suspend({"value": value}) if ctx.resume_data is None else int(ctx.resume_data)


waits = Workflow("waits", input=int).then(a).then(ask).commit()
FIRST = leg("waits", "start", "suspended", attempt("a"), attempt("ask", "suspended"))


def resumed(*links: str, remote: bool = True, kind: str = "resume", status: str = "success") -> Told:
    return leg("waits", kind, status, attempt("ask"), remote=remote, links=links)


def first_with(*later: Told) -> Told:
    """The first leg, with legs of the same trace under it."""
    return leg("waits", "start", "suspended", attempt("a"), attempt("ask", "suspended"), *later)


async def test_a_resumed_run_goes_on_in_its_trace_under_its_first_leg() -> None:
    ears = Ears()
    async with ears.app(waits) as app:
        run = await app.workflow(waits).create_run("r")
        started = await run.start(input_data=1)
        result = await run.resume(resume_data=7)
        state = await run.get_state()

    assert ears.trees == [first_with(resumed())]
    assert started.trace_id == result.trace_id == state.trace_id == trace_of(ears.spans[0])
    first, second = [span for span in ears.spans if span.name == "invoke_workflow waits"]
    assert [started.span_id, result.span_id] == [f"{id_of(first):016x}", f"{id_of(second):016x}"]


async def test_each_later_leg_stands_under_the_first_one() -> None:
    @step
    async def asks_twice(value: int, ctx: StepContext) -> int:
        return await ctx.ask(int, key="one") + await ctx.ask(int, key="two")

    ears = Ears()
    flow = Workflow("flow", input=int).then(asks_twice).commit()
    async with ears.app(flow) as app:
        run = await app.workflow(flow).create_run("r")
        await run.start(input_data=1)
        await run.resume(resume_data=1)
        await run.resume(resume_data=2)

    stopped = attempt("asks_twice", "suspended")
    assert ears.trees == [
        leg(
            "flow",
            "start",
            "suspended",
            stopped,
            leg("flow", "resume", "suspended", stopped, remote=True),
            leg("flow", "resume", "success", attempt("asks_twice"), remote=True),
        )
    ]


async def test_a_resumed_leg_has_spans_only_around_what_runs_in_it() -> None:
    ears = Ears()
    flow = Workflow("flow", input=list[int]).foreach(waits, concurrency=2).commit()
    async with ears.app(flow) as app:
        run = await app.workflow(flow).create_run("r")
        await run.start(input_data=[1, 2])
        await run.resume(step=waits, resume_data=7, for_each_index=1)

    item = around("invoke_workflow waits", "waits[1]", "success", attempt("waits[1].ask", index=1), index=1)
    (first,) = ears.trees
    assert first.below[-1] == leg(
        "flow", "resume", "suspended", around("foreach waits", "waits", "suspended", item), remote=True
    )


async def test_the_span_that_brought_the_answer_is_linked_and_keeps_its_own_trace() -> None:
    ears = Ears()
    async with ears.app(waits) as app:
        run = await app.workflow(waits).create_run("r")
        await run.start(input_data=1)
        with ears.tracer.start_as_current_span("POST /resume"):
            await run.resume(resume_data=7)

    assert ears.trees == [first_with(resumed("POST /resume")), Told(name="POST /resume")]


async def test_a_tracing_context_given_to_resume_is_linked_instead_of_the_current_span() -> None:
    ears = Ears()
    async with ears.app(waits) as app:
        run = await app.workflow(waits).create_run("r")
        await run.start(input_data=1)
        with ears.tracer.start_as_current_span("slack") as slack, ears.tracer.start_as_current_span("http"):
            await run.resume(resume_data=7, tracing_context={"current_span": slack})

    assert ears.trees[0] == first_with(resumed("slack"))


async def test_a_run_that_started_in_a_request_goes_on_under_its_own_first_leg() -> None:
    ears = Ears()
    async with ears.app(waits) as app:
        run = await app.workflow(waits).create_run("r")
        with ears.tracer.start_as_current_span("POST /start"):
            await run.start(input_data=1)
        await run.resume(resume_data=7)

    assert ears.trees == [Told(name="POST /start", below=(first_with(resumed()),))]


@pytest.mark.parametrize("by", ["app", "call"])
async def test_with_link_a_resumed_run_starts_a_new_trace_that_is_linked(by: str) -> None:
    ears = Ears()
    async with ears.app(waits, resume_trace="link" if by == "app" else "same") as app:
        run = await app.workflow(waits).create_run("r")
        started = await run.start(input_data=1)
        with ears.tracer.start_as_current_span("POST /resume"):
            result = await run.resume(
                resume_data=7, tracing_options={"resume_trace": "link"} if by == "call" else None
            )

    second = resumed("invoke_workflow waits", "POST /resume", remote=False)
    assert ears.trees == [FIRST, Told(name="POST /resume"), second]
    assert started.trace_id != result.trace_id


async def test_an_answer_to_a_leg_that_is_under_way_is_linked_to_that_leg() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    @step
    async def slow(value: int) -> int:
        began.set()
        await go_on.wait()
        return value

    ears = Ears()
    flow = Workflow("flow", input=int).parallel([ask, slow]).commit()
    async with ears.app(flow) as app:
        run = await app.workflow(flow).create_run("r")
        running = asyncio.ensure_future(run.start(input_data=1))
        with fail_after(5):
            await began.wait()
            with ears.tracer.start_as_current_span("POST /resume"):
                await run.resume(resume_data=7, wait=False)
            go_on.set()
            await running

    root = ears.trees[0]
    assert root.links == ("POST /resume",)
    assert sorted(one.name for one in root.below) == ["step ask", "step ask", "step slow"]


async def test_a_leg_that_a_timer_begins_goes_on_in_the_trace_and_nobody_is_linked() -> None:
    clock = HeldClock()
    ears = Ears()
    flow = Workflow("flow", input=int).then(a).sleep(60, id="nap").then(a.clone(id="last")).commit()
    async with ears.app(flow, clock=clock) as app:
        run = await app.workflow(flow).create_run("r")
        with ears.tracer.start_as_current_span("POST /start"), fail_after(5):
            running = asyncio.ensure_future(run.start(input_data=1))
            while (row := await app.store.row("r")) is not None and row.status != "waiting":
                await app.store.wait("r", row, 5)
            clock.pass_by(61)
            await running

    second = leg("flow", "timer", "success", attempt("last"), remote=True)
    first = leg("flow", "start", "waiting", attempt("a"), second)
    assert ears.trees == [Told(name="POST /start", below=(first,))]


async def test_a_deadline_goes_on_in_the_trace_and_nobody_is_linked() -> None:
    @step
    async def impatient(value: int, ctx: StepContext) -> int:
        return await ctx.ask(int, deadline=60, on_timeout=0)

    clock, ears = HeldClock(), Ears()
    flow = Workflow("flow", input=int).then(impatient).commit()
    app = ears.app(flow, clock=clock)
    run = await app.workflow(flow).create_run("r")
    with ears.tracer.start_as_current_span("POST /start"):
        await run.start(input_data=1)
        clock.pass_by(61)
        await app._worker.look()
        with fail_after(5):
            async for _ in run.observe_stream():
                pass
    await app.close()

    second = leg("flow", "timer", "success", attempt("impatient"), remote=True)
    first = leg("flow", "start", "suspended", attempt("impatient", "suspended"), second)
    assert ears.trees == [Told(name="POST /start", below=(first,))]


async def test_an_answer_through_the_inbox_goes_on_in_the_trace_and_is_linked() -> None:
    ears = Ears()
    async with ears.app(waits) as app:
        run = await app.workflow(waits).create_run("r")
        started = await run.start(input_data=1)
        assert started.status == "suspended"
        with ears.tracer.start_as_current_span("POST /inbox"):
            await app.inbox.answer(started.suspensions[0].id, 7)

    assert ears.trees == [first_with(resumed("POST /inbox")), Told(name="POST /inbox")]


async def test_a_restart_starts_a_new_trace_linked_with_the_one_that_broke_off() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    @step
    async def hangs(value: int) -> int:
        began.set()
        await go_on.wait()
        return value

    ears = Ears()
    store = MemoryStore()
    flow = Workflow("flow", input=int).then(a).then(hangs).commit()
    dying = ears.app(flow, store=store)
    run = await dying.workflow(flow).create_run("r")
    started = await run.start(input_data=1, wait=False)
    with fail_after(5):
        await began.wait()
    kill(dying)
    async with ears.app(flow, store=store) as app:
        go_on.set()
        result = await (await app.get_run("r")).restart()

    again = leg("flow", "restart", "success", attempt("hangs"), links=("invoke_workflow flow",))
    assert [one for one in ears.trees if one.attributes["workflow.leg"] == "restart"] == [again]
    assert result.trace_id not in {None, started.trace_id}


async def test_a_time_travel_starts_a_new_trace_and_later_answers_go_on_in_that() -> None:
    ears = Ears()
    async with ears.app(waits) as app:
        run = await app.workflow(waits).create_run("r")
        await run.start(input_data=1)
        traveled = await run.time_travel(step="ask")
        await run.resume(resume_data=7)

    again = leg(
        "waits",
        "time_travel",
        "suspended",
        attempt("ask", "suspended"),
        resumed(),
        links=("invoke_workflow waits",),
    )
    assert ears.trees == [FIRST, again]
    assert traveled.trace_id == trace_of(ears.spans[-1])


async def test_a_cancel_of_a_waiting_run_is_a_leg_of_its_trace() -> None:
    ears = Ears()
    async with ears.app(waits) as app:
        run = await app.workflow(waits).create_run("r")
        await run.start(input_data=1)
        with ears.tracer.start_as_current_span("DELETE"):
            await run.cancel()

    canceled = leg("waits", "cancel", "canceled", remote=True, links=("DELETE",))
    assert ears.trees[0] == first_with(canceled)


async def test_a_refused_answer_leaves_no_span() -> None:
    ears = Ears()
    async with ears.app(waits) as app:
        run = await app.workflow(waits).create_run("r")
        await run.start(input_data=1)
        with pytest.raises(Exception, match="nope"):
            await run.resume(step="nope", resume_data=7)

    assert ears.trees == [FIRST]


async def test_a_run_that_was_not_sampled_stays_so_in_every_leg() -> None:
    silent, loud = Ears(ParentBased(TraceIdRatioBased(0))), Ears()
    store = MemoryStore()
    async with silent.app(waits, store=store) as app:
        run = await app.workflow(waits).create_run("r")
        started = await run.start(input_data=1)
        loud_app = loud.app(waits, store=store)
        result = await (await loud_app.get_run("r")).resume(resume_data=7)

    assert silent.spans == loud.spans == []
    assert started.trace_id is not None
    assert started.trace_id == result.trace_id


async def test_a_run_that_began_untraced_begins_its_trace_with_the_first_traced_leg() -> None:
    ears = Ears()
    store = MemoryStore()

    untraced = Cadenza(store=store, workflows=[waits])
    run = await untraced.workflow(waits).create_run("r")
    started = await run.start(input_data=1)
    await untraced.engine.close()
    async with ears.app(waits, store=store) as app:
        result = await (await app.get_run("r")).resume(resume_data=7)

    assert started.trace_id is None
    assert ears.trees == [resumed(remote=False)]
    assert result.trace_id == trace_of(ears.spans[0])


_PROGRAM = """
import asyncio, json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from cadenza import Cadenza, StepContext, Workflow, step

exporter = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))

@step
async def ask(value: int, ctx: StepContext) -> int:
    return await ctx.ask(int)

flow = Workflow("flow", input=int).then(ask).commit()

async def main(store, what):
    async with Cadenza(store=store, workflows=[flow]) as app:
        if what == "start":
            run = await app.workflow(flow).create_run("r")
            result = await run.start(input_data=1)
        else:
            run = await app.get_run("r")
            with trace.get_tracer("http").start_as_current_span("POST"):
                result = await run.resume(resume_data=2)
    spans = [json.loads(span.to_json()) for span in exporter.get_finished_spans()]
    parents = {s.name: s.parent and s.parent.is_remote for s in exporter.get_finished_spans()}
    print(json.dumps({"trace": result.trace_id, "spans": spans, "remote": parents}))

asyncio.run(main(*sys.argv[1:]))
"""


def _process(store: str, what: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROGRAM, store, what],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_two_processes_make_one_trace_whose_second_leg_has_a_remote_parent(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"

    first, second = _process(store, "start"), _process(store, "resume")

    began = {span["name"]: span for span in first["spans"]}["invoke_workflow flow"]
    went_on = {span["name"]: span for span in second["spans"]}
    root, post = went_on["invoke_workflow flow"], went_on["POST"]
    assert first["trace"] == second["trace"] == began["context"]["trace_id"].removeprefix("0x")
    assert root["parent_id"] == began["context"]["span_id"]
    assert second["remote"]["invoke_workflow flow"] is True
    assert first["remote"]["invoke_workflow flow"] is None
    assert [link["context"]["span_id"] for link in root["links"]] == [post["context"]["span_id"]]
    assert {span["context"]["trace_id"] for span in (*first["spans"], root, went_on["step ask"])} == {
        began["context"]["trace_id"]
    }
    assert post["context"]["trace_id"] != began["context"]["trace_id"]
