"""Real processes, killed by SIGKILL, on one SQLite file; others go on with their runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from time import perf_counter_ns

import pytest

from cadenza import Cadenza, SystemClock
from cadenza.errors import RunAlive
from cadenza.history import event as ev
from cadenza.history.event import Entry
from cadenza.history.snapshot import fold
from cadenza.model.path import Path
from cadenza.store.base import Stored

from .process import Process
from .side_file import Line, SideFile
from .workflows import KINDS, WORKFLOWS, expected

Begin = Callable[..., Process]

RUNS = 100
SEEDS = range(60 if os.environ.get("CADENZA_TORTURE") == "long" else 3)


def plan_of(random: Random) -> list[tuple[str, str, int, bool]]:
    """What is to run: workflow, run id, input, and whether its questions are answered before the kill."""
    kinds = [KINDS[i % len(KINDS)].id for i in range(RUNS)]
    random.shuffle(kinds)
    return [
        (kind, f"{kind}-{i}", random.randrange(1000), random.random() < 0.5) for i, kind in enumerate(kinds)
    ]


def kill_sometime(process: Process, random: Random, beats: int) -> None:
    """Kill *process* after a number of lines, and up to 3 ms: so that any instant is hit, within commits too."""
    process.wait_for_beats(random.randrange(1, beats))
    until = perf_counter_ns() + random.randrange(3_000_000)
    while perf_counter_ns() < until:
        pass
    process.kill()


@dataclass(frozen=True, slots=True)
class Death:
    """How things stood when a process was dead: its lines in the side file, and what the store has of each run."""

    lines: Sequence[Line]
    stored: dict[str, Stored]

    @classmethod
    async def see(cls, app: Cadenza, side_file: SideFile, runs: Sequence[str]) -> Death:
        stored = {run: await app.store.load(run) for run in runs}
        return cls(side_file.lines(), {run: found for run, found in stored.items() if found is not None})

    @property
    def under_way(self) -> int:
        """How many runs had been begun and had not ended or come to rest."""
        return sum(found.run.status in {"running", "waiting"} for found in self.stored.values())

    def check_calls(self) -> None:
        """What led to a call was in the journal before the call began, and what `once` got before it returned."""
        for line in self.lines:
            entries = self.stored[line.run].entries
            if line.what == "enter":
                wanted = ev.StepAnswered if line.detail == "answered" else ev.StepStarted
                assert line.path in paths(entries, wanted), line
            elif line.what == "kept":
                assert (line.path, line.detail) in remembered(entries), line

    def check_told(self) -> None:
        """What callers had been told was in the journal, and in the rows of their questions."""
        for line in self.lines:
            found = self.stored.get(line.run)
            if line.what == "told":
                assert found is not None, line
                told = {
                    "success": ev.RunSucceeded,
                    "failed": ev.RunFailed,
                    "suspended": ev.RunSuspended,
                }[line.detail]
                assert any(isinstance(entry.event, told) for entry in found.entries), line
            elif line.what == "answered":
                assert found is not None, line
                assert line.detail in {row.id for row in found.suspensions if row.state == "answered"}, line

    def check_after(self, lines: Sequence[Line]) -> None:
        """No place whose end was in the journal is entered in *lines*, and no kept `once` called again."""
        ended: set[tuple[str, Path]] = set()
        kept: set[tuple[str, Path, str]] = set()
        for run, found in self.stored.items():
            for kind in (ev.StepSucceeded, ev.StepFailed, ev.StepBailed):
                ended |= {(run, path) for path in paths(found.entries, kind)}
            kept |= {(run, path, key) for path, key in remembered(found.entries)}
        for line in lines:
            assert line.what != "enter" or (line.run, line.path) not in ended, f"entered again: {line}"
            assert line.what != "once" or (line.run, line.path, line.detail) not in kept, (
                f"paid again: {line}"
            )

    def check_kept(self, final: dict[str, Stored]) -> None:
        """What was in the journal stayed as it was."""
        for run, found in self.stored.items():
            assert list(final[run].entries[: len(found.entries)]) == list(found.entries), run


def remembered(entries: Sequence[Entry]) -> set[tuple[Path, str]]:
    return {(e.event.path, e.event.key) for e in entries if isinstance(e.event, ev.Remembered)}


def paths(entries: Sequence[Entry], kind: type) -> set[Path]:
    return {entry.event.path for entry in entries if isinstance(entry.event, kind)}  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_run_of_killed_processes_ends_as_it_should_and_nothing_kept_is_done_again(
    begin: Begin, store: str, side_file: SideFile, seed: int
) -> None:
    """The first process is killed while 100 runs are under way, the next one while it recovers them; the third ends them."""
    random = Random(seed)
    plan = plan_of(random)
    runs = [run for _, run, _, _ in plan]
    deaths: list[Death] = []
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        first = begin("first")
        first.tell("flood", plan=plan)
        kill_sometime(first, random, 1250)
        deaths.append(await Death.see(app, side_file, runs))

        second = begin("second")
        second.tell("recover", plan=plan)
        kill_sometime(second, random, 500)
        deaths.append(await Death.see(app, side_file, runs))

        third = begin("third")
        assert third.call("recover", plan=plan) == {"runs": RUNS}
        final = (await Death.see(app, side_file, runs)).stored
        assert third.leave("end") == 0

        for kind, run, n, _ in plan:
            row, snapshot = final[run].run, fold(final[run].entries)
            failed = snapshot.error.message if snapshot.error is not None else None
            assert (snapshot.status, failed or snapshot.result) == expected(kind, n), run
            assert (row.status, row.seq, row.lease, row.wake_at) == (
                snapshot.status,
                snapshot.seq,
                None,
                None,
            ), run
            assert all(question.state == "answered" for question in final[run].suspensions), run
            assert snapshot.state.get("count") == (4 - n % 4 if kind == "looped" else None), run
    assert deaths[0].under_way >= 10
    lines = side_file.lines()
    for death in deaths:
        death.check_calls()
        death.check_told()
        death.check_kept(final)
        death.check_after(lines[len(death.lines) :])


# ------------------------------------------------------------------ leases


async def lease_of(app: Cadenza, run: str) -> tuple[str, datetime]:
    """Who holds the lease, and until when."""
    row = await app.store.row(run)
    assert row is not None
    assert row.lease is not None
    return row.lease.owner, row.lease.until


@pytest.mark.parametrize("reap", [pytest.param(True, id="gone"), pytest.param(False, id="a zombie")])
async def test_the_run_of_a_live_process_is_refused_and_that_of_a_killed_one_is_taken_up_at_once(
    begin: Begin, store: str, side_file: SideFile, reap: bool
) -> None:
    holder = begin("holder", CADENZA_HOLD="1")
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        holder.call("begin_start", workflow="gated", run="gated", input=1)
        holder.wait_for_beats(1)
        run = await app.get_run("gated")
        before = await app.store.load("gated")
        owner, until = await lease_of(app, "gated")
        with pytest.raises(RunAlive) as refused:
            await run.restart()
        assert refused.value.owner == owner
        with pytest.raises(RunAlive):
            await run.time_travel(step="hold")
        with pytest.raises(RunAlive):
            await app.delete_run("gated")
        assert await app.store.load("gated") == before

        holder.kill(reap=reap)
        result = await run.restart()
        assert datetime.now(UTC) < until, "the lease ran out meanwhile: this proves nothing"
        assert (result.status, result.status == "success" and result.result) == ("success", 16)
    entered = [(line.path, line.pid) for line in side_file.lines() if line.what == "enter"]
    assert entered == [(("hold",), holder.pid), (("hold",), os.getpid()), (("after",), os.getpid())]


class Later(SystemClock):
    """A machine's clock on which every lease of another machine has run out."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


@pytest.mark.parametrize(
    "amount", [pytest.param(1, id="with a step's end"), pytest.param(-1, id="with what `once` got")]
)
async def test_a_process_that_lost_its_lease_can_write_nothing(
    begin: Begin, store: str, side_file: SideFile, amount: int
) -> None:
    """It was slow for longer than its lease; another one went on with the run. Now it comes back, in the middle of a step."""
    loser = begin("loser", CADENZA_HOLD="1")
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False, clock=Later()) as app:
        loser.call("begin_start", workflow="gated", run="gated", input=amount)
        loser.wait_for_beats(1)
        result = await (await app.get_run("gated")).restart()
        assert (result.status, result.status == "success" and result.result) == ("success", 2 * (amount + 7))
        after = await app.store.load("gated")

        loser.call("open_gate")
        # Who waited there is told how the run ended, by whomever.
        assert loser.call("finish", run="gated")["result"] == 2 * (amount + 7)
        assert await app.store.load("gated") == after
    entered = [(line.path, line.pid) for line in side_file.lines() if line.what == "enter"]
    assert entered == [(("hold",), loser.pid), (("hold",), os.getpid()), (("after",), os.getpid())]


async def test_who_waits_for_a_run_goes_on_with_it_when_its_driver_is_killed(
    begin: Begin, store: str, side_file: SideFile
) -> None:
    """Its own answer was given to the driver, who took it along; the other branch was under way there."""
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        run = await app.workflow("slow-and-quick").create_run("slow-and-quick")
        assert (await run.start(input_data=1)).status == "suspended"

        driver = begin("driver", CADENZA_HOLD="1")
        driver.call("begin_resume", run="slow-and-quick", step="slow", data="S")
        driver.wait_for_beats(1)
        answerer = begin("answerer")
        answerer.call("on_word", call="resume", run="slow-and-quick", step="quick", resume_data="Q")
        answerer.tell("go")
        driver.wait_for_beats(1)  # the quick branch runs there: the driver has heard
        driver.kill()
        assert answerer.hear()["result"] == {"slow": "S", "quick": "Q"}
        stored = await app.store.load("slow-and-quick")
    assert stored is not None
    answered = [entry.event.path for entry in stored.entries if isinstance(entry.event, ev.StepAnswered)]
    assert answered == [("slow",), ("quick",)]
    entered = [line.pid for line in side_file.lines() if line.path == ("slow",) and line.detail == "answered"]
    assert entered == [driver.pid, answerer.pid]


async def test_an_answer_that_its_driver_did_not_live_to_hear_is_not_lost(
    begin: Begin, store: str, side_file: SideFile
) -> None:
    """Nobody waits: the answer stands in its row alone until somebody restarts the run."""
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        run = await app.workflow("slow-and-quick").create_run("slow-and-quick")
        assert (await run.start(input_data=1)).status == "suspended"

        driver = begin("driver", CADENZA_HOLD="1")
        driver.call("begin_resume", run="slow-and-quick", step="slow", data="S")
        driver.wait_for_beats(1)
        driver.freeze()
        await run.resume(step="quick", resume_data="Q", wait=False)
        driver.kill()
        stored = await app.store.load("slow-and-quick")
        assert stored is not None
        assert [row.state for row in stored.suspensions] == ["answered", "answered"]
        assert paths(stored.entries, ev.StepAnswered) == {("slow",)}

        result = await run.restart()
        assert (result.status, result.status == "success" and result.result) == (
            "success",
            {"slow": "S", "quick": "Q"},
        )
