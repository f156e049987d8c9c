"""The server that the soak is let loose on: `python -m tests.server.soak.program PORT STORE`."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from pydantic import BaseModel

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.server import LOOPBACK_HOSTS, create_app


class Verdict(BaseModel):
    by: str


@step
async def prepare(value: int) -> int:
    return value * 2


@step
async def decide(value: int, ctx: StepContext) -> dict[str, Any]:
    verdict = await ctx.ask(Verdict, question={"value": value})
    return {"value": value, "by": verdict.by}


@step
def finish(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "done": True}


soaked = Workflow("soaked", input=int).then(prepare).then(decide).then(finish).commit()


def main() -> None:
    port, store = sys.argv[1:]
    app = create_app(Cadenza(store=store, workflows=[soaked]), hosts=LOOPBACK_HOSTS)
    uvicorn.run(app, port=int(port), log_level="error", timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
