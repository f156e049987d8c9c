"""The timeline of a run: where it has been and since when, made of its journal alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path as File
from typing import Any

from cadenza import FAIL, Cadenza, Retry, StepContext, Workflow, step
from cadenza.history import event as ev
from cadenza.history.timeline import Timeline, timeline
from cadenza.model.path import show
from cadenza.testing import virtual_time

START = datetime(2026, 1, 1, tzinfo=UTC)


@step
async def one(value: Any) -> Any:
    return value


@step
async def two(value: Any) -> Any:
    return value


@step
async def review(value: Any, ctx: StepContext) -> Any:
    return await ctx.ask(str, question=f"take {value}?")


def flow(id_: str = "flow", **more: Any) -> Workflow[Any, Any]:
    return Workflow(id_, input=Any, **more)


def short(spans: Any) -> list[tuple[str, float, float | None]]:
    """Spans as (kind, from, to), in seconds since the clock began; to is None while it lasts."""
    return [
        (
            span.kind,
            (span.start - START).total_seconds(),
            (span.end - START).total_seconds() if span.end else None,
        )
        for span in spans
    ]


def brief(found: Timeline) -> list[tuple[Any, ...]]:
    return [(show(visit.path), visit.status, short(visit.spans)) for visit in found.visits]


async def told(app: Cadenza) -> Timeline:
    return timeline(await app.store.entries("r"))


async def start(app: Cadenza, workflow: Workflow[Any, Any], value: Any = 1) -> Any:
    run = await app.workflow(workflow).create_run("r")
    return await run.start(input_data=value)


def test_a_run_that_was_not_started_has_been_nowhere() -> None:
    assert timeline([]) == Timeline(status="pending", spans=[], visits=[])


async def test_an_answered_question_is_a_wait_between_two_runs_of_its_step() -> None:
    async with virtual_time() as clock:
        workflow = flow().then(one).then(review).then(two).commit()
        async with Cadenza(workflows=[workflow]) as app:
            await start(app, workflow)
            await clock.advance(5)
            found = await told(app)
            assert (found.status, short(found.spans)) == ("suspended", [("run", 0, 0), ("wait", 0, None)])
            visit = found.visits[1]
            assert brief(found) == [
                ("one", "success", [("run", 0, 0)]),
                ("review", "suspended", [("run", 0, 0), ("wait", 0, None)]),
            ]
            assert (visit.question, visit.answer, visit.actor) == ("take 1?", None, None)
            await app.inbox.answer(visit.suspension_id or "", "yes", actor="ada")
            found = await told(app)
            assert (found.status, short(found.spans)) == (
                "success",
                [("run", 0, 0), ("wait", 0, 5), ("run", 5, 5)],
            )
            visit = found.visits[1]
            assert brief(found)[1:] == [
                ("review", "success", [("run", 0, 0), ("wait", 0, 5), ("run", 5, 5)]),
                ("two", "success", [("run", 5, 5)]),
            ]
            assert (visit.question, visit.answer, visit.actor) == ("take 1?", "yes", "ada")
            assert (visit.input, visit.output, visit.attempts) == (1, "yes", 1)


async def test_of_several_questions_the_last_one_is_told() -> None:
    @step
    async def twice(value: int, ctx: StepContext) -> str:
        first = await ctx.ask(str, key="first", question="the first")
        return first + await ctx.ask(str, key="second", question="the second", deadline="1h", on_timeout=FAIL)

    async with virtual_time() as clock:
        workflow = flow().then(twice).commit()
        async with Cadenza(workflows=[workflow]) as app:
            await start(app, workflow)
            (row,) = (await app.inbox.list()).items
            await app.inbox.answer(row.id, "a", actor="ada")
            (visit,) = (await told(app)).visits
            assert (visit.status, visit.question, visit.answer, visit.actor) == (
                "suspended",
                "the second",
                None,
                None,
            )
            await clock.advance("2h")
            # Nobody answered it: the answer to the first one is not told as its answer.
            (visit,) = (await told(app)).visits
            assert (visit.status, visit.question, visit.answer) == ("failed", "the second", None)
            assert visit.error is not None
            assert visit.error.name == "DeadlinePassed"


async def test_attempts_are_counted_and_the_pauses_between_them_are_shown() -> None:
    @step(retries=Retry(attempts=3, delay=10))
    async def fails(value: int, ctx: StepContext) -> int:
        if ctx.retry_count < 2:
            raise ValueError(f"attempt {ctx.retry_count}")
        return value

    async with virtual_time():
        workflow = flow().then(fails).commit()
        async with Cadenza(workflows=[workflow]) as app:
            await start(app, workflow)
            entries = await app.store.entries("r")
            # As it stood in the second pause.
            retried = [entry.seq for entry in entries if isinstance(entry.event, ev.StepRetried)]
            (visit,) = timeline(entries[: retried[1]]).visits
            assert (visit.attempts, visit.status, short(visit.spans)[3:]) == (
                3,
                "running",
                [("retry", 10, 20), ("run", 20, None)],
            )
            assert visit.error is not None
            assert visit.error.message == "attempt 1"
            (visit,) = timeline(entries).visits
            assert (visit.attempts, visit.status, visit.error) == (3, "success", None)
            assert short(visit.spans) == [
                ("run", 0, 0),
                ("retry", 0, 10),
                ("run", 10, 10),
                ("retry", 10, 20),
                ("run", 20, 20),
            ]


async def test_sleeps_are_shown_and_the_workflow_around_them_waits() -> None:
    async with virtual_time() as clock:
        inner = flow("inner").sleep(60, id="nap").then(one).commit()
        workflow = flow().then(inner).commit()
        async with Cadenza(workflows=[workflow]) as app:
            run = await app.workflow(workflow).create_run("r")
            await run.start(input_data=1, wait=False)
            await clock.settle()
            assert brief(await told(app)) == [
                ("inner", "waiting", [("run", 0, None)]),
                ("inner.nap", "waiting", [("sleep", 0, None)]),
            ]
            asleep = (await told(app)).visits[-1]
            assert asleep.wake_at == asleep.started_at + timedelta(seconds=60)
            await clock.advance(60)
            assert brief(await told(app)) == [
                ("inner", "success", [("run", 0, 60)]),
                ("inner.nap", "success", [("sleep", 0, 60)]),
                ("inner.one", "success", [("run", 60, 60)]),
            ]


async def test_each_item_of_a_foreach_is_a_place_with_its_own_question() -> None:
    inner = flow("inner").then(review).commit()
    workflow = flow().foreach(inner, concurrency=2).commit()
    async with virtual_time() as clock, Cadenza(workflows=[workflow]) as app:
        await start(app, workflow, ["a", "b"])
        await clock.advance(3)
        rows = {show(row.path): row.id for row in (await app.inbox.list()).items}
        await app.inbox.answer(rows["inner[1].review"], "yes", actor="ada")
        found = await told(app)
        assert [(show(visit.path), visit.status) for visit in found.visits] == [
            ("inner", "suspended"),
            ("inner[0]", "suspended"),
            ("inner[1]", "success"),
            ("inner[0].review", "suspended"),
            ("inner[1].review", "success"),
        ]
        by_path = {show(visit.path): visit for visit in found.visits}
        assert (by_path["inner"].input, by_path["inner[1]"].input) == (["a", "b"], "b")
        assert by_path["inner[1].review"].answer == "yes"
        assert short(by_path["inner[1].review"].spans) == [("run", 0, 0), ("wait", 0, 3), ("run", 3, 3)]


async def test_all_rounds_of_a_loop_are_told_also_those_that_a_snapshot_has_forgotten() -> None:
    @step
    async def more(value: int) -> int:
        return value + 1

    workflow = flow().dountil(more, lambda scope: scope.input >= 6).commit()
    async with Cadenza(workflows=[workflow]) as app:
        await start(app, workflow, 0)
        found = await told(app)
        assert [(show(visit.path), visit.status, visit.input, visit.output) for visit in found.visits] == [
            (f"more[{i}]", "success", i, i + 1) for i in range(6)
        ]


async def test_a_restart_runs_what_was_under_way_once_more(tmp_path: File) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    begun, go = asyncio.Event(), asyncio.Event()

    @step
    async def slow(value: int) -> int:
        begun.set()
        await go.wait()
        return value

    inner = flow("inner").then(slow).commit()
    workflow = flow().then(inner).commit()
    async with virtual_time() as clock:
        dead = Cadenza(store=store, workflows=[workflow], worker=False)
        starting = asyncio.ensure_future(start(dead, workflow))
        async with asyncio.timeout(5):
            await begun.wait()
        dead.engine.die()
        await asyncio.gather(starting, return_exceptions=True)
        await dead.close()
        async with Cadenza(store=store, workflows=[workflow], worker=False) as app:
            await clock.advance(7)
            assert short((await told(app)).spans) == [("run", 0, None)]
            go.set()
            await (await app.get_run("r")).restart()
            found = await told(app)
            assert short(found.spans) == [("run", 0, 7), ("run", 7, 7)]
            assert brief(found) == [
                ("inner", "success", [("run", 0, 7)]),
                ("inner.slow", "success", [("run", 0, 7), ("run", 7, 7)]),
            ]


async def test_a_time_travel_forgets_what_comes_after_until_it_is_reached_again() -> None:
    workflow = flow().then(one).then(review).then(two).commit()
    async with virtual_time() as clock, Cadenza(workflows=[workflow]) as app:
        await start(app, workflow)
        (row,) = (await app.inbox.list()).items
        await app.inbox.answer(row.id, "yes")
        await clock.advance(4)
        run = await app.get_run("r")
        await run.time_travel(step="review", input_data=2)
        found = await told(app)
        assert (found.status, short(found.spans)) == (
            "suspended",
            [("run", 0, 0), ("wait", 0, 0), ("run", 0, 0), ("run", 4, 4), ("wait", 4, None)],
        )
        # Not `two`: it was forgotten.
        assert brief(found) == [
            ("one", "success", [("run", 0, 0)]),
            (
                "review",
                "suspended",
                [("run", 0, 0), ("wait", 0, 0), ("run", 0, 0), ("run", 4, 4), ("wait", 4, None)],
            ),
        ]
        assert (found.visits[1].input, found.visits[1].answer) == (2, None)
        (row,) = (await app.inbox.list()).items
        await app.inbox.answer(row.id, "no")
        found = await told(app)
        assert [(show(visit.path), visit.status, visit.input) for visit in found.visits] == [
            ("one", "success", 1),
            ("review", "success", 2),
            ("two", "success", "no"),
        ]
        assert short(found.visits[2].spans) == [("run", 0, 0), ("run", 4, 4)]


async def test_a_time_travel_opens_what_is_around_its_target_and_tells_what_it_brought() -> None:
    inner = flow("inner").then(one).then(two).commit()
    workflow = flow().then(inner).then(review).commit()
    async with virtual_time() as clock, Cadenza(workflows=[workflow]) as app:
        await app.workflow(workflow).create_run("r")
        run = await app.get_run("r")
        await clock.advance(1)
        await run.time_travel(
            step="inner.two", nested_steps_context={"inner": {"one": {"payload": 5, "output": 6}}}
        )
        found = await told(app)
        assert [(show(visit.path), visit.status, visit.output) for visit in found.visits] == [
            ("inner.one", "success", 6),
            ("inner", "success", 6),
            ("inner.two", "success", 6),
            ("review", "suspended", None),
        ]
        assert short(found.visits[0].spans) == []
        await clock.advance(1)
        await run.time_travel(step="inner.two", input_data=9)
        found = await told(app)
        assert short(found.visits[1].spans) == [("run", 1, 1), ("run", 2, 2)]


async def test_an_attempt_of_a_nested_workflow_forgets_the_one_before() -> None:
    tries: list[int] = []

    @step
    async def shaky(value: int) -> int:
        tries.append(value)
        if len(tries) == 1:
            raise ValueError("once more")
        return value

    inner = flow("inner").then(one).then(shaky).commit()
    workflow = flow(retries=Retry(attempts=1, delay=5)).then(inner).commit()
    async with virtual_time(), Cadenza(workflows=[workflow]) as app:
        await start(app, workflow)
        entries = await app.store.entries("r")
        retried = next(e.seq for e in entries if isinstance(e.event, ev.StepRetried))
        assert brief(timeline(entries[:retried])) == [
            ("inner", "running", [("run", 0, 0), ("retry", 0, 5), ("run", 5, None)])
        ]
        found = timeline(entries)
        assert found.visits[0].attempts == 2
        assert brief(found)[1:] == [
            ("inner.one", "success", [("run", 0, 0), ("run", 5, 5)]),
            ("inner.shaky", "success", [("run", 0, 0), ("run", 5, 5)]),
        ]


async def test_what_had_not_ended_when_the_run_did_is_canceled() -> None:
    inner = flow("inner").then(review).commit()
    workflow = flow().parallel([inner, one]).commit()
    async with virtual_time() as clock, Cadenza(workflows=[workflow]) as app:
        await start(app, workflow)
        await clock.advance(2)
        await (await app.get_run("r")).cancel()
        found = await told(app)
        # To be told, a cancel is a leg of its own.
        assert (found.status, short(found.spans)) == (
            "canceled",
            [("run", 0, 0), ("wait", 0, 2), ("run", 2, 2)],
        )
        assert [(show(visit.path), visit.status) for visit in found.visits] == [
            ("inner", "canceled"),
            ("one", "success"),
            ("inner.review", "canceled"),
        ]
        assert short(found.visits[2].spans) == [("run", 0, 0), ("wait", 0, 2)]
        assert (found.visits[2].ended_at, found.visits[0].ended_at) == (clock.now(), clock.now())
