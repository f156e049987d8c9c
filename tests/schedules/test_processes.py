"""Real processes on one store: each second that a schedule fires starts one run, though one of them is killed on the way."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from cadenza import Cadenza

from . import each_second

PROCESSES = 3
FIRES = 5


@pytest.mark.slow
async def test_of_many_processes_one_fires_each_time(tmp_path: Path) -> None:
    store, ran = f"sqlite:///{tmp_path / 'runs.db'}", tmp_path / "ran"
    ran.touch()
    command = [sys.executable, "-m", "tests.schedules.each_second", store, str(ran)]
    processes = [
        await asyncio.to_thread(subprocess.Popen, command, cwd=Path(__file__).parents[2])
        for _ in range(PROCESSES)
    ]
    async with Cadenza(store=store, workflows=[each_second.tick], worker=False) as app:

        async def fired(times: int) -> None:
            async with asyncio.timeout(30):
                while len(list(await app.store.fires("tick"))) < times:
                    await asyncio.to_thread(processes[-1].poll)

        try:
            # Killed when a fire was noted: one that is cut off is made up for a minute later, and that is tested in virtual time.
            await fired(2)
            processes[0].kill()
            await fired(FIRES)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        fires = list(await app.store.fires("tick"))
        runs = (await app.list_runs(limit=None)).runs
        # The last one may have been cut off between its start and its note.
        assert {fire.run_id for fire in fires} <= {run.id for run in runs}
        assert len(runs) - len(fires) in {0, 1}
        times = [fire.scheduled_at for fire in fires]
        assert all(one - other >= timedelta(seconds=1) for one, other in pairwise(times))
    lines = ran.read_text().splitlines()
    # A step that was under way in a process that died runs again, as any step does.
    assert len(set(lines)) >= FIRES - 1
    assert len(lines) - len(set(lines)) <= 1
