"""Schedules start runs: once each, whoever looks, whatever dies; one fire makes up for those that were missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from cadenza import Cadenza, Fire, Schedule, Workflow, step
from cadenza import errors as err
from cadenza.engine.firing import run_id_of
from cadenza.testing import kill, virtual_time

calls: list[Any] = []


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


class Job(BaseModel):
    name: str
    size: int = 1


@step
def work(job: Job) -> str:
    calls.append(job.name)
    return job.name


report = Workflow("report", input=Job).then(work).commit()
START = datetime(2026, 1, 1, tzinfo=UTC)


def app_on(store: str, **options: Any) -> Cadenza:
    return Cadenza(store=store, workflows=[report], **options)


def daily(app: Cadenza, **terms: Any) -> str:
    return app.schedule(report, **{"cron": "0 9 * * *", "input_data": {"name": "daily"}} | terms)


async def test_a_declared_schedule_fires_when_its_time_comes(store: str) -> None:
    async with virtual_time() as clock:
        app = app_on(store)
        assert daily(app, timezone="Europe/Berlin", resource_id="ada", metadata={"for": "sales"}) == "report"
        async with app:
            first = START + timedelta(hours=8)
            assert await app.schedules.get("report") == Schedule(
                id="report",
                workflow="report",
                cron="0 9 * * *",
                timezone="Europe/Berlin",
                input={"name": "daily", "size": 1},
                resource="ada",
                metadata={"for": "sales"},
                declared=True,
                created_at=START,
                updated_at=START,
                next_at=first,
                due_at=first,
            )
            await clock.advance("7h 59m")
            assert calls == []
            await clock.advance("1m")
            assert calls == ["daily"]
            await clock.advance("2d")
            assert calls == ["daily"] * 3

            runs = (await app.list_runs()).runs
            days = [first + timedelta(days=number) for number in (2, 1, 0)]
            assert [(run.id, run.status, run.resource) for run in runs] == [
                (run_id_of("report", day), "success", "ada") for day in days
            ]
            assert await app.schedules.fires("report") == [
                Fire(schedule_id="report", run_id=run_id_of("report", day), scheduled_at=day, at=day)
                for day in days
            ]
            row = await app.schedules.get("report")
            assert (row.last_at, row.last_run_id, row.next_at) == (
                days[0],
                runs[0].id,
                days[0] + timedelta(days=1),
            )


async def test_a_schedule_follows_summer_time(store: str) -> None:
    """Berlin, 29 March 2026: there is no half past two, it fires at three; on 25 October half past two comes twice, it fires once."""
    for begin, expected in (
        (datetime(2026, 3, 28, tzinfo=UTC), ["28 01:30", "29 01:00", "30 00:30"]),
        (datetime(2026, 10, 24, tzinfo=UTC), ["24 00:30", "25 00:30", "26 01:30"]),
    ):
        async with virtual_time(begin) as clock:
            app = app_on(store)
            id_ = daily(app, cron="30 2 * * *", timezone="Europe/Berlin", id=f"at-{begin.month}")
            async with app:
                await clock.advance("3d")
                fires = await app.schedules.fires(id_)
                assert [fire.at.strftime("%d %H:%M") for fire in fires][::-1] == expected


async def test_one_fire_makes_up_for_all_that_were_missed(tmp_path: Any) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    async with virtual_time() as clock:
        for days_off in (0, 10, 0):
            await clock.advance(timedelta(days=days_off))
            app = app_on(store)
            daily(app)
            async with app:
                await clock.advance("1s")
        (fire,) = await app_on(store).schedules.fires("report")
        assert fire == Fire(
            schedule_id="report",
            run_id=run_id_of("report", START + timedelta(hours=9)),
            scheduled_at=START + timedelta(hours=9),
            at=START + timedelta(days=10, seconds=1),
        )
        row = await app_on(store).schedules.get("report")
        assert row.next_at == START + timedelta(days=10, hours=9)
        assert calls == ["daily"]


async def test_of_many_processes_one_fires(tmp_path: Any) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    async with virtual_time() as clock:
        apps = [app_on(store) for _ in range(8)]
        for app in apps:
            daily(app)
            daily(app, cron="*/10 * * * *", id="often", input_data={"name": "often"})
        await asyncio.gather(*[app.__aenter__() for app in apps])
        await clock.advance("9h")
        assert sorted(calls) == ["daily"] + ["often"] * 54
        assert len(await apps[0].schedules.fires("often")) == 54
        assert (await apps[3].list_runs()).total == 55
        for app in apps:
            await app.close()


@pytest.mark.parametrize("dies", ["before it starts", "after it started"])
async def test_a_fire_whose_process_dies_is_repeated_and_starts_one_run(
    tmp_path: Any, dies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    async with virtual_time() as clock:
        app = app_on(store, worker=False)
        daily(app)
        await app.__aenter__()
        await clock.advance("9h")
        reached = asyncio.Event()

        async def die(*_: object, **__: object) -> Any:
            reached.set()
            await asyncio.Event().wait()

        # The last thing that this process does before its death is to begin this.
        if dies == "before it starts":
            monkeypatch.setattr(app.store, "create", die)
        else:
            monkeypatch.setattr("cadenza.engine.firing.note", die)
        looking = asyncio.ensure_future(app._worker.look())
        async with asyncio.timeout(5):
            await reached.wait()
        await clock.settle()  # a run that was started ends
        looking.cancel()
        kill(app)
        monkeypatch.undo()
        done_before = len(calls)

        heir = app_on(store)
        daily(heir)
        async with heir:
            await clock.advance("30s")
            assert len(calls) == done_before  # for a while it could still be alive
            await clock.advance("31s")
            (fire,) = await heir.schedules.fires("report")
            assert fire.scheduled_at == START + timedelta(hours=9)
            assert (await heir.list_runs()).total == 1
            run = await heir.get_run(fire.run_id)
            assert (await run.get_state()).status == "success"
            assert calls == ["daily"]


async def test_a_paused_schedule_does_not_fire_and_makes_up_for_nothing(store: str) -> None:
    async with virtual_time() as clock:
        app = app_on(store)
        daily(app)
        async with app:
            row = await app.schedules.pause("report")
            assert (row.status, row.next_at, row.due_at) == ("paused", START + timedelta(hours=9), None)
            assert await app.schedules.pause("report") == row
            await clock.advance("3d")
            row = await app.schedules.resume("report")
            assert (row.status, row.next_at) == ("active", START + timedelta(days=3, hours=9))
            assert await app.schedules.resume("report") == row
            assert calls == []
            await clock.advance("9h")
            assert calls == ["daily"]


async def test_a_pause_outlives_the_next_start_of_the_program(tmp_path: Any) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    async with virtual_time():
        for cron in ("0 9 * * *", "0 10 * * *"):
            app = app_on(store)
            daily(app, cron=cron)
            async with app:
                row = await app.schedules.pause("report")
        assert (row.status, row.cron, row.next_at) == ("paused", "0 10 * * *", START + timedelta(hours=10))


async def test_only_programs_that_declare_a_schedule_fire_it(tmp_path: Any) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    async with virtual_time() as clock:
        app = app_on(store, worker=False)
        daily(app)
        async with app:
            pass
        async with app_on(store) as newer:  # a deploy that has it no more
            await clock.advance("3d")
            assert calls == []
            assert [row.id for row in await newer.schedules.list()] == ["report"]
            await newer.schedules.delete("report")
            assert await newer.schedules.list() == []


async def test_schedules_are_made_and_changed_at_run_time(store: str) -> None:
    async with virtual_time() as clock, app_on(store) as app:
        one = await app.schedules.create(report, cron="0 * * * *", input_data=Job(name="one"), id="one")
        two = await app.schedules.create("report", cron="30 * * * *", input_data={"name": "two"})
        assert two.id.startswith("schedule_")
        assert await app.schedules.list(workflow=report) == [one, two] or [two, one]
        assert await app.schedules.list(workflow="other") == []
        with pytest.raises(err.DuplicateSchedule, match="there is a schedule 'one' already"):
            await app.schedules.create(report, cron="0 * * * *", input_data={"name": "x"}, id="one")
        await clock.advance("1h")
        assert calls == ["two", "one"]

        changed = await app.schedules.update("one", cron="15 * * * *", input_data={"name": "new"})
        assert (changed.cron, changed.input, changed.next_at) == (
            "15 * * * *",
            {"name": "new", "size": 1},
            START + timedelta(hours=1, minutes=15),
        )
        await app.schedules.delete(two.id)
        await clock.advance("1h")
        assert calls == ["two", "one", "new"]
        for call in (app.schedules.get, app.schedules.delete, app.schedules.pause, app.schedules.run):
            with pytest.raises(err.ScheduleNotFound, match="there is no schedule"):
                await call(two.id)


async def test_a_schedule_is_run_by_hand_without_moving_its_next_fire(store: str) -> None:
    async with virtual_time() as clock:
        app = app_on(store)
        daily(app)
        async with app:
            await app.schedules.pause("report")
            fires = [await app.schedules.run("report", actor="ada") for _ in range(2)]
            await clock.settle()
            assert [fire.run_id for fire in fires] == [
                run_id_of("report", START),
                run_id_of("report", START + timedelta(milliseconds=1)),
            ]
            assert [(fire.kind, fire.error) for fire in fires] == [("manual", None)] * 2
            assert list(await app.schedules.fires("report")) == fires[::-1]
            assert (await app.schedules.get("report")).next_at == START + timedelta(hours=9)
            assert calls == ["daily"] * 2


async def test_a_fire_that_its_workflow_refuses_is_noted_and_the_next_one_comes(tmp_path: Any) -> None:
    """After a deploy the input may no longer fit."""
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    async with virtual_time() as clock:
        async with app_on(store, worker=False) as app:
            await app.schedules.create(report, cron="0 9 * * *", input_data={"name": "x"}, id="old")

        @step
        def count(value: int) -> int:
            return value

        newer = Workflow("report", input=int).then(count).commit()
        async with Cadenza(store=store, workflows=[newer]) as app:
            await clock.advance("2d")
            fires = await app.schedules.fires("old")
            assert len(fires) == 2
            assert "invalid input for workflow report" in (fires[0].error or "")
            with pytest.raises(err.InvalidInput):
                await app.schedules.run("old")


async def test_a_schedule_that_cannot_fire_holds_up_no_other(
    store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with virtual_time() as clock:
        app = app_on(store)
        daily(app, id="bad", input_data={"name": "bad"})
        daily(app, id="good", input_data={"name": "good"})
        plain = app.engine.start

        async def start(workflow: Any, run_id: str, starting: Any) -> Any:
            if "bad" in run_id and clock.now() < START + timedelta(hours=9, minutes=1):
                raise RuntimeError("no way")
            return await plain(workflow, run_id, starting)

        monkeypatch.setattr(app.engine, "start", start)
        async with app:
            await clock.advance("9h")
            assert calls == ["good"]
            assert "schedule bad did not fire" in caplog.text
            assert "could not look for runs" not in caplog.text
            await clock.advance("2m")
            assert calls == ["good", "bad"]


async def test_what_cannot_be_scheduled_is_refused_at_once(store: str) -> None:
    app = app_on(store, context_secrets=["token"])
    daily(app)
    with pytest.raises(err.DuplicateSchedule):
        daily(app)
    with pytest.raises(err.InvalidCron):
        daily(app, id="x", cron="nope")
    with pytest.raises(err.InvalidTimezone):
        daily(app, id="x", timezone="Nowhere")
    with pytest.raises(err.InvalidInput):
        daily(app, id="x", input_data={"size": 1})
    with pytest.raises(err.InvalidContext, match="never kept"):
        daily(app, id="x", runtime_context={"token": "t"})
    with pytest.raises(err.UnknownWorkflow):
        app.schedule("other", cron="* * * * *")
    async with app:
        with pytest.raises(err.ScheduleDeclared):
            await app.schedules.update("report", cron="* * * * *")
        with pytest.raises(err.ScheduleDeclared):
            await app.schedules.delete("report")
        assert [row.id for row in await app.schedules.list(status="active")] == ["report"]


async def test_a_codec_hides_what_schedules_are_given(tmp_path: Any) -> None:
    class Reversed:
        def encode(self, data: bytes) -> bytes:
            return data[::-1]

        def decode(self, data: bytes) -> bytes:
            return data[::-1]

    async with virtual_time() as clock:
        app = Cadenza(store=f"sqlite:///{tmp_path / 'runs.db'}", workflows=[report], codec=Reversed())
        daily(app, input_data={"name": "a-secret-name"})
        async with app:
            await clock.advance("1d")
            assert calls == ["a-secret-name"]
            assert len(list(await app.schedules.fires("report"))) == 1
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"a-secret-name" not in kept
    assert b"eman-terces-a" in kept
