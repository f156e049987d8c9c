"""Runs: made once, unknown, deleted."""

from __future__ import annotations

import asyncio

from ...errors import RunNotFound
from ...store.base import RunQuery, Stored
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
