"""The corpus on Temporal: a server of its own, and no run kept between its tasks, so that every task is a full replay."""

from __future__ import annotations

from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

from temporalio.client import Client

from cadenza.engine.temporal import TemporalEngine, WorkerOptions

from ..temporal.server import connect, running
from .runner import Opener, run_corpus

# One connection takes one worker of a queue, and a process that was killed may not be gone when the next begins.
_CONNECTIONS = 32
# Seconds: 200 steps, and before each a replay of all that was.
_LONGEST = 60


async def on_temporal(
    corpus: Path, open_data: Opener, *, cached: int = 0
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The records of every scenario, by group."""
    with running() as port:
        clients = cycle([await connect(port), *[await _client(port) for _ in range(_CONNECTIONS)]])

        def engine(task_queue: str) -> TemporalEngine:
            options = WorkerOptions(cached=cached, steps=20, runs=4, grace=timedelta(0))
            return TemporalEngine(next(clients), task_queue=task_queue, options=options)

        return await run_corpus(corpus, open_data, engine, longest=_LONGEST)


async def _client(port: int) -> Client:
    return await Client.connect(f"127.0.0.1:{port}")
