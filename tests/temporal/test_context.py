"""The runtime context on Temporal: secrets stay in their process, and the rest reaches the run by every door."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cadenza import StepContext, Workflow, step
from cadenza.engine.temporal.activities import homes
from cadenza.errors import RunHeld
from cadenza.history.event import RunRewound
from cadenza.store.memory import MemoryStore

from .conftest import MakeApp

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning"),
]


async def test_a_secret_given_to_a_time_travel_is_there_but_never_kept(make_app: MakeApp) -> None:
    token = object()

    @step
    async def a(value: int, ctx: StepContext) -> bool:
        return ctx.runtime_context.get("token") is token

    flow = Workflow("flow", input=int).then(a).commit()
    async with make_app(flow, context_secrets={"token"}) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)
        result = await run.time_travel(step="a", runtime_context={"token": token, "user": "ann"})
        assert result.result is True
        entries = await app.store.entries(run.id)
        assert [e.event.context for e in entries if isinstance(e.event, RunRewound)] == [{"user": "ann"}]
        assert all("token" not in repr(entry) for entry in entries)


@step
async def first(value: int) -> int:
    return value


@step
async def who(value: int, ctx: StepContext) -> Any:
    return [ctx.runtime_context.get("user"), ctx.runtime_context.get("token")]


async def test_a_restart_gives_a_held_run_its_context(make_app: MakeApp) -> None:
    whole: Any = Workflow("flow", input=int).then(first).then(who).commit()
    less: Any = Workflow("flow", input=int).then(first).commit()
    store = MemoryStore()
    async with (
        make_app(less, store=store, context_secrets={"token"}) as serving,
        make_app(
            whole, store=store, queue=serving.engine.task_queue, worker=False, context_secrets={"token"}
        ) as app,
    ):
        run = await app.workflow("flow").create_run()
        with pytest.raises(RunHeld):
            await run.start(input_data=1)
        homes[serving.engine.task_queue].workflows = lambda: {"flow": whole}
        again = await (await serving.get_run(run.id)).restart(runtime_context={"user": "ann", "token": "t"})
        assert again.result == ["ann", "t"]
        assert all("token" not in repr(entry) for entry in await app.store.entries(run.id))


async def test_a_restart_gives_a_lost_run_its_context(make_app: MakeApp) -> None:
    begun = asyncio.Event()

    @step
    async def stuck(value: int, ctx: StepContext) -> Any:
        if not begun.is_set():
            begun.set()
            await ctx.abort_signal.wait()
        return ctx.runtime_context.get("user")

    flow: Any = Workflow("flow", input=int).then(stuck).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        starting = asyncio.ensure_future(run.start(input_data=1))
        await begun.wait()
        await app.engine.calls.terminate(run.id, "a test")  # type: ignore[attr-defined]
        assert (await run.restart(runtime_context={"user": "ann"})).result == "ann"
        await asyncio.gather(starting, return_exceptions=True)
