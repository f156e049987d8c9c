"""The desk: its runs stand as the studio's pictures show them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "desk"
READ = """
import asyncio, json, sys
from app import app as desk
from cadenza import Cadenza

async def main():
    async with Cadenza(store=sys.argv[1], workflows=desk.workflows.values()) as app:
        # The one that sleeps was not waited for.
        async for _ in (await app.get_run("report-1")).observe_stream():
            if (await (await app.get_run("report-1")).get_state()).status == "waiting":
                break
        runs = await app.list_runs(limit=None)
        open_ = await app.inbox.list(limit=None)
        print(json.dumps([{run.id: run.status for run in runs.runs}, open_.total]))

asyncio.run(main())
"""


def run(*command: str) -> str:
    found = subprocess.run(
        [sys.executable, *command], cwd=EXAMPLE, capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


def test_the_desk_is_filled(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'desk.db'}"
    run("fill.py", store)
    assert json.loads(run("-c", READ, store)) == [
        {
            "expense-2040": "suspended",
            "expense-2041": "success",
            "expense-2042": "suspended",
            "order-71": "suspended",
            "order-72": "suspended",
            "ratings-7": "suspended",
            "payout-12": "failed",
            "report-1": "waiting",
        },
        10,
    ]
