"""What is counted and timed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from anyio import fail_after
from anyio.lowlevel import checkpoint

from cadenza import StepContext, Workflow, step

from ..engine.fake_clock import HeldClock
from .told import Ears


@step
async def ask(value: int, ctx: StepContext) -> int:
    return ctx.suspend() if ctx.resume_data is None else value


@step(retries=1)
async def breaks(value: int) -> int:
    raise ValueError


asks = Workflow("asks", input=int).then(ask).commit()
fails = Workflow("fails", input=int).then(breaks).commit()


def key(**attributes: Any) -> frozenset[tuple[str, Any]]:
    names = {
        "workflow": "gen_ai.workflow.name",
        "run": "workflow.run.status",
        "step": "workflow.step.id",
        "status": "workflow.step.status",
        "error": "error.type",
        "via": "workflow.answer.via",
    }
    return frozenset((names[name], value) for name, value in attributes.items())


async def test_runs_steps_retries_and_waits_are_counted_and_timed() -> None:
    ears, clock = Ears(), HeldClock()
    async with ears.app(asks, fails, clock=clock) as app:
        run = await app.workflow(asks).create_run()
        await run.start(input_data=1)
        clock.pass_by(timedelta(days=2).total_seconds())
        await run.resume(resume_data=1)
        await (await app.workflow(fails).create_run()).start(input_data=1)

    succeeded, failed = key(workflow="asks", run="success"), key(workflow="fails", run="failed")
    assert ears.measured("workflow.runs") == {
        key(workflow="asks", run="suspended"): 1,
        succeeded: 1,
        failed: 1,
    }
    assert ears.measured("workflow.run.duration") == {succeeded: (1, 172_800), failed: (1, 0)}
    assert ears.measured("workflow.suspension.duration") == {
        key(workflow="asks", step="ask", via="resume"): (1, 172_800)
    }
    assert ears.measured("workflow.step.retries") == {key(workflow="fails", step="breaks"): 1}
    steps = {attributes: count for attributes, (count, _) in ears.measured("workflow.step.duration").items()}
    assert steps == {
        key(workflow="asks", step="ask", status="suspended"): 1,
        key(workflow="asks", step="ask", status="success"): 1,
        key(workflow="fails", step="breaks", status="failed", error="ValueError"): 2,
    }


async def test_items_of_a_foreach_are_counted_as_one_step() -> None:
    ears = Ears()
    flow = Workflow("flow", input=list[int]).foreach(asks).commit()
    async with ears.app(flow) as app:
        await (await app.workflow(flow).create_run()).start(input_data=[1, 2])

    counted = {
        attributes: count for attributes, (count, _) in ears.measured("workflow.step.duration").items()
    }
    assert counted == {key(workflow="flow", step="asks.ask", status="suspended"): 1}


@pytest.mark.parametrize("elsewhere", [True, False], ids=["in a reader's thread", "on the event loop"])
async def test_open_suspensions_are_counted_in_the_store(elsewhere: bool, store: str) -> None:
    ears = Ears()
    async with ears.app(asks, store=store, count_suspensions=True) as app:
        runs = [await app.workflow(asks).create_run() for _ in range(3)]
        for run in runs:
            await run.start(input_data=1)
        await runs[0].resume(resume_data=1)

        with fail_after(5):
            if elsewhere:
                found = await asyncio.to_thread(ears.measured, "workflow.suspensions.open")
            else:
                # What was known: nothing at first. Then what was counted since.
                assert ears.measured("workflow.suspensions.open") == {}
                while not (found := ears.measured("workflow.suspensions.open")):
                    await checkpoint()

        assert found == {frozenset(): 2}

    assert await asyncio.to_thread(ears.measured, "workflow.suspensions.open") == {}


async def test_open_suspensions_are_not_counted_unless_asked_for() -> None:
    ears = Ears()
    async with ears.app(asks) as app:
        await (await app.workflow(asks).create_run()).start(input_data=1)

        assert await asyncio.to_thread(ears.measured, "workflow.suspensions.open") == {}
