"""The inbox: what is open over all runs, who takes it on, and hooks that tell people of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from anyio import fail_after

from cadenza import FAIL, Cadenza, Notice, StepContext, Workflow, step
from cadenza import errors as err
from cadenza.engine import hooks
from cadenza.testing import virtual_time

from ..engine.fake_clock import HeldClock


@step
async def review(value: int, ctx: StepContext) -> str:
    assign = ["ada", "bob"] if value % 2 else []
    return await ctx.ask(str, question={"value": value}, label=f"item-{value}", assign=assign)


flow = Workflow("flow", input=int).then(review).commit()
other = Workflow("other", input=int).then(review).commit()


async def begun(app: Cadenza, workflow: Workflow[Any, Any], *values: int) -> list[str]:
    found = []
    for value in values:
        run = await app.workflow(workflow).create_run()
        found.append((await run.start(input_data=value)).suspensions[0].id)
    return found


async def test_open_questions_are_found_over_all_runs_oldest_first(store: str) -> None:
    async with virtual_time() as clock, Cadenza(store=store, workflows=[flow, other]) as app:
        found = []
        for value in (1, 2, 3):
            found += await begun(app, flow, value)
            await clock.advance("1s")
        one, two, three = found
        await clock.advance("1d")
        (four,) = await begun(app, other, 4)

        async def ids(**query: Any) -> list[str]:
            return [item.id for item in (await app.inbox.list(**query)).items]

        assert await ids() == [one, two, three, four]
        assert await ids(workflow=flow) == await ids(workflow="flow") == [one, two, three]
        assert await ids(label="item-2") == [two]
        assert await ids(assignee="ada") == [one, three]
        assert await ids(assignee="ad") == []
        assert await ids(older_than="12h") == [one, two, three]
        assert await ids(status="answered") == []
        page = await app.inbox.list(limit=2, offset=1)
        assert ([item.id for item in page.items], page.total) == ([two, three], 4)

        await app.inbox.answer(two, "yes", actor="dana")
        assert await ids() == [one, three, four]
        (answered,) = (await app.inbox.list(status="answered")).items
        assert (answered.id, answered.answer, answered.actor) == (two, "yes", "dana")


async def test_one_question_says_all_that_is_needed_to_answer_it(store: str) -> None:
    async with Cadenza(store=store, workflows=[flow]) as app:
        (id_,) = await begun(app, flow, 1)
        found = await app.inbox.get(id_)
        assert (found.workflow, found.path, found.key, found.payload) == (
            "flow",
            ("review",),
            "str",
            {"value": 1},
        )
        assert found.resume_schema == {"type": "string"}
        assert (found.assigned, found.labels, found.state) == (("ada", "bob"), ("item-1",), "open")
        with pytest.raises(err.SuspensionNotFound):
            await app.inbox.get("nobody")


async def test_a_claimed_question_can_be_answered_by_the_claimant_alone(store: str) -> None:
    async with Cadenza(store=store, workflows=[flow]) as app:
        (id_,) = await begun(app, flow, 1)
        claimed = await app.inbox.claim(id_, "ada")
        assert claimed.claimed_by == "ada"
        assert claimed.claimed_at is not None
        assert (await app.inbox.claim(id_, "ada")).claimed_by == "ada"

        for call in (app.inbox.claim(id_, "bob"), app.inbox.answer(id_, "yes", actor="bob")):
            with pytest.raises(err.AlreadyClaimed, match=r"review is claimed by ada since .*or released"):
                await call
        with pytest.raises(err.AlreadyClaimed):
            await app.inbox.release(id_, "bob")
        with pytest.raises(err.ActorNotAllowed, match="assigned to ada, bob"):
            await app.inbox.claim((await begun(app, flow, 3))[0], "dana")

        assert (await app.inbox.release(id_, "ada")).claimed_by is None
        await app.inbox.claim(id_, "bob")
        assert (await app.inbox.answer(id_, "yes", actor="bob")).result == "yes"
        with pytest.raises(err.AlreadyAnswered):
            await app.inbox.claim(id_, "ada")
        with pytest.raises(err.AlreadyAnswered):
            await app.inbox.release(id_)


async def test_of_many_who_claim_at_once_one_gets_it(store: str) -> None:
    async with Cadenza(store=store, workflows=[flow]) as app:
        (id_,) = await begun(app, flow, 2)
        found = await asyncio.gather(
            *[app.inbox.claim(id_, f"p{i}") for i in range(10)], return_exceptions=True
        )
        got = [row for row in found if not isinstance(row, BaseException)]
        assert len(got) == 1
        assert sum(isinstance(error, err.AlreadyClaimed) for error in found) == 9


# ------------------------------------------------------------------ hooks


async def test_hooks_are_told_of_questions_reminders_expiry_and_the_end(store: str) -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str, remind_after=["1d", "2d"], deadline="3d", on_timeout="nobody")

    waits = Workflow("waits", input=int).then(asks).commit()
    told: list[tuple[str, timedelta, str | None]] = []
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[waits])
        begun = clock.now()
        for kind in ("suspended", "reminder", "expired", "ended"):

            @app.on(kind)
            async def note(notice: Notice) -> None:
                question = notice.suspension.id if notice.suspension is not None else None
                told.append((notice.kind, notice.at - begun, question or notice.status))

        async with app:
            run = await app.workflow(waits).create_run()
            question = (await run.start(input_data=1)).suspensions[0].id
            await clock.advance("30d")
            assert (await run.get_state()).result == "nobody"
    days = [timedelta(days=n) for n in range(4)]
    assert told[:3] == [
        ("suspended", days[0], question),
        ("reminder", days[1], question),
        ("reminder", days[2], question),
    ]
    # Who tells that a deadline has passed does not wait for its run, nor the other way round.
    assert sorted(told[3:]) == [("ended", days[3], "success"), ("expired", days[3], question)]


async def test_a_hook_that_raises_is_called_again_a_minute_later_and_breaks_nothing(store: str) -> None:
    calls: list[str] = []
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[flow])

        @app.on("suspended")
        def shaky(notice: Notice) -> None:
            calls.append(notice.run_id)
            if len(calls) < 3:
                raise OSError("the mail server is away")

        async with app:
            run = await app.workflow(flow).create_run()
            await run.start(input_data=2)
            await clock.advance("30m")
            assert calls == [run.id] * 3
            assert (await run.resume(resume_data="yes")).status == "success"


async def test_a_hook_that_raises_brings_neither_reminders_nor_deadlines_forward(store: str) -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str, remind_after=["1d"], deadline="3d")

    waits = Workflow("waits", input=int).then(asks).commit()
    told: list[tuple[str, timedelta]] = []
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[waits])
        begun = clock.now()
        for kind in ("suspended", "reminder", "expired"):

            @app.on(kind)
            def shaky(notice: Notice) -> None:
                told.append((notice.kind, notice.at - begun))
                if len([kind for kind, _ in told if kind == notice.kind]) == 1:
                    raise OSError("the mail server is away")

        async with app:
            run = await app.workflow(waits).create_run()
            await run.start(input_data=1)
            await clock.advance("10d")
    minute = timedelta(minutes=1)
    assert told == [
        (kind, at + late)
        for kind, at in (
            ("suspended", timedelta(0)),
            ("reminder", timedelta(days=1)),
            ("expired", timedelta(days=3)),
        )
        for late in (timedelta(0), minute)
    ]


async def test_a_hook_that_raises_does_not_delay_what_comes_within_the_minute(store: str) -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str, deadline="30s", on_timeout="nobody")

    waits = Workflow("waits", input=int).then(asks).commit()
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[waits])

        @app.on("suspended")
        def broken(notice: Notice) -> None:
            raise OSError("the mail server is away")

        async with app:
            run = await app.workflow(waits).create_run()
            await run.start(input_data=1)
            await clock.advance("30s")
            assert (await run.get_state()).status == "success"


async def test_an_expiry_is_told_again_where_its_hook_raised(store: str) -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str, deadline="1h", on_timeout="nobody")

    waits = Workflow("waits", input=int).then(asks).commit()
    calls: list[str] = []
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[waits])

        @app.on("expired")
        def shaky(notice: Notice) -> None:
            assert notice.suspension is not None
            calls.append(notice.suspension.state)
            if len(calls) < 3:
                raise OSError("the mail server is away")

        async with app:
            run = await app.workflow(waits).create_run()
            question = (await run.start(input_data=1)).suspensions[0].id
            await clock.advance("1h")
            assert ((await run.get_state()).status, calls) == ("success", ["expired"])
            await clock.advance("30m")
            assert calls == ["expired"] * 3
            assert (await app.inbox.get(question)).due_at is None


async def test_an_expiry_is_told_by_another_process_where_the_first_dies_in_between(store: str) -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str, deadline="1h", on_timeout="nobody")

    waits = Workflow("waits", input=int).then(asks).commit()
    clock = HeldClock()
    told: list[str] = []
    async with Cadenza(store=store, workflows=[waits], clock=clock, worker=False) as first:
        shared: Any = first.store if store == "memory://" else store
        run = await first.workflow(waits).create_run()
        question = (await run.start(input_data=1)).suspensions[0]
        clock.pass_by(3600)
        # All that the first does of it: it dies before it has told anybody.
        assert await first.engine.expire(waits, await first.inbox.get(question.id))
        app = Cadenza(store=shared, workflows=[waits], clock=clock, worker=False)
        app.on("expired")(lambda notice: told.append(notice.run_id))
        assert await app._worker.look() == 1
        assert await app._worker.look() == 0
        assert told == [run.id]
        if shared is store:
            await app.close()


@pytest.mark.parametrize("kind", ["ended", "expired"])
async def test_a_hook_that_hangs_is_given_up_and_keeps_no_app_open(
    kind: Any, store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str, deadline="1h", on_timeout="nobody")

    waits = Workflow("waits", input=int).then(asks).commit()
    monkeypatch.setattr(hooks, "_HOOK_TIME", 0.01)
    told: list[str] = []
    clock = HeldClock()
    with fail_after(10):
        async with Cadenza(store=store, workflows=[waits], clock=clock, worker=False) as app:

            @app.on(kind)
            async def hangs(notice: Notice) -> None:
                await asyncio.Event().wait()

            app.on(kind)(lambda notice: told.append(notice.run_id))
            run = await app.workflow(waits).create_run()
            await run.start(input_data=1)
            clock.pass_by(3600)
            assert await app._worker.look() == 1
            await app.engine.settled(waits, run.id)
    # The others are told all the same.
    assert told == [run.id]
    assert f"a hook for '{kind}' of run {run.id} took longer than" in caplog.text


async def test_a_reminder_comes_once_whoever_looks(tmp_path: Any) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    told: list[str] = []

    @step
    async def asks(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str, remind_after=["1h"])

    waits = Workflow("waits", input=int).then(asks).commit()
    async with virtual_time() as clock:
        apps = [Cadenza(store=store, workflows=[waits]) for _ in range(3)]
        for app in apps:
            app.on("reminder")(lambda notice: told.append(notice.run_id))
        async with apps[0], apps[1], apps[2]:
            runs = [await apps[0].workflow(waits).create_run() for _ in range(5)]
            for run in runs:
                await run.start(input_data=1)
            await clock.advance("2h")
    assert sorted(told) == sorted(run.id for run in runs)


async def test_an_extended_deadline_comes_later(store: str) -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str, deadline="1d", on_timeout=FAIL)

    waits = Workflow("waits", input=int).then(asks).commit()
    async with virtual_time() as clock, Cadenza(store=store, workflows=[waits]) as app:
        run = await app.workflow(waits).create_run()
        question = (await run.start(input_data=1)).suspensions[0].id
        await clock.advance("20h")
        extended = await app.inbox.extend(question, "3d")
        assert extended.deadline == clock.now() + timedelta(days=3)
        await clock.advance("71h")
        assert (await run.get_state()).status == "suspended"
        await clock.advance("1h")
        assert (await run.get_state()).status == "failed"
        with pytest.raises(err.SuspensionExpired):
            await app.inbox.extend(question, "1d")


async def test_a_misspelled_term_is_refused(store: str) -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str, deadlin="1d")  # type: ignore[call-overload,no-any-return]

    waits = Workflow("waits", input=int).then(asks).commit()
    async with Cadenza(store=store, workflows=[waits]) as app:
        result = await (await app.workflow(waits).create_run()).start(input_data=1)
    assert result.status == "failed"
    assert result.error.message.startswith("step asks: a question has no 'deadlin'; it has assign, deadline")


async def test_a_deadline_that_is_extended_twice_is_told_of_once(store: str) -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> str:
        return await ctx.ask(str)

    waits = Workflow("waits", input=int).then(asks).commit()
    told: list[str] = []
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[waits])
        app.on("expired")(lambda notice: told.append(notice.kind))
        async with app:
            run = await app.workflow(waits).create_run()
            question = (await run.start(input_data=1)).suspensions[0].id
            # From when nobody wanted to be told that it was opened.
            app.on("suspended")(lambda notice: told.append(notice.kind))
            for days in ("1d", "2d"):
                await app.inbox.extend(question, days)
            await clock.advance("5d")
    assert told == ["expired"]


def test_an_unknown_hook_is_told_what_there_is() -> None:
    with pytest.raises(err.UnknownHook, match="'answered'; there are: suspended, reminder, expired, ended"):
        Cadenza().on("answered")  # type: ignore[arg-type]


async def test_old_runs_are_removed_and_others_stay(store: str) -> None:
    async with virtual_time() as clock, Cadenza(store=store, workflows=[flow]) as app:
        (old, waiting) = await begun(app, flow, 2, 4)
        await app.inbox.answer(old, "yes")
        await clock.advance("100d")
        (young,) = await begun(app, flow, 6)
        await app.inbox.answer(young, "yes")

        assert await app.prune("90d") == 1
        assert (await app.list_runs()).total == 2
        with pytest.raises(err.SuspensionNotFound):
            await app.inbox.get(old)
        assert await app.prune("90d", status="suspended") == 1
        with pytest.raises(err.SuspensionNotFound):
            await app.inbox.get(waiting)
        with fail_after(5):
            assert await app.prune("0s") == 0
