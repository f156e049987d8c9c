"""Runs on a real Temporal server: the same promises as of the local engine, where Temporal keeps them otherwise."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from cadenza import Cadenza, Retry, Scope, StepContext, Workflow, step
from cadenza.engine.temporal.calls import Calls
from cadenza.errors import (
    AlreadyAnswered,
    AlreadyClaimed,
    IdempotencyConflict,
    InvalidResumeData,
    OtherEngine,
    RunAlive,
    RunAlreadyStarted,
    RunNotSuspended,
    StepNotSuspended,
)
from cadenza.store.memory import MemoryStore

from .conftest import MakeApp

pytestmark = [
    pytest.mark.timeout(120),
    # The SDK says so where it evicts a run whose local activity has just ended.
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning"),
]


class Review(BaseModel):
    ok: bool
    note: str = ""


def _asking() -> Workflow[Any, Any]:
    @step
    async def review(value: Any, ctx: StepContext) -> Any:
        answer = await ctx.ask(Review, question={"value": value})
        return {"ok": answer.ok, "note": answer.note}

    return Workflow("asking").then(review).commit()


async def _events(app: Cadenza, run_id: str) -> int:
    handle = app.engine.calls.handle(run_id)  # type: ignore[attr-defined]
    return int((await handle.describe()).history_length)


async def test_a_refused_answer_leaves_no_trace(make_app: MakeApp) -> None:
    flow = _asking()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)
        before, entries = await _events(app, run.id), list(await app.store.entries(run.id))
        with pytest.raises(InvalidResumeData) as refused:
            await run.resume(resume_data={"ok": "perhaps"})
        assert refused.value.paths == ["ok"]
        with pytest.raises(StepNotSuspended):
            await run.resume(step="elsewhere", resume_data={"ok": True})
        assert await _events(app, run.id) == before
        assert list(await app.store.entries(run.id)) == entries
        result = await run.resume(resume_data=Review(ok=True))
        assert result.status == "success"
        # What the type makes of the data stands in the journal: the default too.
        assert result.result == {"ok": True, "note": ""}


async def test_of_three_answers_at_once_one_wins(make_app: MakeApp) -> None:
    flow = _asking()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        row = (await run.start()).suspensions[0]
        calls = [run.resume(step=row, resume_data={"ok": True, "note": str(i)}) for i in range(3)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        won = [result for result in found if not isinstance(result, BaseException)]
        assert len(won) == 1
        assert [type(error) for error in found if isinstance(error, BaseException)] == [AlreadyAnswered] * 2
        assert (await run.get_state()).result == won[0].result


async def test_a_key_gives_the_first_outcome_also_in_another_execution(make_app: MakeApp) -> None:
    @step
    async def twice(value: Any, ctx: StepContext) -> Any:
        first = await ctx.ask(int, key="first")
        second = await ctx.ask(int, key="second")
        return [first, second]

    flow = Workflow("keys").then(twice).commit()
    async with make_app(flow, leave_after=5) as app:
        run = await app.workflow(flow).create_run()
        first = (await run.start()).suspensions[0]
        result = await run.resume(step=first, resume_data=1, idempotency_key="k")
        assert result.status == "suspended"
        again = await run.resume(step=first, resume_data=1, idempotency_key="k")
        assert again == result
        with pytest.raises(IdempotencyConflict):
            await run.resume(step=first, resume_data=2, idempotency_key="k")
        assert (await run.resume(resume_data=2)).result == [1, 2]
        assert await run.resume(step=first, resume_data=1, idempotency_key="k") == result
        with pytest.raises(AlreadyAnswered):
            await run.resume(step=first, resume_data=1)
        with pytest.raises(RunNotSuspended):
            await run.resume(resume_data=1)


async def test_the_inbox_sees_claims_and_moves_deadlines(make_app: MakeApp) -> None:
    flow = _asking()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        await run.start()
        [row] = (await app.inbox.list()).items
        assert (await app.inbox.claim(row.id, "ann")).claimed_by == "ann"
        with pytest.raises(AlreadyClaimed):
            await app.inbox.answer(row.id, {"ok": True}, actor="bob")
        assert (await app.inbox.extend(row.id, "3d")).deadline is not None
        assert (await app.inbox.answer(row.id, {"ok": True}, actor="ann")).status == "success"
        assert [(c.became, c.actor, c.via) for c in await app.inbox.history(run.id)] == [
            ("answered", "ann", "inbox")
        ]
        assert [(r.status, r.engine) for r in (await app.list_runs()).runs] == [("success", "temporal")]


async def test_a_deadline_is_a_timer_of_temporal(make_app: MakeApp) -> None:
    @step
    async def review(value: Any, ctx: StepContext) -> Any:
        return (await ctx.ask(Review, deadline=0.3, on_timeout=Review(ok=False, note="late"))).note

    flow = Workflow("deadline").then(review).commit()
    async with make_app(flow) as app:
        told: asyncio.Queue[Any] = asyncio.Queue()
        app.on("expired")(lambda notice: told.put_nowait(notice.suspension))
        run = await app.workflow(flow).create_run()
        await run.start()
        with anyio.fail_after(20):
            async for event in run.observe_stream():
                last = event
            while (state := await run.get_state()).status != "success":
                await app.store.wait(run.id, await app.store.row(run.id), 1)  # type: ignore[arg-type]
        assert last["type"] == "workflow-finish"
        assert state.result == "late"
        with anyio.fail_after(20):
            row = await told.get()
            assert (row.run_id, row.state) == (run.id, "expired")
            while (await app.inbox.get(row.id)).due_at is not None:  # nobody else is told
                await app.store.changed(1)


async def test_events_reach_waits_also_those_that_came_before(make_app: MakeApp) -> None:
    flow = Workflow("paid").wait_for_event("paid", schema=int).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        assert (await run.start(input_data={"order": 1})).status == "suspended"
        assert await app.send_event("paid", 5, match={"order": 1}) == [run.id]
        with anyio.fail_after(20):
            while (state := await run.get_state()).status != "success":
                await app.store.wait(run.id, await app.store.row(run.id), 1)  # type: ignore[arg-type]
        assert state.result == 5
        assert await app.send_event("paid", 6, match={"order": 2}, keep=True) == []
        other = await app.workflow(flow).create_run()
        assert (await other.start(input_data={"order": 2})).result == 6


async def test_the_first_answer_wins_over_its_rivals(make_app: MakeApp) -> None:
    def asking(name: str) -> Any:
        @step(id=name)
        async def ask(value: Any, ctx: StepContext) -> Any:
            return await ctx.ask(int)

        return ask

    flow = Workflow("race").parallel([asking("a"), asking("b")], first_answer_wins=True).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        rows = {row.path[0]: row for row in (await run.start()).suspensions}
        result = await run.resume(step=rows["b"], resume_data=7)
        assert result.result == {"b": 7}
        assert result.steps["a"].status == "canceled"
        assert [(c.path, c.became) for c in await app.inbox.history(run.id)] == [
            (("a",), "canceled"),
            (("b",), "answered"),
        ]


async def test_a_withdrawn_question_is_no_answer_that_its_rival_loses_to(make_app: MakeApp) -> None:
    @step
    async def ask(value: Any, ctx: StepContext) -> Any:
        return await ctx.ask(int)

    flow = Workflow("withdrawn").parallel([ask, ask.clone(id="other")], first_answer_wins=True).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        rows = {row.path[0]: row for row in (await run.start()).suspensions}
        await app.inbox.cancel(rows["other"].id, reason="not needed")
        with anyio.fail_after(20):
            while (await run.get_state()).status != "failed":
                await app.store.wait(run.id, await app.store.row(run.id), 1)  # type: ignore[arg-type]
        history = await app.inbox.history(run.id)
        assert sorted((c.path[0], c.became, c.reason or "") for c in history) == [
            ("ask", "canceled", ""),
            ("other", "canceled", "not needed"),
        ]


async def test_failures_are_counted_exactly_and_once_is_kept(make_app: MakeApp) -> None:
    calls: Counter[str] = Counter()

    @step(retries=Retry(attempts=3, delay=0.01))
    async def flaky(value: Any, ctx: StepContext) -> Any:
        calls["flaky"] += 1

        def pay() -> int:
            calls["paid"] += 1
            return 42

        paid = await ctx.once("pay", pay)
        if ctx.retry_count < 3:
            raise ValueError(f"try {ctx.retry_count}")
        return paid

    flow = Workflow("flaky").then(flaky).commit()
    async with make_app(flow) as app:
        result = await (await app.workflow(flow).create_run()).start()
        assert (result.status, result.result) == ("success", 42)
        assert result.steps["flaky"].attempt == 3
        assert calls == {"flaky": 4, "paid": 1}


async def test_cancel_ends_runs_in_every_state(make_app: MakeApp) -> None:
    begun = asyncio.Event()

    @step
    async def slow(value: Any, ctx: StepContext) -> Any:
        begun.set()
        await ctx.abort_signal.wait()
        return "stopped"

    running = Workflow("running").then(slow).commit()
    asking = _asking()
    sleeping = Workflow("sleeping").sleep(3600).commit()
    async with make_app(running, asking, sleeping) as app:
        with anyio.fail_after(60):
            one = await app.workflow(running).create_run()
            start = asyncio.ensure_future(one.start())
            await begun.wait()
            with pytest.raises(RunAlive):
                await one.time_travel(step="slow")
            assert await one.cancel()
            result = await start
            assert (result.status, result.steps["slow"].output) == ("canceled", "stopped")
            assert not await one.cancel()

            two = await app.workflow(asking).create_run()
            row = (await two.start()).suspensions[0]
            assert await two.cancel()
            assert (await two.get_state()).status == "canceled"
            assert (await app.inbox.get(row.id)).state == "canceled"

            three = await app.workflow(asking).create_run()
            assert await three.cancel()
            assert (await three.get_state()).status == "canceled"
            with pytest.raises(RunAlreadyStarted):
                await three.start()

            four = await app.workflow(sleeping).create_run()
            start = asyncio.ensure_future(four.start())
            while (await four.get_state()).status != "waiting":  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0.05)  # noqa: TID251  nothing tells of it
            assert await four.cancel()
            assert (await start).status == "canceled"


async def test_time_travel_goes_on_in_a_new_execution(make_app: MakeApp) -> None:
    @step
    async def double(value: int) -> int:
        return value * 2

    flow = Workflow("travel").then(double).then(_asking()).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        old = (await run.start(input_data=1)).suspensions[0]
        result = await run.time_travel(step="double", input_data=10)
        assert result.suspensions[0].payload == {"value": 20}
        assert (await app.inbox.get(old.id)).state == "superseded"
        assert (await run.resume(resume_data={"ok": True})).status == "success"
        # Also a run that has ended.
        assert (await run.time_travel(step="double", input_data=3)).suspensions[0].payload == {"value": 6}


async def test_a_run_that_temporal_has_lost_goes_on_from_its_journal(make_app: MakeApp) -> None:
    flow = _asking()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        await run.start()
        await app.engine.calls.terminate(run.id, "a test")  # type: ignore[attr-defined]
        assert (await run.resume(resume_data={"ok": True})).status == "success"


async def test_other_engines_leave_the_run_alone(make_app: MakeApp) -> None:
    flow = _asking()
    store = MemoryStore()
    async with make_app(flow, store=store) as app:
        run = await app.workflow(flow).create_run()
        row = (await run.start()).suspensions[0]
        local = Cadenza(store=store, workflows=[_asking()])
        seen = await local.get_run(run.id)
        assert (await seen.get_state()).status == "suspended"
        assert (await seen.explain()).status == "suspended"
        for call in (
            seen.resume(resume_data={"ok": True}),
            seen.cancel(),
            seen.restart(),
            local.inbox.answer(row.id, {"ok": True}),
            local.inbox.cancel(row.id),
        ):
            with pytest.raises(OtherEngine):
                await call
        await local.engine.close()
        assert (await run.resume(resume_data={"ok": True})).status == "success"


async def test_what_is_too_large_is_a_clear_error(make_app: MakeApp) -> None:
    calls: list[int] = []

    @step(retries=5)
    async def large(size: int) -> str:
        calls.append(size)
        return "x" * size

    flow = Workflow("large", input=int).then(large).commit()
    async with make_app(flow) as app:
        result = await (await app.workflow(flow).create_run()).start(input_data=3_000_000)
        assert result.status == "failed"
        assert result.error.code == "value_too_large"
        assert calls == [3_000_000]
        result = await (await app.workflow(flow).create_run()).start(input_data=1_500_000)
        assert len(result.result) == 1_500_000


class Rot:
    """A codec that a test can see through."""

    def encode(self, data: bytes) -> bytes:
        return bytes(byte ^ 0x5A for byte in data)

    def decode(self, data: bytes) -> bytes:
        return bytes(byte ^ 0x5A for byte in data)


async def test_a_codec_keeps_values_out_of_the_history(make_app: MakeApp) -> None:
    flow = _asking()
    async with make_app(flow, codec=Rot()) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data="a secret of theirs")
        assert (await run.resume(resume_data={"ok": True, "note": "theirs too"})).status == "success"
        history = await app.engine.calls.handle(run.id).fetch_history()  # type: ignore[attr-defined]
        text = history.to_json()
        assert "secret" not in text
        assert not any(
            b"secret" in e.SerializeToString() or b"theirs" in e.SerializeToString() for e in history.events
        )


async def test_conditions_loops_and_sleeps(make_app: MakeApp) -> None:
    @step
    async def add(value: int) -> int:
        return value + 1

    @step
    def hundred(value: int) -> int:
        return value * 100

    def enough(scope: Scope) -> bool:
        return bool(scope.input >= 5)

    flow = (
        Workflow("all", input=int)
        .dountil(add, enough)
        .sleep(0.05)
        .branch([(enough, hundred), (lambda scope: False, add.clone(id="never"))])
        .map(lambda scope: [scope.results["hundred"], scope.init_data])
        .commit()
    )
    async with make_app(flow, searchable=True) as app:
        result = await (await app.workflow(flow).create_run()).start(input_data=1)
        assert result.result == [500, 1]


async def test_hooks_are_told_of_questions_and_ends(make_app: MakeApp) -> None:
    flow = _asking()
    async with make_app(flow, worker=False) as app:
        told: asyncio.Queue[str] = asyncio.Queue()
        for kind in ("suspended", "ended"):
            app.on(kind)(lambda notice: told.put_nowait(notice.kind))  # type: ignore[arg-type]
        app._worker.start()
        run = await app.workflow(flow).create_run()
        await run.start()
        with anyio.fail_after(20):
            assert await told.get() == "suspended"
            await run.resume(resume_data={"ok": True})
            assert await told.get() == "ended"


async def test_steps_are_told_to_stop_when_the_run_knows_it(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    @step
    async def slow(value: Any, ctx: StepContext) -> Any:
        begun.set()
        await ctx.abort_signal.wait()
        return "stopped"

    flow = Workflow("flow").then(slow).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        start = asyncio.ensure_future(run.start())
        await begun.wait()
        update = Calls.update

        async def late(self: Calls, run_id: str, name: str, data: Any, *, id: str | None = None) -> Any:
            # The way to the server is long: a step that had been told already would end the run meanwhile.
            await asyncio.wait({start}, timeout=0.5)
            return await update(self, run_id, name, data, id=id)

        monkeypatch.setattr(Calls, "update", late)
        assert await run.cancel()
        assert (await start).status == "canceled"
