"""A process that works on a task queue: python -m tests.temporal.program PORT DB QUEUE VERSION SIDE_FILE."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.engine.temporal import TemporalEngine

from .server import connect


def build(version: str, side: Path | None) -> Workflow[Any, Any]:
    """The workflow as the code of *version* has it: in the second one another step follows, and the last one says so."""

    def say(what: str) -> None:
        if side is not None:
            with side.open("a") as file:
                file.write(f"{what}\n")

    @step
    async def load(value: int, ctx: StepContext) -> int:
        def pay() -> int:
            say("pay")
            return value + 1

        paid = await ctx.once("pay", pay)
        say("load")
        if side is not None and side.with_suffix(".block").exists():
            await asyncio.get_running_loop().create_future()
        return paid

    @step
    async def review(value: int, ctx: StepContext) -> int:
        return value + await ctx.ask(int)

    @step
    async def last(value: int) -> str:
        say("last")
        return f"{version}:{value}"

    flow: Any = Workflow("work", input=int).then(load).then(review).then(last)
    return (flow if version == "v1" else flow.then(last.clone(id="more"))).commit()


async def _main() -> None:
    port, db, queue, version, side = sys.argv[1:]
    engine = TemporalEngine(await connect(int(port)), task_queue=queue, heartbeat=timedelta(seconds=2))
    async with Cadenza(store=f"sqlite:///{db}", workflows=[build(version, Path(side))], engine=engine):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_main())
