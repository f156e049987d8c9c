"""Who finds work: runs that need a driver, and what keeps a lease."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from ...store.base import Head, Lease, Receipt, RunRow, Store, Wanted
from .given import (
    AT,
    LEASE,
    MakeStore,
    after,
    claim,
    new_run,
    opened,
    question,
    reply_to,
    whole,
    write,
)

RESTING = Head(status="suspended", fingerprint=None, wake_at=None)


def wanted(**fields: Any) -> Wanted:
    """What the worker "w" takes up, a second after everything else happened."""
    given: dict[str, Any] = {"engine": "local", "workflows": ["pay"], "owner": "w", "now": after(20)}
    return Wanted(**{"until": given["now"] + LEASE, **given, **fields})


async def at_rest(store: Store, run_id: str, **fields: str) -> None:
    """Add a run that was driven and gave its lease back; it asks "<id>-s"."""
    await store.create(new_run(run_id, **fields))
    asked = question(f"{run_id}-s", run_id=run_id)
    await store.append(write(run_id=run_id, claim=claim(), head=RESTING, opened=[asked], release=True))


async def taken(store: Store, **fields: Any) -> list[str]:
    """The ids of the runs that *wanted* gets, sorted: those due longest come first to the limit, not in the list."""
    return sorted(claimed.run_id for claimed in await store.claim_due(wanted(**fields)))


async def exercise_a_run_that_needs_nobody_is_not_taken_up(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await at_rest(store, "r")
        await store.create(new_run("pending"))
        before = await whole(store)
        assert await taken(store) == []
        assert await whole(store) == before


async def exercise_a_run_is_taken_up_for_each_reason_to_need_a_driver(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        # Led until its time was over: at the very moment that it is.
        await store.create(new_run("over"))
        over = claim("gone", now=after(20) - LEASE)
        await store.append(write(run_id="over", at=after(1), claim=over, head=RESTING))
        # Led by one who is known to be dead.
        await store.create(new_run("dead"))
        await store.append(write(run_id="dead", at=after(2), claim=claim("dead", now=after(20))))
        # Left under way by one who gave the lease back.
        await store.create(new_run("left"))
        await store.append(write(run_id="left", at=after(3), claim=claim()))
        await store.release("left", 1)
        # Something was put in after the driver had left.
        for run_id in ("asked", "answered"):
            await at_rest(store, run_id)
        await store.request_cancel("asked", after(4))
        await store.answer(reply_to("answered-s", run_id="answered", at=after(5)))
        # Its timer is due.
        await store.create(new_run("timer"))
        timer = Head(status="waiting", fingerprint=None, wake_at=after(6))
        await store.append(write(run_id="timer", at=after(1), claim=claim(), head=timer, release=True))

        names = ("over", "dead", "left", "asked", "answered", "timer")
        rows = {run_id: await store.row(run_id) for run_id in names}
        found = await store.claim_due(wanted(dead=["dead", "nobody"]))
        assert {one.run_id for one in found} == set(names)
        for one in found:
            before = rows[one.run_id]
            assert before is not None
            # The lease alone is another: claiming is no work on the run.
            lease = Lease(owner="w", until=after(20) + LEASE, epoch=2)
            assert await store.row(one.run_id) == replace(before, lease=lease, epoch=2)
            assert one.receipt == Receipt(
                epoch=2, signals=before.signals, cancel_requested=before.cancel_requested
            )
        assert await taken(store, dead=["dead"]) == []
        # Who was led before can write nothing now, and who leads it can.
        await store.append(write(1, run_id="dead", epoch=2, claim=None))


async def exercise_runs_that_are_to_be_skipped_are_left_and_hide_no_other(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        for number, run_id in enumerate(("a", "b'", 'c"', "d")):
            await at_rest(store, run_id)
            await store.request_cancel(run_id, after(number))
        assert await taken(store, skip=["a", 'c"', "nobody"], limit=1) == ["b'"]
        assert await taken(store, skip=["a", 'c"', "nobody"]) == ["d"]
        assert await taken(store) == ["a", 'c"']


async def exercise_a_run_whose_driver_lives_or_whose_time_has_not_come_is_left(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim("one", now=after(10)))) as store:
        await store.request_cancel("r", after(11))
        await store.create(new_run("timer"))
        timer = Head(status="waiting", fingerprint=None, wake_at=after(20.000001))
        await store.append(write(run_id="timer", claim=claim(), head=timer, release=True))
        assert await taken(store, dead=["two"]) == []
        assert await taken(store, now=after(20.000001)) == ["timer"]


async def exercise_an_owner_that_is_known_to_live_keeps_a_lease_that_has_run_out(
    make_store: MakeStore,
) -> None:
    async with opened(make_store) as store:
        for run_id, owner in (("a", "here"), ("b", "elsewhere")):
            await store.create(new_run(run_id))
            await store.append(write(run_id=run_id, claim=claim(owner)))
        assert await taken(store, now=after(99), until=after(999), live=["here", "somebody"]) == ["b"]
        assert await taken(store, now=after(99)) == ["a"]


async def exercise_what_a_driver_has_heard_is_no_reason_to_take_a_run_up(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question(), question("t")])) as store:
        await store.answer(reply_to("s"))
        rest = write(1, epoch=1, head=RESTING, release=True, signals=1)
        assert (await store.append(rest)).released
        row = (await whole(store)).run
        assert (row.signals, row.heard) == (1, 1)
        assert await taken(store) == []
        await store.answer(reply_to("t"))
        row = (await whole(store)).run
        assert (row.signals, row.heard) == (2, 1)
        assert await taken(store) == ["r"]


async def exercise_pending_held_and_ended_runs_are_never_taken_up(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        for status in ("held", "success", "failed", "canceled"):
            await store.create(new_run(status))
            head = Head(status=status, fingerprint=None, wake_at=after(1))
            await store.append(
                write(run_id=status, claim=claim(), head=head, opened=[question(status, run_id=status)])
            )
            await store.answer(reply_to(status, run_id=status))
        await store.create(new_run("pending"))
        await store.claim("pending", claim())
        await store.request_cancel("pending", AT)
        assert await taken(store, now=after(999), dead=["one"]) == []


async def exercise_only_runs_of_the_engine_and_the_workflows_are_taken_up(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await at_rest(store, "pay")
        await at_rest(store, "ship", workflow="ship")
        await at_rest(store, "other", workflow="other")
        await at_rest(store, "temporal", engine="temporal")
        for run_id in ("pay", "ship", "other", "temporal"):
            await store.request_cancel(run_id, AT)
        assert await taken(store, workflows=[]) == []
        assert await taken(store, workflows=["pay", "ship"]) == ["pay", "ship"]
        assert await taken(store, engine="temporal") == ["temporal"]


async def exercise_those_due_longest_are_taken_up_first_and_no_more_than_the_limit(
    make_store: MakeStore,
) -> None:
    async with opened(make_store) as store:
        for number in (3, 1, 2):
            head = Head(status="waiting", fingerprint=None, wake_at=after(number))
            await store.create(new_run(f"r{number}"))
            await store.append(write(run_id=f"r{number}", claim=claim(), head=head, release=True))
        assert await taken(store, limit=0) == []
        assert await taken(store, limit=2) == ["r1", "r2"]
        assert await taken(store, limit=2) == ["r3"]


async def exercise_of_many_who_look_for_work_at_once_each_gets_other_runs(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        names = [f"r{number:02}" for number in range(40)]
        for name in names:
            await store.create(new_run(name))
            await store.append(write(run_id=name, claim=claim()))
            await store.release(name, 1)
        found: list[str] = []
        # Who asks while others do may get less than there is: a row that is being taken is passed over.
        while len(found) < len(names):
            calls = [store.claim_due(wanted(owner=f"w{i}", limit=7)) for i in range(8)]
            got = await asyncio.gather(*calls)
            for i, claimed in enumerate(got):
                for one in claimed:
                    found.append(one.run_id)
                    row: RunRow | None = await store.row(one.run_id)
                    assert row is not None
                    assert row.lease == Lease(owner=f"w{i}", until=wanted().until, epoch=2)
        assert sorted(found) == names


# ------------------------------------------------------------------ keeping a lease


async def exercise_an_owner_renews_all_its_leases_and_no_others(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        for run_id, owner in (("a", "one"), ("b", "one"), ("c", "two"), ("d", "one")):
            await store.create(new_run(run_id))
            await store.append(write(run_id=run_id, claim=claim(owner)))
        await store.release("d", 1)
        before = [await whole(store, run_id) for run_id in "abcd"]
        assert sorted(await store.renew("one", after(99))) == ["a", "b"]
        lease = Lease(owner="one", until=after(99), epoch=1)
        for stored in before[:2]:
            assert await store.row(stored.run.id) == replace(stored.run, lease=lease)
        assert [await whole(store, run_id) for run_id in "cd"] == before[2:]
        assert await store.renew("nobody", after(99)) == []


async def exercise_who_holds_leases_is_named_once_each(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        assert list(await store.owners()) == []
        for run_id, owner in (("a", "one"), ("b", "one"), ("c", "two"), ("d", "gone")):
            await store.create(new_run(run_id))
            await store.append(write(run_id=run_id, claim=claim(owner)))
        await store.release("d", 1)
        assert sorted(await store.owners()) == ["one", "two"]
