"""Many clients, two server processes on one store, one of them killed in the middle: nothing lost, nothing twice, memory flat.

In short it runs with all tests; `CADENZA_SOAK=long pytest tests/server/test_soak.py -s` runs it as long as it should once a release.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cadenza import Cadenza
from cadenza.history import event as ev

from .soak.clients import Client, Report
from .soak.program import soaked
from .soak.servers import Server, stop_all

LONG = os.environ.get("CADENZA_SOAK") == "long"
CLIENTS, SECONDS = (200, 60.0) if LONG else (50, 8.0)
SEED = int(os.environ.get("CADENZA_SOAK_SEED", "1"))
# So much more memory than in its second quarter a server may have in its last one: what a leak of a kilobyte a run would exceed.
GROWTH = 16.0


@pytest.mark.slow
@pytest.mark.timeout(400 if LONG else 60)
async def test_a_soak_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    lasting, mortal = servers = [Server(store), Server(store)]
    report = Report()
    try:
        await asyncio.gather(*[server.start() for server in servers])
        memory: list[float] = []
        urls = [server.url for server in servers]
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=CLIENTS)
        async with httpx2.AsyncClient(timeout=60, limits=limits) as http:
            begun = time.monotonic()
            clients = [Client(number, SEED, http, urls, report) for number in range(CLIENTS)]
            living = asyncio.gather(*[client.live(begun + SECONDS) for client in clients])
            measuring = asyncio.ensure_future(_measure(lasting, memory))
            await _until(begun + SECONDS * 0.5)
            mortal.kill()
            await _until(begun + SECONDS * 0.6)
            await mortal.start()
            await living
            measuring.cancel()
            taken = time.monotonic() - begun
    finally:
        stop_all(servers)

    quarter = len(memory) // 4
    early, late = (
        sum(part) / max(len(part), 1) for part in (memory[quarter : 2 * quarter], memory[-quarter:])
    )
    found = await _judge(store, report)
    print(  # noqa: T201  what a soak is for
        f"\n{CLIENTS} clients, {SECONDS:.0f} s ({taken:.0f} s to the last end), seed {SEED}: {dict(found)}, "
        f"{dict(report.counts)}; memory {early:.1f} MB, then {late:.1f} MB"
    )
    assert report.faults == []
    assert found["wrong"] == 0
    assert found["answered"] >= CLIENTS
    assert late - early < GROWTH


async def _judge(store: str, report: Report) -> Counter[str]:
    """Hold what the clients were told against what is in the store."""
    found: Counter[str] = Counter()
    async with Cadenza(store=store, workflows=[soaked]) as app:
        for run_id, value in report.started.items():
            found["runs"] += 1
            run: Any = await app.get_run(run_id)
            await app.engine.settled(soaked, run_id)
            state = await run.get_state()
            events = [entry.event for entry in await app.store.entries(run_id)]
            ended = Counter(event.path for event in events if isinstance(event, ev.StepSucceeded))
            answers = [event for event in events if isinstance(event, ev.StepAnswered)]
            who = report.answered.get(run_id)
            if who is None:
                right = state.status == "suspended" and not answers
            else:
                found["answered"] += 1
                result = {"value": value * 2, "by": who, "done": True}
                right = state.status == "success" and state.result == result and len(answers) == 1
            if not right or set(ended.values()) - {1}:
                found["wrong"] += 1
                report.faults.append(f"{run_id}: {state.status}, answered by {who}: {events}")
    return found


async def _measure(server: Server, memory: list[float]) -> None:
    while True:
        memory.append(server.memory)
        await asyncio.sleep(0.25)  # noqa: TID251  memory is measured in real time


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))  # noqa: TID251  as is the length of a soak
