"""The storm: processes that are killed at random while others answer, cancel and restart; then what is left is judged.

`python -m tests.torture.storm STORE [SECONDS] [SEED]` runs one and prints what came of it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from cadenza import Cadenza, Run
from cadenza.errors import CadenzaError
from cadenza.history import event as ev
from cadenza.history.record import ENDED
from cadenza.history.snapshot import fold
from cadenza.store.base import RunQuery, Stored

from .mob import flow, inner, race
from .side_file import Line, SideFile

_ROOT = Path(__file__).parents[2]
_NAMES = ("ada", "bob", "cleo")
# How long, in seconds, what is left may take to end once the storm is over.
_AFTERMATH = 90


@dataclass
class Verdict:
    """What a storm came to. `faults` must be empty."""

    histories: int = 0
    entries: int = 0
    kills: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    double_effects: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.histories} histories ({dict(self.statuses)}), {self.entries} entries, {self.kills} kills, "
            f"{self.accepted} answers accepted, refused: {dict(self.refused)}; "
            f"{self.double_effects} double effects, {len(self.faults)} faults"
        )


def begin(name: str, store: str, seed: int) -> subprocess.Popen[bytes]:
    """A process of the mob."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.torture.mob", name, store, str(seed)],
        cwd=_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=None if os.environ.get("CADENZA_STORM_LOUD") else subprocess.DEVNULL,
    )


def rage(store: str, seconds: float, seed: int, *, beside: Callable[[Random], None] | None = None) -> int:
    """Let the mob riot for so long and kill its processes at random moments; how many were killed.

    *beside* is called now and then, to do something to the store itself.
    """
    random = Random(seed)
    mob = {name: begin(name, store, random.getrandbits(32)) for name in _NAMES}
    kills = 0
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            time.sleep(random.uniform(0.3, 1.5))  # the kills are to come at any moment
            name = random.choice(_NAMES)
            mob[name].kill()
            mob[name].wait(30)
            kills += 1
            if beside is not None and random.random() < 0.25:
                beside(random)
            mob[name] = begin(name, store, random.getrandbits(32))
    finally:
        for process in mob.values():
            process.kill()
            process.wait(30)
    return kills


async def finish(store: str) -> list[Stored]:
    """Let everything that is left come to its end, and load it."""
    async with Cadenza(store=store, workflows=[flow, inner, race]) as app:
        until = time.monotonic() + _AFTERMATH
        while True:
            for item in (await app.inbox.list(limit=None)).items:
                try:
                    await app.inbox.answer(item.id, "aftermath", wait=False)
                except CadenzaError:
                    continue  # a rival of one that was just answered, or a run that has ended
            left = await app.list_runs(status=["running", "waiting", "suspended", "held"], limit=None)
            if not left.runs:
                break
            for row in left.runs:
                if row.status == "held":
                    await _release(await app.get_run(row.id))
            if time.monotonic() > until:
                told = [f"{await (await app.get_run(row.id)).explain()}\n{row}" for row in left.runs]
                raise AssertionError("\n".join([f"{left.total} runs are stuck:", *told]))
            await asyncio.sleep(0.05)  # noqa: TID251  real processes' leftovers take real time
        found = [await app.store.load(row.id) for row in (await app.store.find(RunQuery(limit=None))).runs]
        return [stored for stored in found if stored is not None]


async def _release(run: Run[Any]) -> None:
    """What a person does for a run that was on the way whenever its process was killed, and is therefore held."""
    told = str(await run.explain())
    assert "crashes its process" in told, told
    try:
        await run.restart()
    except CadenzaError:
        return  # somebody else's lease still lasts: the next round tries again


def judge(stored: list[Stored], lines: list[Line], kills: int) -> Verdict:
    """Hold what the store has against what the processes saw."""
    verdict = Verdict(kills=kills)
    by_run: dict[str, list[Line]] = {}
    for line in lines:
        by_run.setdefault(line.run, []).append(line)
        if line.what == "refused":
            verdict.refused[line.detail.split()[1]] += 1
    known = {one.run.id for one in stored}
    for line in lines:
        if line.what == "begun" and line.run not in known:
            verdict.faults.append(f"{line.run} was begun and is gone")
    for one in stored:
        verdict.histories += 1
        verdict.entries += len(one.entries)
        verdict.statuses[one.run.status] += 1
        _judge(one, by_run.get(one.run.id, []), verdict)
    return verdict


def _judge(one: Stored, lines: list[Line], verdict: Verdict) -> None:
    run, faults = one.run, verdict.faults
    snapshot = fold(one.entries)
    if run.status != "pending" and snapshot.status != run.status:
        faults.append(f"{run.id}: the journal says {snapshot.status}, the row {run.status}")
    if run.status not in ENDED | {"pending"} or run.lease is not None:
        faults.append(f"{run.id} is stuck: {run.status}, lease {run.lease}")
    if any(line.what == "canceled" for line in lines) and run.status != "canceled":
        faults.append(f"{run.id}: a cancel was told yes, and it is {run.status}")
    _judge_answers(one, lines, verdict)
    _judge_calls(one, lines, verdict)


def _heard(one: Stored) -> dict[str, list[object]]:
    """The answers in the journal, by suspension."""
    heard: dict[str, list[object]] = {}
    for entry in one.entries:
        if isinstance(entry.event, ev.StepAnswered):
            heard.setdefault(entry.event.suspension_id, []).append(entry.event.data)
    return heard


def _judge_answers(one: Stored, lines: list[Line], verdict: Verdict) -> None:
    rows = {row.id: row for row in one.suspensions}
    heard = _heard(one)
    for id_, answers in heard.items():
        if len(answers) > 1:
            verdict.faults.append(f"{one.run.id}: {id_} was answered {len(answers)} times in the journal")
    for line in lines:
        if line.what != "accepted":
            continue
        verdict.accepted += 1
        _, id_, token = line.detail.split()
        row = rows.get(id_)
        if row is None or row.state != "answered" or row.answer != token:
            verdict.faults.append(
                f"{one.run.id}: answer {token} to {id_} was accepted and is not there: {row}"
            )
        elif heard.get(id_) != [token] and one.run.status != "canceled":
            verdict.faults.append(f"{one.run.id}: answer {token} to {id_} was accepted and had no effect")
    answered = {row.answer for row in one.suspensions if row.state == "answered"}
    for line in lines:
        if line.what == "took" and line.detail.split()[1] not in answered:
            verdict.faults.append(
                f"{one.run.id}: a step took {line.detail.split()[1]}, which was never accepted"
            )


def _judge_calls(one: Stored, lines: list[Line], verdict: Verdict) -> None:
    """No place is entered, and nothing paid, after what says that it is over is in the journal."""
    over: dict[tuple[str, tuple[str | int, ...]], int] = {}
    for entry in one.entries:
        at = int(entry.at.timestamp() * 1e6) * 1000
        match entry.event:
            case ev.StepSucceeded(path=path) | ev.StepFailed(path=path) | ev.StepBailed(path=path):
                over.setdefault(("enter", path), at)
            case ev.Remembered():
                over.setdefault(("paid", ()), at)
            case ev.RunSucceeded() | ev.RunFailed() | ev.RunCanceled():
                over.setdefault(("end", ()), at)
            case _:
                pass
    for line in lines:
        if line.what not in {"enter", "paid"}:
            continue
        at = int(line.detail.split()[0])
        known = over.get((line.what, line.path))
        ended = over.get(("end", ()))
        # Entries have microseconds: what came in the same one is not after.
        if (known is not None and at > known + 1000) or (ended is not None and at > ended + 1000):
            verdict.double_effects += 1
            verdict.faults.append(f"{one.run.id}: {line.what} {line.path} again after its end was kept")


def weather(
    store: str, side_file: Path, seconds: float, seed: int, *, beside: Callable[[Random], None] | None = None
) -> Verdict:
    """A whole storm on a new store, and the verdict."""
    side_file.touch()
    os.environ["CADENZA_SIDE_FILE"] = str(side_file)
    kills = rage(store, seconds, seed, beside=beside)
    return judge(asyncio.run(finish(store)), SideFile(side_file).lines(), kills)


if __name__ == "__main__":
    url, length, number = [*sys.argv[1:], "30", "1"][:3]
    found = weather(url, Path("storm.side"), float(length), int(number))
    print("\n".join(found.faults[:20]))
    print(found)
