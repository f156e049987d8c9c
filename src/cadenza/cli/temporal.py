"""`cadenza temporal`, and the worker of `cadenza worker --temporal`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from .out import say

if TYPE_CHECKING:
    from temporalio.client import Client

    from ..app import Cadenza

temporal = App(name="temporal", help="What a Temporal namespace needs to be told once.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Server:
    """Which server, and what of it."""

    temporal: Annotated[str | None, Parameter(help="A Temporal server, HOST:PORT.")] = None
    namespace: Annotated[str, Parameter(help="The namespace on it.")] = "default"
    task_queue: Annotated[str, Parameter(help="The task queue of the app's runs.")] = "cadenza"
    tls: Annotated[bool, Parameter(help="Speak TLS.")] = False


NO_SERVER = Server()


async def _connect(server: Server) -> Client:
    from temporalio.client import Client

    address = server.temporal or "localhost:7233"
    return await Client.connect(address, namespace=server.namespace, tls=server.tls)


@temporal.command
async def setup(*, server: Server = NO_SERVER) -> None:
    """Register the search attributes that runs set."""
    from ..engine.temporal import set_up

    made = await set_up(await _connect(server))
    say(f"registered {', '.join(made)}" if made else "all is there already")


@asynccontextmanager
async def on_temporal(app: Cadenza, server: Server) -> AsyncIterator[Cadenza]:
    """The workflows, store and hooks of *app*, with a worker on Temporal."""
    from ..app import Cadenza
    from ..engine.temporal import TemporalEngine

    engine = TemporalEngine(await _connect(server), task_queue=server.task_queue)
    engine.hooks = app.engine.hooks
    async with Cadenza(store=app.store, workflows=app.workflows.values(), engine=engine) as moved:
        yield moved
