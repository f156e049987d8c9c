"""Records the histories of a few runs: python -m tests.temporal.record NAME_SUFFIX. Old ones stay: they are what is kept."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from cadenza import Cadenza, Retry, Scope, StepContext, Workflow, step
from cadenza.engine.temporal import TemporalEngine

from .server import server


@step
async def add(value: int) -> int:
    return value + 1


@step
async def ask(value: Any, ctx: StepContext) -> Any:
    ctx.set_state({"asked": value})
    return await ctx.ask(int, deadline="1d", on_timeout=0)


@step(retries=Retry(attempts=2, delay=0.01))
async def flaky(value: Any, ctx: StepContext) -> Any:
    if ctx.retry_count < 2:
        raise ValueError("again")
    return await ctx.once("kept", lambda: 5)


def _flows() -> list[Workflow[Any, Any]]:
    def third(scope: Scope) -> bool:
        return scope.iteration >= 3

    inner = Workflow("inner", input=int).then(add).then(ask).commit()
    return [
        Workflow("sequence", input=int).then(add).then(ask).then(flaky).commit(),
        Workflow("nested", input=int).then(inner).map(lambda scope: scope.input).commit(),
        Workflow("race", input=int).parallel([ask, ask.clone(id="other")], first_answer_wins=True).commit(),
        Workflow("loop", input=int)
        .dountil(add, third)
        .sleep(0.01)
        .branch([(third, add.clone(id="no"))])
        .commit(),
        Workflow("each", input=list).foreach(ask, concurrency=2).commit(),
        Workflow("event").wait_for_event("paid", schema=int).commit(),
    ]


async def _main(suffix: str) -> None:
    folder = Path(__file__).parent / "histories"
    async with server() as client:
        engine = TemporalEngine(client, task_queue="record")
        async with Cadenza(store="memory://", workflows=_flows(), engine=engine) as app:
            for flow in _flows():
                run = await app.workflow(flow.id).create_run(f"run-{flow.id}")
                result: Any = await run.start(input_data=[1, 2, 3] if flow.id == "each" else 1)
                while result.status == "suspended":
                    result = await run.resume(step=result.suspensions[0], resume_data=7)
                history = await engine.calls.handle(run.id).fetch_history()
                (folder / f"{flow.id}-{suffix}.json").write_text(history.to_json(), "utf-8")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
