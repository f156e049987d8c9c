"""A program that fires each second: `python -m tests.schedules.each_second STORE FILE`. Each run adds its id to the file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from cadenza import Cadenza, StepContext, Workflow, step


@step
async def note(file: str, ctx: StepContext) -> None:
    with Path(file).open("a") as lines:  # noqa: ASYNC230  a line to a local file
        lines.write(f"{ctx.run_id}\n")


tick = Workflow("tick", input=str).then(note).commit()


async def main() -> None:
    store, file = sys.argv[1:]
    app = Cadenza(store=store, workflows=[tick])
    app.schedule(tick, cron="* * * * * *", input_data=file)
    async with app:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
