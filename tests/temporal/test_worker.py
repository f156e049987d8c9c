"""Workers of this process: how they end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import anyio
import pytest
from temporalio.client import Client

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.engine.temporal import TemporalEngine
from cadenza.testing import kill

from .conftest import MakeApp
from .server import connect

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning"),
]


class Heard(logging.Handler):
    """Lets a test wait for what is said."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put_nowait(record.getMessage())


async def test_a_worker_that_fails_says_so(temporal_port: int) -> None:
    await connect(temporal_port)
    client = await Client.connect(f"127.0.0.1:{temporal_port}", namespace="nowhere")
    flow = Workflow("flow").map(lambda scope: 1).commit()
    heard = Heard()
    logging.getLogger("cadenza").addHandler(heard)
    try:
        engine = TemporalEngine(client, task_queue="lonely")
        async with Cadenza(workflows=[flow], engine=engine):
            with anyio.fail_after(20):
                said = await heard.lines.get()
    finally:
        logging.getLogger("cadenza").removeHandler(heard)
    assert "the worker of task queue 'lonely' has ended" in said
    assert "nowhere" in said


async def test_a_killed_worker_is_waited_for_before_its_store_is_closed(make_app: MakeApp) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    @step
    async def slow(value: Any, ctx: StepContext) -> None:
        begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    flow = Workflow("flow").then(slow).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        starting = asyncio.ensure_future(run.start())
        await begun.wait()
        kill(app)
        assert not ended.is_set()
    assert ended.is_set()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
