"""A deadline and a person race for one question, 200 times: exactly one wins, and the other is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza import errors as err

from ..engine.fake_clock import HeldClock

ROUNDS = 200
took: dict[str, list[str]] = {}


@step
async def review(value: int, ctx: StepContext) -> str:
    answer = await ctx.ask(str, deadline="1h", on_timeout="nobody answered")
    took.setdefault(ctx.run_id, []).append(answer)
    return answer


flow = Workflow("flow", input=int).then(review).commit()


async def turns(count: int) -> None:
    """Let so many turns of the event loop pass, so that now the one, now the other is ahead."""
    for _ in range(count):
        await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(int))], timeout=0)


@pytest.mark.timeout(150)
async def test_a_deadline_and_a_person_never_both_win(store: str) -> None:
    took.clear()
    clock = HeldClock()
    won: Counter[str] = Counter()
    async with Cadenza(store=store, workflows=[flow], clock=clock, worker=False) as people:
        # Another app, as in another process; memory is one process's.
        shared: Any = people.store if store == "memory://" else store
        timer = Cadenza(store=shared, workflows=[flow], clock=clock, worker=False)
        for number in range(ROUNDS):
            run = await people.workflow(flow).create_run()
            question = (await run.start(input_data=number)).suspensions[0]
            clock.pass_by(3600)

            async def answer(id_: str = question.id, ahead: int = number % 4) -> str:
                await turns(ahead)
                try:
                    await people.inbox.answer(id_, "yes", actor="ada")
                except err.SuspensionExpired:
                    return "told"
                return "won"

            async def expire(row: Any = question, ahead: int = number // 4 % 4) -> str:
                await turns(ahead)
                return "won" if await timer.engine.expire(flow, row) else "told"

            person, deadline = await asyncio.gather(answer(), expire())
            assert sorted([person, deadline]) == ["told", "won"]
            result = await people.engine.settled(flow, run.id)
            expected = "yes" if person == "won" else "nobody answered"
            assert (result.status, result.result, took[run.id]) == ("success", expected, [expected])
            (closing,) = await people.inbox.history(run.id)
            assert (closing.became, closing.via) == (
                ("answered", "inbox") if person == "won" else ("expired", "deadline")
            )
            won["person" if person == "won" else "deadline"] += 1
        if shared is not people.store:
            await timer.close()
    assert won["person"] > 5
    assert won["deadline"] > 5
