"""Suspension rows: opened and closed by the driver, answered by anybody, once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from ...history import event as ev
from ...store.base import Accepted, Closed, Head, Lease, Receipt, Refused, Write
from .given import (
    AT,
    GRAPH,
    LEASE,
    VALUE,
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

ANSWERED = question(
    state="answered",
    answer={"to": "s", "value": VALUE},
    actor="ada",
    run_count=2,
    context={"k": 1},
    closed_at=after(9),
)
AT_REST = Head(status="suspended", fingerprint=GRAPH.fingerprint, wake_at=None)


def resting(*questions: ev.Suspension) -> Write:
    """A first write that opens *questions* and gives the lease back."""
    return write(claim=claim("dead"), opened=questions, head=AT_REST, release=True)


def with_answer(expect: int = 1, **fields: Any) -> Write:
    """What an answerer would write if it got the lease."""
    return write(expect, claim=claim("two", now=after(9)), **fields)


async def exercise_suspensions_come_back_whole_and_in_the_order_they_were_opened(
    make_store: MakeStore,
) -> None:
    asked = question(
        "z",
        key="Review",
        labels=("ada", "bob"),
        payload=VALUE,
        resume_schema={"type": "object", "properties": {"b": {}, "a": {}}},
        answer_type="app:Review",
        deadline=after(60),
        on_timeout=ev.OnTimeout(do="answer", data={"decision": "reject"}),
        due_at=after(30),
        event="paid",
        match={"order": 7},
    )
    rows = [asked, question("b"), question("a")]
    async with opened(make_store, first=write(count=3, claim=claim(), opened=rows)) as store:
        # Opened at the very same time by a later write: a virtual clock does that, and ids are random.
        later = [question("A"), question("c", path=("review", 0))]
        for number, row in enumerate(later, 3):
            await store.append(write(number, epoch=1, opened=[row]))
        assert (await whole(store)).suspensions == rows + later


async def exercise_the_driver_closes_open_suspensions_and_no_others(make_store: MakeStore) -> None:
    rows = [question(), question("t"), question("u")]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        await store.answer(reply_to("s"))
        closed = [
            Closed(id="s", state="canceled"),
            Closed(id="t", state="expired"),
            Closed(id="u", state="superseded"),
        ]
        await store.append(write(1, epoch=1, at=after(20), closed=closed))
        found = await whole(store)
        assert list(found.suspensions) == [
            ANSWERED,
            replace(rows[1], state="expired", closed_at=after(20)),
            replace(rows[2], state="superseded", closed_at=after(20)),
        ]
        await store.append(write(2, epoch=1, at=after(30), closed=[Closed(id="t", state="canceled")]))
        assert (await whole(store)).suspensions == found.suspensions


async def exercise_a_question_can_be_opened_and_closed_in_one_write(make_store: MakeStore) -> None:
    both = write(claim=claim(), opened=[question()], closed=[Closed(id="s", state="canceled")])
    async with opened(make_store, first=both) as store:
        assert await store.suspension("s") == question(state="canceled", closed_at=after(1))


async def exercise_an_answer_changes_its_row_and_signals_the_driver(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question(), question("t")])) as store:
        before = await whole(store)
        assert await store.answer(reply_to("s")) == Accepted(receipt=None)
        run = replace(before.run, signals=1, updated_at=after(9))
        assert await whole(store) == replace(before, run=run, suspensions=[ANSWERED, question("t")])


async def exercise_the_driver_learns_of_signals_with_its_next_write(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question(), question("t")])) as store:
        await store.answer(reply_to("s"))
        await store.answer(reply_to("t"))
        await store.request_cancel("r", after(10))
        receipt = Receipt(epoch=1, signals=3, cancel_requested=True)
        assert await store.append(write(1, epoch=1)) == receipt
        assert await store.claim("r", claim("two", dead=1)) == replace(receipt, epoch=2)


async def exercise_answers_are_taken_all_or_none(make_store: MakeStore) -> None:
    rows = [question(), question("t"), question("u")]
    async with opened(make_store, first=resting(*rows)) as store:
        both = await store.answer(reply_to("s", "t"))
        assert both == Accepted(receipt=None)
        before = await whole(store)
        for ids in (("u", "s"), ("u", "t", "s"), ("s",)):
            given = reply_to(*ids, actor="bob", write=with_answer())
            shut = [row for id_ in ids for row in before.suspensions if row.id == id_ and row.state != "open"]
            assert await store.answer(given) == Refused(rows=shut)
            assert await whole(store) == before


async def exercise_an_answer_to_an_unknown_question_is_refused(make_store: MakeStore) -> None:
    async with opened(make_store, first=resting(question())) as store:
        await store.create(new_run("other"))
        foreign = question("f", run_id="other")
        await store.append(write(run_id="other", claim=claim(), opened=[foreign]))
        before, other = await whole(store), await whole(store, "other")
        for ids in (("?",), ("s", "?"), ("f",), ("s", "f")):
            assert await store.answer(reply_to(*ids, write=with_answer())) == Refused(rows=[])
        await store.answer(reply_to("f", run_id="other"))
        # Another run's row is no row of this run, in whatever state.
        assert await store.answer(reply_to("f")) == Refused(rows=[])
        assert await whole(store) == before
        assert (await whole(store, "other")).entries == other.entries


async def exercise_of_many_answers_at_once_one_is_taken(make_store: MakeStore) -> None:
    async with opened(make_store, first=resting(question())) as store:
        names = [f"actor{i}" for i in range(20)]
        found = await asyncio.gather(*[store.answer(reply_to("s", actor=name)) for name in names])
        (winner,) = (name for name, one in zip(names, found, strict=True) if isinstance(one, Accepted))
        kept = replace(ANSWERED, actor=winner)
        assert [one for one in found if isinstance(one, Refused)] == [Refused(rows=[kept])] * 19
        assert (await whole(store)).suspensions == [kept]
        assert (await whole(store)).run.signals == 1


async def exercise_answers_to_two_questions_at_once_are_both_taken(make_store: MakeStore) -> None:
    rows = [question(), question("t")]
    async with opened(make_store, first=resting(*rows)) as store:
        calls = [reply_to(row.id, write=with_answer()) for row in rows]
        found = await asyncio.gather(*map(store.answer, calls))
        # The first to come drives the run; it sees the other's signal.
        assert sorted(one.receipt is not None for one in found if isinstance(one, Accepted)) == [False, True]
        stored = await whole(store)
        assert {row.state for row in stored.suspensions} == {"answered"}
        assert (stored.run.seq, stored.run.epoch, stored.run.signals) == (2, 2, 1)


async def exercise_an_answer_takes_a_free_lease_and_writes(make_store: MakeStore) -> None:
    async with opened(make_store, first=resting(question())) as store:
        before = await whole(store)
        assert before.run.lease is None
        given = with_answer(count=2, opened=[question("t")])
        outcome = await store.answer(reply_to("s", write=given))
        assert outcome == Accepted(receipt=Receipt(epoch=2, signals=0, cancel_requested=False))
        lease = Lease(owner="two", until=after(9) + LEASE, epoch=2)
        stored = await whole(store)
        assert stored.run == replace(
            before.run, status="running", seq=3, lease=lease, epoch=2, updated_at=given.at
        )
        assert stored.entries == [*before.entries, *given.entries]
        assert stored.suspensions == [ANSWERED, question("t")]


async def exercise_an_answer_takes_the_lease_of_a_driver_that_is_gone(make_store: MakeStore) -> None:
    for gone in (claim("two", now=AT + LEASE), claim("two", dead=1)):
        async with opened(make_store, first=write(claim=claim("dead"), opened=[question()])) as store:
            outcome = await store.answer(reply_to("s", write=write(1, claim=gone)))
            assert outcome == Accepted(receipt=Receipt(epoch=2, signals=0, cancel_requested=False))
            lease = (await whole(store)).run.lease
            assert lease is not None
            assert lease.owner == "two"


async def exercise_an_answer_leaves_a_live_driver_its_lease(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        before = await whole(store)
        assert await store.answer(reply_to("s", write=with_answer())) == Accepted(receipt=None)
        run = replace(before.run, signals=1, updated_at=after(9))
        assert await whole(store) == replace(before, run=run, suspensions=[ANSWERED])


async def exercise_an_answer_from_an_old_view_of_the_run_does_not_drive_it(make_store: MakeStore) -> None:
    async with opened(make_store, first=resting(question())) as store:
        before = await whole(store)
        for expect in (0, 2):
            given = reply_to("s", write=with_answer(expect))
            outcome = await store.answer(given)
            assert outcome == (Accepted(receipt=None) if expect == 0 else Refused(rows=[ANSWERED]))
        run = replace(before.run, signals=1, updated_at=after(9))
        assert await whole(store) == replace(before, run=run, suspensions=[ANSWERED])
