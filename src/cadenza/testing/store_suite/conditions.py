"""What an answer may ask for beside its rows: how they close, who loses by it, and what must still hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ...store.base import Accepted, Closed, Missed, Receipt, Refused
from .given import VALUE, MakeStore, after, claim, new_run, opened, question, reply_to, whole, write


async def exercise_an_answer_keeps_how_it_came_about(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        given = reply_to(
            "s", state="expired", via="deadline", idempotency_key="k", reason="no answer came", actor=None
        )
        assert await store.answer(given) == Accepted(receipt=None)
        assert await store.suspension("s") == question(
            state="expired",
            answer={"to": "s", "value": VALUE},
            via="deadline",
            idempotency_key="k",
            reason="no answer came",
            run_count=2,
            context={"k": 1},
            closed_at=after(9),
        )


async def exercise_the_driver_closes_with_a_reason(make_store: MakeStore) -> None:
    rows = [question(), question("t")]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        both = [
            Closed(id="s", state="canceled", reason="bailed"),
            Closed(id="u", state="expired", reason="late"),
        ]
        await store.append(write(1, epoch=1, at=after(20), opened=[question("u")], closed=both))
        assert (await whole(store)).suspensions == [
            question(state="canceled", reason="bailed", closed_at=after(20)),
            rows[1],
            question("u", state="expired", reason="late", closed_at=after(20)),
        ]


async def exercise_an_answer_closes_its_rivals(make_store: MakeStore) -> None:
    rows = [question(), question("t"), question("u"), question("v")]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        given = reply_to("s", via="inbox", closes=["t", "u"], closes_reason="another was faster")
        assert await store.answer(given) == Accepted(receipt=None)
        stored = await whole(store)
        lost = {"state": "canceled", "reason": "another was faster", "closed_at": after(9)}
        assert stored.suspensions[1:] == [question("t", **lost), question("u", **lost), rows[3]]
        assert stored.run.signals == 1


async def exercise_a_row_stays_closed_as_the_answer_closed_it_whatever_its_write_says(
    make_store: MakeStore,
) -> None:
    rows = [question(), question("t"), question("u")]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        closed = [Closed(id=row.id, state="superseded", reason="the walk") for row in rows]
        driving = write(1, claim=claim("two", dead=1), closed=closed, at=after(9))
        given = reply_to(
            "s", state="canceled", reason="gone", closes=["t"], closes_reason="lost", write=driving
        )
        assert isinstance(await store.answer(given), Accepted)
        found = (await whole(store)).suspensions
        assert [(row.state, row.reason) for row in found] == [
            ("canceled", "gone"),
            ("canceled", "lost"),
            ("superseded", "the walk"),
        ]


async def exercise_an_answer_whose_rival_is_shut_is_refused(make_store: MakeStore) -> None:
    rows = [question(), question("t"), question("u")]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        await store.answer(reply_to("t"))
        before = await whole(store)
        given = reply_to("s", closes=["u", "t"], write=write(1, claim=claim("two", dead=1)))
        assert await store.answer(given) == Refused(rows=[before.suspensions[1]])
        assert await store.answer(replace(given, closes=["unknown"])) == Refused(rows=[])
        assert await whole(store) == before


async def exercise_of_rivals_answered_at_once_one_wins(make_store: MakeStore) -> None:
    rows = [question("s"), question("t")]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        calls = [store.answer(reply_to(one, closes=[other])) for one, other in [("s", "t"), ("t", "s")] * 5]
        found = await asyncio.gather(*calls)
        assert sorted(type(one).__name__ for one in found) == ["Accepted"] + ["Refused"] * 9
        stored = await whole(store)
        assert sorted(row.state for row in stored.suspensions) == ["answered", "canceled"]
        assert stored.run.signals == 1


async def exercise_an_answer_that_expects_the_run_as_it_was_misses_where_it_has_moved(
    make_store: MakeStore,
) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question(), question("t")])) as store:
        before = await whole(store)
        driving = write(1, claim=claim("two", dead=1))
        for expect in ((0, 0), (2, 0), (1, 1)):
            assert await store.answer(reply_to("s", expect=expect, write=driving)) == Missed()
            assert await whole(store) == before
        assert await store.answer(reply_to("s", expect=(1, 0))) == Accepted(receipt=None)
        assert await store.answer(reply_to("t", expect=(1, 0))) == Missed()
        # A row that is shut is told before all else.
        assert isinstance(await store.answer(reply_to("s", expect=(1, 0))), Refused)
        receipt = Receipt(epoch=2, signals=1, cancel_requested=False)
        assert await store.answer(reply_to("t", expect=(1, 1), write=driving)) == Accepted(receipt=receipt)


async def exercise_of_many_answers_that_expect_one_view_one_is_taken(make_store: MakeStore) -> None:
    rows = [question(f"s{i}") for i in range(10)]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        found = await asyncio.gather(*[store.answer(reply_to(row.id, expect=(1, 0))) for row in rows])
        assert sorted(type(one).__name__ for one in found) == ["Accepted"] + ["Missed"] * 9
        stored = await whole(store)
        assert sorted(row.state for row in stored.suspensions) == ["answered"] + ["open"] * 9
        assert stored.run.signals == 1


async def exercise_a_deadline_that_was_put_back_is_missed(make_store: MakeStore) -> None:
    rows = [question(deadline=after(5)), question("t", deadline=after(9)), question("u")]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        before = await whole(store)
        expire = reply_to("s", state="expired", via="deadline", due=after(5))
        assert await store.answer(replace(expire, due=after(4.999999))) == Missed()
        assert await store.answer(reply_to("s", "t", due=after(5))) == Missed()
        assert await store.answer(reply_to("u", due=after(99))) == Missed()
        assert await whole(store) == before
        # Rivals need not be due.
        assert await store.answer(replace(expire, closes=["u"])) == Accepted(receipt=None)
        assert [row.state for row in (await whole(store)).suspensions] == ["expired", "open", "canceled"]
        await store.extend("t", after(50), None)
        assert await store.answer(reply_to("t", due=after(9))) == Missed()


async def exercise_a_claim_keeps_everybody_else_from_answering(make_store: MakeStore) -> None:
    rows = [question(), question("t"), question("u")]
    async with opened(make_store, first=write(claim=claim(), opened=rows)) as store:
        assert await store.set_claimant("s", None, "bob", after(3)) is True
        before = await whole(store)
        for actor in ("ada", None):
            assert await store.answer(reply_to("s", actor=actor, unclaimed=True)) == Missed()
            assert await store.answer(reply_to("t", "s", actor=actor, unclaimed=True)) == Missed()
        assert await whole(store) == before
        # A rival that is closed with it may be claimed by whomever; and what time or a program does heeds no claim.
        assert isinstance(await store.answer(reply_to("t", closes=["s"], unclaimed=True)), Accepted)
        await store.set_claimant("u", None, "bob", after(3))
        assert isinstance(await store.answer(reply_to("u", actor="bob", unclaimed=True)), Accepted)


async def exercise_what_heeds_no_claim_closes_a_row_all_the_same(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question()])) as store:
        await store.set_claimant("s", None, "bob", after(3))
        assert isinstance(await store.answer(reply_to("s")), Accepted)


async def exercise_what_was_put_in_is_counted_for_many_runs_at_once(make_store: MakeStore) -> None:
    async with opened(make_store, first=write(claim=claim(), opened=[question(), question("t")])) as store:
        await store.create(new_run("quiet"))
        await store.create(new_run("other"))
        await store.answer(reply_to("s"))
        await store.request_cancel("r", after(9))
        await store.answer(reply_to("t", write=write(1, claim=claim("two", dead=1))))
        await store.request_cancel("other", after(9))
        assert dict(await store.signals(["r", "quiet", "unknown"])) == {"r": 2, "quiet": 0}
        assert dict(await store.signals([])) == {}
