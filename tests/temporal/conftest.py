"""A Temporal server for all tests of this folder, and apps on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4  # noqa: TID251  a queue that no other test has

import pytest

from cadenza import Cadenza
from cadenza.engine.temporal import TemporalEngine, WorkerOptions

from .server import connect, running

MakeApp = Callable[..., AbstractAsyncContextManager[Cadenza]]


@pytest.fixture(scope="session")
def temporal_port() -> Iterator[int]:
    """The port of a server that all tests share."""
    with running(None, "--search-attribute", "CadenzaStatus=Keyword") as port:
        yield port


@pytest.fixture
async def make_app(temporal_port: int) -> MakeApp:
    """What makes an app with a worker of its own, in which every task is a full replay."""

    @asynccontextmanager
    async def make(
        *workflows: Any, store: Any = None, queue: str | None = None, **more: Any
    ) -> AsyncIterator[Cadenza]:
        options = WorkerOptions(cached=more.pop("cached", 0), grace=timedelta(0))
        worker, secrets = more.pop("worker", True), more.pop("context_secrets", ())
        tracing = more.pop("tracing", None)
        engine = TemporalEngine(
            await connect(temporal_port),
            task_queue=queue or f"queue-{uuid4()}",
            options=options,
            heartbeat=timedelta(seconds=2),
            **more,
        )
        async with Cadenza(
            store=store or "memory://",
            workflows=workflows,
            engine=engine,
            worker=worker,
            context_secrets=secrets,
            tracing=tracing,
        ) as app:
            yield app

    return make
