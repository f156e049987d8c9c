"""Real processes on one SQLite file: they race, and they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cadenza.store.sqlite import SqliteStore
from cadenza.testing.store_suite.given import (
    claim,
    new_run,
    question,
    whole,
    write,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a SQLite file may be made."""
    return tmp_path / "runs.db"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.setup()
    try:
        yield store
    finally:
        await store.close()


_PROGRAM = """
import asyncio, sys
from cadenza.store.base import Accepted
from cadenza.store.sqlite import SqliteStore
from cadenza.testing.store_suite.given import claim, new_run, reply_to, write

async def append():
    await store.create(new_run())
    await store.append(write(claim=claim()))
    for number in range(1, 100_000):
        await store.append(write(number, epoch=1))
        print(number + 1, flush=True)

async def answer():
    print("ready", flush=True)
    for line in sys.stdin:
        given = reply_to(line.strip(), actor=sys.argv[3], write=write(int(line[1:]), claim=claim(sys.argv[3])))
        print(isinstance(await store.answer(given), Accepted), flush=True)

async def main():
    await {"append": append, "answer": answer}[sys.argv[1]]()
    await store.close()

store = SqliteStore(sys.argv[2])
asyncio.run(main())
"""


def process(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _PROGRAM, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_what_was_acknowledged_survives_the_death_of_its_process(path: Path) -> None:
    with process("append", path) as child:
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(200)]
        os.kill(child.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in child.stdout if line.endswith("\n")]
    async with opened(path) as store:
        stored = await whole(store)
        assert [entry.seq for entry in stored.entries] == list(range(1, stored.run.seq + 1))
        assert acknowledged[-1] <= stored.run.seq <= acknowledged[-1] + 1
        await store.append(write(stored.run.seq, claim=claim("two", dead=1)))


async def test_of_two_processes_that_answer_at_once_exactly_one_is_taken(path: Path) -> None:
    rounds = 100
    async with opened(path) as store:
        await store.create(new_run())
        rows = [question(f"s{i}") for i in range(1, rounds + 1)]
        await store.append(write(claim=claim(), opened=rows, release=True))
        with process("answer", path, "ada") as one, process("answer", path, "bob") as two:
            both = (one, two)
            assert [child.stdout.readline() for child in both if child.stdout] == ["ready\n"] * 2
            for row in rows:
                for child in both:
                    assert child.stdin is not None
                    child.stdin.write(f"{row.id}\n")
                    child.stdin.flush()
                said = [child.stdout.readline().strip() for child in both if child.stdout]
                assert sorted(said) == ["False", "True"]
                kept = await store.suspension(row.id)
                assert kept is not None
                assert kept.actor == ("ada", "bob")[said.index("True")]
                # The winner drives, with its entry: the next round needs the lease free again.
                run = (await whole(store)).run
                assert run.lease is not None
                assert (run.lease.owner, run.seq, run.signals) == (kept.actor, int(row.id[1:]) + 1, 0)
                await store.release("r", run.epoch)
            for child in both:
                assert child.stdin is not None
                child.stdin.close()
