"""What others than the driver ask for: to cancel, to list, to wait; and the end of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ...errors import StoreClosed
from ...store.base import Head, Receipt, RunQuery, RunRow, Store, SuspensionQuery
from .due import wanted
from .given import AT, MakeStore, after, claim, due, new_run, opened, question, raises, reply_to, whole, write
from .time import event

_PATIENCE = 5.0  # seconds: a bound against hanging, far more than any of this takes


async def exercise_a_run_is_asked_to_stop_once(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim())) as store:
        before = await whole(store)
        assert await store.request_cancel("r", after(7)) is True
        asked = replace(before.run, cancel_requested=True, signals=1, updated_at=after(7))
        assert await whole(store) == replace(before, run=asked)
        assert await store.request_cancel("r", after(8)) is False
        assert await whole(store) == replace(before, run=asked)
        receipt = Receipt(epoch=1, signals=1, cancel_requested=True)
        assert await store.append(write(1, epoch=1, release=True)) == receipt


async def exercise_a_pending_run_is_asked_to_stop_and_stays_pending(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await store.create(new_run())
        assert await store.request_cancel("r", AT) is True
        assert (await whole(store)).run == new_run(cancel_requested=True, signals=1)


async def exercise_a_run_that_has_ended_is_not_asked_to_stop(make_store: MakeStore) -> None:
    for status in ("success", "failed", "canceled"):
        end = write(claim=claim(), release=True, head=Head(status=status, fingerprint=None, wake_at=None))
        async with opened(make_store, first=end) as store:
            before = await whole(store)
            assert await store.request_cancel("r", after(7)) is False
            assert await whole(store) == before


async def exercise_runs_are_found_by_what_is_known_of_them(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        for i, (id_, workflow, resource) in enumerate(
            [
                ("a-1", "pay", "x"),
                ("a-2", "pay", None),
                ("a_3", "ship", "x"),
                ("b%1", "ship", "y"),
                ("B-1", "pay", "x"),
            ]
        ):
            await store.create(new_run(id_, workflow=workflow, resource=resource, created_at=after(i)))
        for id_ in ("a-1", "b%1"):
            await store.append(write(run_id=id_, claim=claim()))
        for query, expected in (
            (RunQuery(), ["B-1", "b%1", "a_3", "a-2", "a-1"]),
            (RunQuery(workflow="pay"), ["B-1", "a-2", "a-1"]),
            (RunQuery(workflow="none"), []),
            (RunQuery(status=["running"]), ["b%1", "a-1"]),
            (RunQuery(status=["pending", "running"]), ["B-1", "b%1", "a_3", "a-2", "a-1"]),
            (RunQuery(status=[]), []),
            (RunQuery(resource="x"), ["B-1", "a_3", "a-1"]),
            (RunQuery(workflow="pay", status=["pending"], resource="x"), ["B-1"]),
            (RunQuery(id_prefix="a-"), ["a-2", "a-1"]),
            (RunQuery(id_prefix="a"), ["a_3", "a-2", "a-1"]),
            (RunQuery(id_prefix="b%"), ["b%1"]),
            (RunQuery(id_prefix=""), ["B-1", "b%1", "a_3", "a-2", "a-1"]),
            (RunQuery(created_from=after(1), created_to=after(3)), ["b%1", "a_3", "a-2"]),
            (RunQuery(created_from=after(1), workflow="pay"), ["B-1", "a-2"]),
        ):
            page = await store.find(query)
            assert ([run.id for run in page.runs], page.total) == (expected, len(expected)), query
            assert list(page.runs) == [await store.row(run.id) for run in page.runs]


async def exercise_lists_come_in_pages_with_the_number_of_all(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        # Runs of one moment are in the order of their ids, so that pages neither repeat nor miss one.
        ids = [f"r{i:02}" for i in range(25)]
        for id_ in reversed(ids):
            await store.create(new_run(id_))
        for limit, offset in ((10, 0), (10, 10), (10, 20), (10, 30), (0, 0), (None, 0), (None, 20)):
            page = await store.find(RunQuery(limit=limit, offset=offset))
            expected = ids[offset:][:limit]
            assert ([run.id for run in page.runs], page.total) == (expected, 25), (limit, offset)


async def exercise_a_list_has_every_run_where_no_limit_is_set(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await asyncio.gather(*[store.create(new_run(f"r{i}")) for i in range(150)])
        assert len((await store.find(RunQuery(limit=None))).runs) == 150
        assert len((await store.find(RunQuery())).runs) == 100


async def exercise_many_runs_are_written_at_once(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        names = [f"r{i}" for i in range(50)]

        async def drive(name: str) -> None:
            await store.create(new_run(name))
            await store.append(write(run_id=name, claim=claim(name)))
            for number in range(1, 10):
                await store.append(write(number, run_id=name, epoch=1))

        await asyncio.gather(*map(drive, names))
        for name in names:
            stored = await whole(store, name)
            assert [entry.seq for entry in stored.entries] == list(range(1, 11))
            assert stored.run.seq == 10


# ------------------------------------------------------------------ waiting


async def exercise_a_wait_ends_at_once_where_the_row_is_another_already(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim())) as store:
        async with asyncio.timeout(_PATIENCE):
            await store.wait("r", new_run(), 60)
            await store.wait("unknown", new_run("unknown"), 60)


async def exercise_a_wait_ends_with_any_change_of_the_row(make_store: MakeStore) -> None:
    changes: list[Callable[[Store], Awaitable[object]]] = [
        lambda store: store.append(write(1, epoch=1)),
        lambda store: store.append(write(1, count=0, epoch=1, release=True)),
        lambda store: store.claim("r", claim("two", dead=1)),
        lambda store: store.release("r", 1),
        lambda store: store.answer(reply_to("s")),
        lambda store: store.answer(reply_to("s", write=write(1, claim=claim("two", dead=1)))),
        lambda store: store.request_cancel("r", AT),
        lambda store: store.delete("r"),
    ]
    for change in changes:
        async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
            seen = (await whole(store)).run
            # The waits begin first: `gather` lets each go as far as it can, in this order.
            async with asyncio.timeout(_PATIENCE):
                await asyncio.gather(*[store.wait("r", seen, 60) for _ in range(3)], change(store))
            assert await store.row("r") != seen


async def exercise_a_wait_ends_after_its_time_where_nothing_changes(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim())) as store:
        await store.create(new_run("other"))
        seen = (await whole(store)).run
        quiet = asyncio.ensure_future(store.wait("r", seen, 60))
        # Another run's changes are no changes of this one.
        await store.request_cancel("other", AT)
        assert not quiet.done()
        quiet.cancel()
        async with asyncio.timeout(_PATIENCE):
            for seconds in (0.05, 0):
                await store.wait("r", seen, seconds)
        assert await store.row("r") == seen


async def exercise_a_wait_that_is_given_up_leaves_others_waiting(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim())) as store:
        seen = (await whole(store)).run
        given_up, other = (asyncio.ensure_future(store.wait("r", seen, 60)) for _ in range(2))
        await store.wait("r", seen, 0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert not other.done()
        await store.request_cancel("r", AT)
        async with asyncio.timeout(_PATIENCE):
            await other


# ------------------------------------------------------------------ closing


async def exercise_a_closed_store_refuses_every_call(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        seen = (await whole(store)).run
        await store.close()
        await store.close()
        calls: list[Awaitable[object]] = [
            store.setup(),
            store.create(new_run("new")),
            store.load("r"),
            store.row("r"),
            store.entries("r"),
            store.suspension("s"),
            store.graph("f"),
            store.append(write(1, epoch=1)),
            store.claim("r", claim()),
            store.release("r", 1),
            store.answer(reply_to("s")),
            store.request_cancel("r", AT),
            store.touch("r", AT),
            store.find(RunQuery()),
            store.counts(RunQuery()),
            store.recent(AT),
            store.delete("r"),
            store.wait("r", seen, 60),
            store.claim_due(wanted()),
            store.renew("one", AT),
            store.owners(),
            store.due(due(now=AT)),
            store.put_off("s", None, AT, told=1),
            store.set_claimant("s", None, "ada", AT),
            store.extend("s", None, None),
            store.next_due(due(now=AT)),
            store.suspensions(SuspensionQuery()),
            store.count_suspensions(SuspensionQuery()),
            store.prune(AT, ["success"], 1),
            store.keep_event(event()),
            store.kept_events("paid", AT),
            store.drop_event("e"),
            store.signals(["r"]),
            store.changed(60),
        ]
        for call in calls:
            await raises(StoreClosed, call)


async def exercise_setup_again_does_nothing(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim())) as store:
        before = await whole(store)
        await store.setup()
        assert await whole(store) == before


async def exercise_closing_ends_waits(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim())) as store:
        seen: RunRow = (await whole(store)).run
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(store.wait("r", seen, 60), store.changed(60), store.close())


async def exercise_closing_lets_what_was_asked_for_before_be_done(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        async with asyncio.timeout(_PATIENCE):
            *found, _ = await asyncio.gather(
                *[store.create(new_run(f"r{i}")) for i in range(700)], store.close()
            )
        assert found == ["created"] * 700
