"""Runs that are too long or too large for one execution."""

from __future__ import annotations

from typing import Any

import pytest

from cadenza import Scope, StepContext, Workflow, step
from cadenza.errors import ValueTooLarge

from .conftest import MakeApp

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning"),
]


@step
async def add(value: int) -> int:
    return value + 1


async def _executions(app: Any, run_id: str) -> int:
    found = [w async for w in app.engine.client.list_workflows(f"WorkflowId = '{run_id}'")]
    return len(found)


async def test_many_items_pass_from_execution_to_execution(make_app: MakeApp) -> None:
    items = 5_000
    flow = Workflow("many", input=list).foreach(add, concurrency=100).commit()
    async with make_app(flow, cached=100, leave_after=4_000) as app:
        run = await app.workflow(flow).create_run()
        result: Any = await run.start(input_data=list(range(items)))
        assert result.result == [i + 1 for i in range(items)]
        handle = app.engine.calls.handle(run.id)  # type: ignore[attr-defined]
        # It has gone on in another one: all in one would be a multiple of that.
        assert (await handle.describe()).history_length < 10_000


async def test_many_rounds_pass_from_execution_to_execution(make_app: MakeApp) -> None:
    def enough(scope: Scope) -> bool:
        return scope.iteration >= 1_000

    flow = Workflow("rounds", input=int).dountil(add, enough).commit()
    async with make_app(flow, cached=100, leave_after=2_000) as app:
        run = await app.workflow(flow).create_run()
        assert (await run.start(input_data=0)).result == 1_000


async def test_a_large_run_passes_from_execution_to_execution(make_app: MakeApp) -> None:
    @step
    async def grow(value: int, ctx: StepContext) -> int:
        ctx.set_state({f"part-{value}": f"{value:06}" * 25_000})
        return value + 1

    @step
    async def ask(value: int, ctx: StepContext) -> int:
        return value + await ctx.ask(int)

    def enough(scope: Scope) -> bool:
        return scope.iteration >= 10

    flow = Workflow("large", input=int).dountil(grow, enough).then(ask).commit()
    async with make_app(flow, cached=100, leave_after=40) as app:
        run = await app.workflow(flow).create_run()
        assert (await run.start(input_data=0)).status == "suspended"
        result = await run.resume(resume_data=5, output_options={"include_state": True})
        assert result.result == 15
        assert sum(len(part) for part in (result.state or {}).values()) == 1_500_000


async def test_what_temporal_cannot_carry_is_refused_with_its_size(make_app: MakeApp) -> None:
    @step
    async def swell(value: str, ctx: StepContext) -> str:
        return "x" * (3 * 1024 * 1024) if value == "swell" else value

    @step
    async def ask(value: str, ctx: StepContext) -> str:
        return await ctx.ask(str, question="small?")

    flow = Workflow("heavy", input=str).then(swell).then(ask).commit()
    large = "x" * (3 * 1024 * 1024)
    async with make_app(flow) as app:
        with pytest.raises(ValueTooLarge, match=r"3,\d{3},\d{3} bytes.* 1,900,000"):
            await (await app.workflow(flow).create_run()).start(input_data=large)
        # A step whose output is too large fails, as one would that raised.
        failed = await (await app.workflow(flow).create_run()).start(input_data="swell")
        assert failed.status == "failed"
        assert "3,145,730 bytes of JSON, where 1,900,000 are allowed" in failed.error.message
        # An answer that is too large is refused, and the question stays open.
        run = await app.workflow(flow).create_run()
        await run.start(input_data="small")
        with pytest.raises(ValueTooLarge, match="1,900,000"):
            await run.resume(resume_data=large)
        assert (await run.resume(resume_data="small")).result == "small"
