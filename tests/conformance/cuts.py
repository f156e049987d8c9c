"""The cut test: a store that holds only what was written up to some transaction, and a fresh app that goes on from there."""

from __future__ import annotations

import asyncio
import copy
import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cadenza import CadenzaError
from cadenza.history import event as ev
from cadenza.history.snapshot import fold
from cadenza.store.memory import MemoryStore

from . import tell
from .runner import Scenario

_SAID = ("$calls", '"cancel"', '"abort"', '"crash"', '"time_travel"')

# Cuts of one scenario that are played side by side: most of their time is the scenario's own delays.
_AT_ONCE = 32

Damage = Callable[[MemoryStore], MemoryStore]


def may_be_cut(spec: dict[str, Any]) -> bool:
    """Whether a scenario's end does not depend on how often it was begun."""
    text = json.dumps(spec)
    return not any(word in text for word in _SAID)


class Recorder(MemoryStore):
    """A memory store that keeps a copy of itself after each transaction, with the number of the action under way."""

    def __init__(self) -> None:
        super().__init__()
        self.action = 0
        self.cuts: list[tuple[int, MemoryStore]] = []

    def _keep(self) -> None:
        self.cuts.append((self.action, copied(self)))

    async def create(self, run: Any) -> Any:
        made = await super().create(run)
        if made == "created":
            self._keep()
        return made

    async def append(self, write: Any) -> Any:
        receipt = await super().append(write)
        self._keep()
        return receipt

    async def answer(self, answering: Any) -> Any:
        outcome = await super().answer(answering)
        self._keep()
        return outcome


def copied(store: MemoryStore) -> MemoryStore:
    """What *store* holds, in a store of its own, with every lease gone: its owner is dead."""
    twin = MemoryStore()
    for name in ("_runs", "_by_suspension", "_graphs"):
        setattr(twin, name, copy.copy(getattr(store, name)))
    for run_id, run in twin._runs.items():
        twin._runs[run_id] = replace(
            run,
            entries=list(run.entries),
            suspensions=dict(run.suspensions),
            lease=None,
        )
    return twin


@dataclass
class Report:
    """How many cuts were made, and what was wrong after them."""

    cuts: int = 0
    scenarios: int = 0
    complaints: list[str] = field(default_factory=list)


async def cut(spec: dict[str, Any], report: Report, damage: Damage = lambda store: store) -> None:
    """Play *spec* whole, then again from each of its transactions, and compare."""
    recorder = Recorder()
    whole = Scenario(spec, lambda: recorder)
    await _play(whole, spec["script"], recorder)
    if whole.broken is not None or not recorder.cuts:
        return
    wanted = await _ends(whole)
    report.scenarios += 1
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, action: int, store: MemoryStore) -> None:
        async with room:
            rest = Scenario(spec, lambda: damage(store))
            where = f"{spec['id']}, cut {number} in action {action}"
            try:
                await _go_on(rest, spec["script"], action, store, where, report)
                if (found := await _ends(rest)) != wanted:
                    report.complaints.append(f"{where}: wanted {wanted}, found {found}")
            except (CadenzaError, ValueError, KeyError, AssertionError) as error:
                report.complaints.append(f"{where}: {type(error).__name__}: {error}")

    report.cuts += len(recorder.cuts)
    await asyncio.gather(
        *(one(number, action, store) for number, (action, store) in enumerate(recorder.cuts))
    )


async def _play(scenario: Scenario, script: list[dict[str, Any]], recorder: Recorder) -> None:
    scenario.boot()
    for number, action in enumerate(script):
        recorder.action = number
        await scenario._act(action)


async def _go_on(
    scenario: Scenario,
    script: list[dict[str, Any]],
    action: int,
    store: MemoryStore,
    where: str,
    report: Report,
) -> None:
    scenario.boot()
    assert scenario.app is not None
    ended = {
        (run_id, path)
        for run_id, run in store._runs.items()
        for path, record in fold(run.entries).records.items()
        if record.ended
    }
    for run_id, run in store._runs.items():
        if run.status in {"running", "waiting"}:
            await (await scenario.app.get_run(run_id)).restart()
    again = {
        path
        for path in scenario.watch.entered
        if len(store._runs) == 1 and (next(iter(store._runs)), path) in ended
    }
    pending = any(run.status == "pending" for run in store._runs.values())
    under_way = script[action]["do"] == "resume_concurrently" or (script[action]["do"] == "start" and pending)
    for left in script[action if under_way else action + 1 :]:
        await scenario._act(left)
    again: set[Any] = set()
    if len(store._runs) == 1:  # else a path would not say whose it is
        again = {path for path in scenario.watch.entered if (next(iter(store._runs)), path) in ended}
    if again:
        report.complaints.append(
            f"{where}: entered again although its end was kept: {sorted(map(str, again))}"
        )


async def _ends(scenario: Scenario) -> dict[str, Any]:
    """How every run ended: status, result, state and records, in the core view."""
    assert scenario.app is not None
    core = _compare().core
    ends = {}
    for row in (await scenario.app.list_runs(limit=None)).runs:
        run = await scenario.app.get_run(row.id)
        result = await run.get_state(output_options={"include_state": True})
        ends[row.id] = core([{"run": tell.outcome(result, whole=True) | {"state": result.state}}])
    await scenario.app.engine.close()
    return ends


def _compare() -> Any:
    path = Path(__file__).parent / "corpus" / "compare.py"
    found = importlib.util.spec_from_file_location("compare", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def without_a_write(store: MemoryStore) -> MemoryStore:
    """The planted fault: the last end of a step was acknowledged and is not there."""
    for run in store._runs.values():
        ends = [i for i, entry in enumerate(run.entries) if isinstance(entry.event, ev.StepSucceeded)]
        if ends:
            left = run.entries[: ends[-1]] + run.entries[ends[-1] + 1 :]
            run.entries = [replace(entry, seq=i) for i, entry in enumerate(left, 1)]
            run.seq = len(run.entries)
    return store
