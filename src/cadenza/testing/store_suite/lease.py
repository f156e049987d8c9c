"""The lease: who gets it, and who gives it back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from ...store.base import Lease, Receipt
from .given import (
    AT,
    HEAD,
    LEASE,
    MakeStore,
    claim,
    new_run,
    opened,
    question,
    refused,
    reply_to,
    whole,
    write,
)


async def exercise_a_lease_is_given_where_it_is_free_or_over(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await store.create(new_run())
        receipts = [
            await store.claim("r", claim("one")),
            await store.claim("r", claim("two", now=AT + LEASE - timedelta(microseconds=1))),
            await store.claim("r", claim("two", dead=7)),
            await store.claim("r", claim("two", dead=1)),
            await store.claim("r", claim("three", now=AT + LEASE)),
        ]
        assert [receipt and receipt.epoch for receipt in receipts] == [1, None, None, 2, 3]
        row = (await whole(store)).run
        assert row.lease == Lease(owner="three", until=AT + LEASE + LEASE, epoch=3)


async def exercise_of_many_who_claim_at_once_one_gets_the_lease(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await store.create(new_run())
        found = await asyncio.gather(*[store.claim("r", claim(f"o{i}")) for i in range(20)])
        (winner,) = (i for i, receipt in enumerate(found) if receipt is not None)
        lease = (await whole(store)).run.lease
        assert lease is not None
        assert lease.owner == f"o{winner}"


async def exercise_a_lease_is_released_by_its_epoch_alone(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim())) as store:
        before = await whole(store)
        await store.release("r", 2)
        assert await whole(store) == before
        await store.release("r", 1)
        assert await whole(store) == replace(before, run=replace(before.run, lease=None))


async def exercise_a_write_releases_unless_something_was_put_in_meanwhile(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        await store.answer(reply_to("s"))
        kept = await store.append(write(1, epoch=1, release=True, signals=0))
        assert kept == Receipt(epoch=1, signals=1, cancel_requested=False, released=False)
        assert (await whole(store)).run.lease is not None
        given = await store.append(write(2, count=0, epoch=1, release=True, signals=1))
        assert given == Receipt(epoch=1, signals=1, cancel_requested=False, released=True)
        assert (await whole(store)).run.lease is None


async def exercise_a_write_that_heeds_signals_is_not_made_beside_new_ones(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        await store.answer(reply_to("s"))
        before = await whole(store)
        last = write(1, epoch=1, release=True, heed=True)
        unmade = Receipt(epoch=1, signals=1, cancel_requested=False, made=False)
        assert await store.append(last) == unmade
        assert await whole(store) == before
        # Who may not write learns that first.
        await refused(store, store.append(replace(last, epoch=2)))
        await refused(store, store.append(write(2, epoch=1, heed=True)))
        made = await store.append(replace(last, signals=1))
        assert made == Receipt(epoch=1, signals=1, cancel_requested=False, released=True)
        assert await store.append(replace(last, signals=1)) == made


async def exercise_a_run_that_has_ended_has_no_lease_to_take(make_store: MakeStore) -> None:
    ended = replace(HEAD, status="success")
    async with opened(
        make_store, first=write(claim=claim("one"), head=ended, release=True, heed=True)
    ) as store:
        before = await whole(store)
        assert before.run.lease is None
        assert await store.claim("r", claim("two")) is None
        assert await whole(store) == before


async def exercise_a_run_that_begins_and_ends_with_one_write_keeps_no_lease(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await store.create(new_run())
        await store.request_cancel("r", AT)
        ended = replace(HEAD, status="success")
        receipt = await store.append(write(claim=claim("one"), head=ended, release=True, heed=True))
        assert (receipt.made, receipt.released, receipt.cancel_requested) == (True, True, True)
        row = (await whole(store)).run
        assert (row.lease, row.status, row.signals, row.heard) == (None, "success", 1, 1)


async def exercise_a_write_that_reopens_forgets_an_earlier_wish_to_stop(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim("one"), release=True)) as store:
        assert await store.request_cancel("r", AT)
        receipt = await store.append(write(1, claim=claim("two"), reopen=True))
        assert not receipt.cancel_requested
        assert not (await whole(store)).run.cancel_requested
        assert await store.request_cancel("r", AT)  # it can be asked again
