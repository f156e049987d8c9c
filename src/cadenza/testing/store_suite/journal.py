"""The journal: what is written, by whom, in which order, and how often."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ...history import event as ev
from ...store.base import Closed, Head, Lease, Receipt, Stored
from .given import (
    AT,
    GRAPH,
    LEASE,
    VALUE,
    MakeStore,
    after,
    claim,
    new_run,
    noted,
    opened,
    question,
    refused,
    reply_to,
    whole,
    write,
)


async def exercise_a_first_write_takes_the_lease_and_pins_the_graph(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await store.create(new_run())
        events = (
            ev.RunStarted(fingerprint=GRAPH.fingerprint, input=VALUE, state={"s": VALUE}, context={}),
            ev.StepStarted(path=("load",), input=ev.Ref(of="input", path=())),
            ev.StepSucceeded(
                path=("load",), output=VALUE, patch=ev.Patch(state={"s": 2}, context={"c": None})
            ),
            ev.StepWaiting(path=("rest",), until=after(1.5)),
            ev.RunSuspended(until=after(1.5)),
        )
        head = Head(status="waiting", fingerprint=GRAPH.fingerprint, wake_at=after(1.5))
        first = write(entries=noted(*events), at=after(4), head=head, graph=GRAPH, claim=claim())
        assert await store.append(first) == Receipt(epoch=1, signals=0, cancel_requested=False)
        lease = Lease(owner="one", until=AT + LEASE, epoch=1)
        assert await whole(store) == Stored(
            run=new_run(
                status="waiting",
                seq=5,
                fingerprint=GRAPH.fingerprint,
                wake_at=after(1.5),
                lease=lease,
                epoch=1,
                updated_at=after(4),
            ),
            entries=noted(*events),
            suspensions=[],
        )
        assert await store.graph(GRAPH.fingerprint) == GRAPH


async def exercise_a_write_without_a_head_leaves_it_as_it_stands(make_store: MakeStore) -> None:
    head = Head(status="waiting", fingerprint=GRAPH.fingerprint, wake_at=after(60))
    async with opened(make_store, first=write(claim=claim(), head=head)) as store:
        before = await whole(store)
        await store.append(write(1, epoch=1, head=None))
        assert (await whole(store)).run == replace(before.run, seq=2, updated_at=after(2))
        await refused(
            store,
            store.append(write(1, epoch=1, head=None, at=after(3), entries=noted(ev.RunResumed(), first=2))),
        )
        await refused(store, store.append(write(2, epoch=2, head=None)))


async def exercise_times_come_back_as_the_same_moments_in_utc(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question(deadline=after(1))])) as store:
        stored = await whole(store)
        found = [
            stored.run.created_at,
            stored.run.updated_at,
            stored.entries[0].at,
            stored.suspensions[0].opened_at,
        ]
        assert found == [AT, after(1), AT, AT]
        assert all(at.utcoffset() == timedelta(0) for at in found)


async def exercise_entries_are_read_after_a_number(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(count=3, claim=claim())) as store:
        for number, expected in ((0, [1, 2, 3]), (1, [2, 3]), (3, []), (9, [])):
            assert [entry.seq for entry in await store.entries("r", after=number)] == expected
            for most in (0, 1, 99):
                found = await store.entries("r", after=number, limit=most)
                assert [entry.seq for entry in found] == expected[:most]


async def exercise_what_was_loaded_does_not_change_with_later_writes(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        stored = await store.load("r")
        assert stored is not None
        seen = (stored.run, list(stored.entries), list(stored.suspensions))
        await store.append(write(1, epoch=1, opened=[question("t")]))
        assert (stored.run, list(stored.entries), list(stored.suspensions)) == seen


async def exercise_only_the_holder_of_the_lease_appends(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        more: dict[str, Any] = {"opened": [question("t")], "closed": [Closed(id="s", state="canceled")]}
        await refused(store, store.append(write(1, epoch=0, **more)))
        await refused(store, store.append(write(1, epoch=2, **more)))
        await refused(store, store.append(write(1, claim=claim("two"), **more)))
        await store.release("r", 1)
        await refused(store, store.append(write(1, epoch=1, **more)))


async def exercise_a_write_that_does_not_follow_the_last_entry_is_refused(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(count=2, claim=claim())) as store:
        await refused(
            store, store.append(write(1, epoch=1, at=after(7), entries=noted(ev.RunResumed(), first=2)))
        )
        await refused(store, store.append(write(3, epoch=1)))
        await refused(store, store.append(write(3, claim=claim(dead=1))))


async def exercise_of_two_different_writes_at_once_one_is_made(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim())) as store:
        writes = [
            write(1, epoch=1, entries=noted(ev.RunResumed(context={"by": i}), first=2)) for i in range(5)
        ]
        found = await asyncio.gather(*map(store.append, writes), return_exceptions=True)
        assert sorted(type(one).__name__ for one in found) == ["Receipt"] + ["RunConflict"] * 4
        (made,) = (w for w, one in zip(writes, found, strict=True) if isinstance(one, Receipt))
        assert list(await store.entries("r", after=1)) == made.entries


async def exercise_the_same_write_again_changes_nothing(make_store: MakeStore) -> None:
    first = write(claim=claim())
    async with opened(make_store, first=first) as store:
        second = write(1, count=2, epoch=1, opened=[question()])
        receipt = await store.append(second)
        before = await whole(store)
        for again in (second, first):
            assert await store.append(again) == receipt
        assert await whole(store) == before


async def exercise_the_same_write_again_after_its_release_gives_the_same_receipt(
    make_store: MakeStore,
) -> None:
    async with opened(make_store) as store:
        await store.create(new_run())
        only = write(claim=claim(), release=True)
        receipt = await store.append(only)
        assert receipt == Receipt(epoch=1, signals=0, cancel_requested=False, released=True)
        before = await whole(store)
        assert await store.append(only) == receipt
        assert await whole(store) == before


async def exercise_who_writes_the_same_but_does_not_hold_the_lease_is_refused(make_store: MakeStore) -> None:
    # Else two drivers that begin a run at the same moment would both go on, one of them with the other's epoch.
    async with opened(make_store, first=write(claim=claim("one"))) as store:
        await refused(store, store.append(write(claim=claim("two"))))
        second = write(1, epoch=1)
        await store.append(second)
        await store.claim("r", claim("two", dead=1))
        await refused(store, store.append(second))


async def exercise_a_write_that_took_the_lease_is_no_longer_known_once_that_was_given_back(
    make_store: MakeStore,
) -> None:
    # Who hears "it is there, and the lease was given back" would take the run to have ended its leg with this write.
    first = write(claim=claim())
    async with opened(make_store, first=first) as store:
        await store.release("r", 1)
        await refused(store, store.append(first))


async def exercise_who_does_not_hold_the_lease_is_refused_also_beside_new_signals(
    make_store: MakeStore,
) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        await store.answer(reply_to("s"))
        await store.release("r", 1)
        await refused(store, store.append(write(1, epoch=1, release=True, heed=True)))
