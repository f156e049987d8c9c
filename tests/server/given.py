"""What the tests of the server share: a workflow that asks, and how it is called, in this process or over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
import uvicorn
from pydantic import BaseModel, Field
from starlette.types import ASGIApp

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.server import create_app

SECRET = "a secret that nobody can guess, really, however long they try to guess it"
URL = "http://flows.test"


class Review(BaseModel):
    decision: Literal["pay", "reject"]
    note: str = ""
    amount: int | None = Field(default=None, ge=1)


@step
async def review(value: int, ctx: StepContext) -> str:
    answer = await ctx.ask(
        Review, question={"supplier": "<b>ACME</b>", "value": value}, label=f"item-{value}"
    )
    return f"{answer.decision} {answer.note} {answer.amount}"


pay = Workflow("pay", input=int).then(review).commit()


@asynccontextmanager
async def calling(app: ASGIApp, **headers: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of *app*, without a socket."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=URL, headers=headers) as client:
        yield client


@asynccontextmanager
async def served(cadenza: Cadenza, **options: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """*cadenza*, open, with a client of its server."""
    async with cadenza, calling(create_app(cadenza, **options)) as client:
        yield client


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[str]:
    """The URL of *app*, served on a socket of its own by this event loop; its lifespan runs."""
    config = uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.to_thread(lambda: None)
        assert not serving.done()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def asked(app: Cadenza, value: int = 1, **options: Any) -> tuple[str, str]:
    """A run of `pay` that waits: its id, and that of its question."""
    run = await app.workflow(pay).create_run(**options)
    result: Any = await run.start(input_data=value)
    return run.id, result.suspensions[0].id
