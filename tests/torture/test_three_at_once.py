"""Three answer one question at once, from threads and from processes, on SQLite and on Postgres: one wins, 100 times of 100."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns
from typing import Any

import pytest

from cadenza import Cadenza
from cadenza.errors import AlreadyAnswered, RunNotSuspended, StepNotSuspended
from cadenza.history import event as ev

from ..postgres import Schemas
from .process import Process
from .side_file import SideFile
from .test_two_processes import at_once
from .workflows import WORKFLOWS

Begin = Callable[..., Process]

ROUNDS = 100
LOSES = {"AlreadyAnswered", "RunNotSuspended", "StepNotSuspended"}


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store that processes can share."""
    if request.param == "postgres":
        given: Schemas = request.getfixturevalue("postgres")
        return given.new()
    return f"sqlite:///{tmp_path / 'runs.db'}"


def together(answers: list[dict[str, Any]]) -> bool:
    """Whether all requests were under way at one moment."""
    return max(answer["begun"] for answer in answers) < min(answer["ended"] for answer in answers)


async def check(app: Cadenza, side_file: SideFile, run: str, winner: str) -> None:
    """The step of *run* ran once with the answer of *winner*."""
    lines = [(line.path, line.detail) for line in side_file.lines(run)]
    assert lines == [(("approve",), ""), (("approve",), "answered"), (("pay",), "")]
    stored = await app.store.load(run)
    assert stored is not None
    answered = [e.event for e in stored.entries if isinstance(e.event, ev.StepAnswered)]
    assert [answer.actor for answer in answered] == [winner]
    assert [(row.state, row.actor) for row in stored.suspensions] == [("answered", winner)]
    assert (stored.run.status, stored.run.lease) == ("success", None)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_of_three_processes_that_answer_at_once_one_wins(
    begin: Begin, store: str, side_file: SideFile
) -> None:
    processes = [begin(name) for name in ("ada", "bob", "cleo")]
    overlaps, won = 0, Counter[str]()
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        for number in range(ROUNDS):
            run = f"payment-{number}"
            processes[number % 3].call("start", workflow="payment", run=run, input=number)
            first = number % 3
            order = processes[first:] + processes[:first]
            answers = at_once(
                *[
                    (p, "resume", {"run": run, "resume_data": {"by": p.name}, "step": "approve"})
                    for p in order
                ]
            )
            overlaps += together(answers)
            winners = [p.name for p, a in zip(order, answers, strict=True) if "error" not in a]
            assert len(winners) == 1, answers
            assert {answer["error"] for answer in answers if "error" in answer} <= LOSES
            won[winners[0]] += 1
            await check(app, side_file, run, winners[0])
    assert overlaps >= ROUNDS / 2, f"only {overlaps} of {ROUNDS} rounds had all requests under way together"
    assert sum(won.values()) == ROUNDS


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_of_three_threads_that_answer_at_once_one_wins(store: str, side_file: SideFile) -> None:
    """Each thread has an event loop and an app of its own, as in a server with threads."""
    barrier = threading.Barrier(4)
    questions: dict[str, str] = {}
    found: dict[tuple[str, int], dict[str, Any]] = {}

    async def answer_all(name: str) -> None:
        async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
            for number in range(ROUNDS):
                await asyncio.to_thread(barrier.wait, 60)  # the question is there
                run = f"payment-{number}"
                begun = monotonic_ns()
                try:
                    result = await app.inbox.answer(questions[run], {"by": name}, actor=name)
                    outcome: dict[str, Any] = {"status": result.status}
                except (AlreadyAnswered, RunNotSuspended, StepNotSuspended) as error:
                    outcome = {"error": type(error).__name__}
                found[name, number] = {**outcome, "begun": begun, "ended": monotonic_ns()}
                await asyncio.to_thread(barrier.wait, 60)  # all have answered

    threads = [
        threading.Thread(target=lambda name=name: asyncio.run(answer_all(name)), daemon=True)
        for name in ("ada", "bob", "cleo")
    ]
    for thread in threads:
        thread.start()
    overlaps = 0
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        for number in range(ROUNDS):
            run = await app.workflow("payment").create_run(f"payment-{number}")
            started = await run.start(input_data=number)
            questions[run.id] = started.suspensions[0].id
            await asyncio.to_thread(barrier.wait, 60)
            await asyncio.to_thread(barrier.wait, 60)
            answers = {name: found[name, number] for name in ("ada", "bob", "cleo")}
            winners = [name for name, answer in answers.items() if "error" not in answer]
            assert len(winners) == 1, answers
            assert {a["error"] for a in answers.values() if "error" in a} == {"AlreadyAnswered"}
            overlaps += together(list(answers.values()))
            await check(app, side_file, run.id, winners[0])
    for thread in threads:
        await asyncio.to_thread(thread.join, 30)
    assert overlaps >= ROUNDS / 2, f"only {overlaps} of {ROUNDS} rounds had all requests under way together"


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_two_people_who_answer_two_questions_of_one_run_at_once_are_both_taken(
    begin: Begin, store: str, side_file: SideFile
) -> None:
    one, two = begin("ada"), begin("bob")
    overlaps = 0
    for number in range(20):
        run = f"two-halves-{number}"
        one.call("start", workflow="two-halves", run=run, input=False)
        answers = at_once(
            (one, "resume", {"run": run, "resume_data": "L", "step": "left"}),
            (two, "resume", {"run": run, "resume_data": "R", "step": "right"}),
        )
        overlaps += together(answers)
        assert all("error" not in answer for answer in answers), answers
        assert "L and R" in [answer.get("result") for answer in answers]
        assert side_file.count("enter", run, "join") == 1
    assert overlaps >= 10, f"only {overlaps} of 20 rounds had both requests under way together"
