"""A run that comes to rest while something else is under way: what is put in meanwhile is heard, and it does come to rest.

An app that is closed meanwhile leaves it to others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from anyio import fail_after

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.errors import AppClosed
from cadenza.history import event as ev
from cadenza.model.path import Path
from cadenza.model.workflow import Durability
from cadenza.store.base import (
    Answering,
    AnswerOutcome,
    Receipt,
    RunRow,
    Stored,
    SuspensionQuery,
    Write,
)
from cadenza.store.memory import MemoryStore
from cadenza.testing import kill

from .another import answer_at, question_at

_BOUND = 10


class Held(MemoryStore):
    """A memory store that holds one write back before it is made, or one look at a run after it was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held: Callable[[Write], bool] = lambda _: False
        self.holds_look_after_answer = self._holds_look = self.holds_answer = False
        self.held, self.go = asyncio.Event(), asyncio.Event()

    async def append(self, write: Write) -> Receipt:
        if self.is_held(write):
            await self._hold()
        return await super().append(write)

    async def load(self, run_id: str) -> Stored | None:
        found = await super().load(run_id)
        if self._holds_look:
            self._holds_look = False
            await self._hold()
        return found

    async def answer(self, answering: Answering) -> AnswerOutcome:
        outcome = await super().answer(answering)
        self._holds_look, self.holds_look_after_answer = self.holds_look_after_answer, False
        if self.holds_answer:
            await self._hold()
        return outcome

    async def _hold(self) -> None:
        self.held.set()
        await self.go.wait()

    async def heard(self) -> list[Path]:
        """Whose answers the journal has."""
        entries = await self.entries("r")
        return [entry.event.path for entry in entries if isinstance(entry.event, ev.StepAnswered)]

    async def until(self, holds: Callable[[RunRow, list[Any]], bool]) -> RunRow:
        """The run's row, once *holds* is true of it and of the places that ask."""
        with fail_after(_BOUND):
            while True:
                row = await self.row("r")
                asks = [s.path[0] for s in await self.suspensions(SuspensionQuery(run_id="r"))]
                if row is not None and holds(row, asks):
                    return row
                await asyncio.sleep(0)  # noqa: TID251  a turn of the loop, no time


async def _some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)  # noqa: TID251  turns of the loop, no time


class Stage:
    """Three branches that ask, each when it may, and a fourth one that ends when it may."""

    def __init__(self, durability: Durability = "sync") -> None:
        self.store = Held()
        self.may = {name: asyncio.Event() for name in ("one", "two", "three", "last")}

        async def ask(value: int, ctx: StepContext) -> int:
            await self.may[str(ctx.path[0])].wait()
            return value + await ctx.ask(int)

        @step
        async def last(value: int) -> int:
            await self.may["last"].wait()
            return value

        one, two, three = (step(id=name)(ask) for name in ("one", "two", "three"))
        self.flow = Workflow("flow", input=int).parallel([one, two, three, last]).commit()
        self.app = Cadenza(store=self.store, workflows=[self.flow], durability=durability)

    async def start(self) -> asyncio.Task[Any]:
        """Begin, until the first branch asks."""
        run = await self.app.workflow(self.flow).create_run("r")
        started = asyncio.create_task(run.start(input_data=1))
        await self.let("one", ["one"])
        return started

    async def let(self, name: str, asking: list[str]) -> None:
        """Let a branch go on, until these ask."""
        self.may[name].set()
        await self.store.until(lambda row, asks: asks == asking)


async def test_an_answer_that_comes_while_a_write_before_the_rest_is_under_way_is_heard() -> None:
    stage = Stage()
    store = stage.store
    stage.may["last"].set()
    started = await stage.start()
    store.is_held = lambda write: any(
        isinstance(entry.event, ev.StepSuspended) and entry.event.path == ("two",) for entry in write.entries
    )
    stage.may["two"].set()
    with fail_after(_BOUND):
        await store.held.wait()
    assert await answer_at(store, "one", 10)
    stage.may["three"].set()
    await _some_turns()  # it comes to rest, and has to wait for the write
    store.go.set()
    await store.until(lambda row, asks: row.lease is None and asks == ["two", "three"])
    assert await store.heard() == [("one",)]
    assert (await started).status == "suspended"
    await stage.app.close()


async def test_of_two_looks_at_once_the_older_one_may_come_last() -> None:
    stage = Stage("exit")  # with fewer writes, which would look again
    store = stage.store
    started = await stage.start()
    await stage.let("two", ["one", "two"])
    row = await question_at(store, "one")
    assert row is not None
    # The drive, which the answerer pokes, is held with what it has seen.
    store.holds_look_after_answer = True
    answering = asyncio.create_task(stage.app.inbox.answer(row.id, 10, wait=False))
    with fail_after(_BOUND):
        await store.held.wait()
    assert await answer_at(store, "two", 20)
    await stage.let("three", ["three"])  # a write, which brings the news of both
    await _some_turns()
    store.go.set()
    await _some_turns()
    stage.may["last"].set()
    await store.until(lambda row, asks: row.lease is None)
    assert sorted(await store.heard()) == [("one",), ("two",)]
    assert (await started).status == "suspended"
    await answering
    await stage.app.close()


async def test_an_app_that_is_closed_while_it_answers_takes_nothing_up() -> None:
    entered: list[str] = []
    store = Held()

    def app_of(name: str) -> tuple[Cadenza, Workflow[int, int]]:
        @step
        async def ask(value: int, ctx: StepContext) -> int:
            entered.append(name)
            return value + await ctx.ask(int)

        flow = Workflow("flow", input=int).then(ask).commit()
        return Cadenza(store=store, workflows=[flow]), flow

    app, flow = app_of("first")
    run = await app.workflow(flow).create_run("r")
    await run.start(input_data=1)
    store.holds_answer = True
    answering = asyncio.create_task(run.resume(resume_data=10))
    with fail_after(_BOUND):
        await store.held.wait()
        kill(app)
        store.go.set()
        with pytest.raises(AppClosed):
            await answering
    other, _ = app_of("second")
    result = await (await other.get_run("r")).restart()
    assert result.status == "success"
    assert result.result == 11
    assert entered == ["first", "second"]
    await other.close()
