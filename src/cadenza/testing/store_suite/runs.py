"""Runs: made once, unknown, deleted."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ...errors import RunNotFound
from ...history.record import RunStatus
from ...store.base import Head, KeptEvent, RunQuery, Stored
from .given import AT, MakeStore, after, claim, new_run, opened, question, raises, reply_to, whole, write


async def exercise_a_new_run_is_pending_and_has_no_journal(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        run = new_run(resource="team-a")
        assert await store.create(run) == "created"
        assert await whole(store) == Stored(run=run, entries=[], suspensions=[])


async def exercise_a_run_that_is_there_is_left_as_it_is(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim())) as store:
        before = await whole(store)
        assert await store.create(new_run(workflow="other", created_at=after(5))) == "there"
        assert await whole(store) == before


async def exercise_of_many_who_create_one_run_at_once_one_does(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        found = await asyncio.gather(*[store.create(new_run(workflow=f"w{i}")) for i in range(20)])
        assert sorted(found) == ["created"] + ["there"] * 19
        assert (await whole(store)).run.workflow == f"w{found.index('created')}"


async def exercise_an_unknown_run_reads_as_nothing_and_refuses_writes(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        assert await store.load("r") is None
        assert await store.row("r") is None
        assert list(await store.entries("r")) == []
        assert await store.suspension("s") is None
        assert await store.graph("f") is None
        assert await store.delete("r") is False
        await store.release("r", 1)
        await raises(RunNotFound, store.append(write(claim=claim())))
        await raises(RunNotFound, store.append(write(epoch=1)))
        await raises(RunNotFound, store.claim("r", claim()))
        await raises(RunNotFound, store.answer(reply_to("s")))
        await raises(RunNotFound, store.request_cancel("r", AT))
        assert await store.row("r") is None


async def exercise_a_deleted_run_leaves_nothing_behind(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        await store.create(new_run("other"))
        assert await store.delete("r") is True
        assert await store.load("r") is None
        assert list(await store.entries("r")) == []
        assert await store.suspension("s") is None
        assert [run.id for run in (await store.find(RunQuery())).runs] == ["other"]
        assert await store.create(new_run()) == "created"
        assert await whole(store) == Stored(run=new_run(), entries=[], suspensions=[])


async def exercise_old_runs_that_nobody_drives_are_pruned_with_all_that_is_theirs(
    make_store: MakeStore,
) -> None:
    async with opened(make_store) as store:
        written: list[tuple[str, RunStatus, float, bool]] = [
            ("old", "success", 1, False),
            ("older", "failed", 0.5, False),
            ("new", "success", 5, False),
            ("led", "success", 1, True),
            ("waits", "suspended", 1, False),
        ]
        for run_id, status, at, led in written:
            await store.create(new_run(run_id))
            head = Head(status=status, fingerprint=None, wake_at=None)
            asked = question(f"{run_id}-s", run_id=run_id)
            first = write(run_id=run_id, at=after(at), claim=claim(), head=head, opened=[asked])
            await store.append(replace(first, release=not led))
        for event_id, until in (("gone", 1), ("kept", 5)):
            await store.keep_event(KeptEvent(id=event_id, name="paid", data=1, at=AT, until=after(until)))
        assert await store.prune(after(5), ["success", "failed"], 0) == 0
        assert await store.prune(after(5), ["canceled"], 9) == 0
        assert await store.prune(after(5), ["success", "failed"], 1) == 1
        assert await store.prune(after(5), ["success", "failed"], 9) == 1
        assert await store.prune(after(5), ["success", "failed"], 9) == 0
        assert sorted(run.id for run in (await store.find(RunQuery())).runs) == ["led", "new", "waits"]
        for run_id in ("old", "older"):
            assert list(await store.entries(run_id)) == []
            assert await store.suspension(f"{run_id}-s") is None
        assert [event.id for event in await store.kept_events("paid", AT)] == ["kept"]
