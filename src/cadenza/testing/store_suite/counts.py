"""How runs are counted, those that have changed lately, and the questions of many runs found at once."""

from __future__ import annotations

from ...history.record import RunStatus
from ...store.base import Counted, Head, RunQuery, Store, SuspensionQuery
from .given import MakeStore, after, claim, new_run, opened, question, reply_to, write


async def exercise_runs_are_counted_by_workflow_and_status(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        assert dict(await store.counts(RunQuery())) == {}
        await _fill(store)
        pay = Counted(runs={"suspended": 2, "success": 1}, open=2)
        ship = Counted(runs={"pending": 1, "suspended": 1}, open=1)
        for query, expected in (
            (RunQuery(), {"pay": pay, "ship": ship}),
            (RunQuery(limit=1, offset=1), {"pay": pay, "ship": ship}),
            (RunQuery(workflow="pay"), {"pay": pay}),
            (RunQuery(workflow="none"), {}),
            (RunQuery(status=[]), {}),
            (
                RunQuery(status=["success", "pending"]),
                {"pay": Counted(runs={"success": 1}), "ship": Counted(runs={"pending": 1})},
            ),
            (
                RunQuery(resource="x"),
                {
                    "pay": Counted(runs={"suspended": 1}, open=1),
                    "ship": Counted(runs={"suspended": 1}, open=1),
                },
            ),
            (RunQuery(id_prefix="b"), {"ship": Counted(runs={"suspended": 1}, open=1)}),
            (RunQuery(created_from=after(3), created_to=after(3)), {"ship": Counted(runs={"pending": 1})}),
        ):
            assert dict(await store.counts(query)) == expected, query


async def exercise_the_questions_of_many_runs_are_found_at_once(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await _fill(store)
        for run_ids, expected in (([], []), (["a-1", "b-5", "none"], ["a-1-s", "b-5-s"]), (["a-3"], [])):
            query = SuspensionQuery(run_ids=run_ids)
            assert [row.id for row in await store.suspensions(query)] == expected, run_ids
            assert await store.count_suspensions(query) == len(expected), run_ids


async def exercise_questions_are_found_by_who_claimed_them_and_by_the_resource_of_their_runs(
    make_store: MakeStore,
) -> None:
    async with opened(make_store) as store:
        await _fill(store)
        await store.set_claimant("a-2-s", None, "ada", after(9))
        for query, expected in (
            (SuspensionQuery(claimed_by="ada"), ["a-2-s"]),
            (SuspensionQuery(claimed_by="bob"), []),
            (SuspensionQuery(resource="x"), ["a-1-s", "b-5-s"]),
            (SuspensionQuery(resource="y"), []),
            (SuspensionQuery(resource="y", state=None), ["a-3-s"]),
            (SuspensionQuery(resource="x", workflow="ship"), ["b-5-s"]),
            (SuspensionQuery(resource="x", claimed_by="ada"), []),
        ):
            assert [row.id for row in await store.suspensions(query)] == expected, query
            assert await store.count_suspensions(query) == len(expected), query


async def exercise_runs_that_were_written_to_lately_are_found(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await store.create(new_run("old"))
        await store.create(new_run("new", created_at=after(5)))
        await store.create(new_run("written"))
        await store.create(new_run("asked"))
        await store.append(write(run_id="written", claim=claim(), at=after(6)))
        await store.request_cancel("asked", after(7))
        for since, expected in (
            (0, ["asked", "new", "old", "written"]),
            (5, ["asked", "new", "written"]),
            (6.5, ["asked"]),
            (8, []),
        ):
            found = await store.recent(after(since))
            assert sorted(run.id for run in found) == expected, since
            assert list(found) == [await store.row(run.id) for run in found]


async def _fill(store: Store) -> None:
    """Five runs of two workflows; those that are not pending asked, and two that still wait have no answer."""
    runs: list[tuple[str, str, str | None, RunStatus | None]] = [
        ("a-1", "pay", "x", "suspended"),
        ("a-2", "pay", None, "suspended"),
        ("a-4", "ship", "y", None),
        ("a-3", "pay", "y", "success"),
        ("b-5", "ship", "x", "suspended"),
    ]
    for number, (id_, workflow, resource, status) in enumerate(runs, 1):
        await store.create(new_run(id_, workflow=workflow, resource=resource, created_at=after(number)))
        if status is not None:
            asked = question(f"{id_}-s", run_id=id_, workflow=workflow, opened_at=after(number))
            head = Head(status=status, fingerprint=None, wake_at=None)
            await store.append(write(run_id=id_, claim=claim(), head=head, opened=[asked]))
    await store.answer(reply_to("a-3-s", run_id="a-3"))
