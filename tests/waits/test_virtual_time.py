"""Months of waiting in no time: the virtual clock, with timers, pauses before retries, and deadlines."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from anyio import fail_after

from cadenza import BAIL, FAIL, Cadenza, Retry, StepContext, Workflow, step
from cadenza import errors as err
from cadenza.testing import virtual_time


@step
async def last(value: int) -> int:
    return value + 1


def asks(**terms: Any) -> Any:
    @step
    async def review(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str, question="well?", **terms)

    return Workflow("asks", input=int).then(review).commit()


async def test_who_waits_for_a_sleeping_run_sees_time_jump(store: str) -> None:
    flow = Workflow("flow", input=int).sleep(timedelta(days=30)).then(last).sleep(timedelta(days=5)).commit()
    async with virtual_time() as clock:
        begun = clock.now()
        async with Cadenza(store=store, workflows=[flow]) as app:
            run = await app.workflow(flow).create_run()
            with fail_after(5):
                result = await run.start(input_data=1)
            assert (result.status, result.result) == ("success", 2)
            assert clock.now() - begun == timedelta(days=35)


async def test_a_pause_before_a_retry_jumps_too(store: str) -> None:
    tries: list[int] = []

    @step(retries=Retry(attempts=3, delay=1, backoff=100))
    def shaky(value: int) -> int:
        tries.append(value)
        if len(tries) < 4:
            raise ValueError("no")
        return value

    flow = Workflow("flow", input=int).then(shaky).commit()
    async with virtual_time() as clock:
        begun = clock.now()
        async with Cadenza(store=store, workflows=[flow]) as app:
            run = await app.workflow(flow).create_run()
            with fail_after(5):
                assert (await run.start(input_data=1)).status == "success"
            assert clock.now() - begun == timedelta(seconds=1 + 100 + 3600)


async def test_time_does_not_jump_to_a_deadline_by_itself(store: str) -> None:
    flow = asks(deadline="3d", on_timeout="nobody answered")
    async with virtual_time() as clock, Cadenza(store=store, workflows=[flow]) as app:
        begun = clock.now()
        run = await app.workflow(flow).create_run()
        question = (await run.start(input_data=1)).suspensions[0]
        assert question.deadline == begun + timedelta(days=3)
        await clock.advance("2d 23h")
        assert (await run.get_state()).status == "suspended"
        await clock.advance("1h")
        result = await run.get_state()
        assert (result.status, result.result) == ("success", "nobody answered")
        (closing,) = await app.inbox.history(run.id)
        assert (closing.became, closing.via, closing.actor, closing.data) == (
            "expired",
            "deadline",
            None,
            "nobody answered",
        )
        with pytest.raises(err.SuspensionExpired, match="expired at 2026-01-04T00:00:00"):
            await app.inbox.answer(question.id, "late")


async def test_after_a_deadline_the_step_fails_where_that_was_asked(store: str) -> None:
    flow = asks(deadline=timedelta(hours=1), on_timeout=FAIL)
    async with virtual_time() as clock, Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)
        await clock.advance(3600)
        result = await run.get_state()
        assert (result.status, result.error.code) == ("failed", "deadline_passed")
        assert (
            result.error.message
            == "review waited for an answer until 2026-01-01T01:00:00+00:00, and none came"
        )


async def test_after_a_deadline_the_workflow_ends_where_that_was_asked(store: str) -> None:
    inner = asks(deadline="1h", on_timeout=BAIL)
    flow = Workflow("outer", input=int).then(inner).map(lambda scope: [scope.input]).commit()
    async with virtual_time() as clock, Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)
        await clock.advance("1h")
        result = await run.get_state()
        assert (result.status, result.result) == ("success", [None])
        assert result.steps["asks.review"].bailed


async def test_without_what_follows_a_question_stays_open_after_its_deadline(store: str) -> None:
    flow = asks(deadline="1h")
    async with virtual_time() as clock, Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)
        await clock.advance("30d")
        assert (await run.resume(resume_data="late, but welcome")).result == "late, but welcome"


async def test_a_deadline_wakes_a_branch_beside_one_that_sleeps(store: str) -> None:
    nap = Workflow("nap", input=int).sleep(timedelta(hours=2)).then(last).commit()
    flow = Workflow("flow", input=int).parallel([asks(deadline="1h", on_timeout="none"), nap]).commit()
    async with virtual_time() as clock, Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1, wait=False)
        await clock.advance("90m")
        found = (await run.get_state()).steps
        assert (found["asks"].status, found["nap"].status) == ("success", "waiting")
        await clock.advance("30m")
        assert (await run.get_state()).result == {"asks": "none", "nap": 2}


async def test_deadlines_come_in_a_process_that_did_not_ask(tmp_path: Any) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    flow = asks(deadline="3d", on_timeout="nobody answered")
    async with virtual_time() as clock:
        async with Cadenza(store=store, workflows=[flow]) as app:
            run = await app.workflow(flow).create_run()
            await run.start(input_data=1)
        await clock.advance("10d")
        async with Cadenza(store=store, workflows=[flow]) as app:
            run = await app.get_run(run.id)
            await clock.settle()
            assert (await run.get_state()).result == "nobody answered"


@pytest.mark.parametrize(
    ("terms", "code", "says"),
    [
        ({"deadline": "soon"}, "invalid_duration", "expected a duration"),
        ({"on_timeout": "none"}, "invalid_deadline", "give deadline= too"),
        ({"deadline": "1h", "on_timeout": 7}, "invalid_on_timeout", "Input should be a valid string"),
        ({"remind_after": ["1h", "later"]}, "invalid_duration", "found 'later'"),
    ],
)
async def test_terms_that_cannot_be_fail_the_step_with_the_reason(
    terms: dict[str, Any], code: str, says: str
) -> None:
    flow = asks(**terms)
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        result = await run.start(input_data=1)
        assert (result.status, result.error.code) == ("failed", code)
        assert says in result.error.message


async def test_who_may_answer_is_enforced(store: str) -> None:
    flow = asks(assign=["ada", "bob"], exclude_requester=True)
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        question = (await run.start(input_data=1, actor="bob")).suspensions[0]
        for actor in (None, "dana"):
            with pytest.raises(
                err.ActorNotAllowed, match="may not answer review: it is assigned to ada, bob"
            ):
                await run.resume(resume_data="yes", actor=actor)
        with pytest.raises(err.ActorNotAllowed, match="bob may not answer review: it excludes who asked"):
            await app.inbox.answer(question.id, "yes", actor="bob", dry_run=True)
        assert (await app.inbox.answer(question.id, "yes", actor="ada")).result == "yes"


async def test_a_hundred_runs_and_a_year_pass_in_order() -> None:
    seen: list[int] = []

    @step
    async def note(value: int) -> None:
        seen.append(value)

    flow = Workflow("flow", input=int).sleep(lambda s: timedelta(days=s.input)).then(note).commit()
    async with virtual_time() as clock, Cadenza(workflows=[flow]) as app:
        for days in range(100, 0, -1):
            run = await app.workflow(flow).create_run()
            await run.start(input_data=days, wait=False)
        with fail_after(20):
            await clock.advance("365d")
        assert seen == list(range(1, 101))
        assert await asyncio.wait_for(clock.settle(), 5) is None
