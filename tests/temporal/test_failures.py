"""Real failures: processes that are killed, a server that goes away, and answers while nobody is there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4  # noqa: TID251  a queue that no other test has

import pytest

from cadenza import Cadenza
from cadenza.engine.temporal import TemporalEngine

from .program import build
from .server import connect, free_port, launch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning"),
]


class Place:
    """A task queue on a server, a store, and a file in which the steps say that they ran."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.db = folder / "runs.db"
        self.side = folder / "side"
        self.queue = f"queue-{uuid4()}"

    @contextmanager
    def worker(self, version: str = "v1") -> Iterator[subprocess.Popen[bytes]]:
        """A worker process."""
        arguments = [str(self.port), str(self.db), self.queue, version, str(self.side)]
        root = Path(__file__).parents[2]
        process = subprocess.Popen([sys.executable, "-m", "tests.temporal.program", *arguments], cwd=root)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @asynccontextmanager
    async def app(self, version: str = "v1") -> AsyncIterator[Cadenza]:
        """An app of this process, without a worker."""
        engine = TemporalEngine(
            await connect(self.port), task_queue=self.queue, heartbeat=timedelta(seconds=2)
        )
        flow = build(version, None)
        async with Cadenza(
            store=f"sqlite:///{self.db}", workflows=[flow], engine=engine, worker=False
        ) as app:
            yield app

    def said(self) -> list[str]:
        """What the steps said, in order."""
        return self.side.read_text().split() if self.side.exists() else []

    async def heard(self, *what: str) -> None:
        """Return when the steps have said this."""
        async with asyncio.timeout(60):
            while self.said() != list(what):  # noqa: ASYNC110  another process says it
                await asyncio.sleep(0.05)  # noqa: TID251  another process is at work


async def test_a_worker_killed_in_a_step_costs_that_step_alone(temporal_port: int, tmp_path: Path) -> None:
    place = Place(temporal_port, tmp_path)
    block = place.side.with_suffix(".block")
    block.touch()
    async with place.app() as app:
        run = await app.workflow("work").create_run()
        with place.worker() as first:
            starting = asyncio.ensure_future(run.start(input_data=1))
            await place.heard("pay", "load")
            first.kill()
            first.wait()
        block.unlink()
        with place.worker():
            result = await starting
            assert result.status == "suspended"
            # What `once` had kept was not paid again, and the step ran twice.
            assert place.said() == ["pay", "load", "load"]
            assert (await run.resume(resume_data=10)).result == "v1:12"
            assert place.said() == ["pay", "load", "load", "last"]


async def test_a_server_killed_and_restarted_keeps_waiting_runs(tmp_path: Path) -> None:
    port, server_db = free_port(), tmp_path / "server.db"
    server = launch(port, server_db)
    try:
        await connect(port)
        place = Place(port, tmp_path)
        async with place.app() as app:
            with place.worker():
                run = await app.workflow("work").create_run()
                assert (await run.start(input_data=1)).status == "suspended"
                server.kill()
                server.wait()
                server = launch(port, server_db)
                await connect(port)
                result = await run.resume(resume_data=10, idempotency_key="once")
                assert result.result == "v1:12"
                assert place.said() == ["pay", "load", "last"]
    finally:
        server.kill()
        server.wait()


async def test_an_answer_while_no_worker_is_up_is_not_lost(temporal_port: int, tmp_path: Path) -> None:
    place = Place(temporal_port, tmp_path)
    async with place.app() as app:
        run = await app.workflow("work").create_run()
        with place.worker():
            await run.start(input_data=1)
        answering = asyncio.ensure_future(run.resume(resume_data=10, idempotency_key="k"))
        await asyncio.sleep(1)  # noqa: TID251  it has to be on its way while nobody is there
        assert not answering.done()
        with place.worker():
            assert (await answering).result == "v1:12"
            assert place.said() == ["pay", "load", "last"]


async def test_a_deploy_lets_waiting_runs_go_on_with_their_graph(temporal_port: int, tmp_path: Path) -> None:
    place = Place(temporal_port, tmp_path)
    async with place.app() as app:
        run = await app.workflow("work").create_run()
        with place.worker():
            await run.start(input_data=1)
    async with place.app("v2") as app:
        with place.worker("v2"):
            old = await app.get_run(run.id)
            assert (await old.resume(resume_data=10)).result == "v2:12"
            new = await app.workflow("work").create_run()
            await new.start(input_data=1)
            result = await new.resume(resume_data=10)
            assert list(result.steps) == ["load", "review", "last", "more"]
