"""Somebody of another process puts something in for a run between any two of its driver's calls of the store.

Whenever that is: it has its effect, and without a worker. Whoever puts something in has seen a driver, so it takes no lease with
it; it looks afterwards, at any later moment, whether there still is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Literal, get_args

import pytest

from cadenza import Cadenza, CadenzaError, StepContext, Workflow, step
from cadenza.engine.local import LocalEngine
from cadenza.model.workflow import Durability
from cadenza.store.base import (
    Answering,
    AnswerOutcome,
    Claim,
    Receipt,
    RunRow,
    Stored,
    Write,
)
from cadenza.store.memory import MemoryStore

from .another import answer_at, question_at

_BOUND = 10


@step
async def left(value: int, ctx: StepContext) -> int:
    return value + await ctx.ask(int)


@step
async def right(value: int, ctx: StepContext) -> int:
    return value + await ctx.ask(int)


@step
async def last(value: dict[str, Any]) -> int:
    return sum(value.values())


both = Workflow("both", input=int).parallel([left, right]).then(last).commit()
race = Workflow("race", input=int).parallel([left, right], first_answer_wins=True).then(last).commit()

Meddle = Callable[[], Awaitable[None]]


class Meddled(MemoryStore):
    """A memory store in which others do something before calls of certain numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.meddles: dict[int, Meddle] = {}
        self._meddling = False

    async def _around(self, call: Awaitable[Any]) -> Any:
        if not self._meddling:  # its own calls are not meddled with
            self.calls += 1
            meddle = self.meddles.pop(self.calls, None)
            if meddle is not None:
                self._meddling = True
                await meddle()
                self._meddling = False
        return await call

    async def load(self, run_id: str) -> Stored | None:
        found: Stored | None = await self._around(super().load(run_id))
        return found

    async def row(self, run_id: str) -> RunRow | None:
        found: RunRow | None = await self._around(super().row(run_id))
        return found

    async def append(self, write: Write) -> Receipt:
        found: Receipt = await self._around(super().append(write))
        return found

    async def claim(self, run_id: str, claim: Claim) -> Receipt | None:
        found: Receipt | None = await self._around(super().claim(run_id, claim))
        return found

    async def release(self, run_id: str, epoch: int) -> None:
        await self._around(super().release(run_id, epoch))

    async def answer(self, answering: Answering) -> AnswerOutcome:
        found: AnswerOutcome = await self._around(super().answer(answering))
        return found


class Stage:
    """A run in one process, and a meddler in another. `did` says whether the meddler was heard."""

    def __init__(self, durability: Durability, flow: Workflow[int, int] = both) -> None:
        self.store = Meddled()
        self.flow = flow
        self.app = Cadenza(store=self.store, workflows=[flow], durability=durability)
        self.other = Cadenza(store=self.store, workflows=[flow], durability=durability)
        self.did = False

    async def answer_right(self) -> None:
        """Answer what the right step asks, if it has asked."""
        self.did = await answer_at(self.store, "right", 200)

    async def answer_right_from_an_app(self) -> None:
        """Answer what the right step asks, as any app does."""
        if (row := await question_at(self.store, "right")) is not None:
            with suppress(CadenzaError):
                await self.other.inbox.answer(row.id, 200, wait=False)
                self.did = True

    async def cancel(self) -> None:
        """Ask the run to stop."""
        if await self.store.row("r") is not None:
            self.did = await self.store.request_cancel("r", self.app.clock.now())

    async def look_after(self) -> None:
        """What whoever has put something in does then, as far as another process can."""
        assert isinstance(self.other.engine, LocalEngine)
        if self.did:
            await self.other.engine.go_on(self.flow, "r")

    async def play(self, meddles: Mapping[int, Meddle]) -> None:
        """Start, and answer the left step; the meddler has its moments, what is left of them at the end."""
        self.store.meddles = dict(meddles)
        run = await self.app.workflow(self.flow).create_run("r")
        for act in (lambda: run.start(input_data=1), lambda: run.resume(step="left", resume_data=20)):
            try:
                await asyncio.wait_for(act(), _BOUND)
            except CadenzaError:
                if not self.did:
                    raise  # else it was taken over, or stopped
        left_over, self.store.meddles = self.store.meddles, {}
        for meddle in left_over.values():
            await meddle()

    async def status(self) -> str:
        """How the run stands, once nobody drives it any more."""
        async with asyncio.timeout(_BOUND):
            while True:
                row = await self.store.row("r")
                assert row is not None
                if row.lease is None:
                    return row.status
                await self.store.wait("r", row, _BOUND)

    async def close(self) -> None:
        await self.app.close()
        await self.other.close()


async def _number_of_calls(durability: Durability) -> int:
    stage = Stage(durability)
    await stage.play({})
    await stage.close()
    assert stage.store.calls > 5
    return stage.store.calls


@pytest.mark.parametrize("durability", get_args(Durability))
@pytest.mark.parametrize("what", ["answer", "cancel"])
async def test_what_is_put_in_at_any_moment_has_its_effect(
    what: Literal["answer", "cancel"], durability: Durability
) -> None:
    calls = await _number_of_calls(durability)
    happened = 0
    for put in range(1, calls + 2):
        for look in range(put + 1, calls + 3):
            stage = Stage(durability)
            await stage.play(
                {put: stage.answer_right if what == "answer" else stage.cancel, look: stage.look_after}
            )
            status = await stage.status()
            moment = f"{what} before call {put} of {calls}, look before {look}"
            happened += stage.did
            if not stage.did:
                assert status == "suspended", moment
            elif what == "cancel":
                assert status == "canceled", moment
            else:
                assert status == "success", moment
                result = await (await stage.app.get_run("r")).get_state()
                assert result.result == 222, moment
            await stage.close()
    assert happened > calls


@pytest.mark.parametrize("durability", get_args(Durability))
@pytest.mark.parametrize("flow", [both, race], ids=lambda flow: flow.id)
async def test_two_processes_answer_at_once_whichever_call_of_the_one_the_other_comes_before(
    flow: Workflow[int, int], durability: Durability
) -> None:
    calls = await _number_of_calls(durability)
    happened = 0
    for put in range(1, calls + 2):
        stage = Stage(durability, flow)
        await stage.play({put: stage.answer_right_from_an_app})
        status = await stage.status()
        moment = f"before call {put} of {calls}"
        happened += stage.did
        result = await (await stage.app.get_run("r")).get_state()
        if flow is both:
            found = getattr(result, "result", None)
            assert (status, found) == (("success", 222) if stage.did else ("suspended", None)), moment
        else:
            assert (status, result.result) == ("success", 201 if stage.did else 21), moment
        await stage.close()
    assert happened


async def test_who_has_claimed_a_question_is_the_only_one_who_can_answer_it() -> None:
    calls = await _number_of_calls("sync")
    claimed = 0
    for put in range(1, calls + 2):
        stage = Stage("sync")

        async def claim(stage: Stage = stage) -> None:
            if (row := await question_at(stage.store, "left")) is not None:
                await stage.other.inbox.claim(row.id, "bob")
                stage.did = True

        await stage.play({put: claim})
        status = await stage.status()
        stored = await stage.store.load("r")
        assert stored is not None
        [row] = [row for row in stored.suspensions if row.path == ("left",)]
        # The other one, who is nobody in particular, has answered before the claim, or not at all.
        claimed += stage.did
        assert (row.state == "open") == (row.claimed_by == "bob"), put
        assert status == "suspended"  # the right step waits still
        await stage.close()
    assert claimed


@pytest.mark.parametrize("durability", get_args(Durability))
async def test_a_wish_to_stop_is_heard_whichever_call_of_a_restart_it_comes_before(
    durability: Durability,
) -> None:
    happened = 0
    for put in range(1, 8):
        stage = Stage(durability)
        run = await stage.app.workflow(both).create_run("r")
        await run.start(input_data=1)
        for place in ("left", "right"):
            assert await answer_at(stage.store, place, 1)
        stage.store.calls, stage.store.meddles = 0, {put: stage.cancel}
        with suppress(CadenzaError):
            await asyncio.wait_for(run.restart(), _BOUND)
        happened += stage.did
        assert await stage.status() == ("canceled" if stage.did else "success"), put
        await stage.close()
    assert happened >= 3
