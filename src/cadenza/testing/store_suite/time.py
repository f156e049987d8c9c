"""What time brings to open suspensions, the lists of them, and events that came before anybody waited."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from ...store.base import Closed, DueRow, Head, KeptEvent, Missed, SuspensionQuery
from .given import AT, VALUE, MakeStore, after, claim, due, new_run, opened, question, reply_to, whole, write


async def exercise_rows_are_due_once_their_time_has_come_the_earliest_first(make_store: MakeStore) -> None:
    rows = [
        question("a", due_at=after(3)),
        question("b", due_at=after(1), deadline=after(9)),
        question("c", due_at=after(2)),
        question("d"),
        question("e", due_at=after(1)),
        question("f", due_at=after(1)),
    ]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        await store.answer(reply_to("f"))
        for now, limit, expected in (
            (0.9, 9, ""),
            (1, 9, "be"),
            (99, 9, "beca"),
            (99, 3, "bec"),
            (99, 0, ""),
        ):
            found = await store.due(due(now=after(now), limit=limit))
            assert list(found) == [DueRow(id=id_, run_id="r") for id_ in expected], (now, limit)


async def exercise_rows_of_runs_that_are_to_be_skipped_are_not_due(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        for number, run_id in enumerate(("a", "b", "c")):
            await store.create(new_run(run_id))
            row = question(f"{run_id}-s", run_id=run_id, due_at=after(1 + number))
            await store.append(write(run_id=run_id, claim=claim(), opened=[row]))
        assert [one.run_id for one in await store.due(due(skip=["a", "x"], limit=1))] == ["b"]
        assert [one.run_id for one in await store.due(due(skip=["b"]))] == ["a", "c"]


async def exercise_an_open_row_is_put_off_by_who_saw_when_it_is_due(make_store: MakeStore) -> None:
    rows = [question(due_at=after(1)), question("t"), question("u", due_at=after(1))]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        await store.answer(reply_to("u"))
        shut = await store.suspension("u")
        assert await store.put_off("s", after(2), after(5), told=1) is False
        assert await store.put_off("s", None, after(5), told=1) is False
        assert await store.put_off("s", after(1), after(5), told=1) is True
        assert await store.suspension("s") == question(due_at=after(5), told=1)
        assert await store.put_off("s", after(5), None, told=2) is True
        assert await store.put_off("s", None, after(6), told=3) is True
        assert await store.put_off("t", after(1), after(5), told=1) is False
        assert await store.put_off("t", None, after(7), told=0) is True
        assert await store.suspension("s") == question(due_at=after(6), told=3)
        assert await store.suspension("t") == question("t", due_at=after(7))
        found = await store.due(due(now=after(99)))
        assert list(found) == [DueRow(id=id_, run_id="r") for id_ in "st"]
        assert await store.put_off("u", after(1), after(5), told=1) is False
        assert await store.put_off("unknown", None, after(5), told=1) is False
        assert await store.suspension("u") == shut


async def exercise_a_row_that_has_expired_is_due_until_somebody_was_told(make_store: MakeStore) -> None:
    rows = [question(due_at=after(1), deadline=after(1)), question("t", due_at=after(1))]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        await store.answer(reply_to("s", state="expired", via="deadline", due=after(2)))
        await store.answer(reply_to("t", state="canceled", via="inbox"))
        shut = await store.suspension("s")
        assert shut is not None
        assert (shut.state, shut.due_at) == ("expired", after(1))
        assert list(await store.due(due())) == [DueRow(id="s", run_id="r")]
        assert await store.put_off("s", after(2), after(30), told=1) is False
        assert await store.put_off("s", after(1), after(30), told=1) is True
        assert await store.suspension("s") == replace(shut, due_at=after(30), told=1)
        assert list(await store.due(due())) == []
        assert await store.next_due(due()) == after(30)
        assert await store.put_off("s", after(30), None, told=2) is True
        assert await store.next_due(due()) is None
        assert await store.put_off("t", after(1), after(30), told=1) is False


async def exercise_of_many_who_put_a_row_off_at_once_one_does(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question(due_at=after(1))])) as store:
        found = await asyncio.gather(*[store.put_off("s", after(1), after(2), told=1) for _ in range(20)])
        assert sorted(found) == [False] * 19 + [True]


async def exercise_an_open_row_is_claimed_by_one_at_a_time(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question(), question("t")])) as store:
        before = (await whole(store)).run
        names = [f"actor{i}" for i in range(10)]
        found = await asyncio.gather(*[store.set_claimant("s", None, name, after(3)) for name in names])
        (winner,) = (name for name, got in zip(names, found, strict=True) if got)
        assert await store.suspension("s") == question(claimed_by=winner, claimed_at=after(3))
        assert await store.set_claimant("s", "nobody", "bob", after(4)) is False
        assert await store.set_claimant("s", winner, "bob", after(4)) is True
        assert await store.suspension("s") == question(claimed_by="bob", claimed_at=after(4))
        assert await store.set_claimant("s", "bob", None, after(5)) is True
        assert await store.suspension("s") == question()
        assert await store.set_claimant("unknown", None, "bob", after(4)) is False
        assert (await whole(store)).run == before
        await store.set_claimant("t", None, "bob", after(4))
        await store.answer(reply_to("t"))
        shut = await store.suspension("t")
        assert shut is not None
        assert shut.claimed_by == "bob"
        assert await store.set_claimant("t", "bob", None, after(6)) is False
        assert await store.suspension("t") == shut


async def exercise_a_run_that_is_touched_counts_as_written_to(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        before = (await whole(store)).run
        await store.touch("r", after(9))
        assert (await whole(store)).run == replace(before, updated_at=after(9))
        assert [row.id for row in await store.recent(after(9))] == ["r"]
        await store.touch("r", after(8))
        assert (await whole(store)).run.updated_at == after(9)
        await store.touch("unknown", after(9))


async def exercise_an_open_row_may_get_another_deadline(make_store: MakeStore) -> None:
    rows = [question(deadline=after(9), due_at=after(3)), question("t")]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        before = (await whole(store)).run
        assert await store.extend("s", after(99), after(50)) is True
        assert await store.suspension("s") == question(deadline=after(99), due_at=after(50))
        assert await store.extend("s", None, None) is True
        assert await store.suspension("s") == question()
        assert (await whole(store)).run == before
        await store.answer(reply_to("t"))
        shut = await store.suspension("t")
        assert await store.extend("t", after(99), after(50)) is False
        assert await store.extend("unknown", after(99), after(50)) is False
        assert await store.suspension("t") == shut


async def exercise_the_next_moment_is_that_of_a_timer_at_rest_or_of_an_open_row(
    make_store: MakeStore,
) -> None:
    async with opened(make_store) as store:
        now = due(now=after(3))
        assert await store.next_due(now) is None
        await store.create(new_run())
        sleeping = Head(status="waiting", fingerprint=None, wake_at=after(5))
        rows = [question(due_at=after(8)), question("t", due_at=after(7)), question("u")]
        await store.append(write(claim=claim(), head=sleeping, opened=rows))
        # Its driver keeps its timer.
        assert await store.next_due(now) == after(7)
        await store.answer(reply_to("t"))
        assert await store.next_due(now) == after(8)
        await store.append(write(1, epoch=1, head=sleeping, release=True, signals=1))
        assert await store.next_due(now) == after(5)
        await store.extend("s", None, after(4))
        assert await store.next_due(now) == after(4)
        await store.extend("s", None, None)
        await store.claim("r", claim("two"))
        assert await store.next_due(now) is None


async def exercise_the_next_moment_is_one_that_has_not_come_yet(make_store: MakeStore) -> None:
    rows = [question(due_at=after(2)), question("t", due_at=after(6))]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        for name, seconds in (("past", 1), ("next", 4)):
            sleeping = Head(status="waiting", fingerprint=None, wake_at=after(seconds))
            await store.create(new_run(name))
            await store.append(write(run_id=name, claim=claim(), head=sleeping, release=True))
        for now, expected in ((0, 1), (1, 2), (2, 4), (3.999999, 4), (4, 6)):
            assert await store.next_due(due(now=after(now))) == after(expected), now
        assert await store.next_due(due(now=after(6))) is None


async def exercise_what_is_due_to_others_hides_nothing_that_is_due_here(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        kinds = {
            "ours": {},
            "also": {"workflow": "ship"},
            "other": {"workflow": "x"},
            "far": {"engine": "temporal"},
        }
        for number, (run_id, fields) in enumerate(kinds.items()):
            # Those of others have been due for longer than ours, and will be sooner.
            behind = 20 - number
            head = Head(status="waiting", fingerprint=None, wake_at=after(50 + behind))
            asked = [
                question(f"{run_id}-{state}", run_id=run_id, due_at=after(at))
                for state, at in (("due", behind), ("next", 30 + behind))
            ]
            await store.create(new_run(run_id, **fields))
            await store.append(write(run_id=run_id, claim=claim(), head=head, opened=asked, release=True))
        for looking, expected in (
            (due(limit=1), ["ours"]),
            (due(workflows=["ship", "pay", "none"]), ["also", "ours"]),
            (due(engine="temporal"), ["far"]),
            (due(workflows=[]), []),
        ):
            found = [DueRow(id=f"{run_id}-due", run_id=run_id) for run_id in expected]
            assert list(await store.due(looking)) == found, looking
            nexts = [after(50 - [*kinds].index(run_id)) for run_id in expected]
            assert await store.next_due(looking) == min(nexts, default=None), looking
            later = replace(looking, now=after(60))
            assert await store.next_due(later) == min((at + (after(20) - AT) for at in nexts), default=None)


async def exercise_suspensions_are_found_by_run_event_and_state(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        rows = [
            question("a", opened_at=after(3), event="paid", match={"order": 7}),
            question("b", opened_at=after(1)),
            question("c", opened_at=after(2), event="sent"),
            question("d", opened_at=after(0.5)),
        ]
        await store.create(new_run())
        await store.append(write(claim=claim(), opened=rows))
        await store.create(new_run("other"))
        foreign = question("e", run_id="other", opened_at=after(2), event="paid")
        await store.append(write(run_id="other", claim=claim(), opened=[foreign]))
        await store.answer(reply_to("c"))
        await store.append(write(1, epoch=1, closed=[Closed(id="d", state="canceled", reason="enough")]))
        for query, expected in (
            (SuspensionQuery(), "bea"),
            (SuspensionQuery(run_id="r"), "ba"),
            (SuspensionQuery(event="paid"), "ea"),
            (SuspensionQuery(event="paid", run_id="r"), "a"),
            (SuspensionQuery(event="sent"), ""),
            (SuspensionQuery(event="sent", state=None), "c"),
            (SuspensionQuery(state="answered"), "c"),
            (SuspensionQuery(state="canceled", run_id="r"), "d"),
            (SuspensionQuery(state=None), "dbcea"),
            (SuspensionQuery(state=None, limit=2, offset=1), "bc"),
            (SuspensionQuery(state=None, limit=None, offset=3), "ea"),
            (SuspensionQuery(run_id="unknown"), ""),
        ):
            found = await store.suspensions(query)
            assert [row.id for row in found] == list(expected), query
            assert list(found) == [await store.suspension(id_) for id_ in expected]
            total = await store.suspensions(replace(query, limit=None, offset=0))
            assert await store.count_suspensions(query) == len(total), query


async def exercise_suspensions_are_found_by_whom_they_are_for_and_what_they_are_called(
    make_store: MakeStore,
) -> None:
    rows = [
        question("a", opened_at=after(1), workflow="pay", labels=("x", "y"), assigned=("ada", "group:ops")),
        question("b", opened_at=after(2), workflow="ship", labels=("xy",), assigned=("ad",)),
        question("c", opened_at=after(3), workflow="pay", assigned=("bob", "ada")),
        question("d", opened_at=after(4), workflow="pay", labels=("y%", "ä\U0001f3bb")),
    ]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        for query, expected in (
            (SuspensionQuery(workflow="pay"), "acd"),
            (SuspensionQuery(workflow="none"), ""),
            (SuspensionQuery(label="x"), "a"),
            (SuspensionQuery(label="y"), "a"),
            (SuspensionQuery(label="y%"), "d"),
            (SuspensionQuery(label="ä\U0001f3bb"), "d"),
            (SuspensionQuery(assignee="ada"), "ac"),
            (SuspensionQuery(assignee="ad"), "b"),
            (SuspensionQuery(assignee="group:ops", label="y", workflow="pay"), "a"),
            (SuspensionQuery(opened_to=after(2)), "ab"),
            (SuspensionQuery(opened_to=after(2), workflow="ship"), "b"),
        ):
            found = await store.suspensions(query)
            assert [row.id for row in found] == list(expected), query
            assert await store.count_suspensions(replace(query, limit=1)) == len(expected), query


# ------------------------------------------------------------------ events


def event(id: str = "e", **fields: Any) -> KeptEvent:
    """An event that nobody waited for."""
    given: dict[str, Any] = {"name": "paid", "data": VALUE, "at": after(1), "until": after(60)}
    return KeptEvent(id=id, **given | fields)


async def exercise_kept_events_come_back_whole_the_oldest_first(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        first = event("b", run_id="r", match={"order": 7}, actor="ada")
        kept = [first, event("c"), event("a", at=after(2))]
        for one in (kept[2], kept[1], kept[0], event("d", name="sent"), event("e", until=after(5))):
            await store.keep_event(one)
        await store.keep_event(event("b", data="another with the same id"))
        assert list(await store.kept_events("paid", after(5))) == kept
        assert [one.id for one in await store.kept_events("paid", after(4.999999))] == ["b", "c", "e", "a"]
        assert list(await store.kept_events("none", after(5))) == []


async def exercise_a_kept_event_is_dropped_once(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await store.keep_event(event())
        found = await asyncio.gather(*[store.drop_event("e") for _ in range(5)])
        assert sorted(found) == [False] * 4 + [True]
        assert list(await store.kept_events("paid", after(5))) == []
        assert await store.drop_event("unknown") is False


async def exercise_an_answer_consumes_its_event_or_is_not_given(make_store: MakeStore) -> None:
    rows = [question(event="paid"), question("t", event="paid")]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        await store.keep_event(event())
        calls = [store.answer(reply_to(row.id, consumes="e")) for row in rows]
        found = await asyncio.gather(*calls)
        assert sorted(type(one).__name__ for one in found) == ["Accepted", "Missed"]
        assert list(await store.kept_events("paid", after(5))) == []
        stored = await whole(store)
        assert sorted(row.state for row in stored.suspensions) == ["answered", "open"]
        for row in stored.suspensions:
            if row.state == "open":
                assert await store.answer(reply_to(row.id, consumes="e")) == Missed()
        assert await whole(store) == stored
