"""Schedules: rows that change by compare-and-set, found when they are due, with the history of what they started."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from ...errors import StoreClosed
from ...store.base import DueSchedules, Fire, Schedule
from .given import AT, VALUE, MakeStore, after, due, opened, raises


def _schedule(id: str = "nightly", **fields: Any) -> Schedule:
    given: dict[str, Any] = {
        "id": id,
        "workflow": "pay",
        "cron": "0 3 * * *",
        "created_at": AT,
        "updated_at": AT,
        "next_at": after(10),
        "due_at": after(10),
    }
    return Schedule(**given | fields)


def _fire(number: int = 0, **fields: Any) -> Fire:
    given: dict[str, Any] = {
        "schedule_id": "nightly",
        "run_id": f"run{number}",
        "scheduled_at": after(number),
        "at": after(number + 0.5),
    }
    return Fire(**given | fields)


async def exercise_a_schedule_is_kept_as_it_was_given(make_store: MakeStore) -> None:
    full = _schedule(
        timezone="Europe/Berlin",
        input=VALUE,
        state={"k": VALUE},
        context={"c": VALUE},
        resource="x",
        metadata={"m": 1},
        status="paused",
        declared=True,
        due_at=None,
        last_at=after(3),
        last_run_id="r",
        version=7,
    )
    async with opened(make_store) as store:
        assert await store.add_schedule(full) is True
        assert await store.schedule("nightly") == full
        assert await store.schedule("other") is None
        assert await store.add_schedule(_schedule(cron="* * * * *")) is False
        assert await store.schedule("nightly") == full


async def exercise_schedules_are_listed_oldest_first(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        rows = [
            _schedule("c"),
            _schedule("a", created_at=after(1)),
            _schedule("b", created_at=after(1), workflow="ship"),
        ]
        for row in reversed(rows):
            await store.add_schedule(row)
        assert list(await store.schedules()) == rows
        assert list(await store.schedules("ship")) == rows[2:]
        assert list(await store.schedules("none")) == []


async def exercise_a_schedule_changes_only_from_the_version_that_was_seen(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        row = _schedule()
        await store.add_schedule(row)
        changed = replace(row, workflow="ship", status="paused", due_at=None, version=2)
        for version in (1, 3, 9):
            assert await store.change_schedule(replace(changed, version=version), _fire()) is False
        assert (await store.schedule("nightly"), list(await store.fires("nightly"))) == (row, [])
        assert await store.change_schedule(changed, _fire()) is True
        assert (await store.schedule("nightly"), list(await store.fires("nightly"))) == (changed, [_fire()])
        assert await store.change_schedule(changed) is False
        assert await store.change_schedule(replace(changed, id="other")) is False
        assert list(await store.schedules("ship")) == [changed]


async def exercise_of_many_changes_at_once_one_is_made(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        row = _schedule()
        await store.add_schedule(row)
        changes = [replace(row, cron=f"{i} * * * *", version=2) for i in range(20)]
        made = await asyncio.gather(*[store.change_schedule(one, _fire(i)) for i, one in enumerate(changes)])
        assert made.count(True) == 1
        assert await store.schedule("nightly") == changes[made.index(True)]
        assert list(await store.fires("nightly")) == [_fire(made.index(True))]


async def exercise_a_schedule_is_due_for_those_who_have_its_workflow(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        for row in (
            _schedule("late", due_at=after(10)),
            _schedule("early", due_at=after(5)),
            _schedule("mine", due_at=after(6), declared=True),
            _schedule("ship", due_at=after(7), workflow="ship"),
            _schedule("never", due_at=None),
        ):
            await store.add_schedule(row)

        async def due(
            at: float, *workflows: str, declared: tuple[str, ...] = (), limit: int = 9
        ) -> list[str]:
            wanted = DueSchedules(now=after(at), workflows=workflows, declared=declared, limit=limit)
            return [row.id for row in await store.due_schedules(wanted)]

        assert await due(4, "pay", "ship", declared=("mine",)) == []
        assert await due(5, "pay") == ["early"]
        assert await due(99, "pay") == ["early", "late"]
        assert await due(99, "pay", "ship", declared=("mine", "other")) == ["early", "mine", "ship", "late"]
        assert await due(99, "pay", "ship", limit=1) == ["early"]
        assert await due(99, "none") == await due(99) == []


async def exercise_the_next_schedule_is_the_first_that_is_not_due_yet(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        for row in (
            _schedule("one", due_at=after(10)),
            _schedule("two", due_at=after(20)),
            _schedule("mine", due_at=after(15), declared=True),
            _schedule("ship", due_at=after(12), workflow="ship"),
            _schedule("never", due_at=None),
        ):
            await store.add_schedule(row)
        for at, workflows, declared, expected in (
            (0, ["pay"], [], after(10)),
            (10, ["pay"], [], after(20)),
            (10, ["pay"], ["mine"], after(15)),
            (10, ["pay", "ship"], ["mine"], after(12)),
            (20, ["pay", "ship"], ["mine"], None),
            (0, [], [], None),
        ):
            asked = DueSchedules(now=after(at), workflows=workflows, declared=declared)
            assert await store.next_schedule(asked) == expected
        # Questions and timers are asked for apart: schedules of others must not hide them.
        assert await store.next_due(due(now=AT)) is None


async def exercise_the_history_of_fires_comes_latest_first(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        row = _schedule()
        await store.add_schedule(row)
        await store.add_schedule(_schedule("other"))
        fires = [_fire(0), _fire(1, kind="manual"), _fire(2, error="no such input")]
        for fire in (*fires, replace(fires[0], error="again")):
            row = replace(row, version=row.version + 1)
            assert await store.change_schedule(row, fire) is True
        assert list(await store.fires("nightly")) == fires[::-1]
        assert list(await store.fires("nightly", limit=1)) == fires[2:]
        assert list(await store.fires("nightly", since=fires[1].at)) == [fires[2], fires[1]]
        assert list(await store.fires("nightly", until=fires[1].at)) == [fires[1], fires[0]]
        assert list(await store.fires("other")) == []


async def exercise_a_schedule_is_removed_with_its_history(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await store.add_schedule(_schedule())
        await store.change_schedule(_schedule(version=2), _fire())
        assert await store.delete_schedule("nightly") is True
        assert await store.delete_schedule("nightly") is False
        assert await store.schedule("nightly") is None
        assert list(await store.fires("nightly")) == []
        assert await store.add_schedule(_schedule()) is True


async def exercise_a_closed_store_keeps_no_schedules(make_store: MakeStore) -> None:
    async with opened(make_store) as store:
        await store.close()
        for call in (
            store.add_schedule(_schedule()),
            store.schedule("nightly"),
            store.schedules(),
            store.change_schedule(_schedule(version=2)),
            store.delete_schedule("nightly"),
            store.due_schedules(DueSchedules(now=AT, workflows=["pay"])),
            store.next_schedule(DueSchedules(now=AT, workflows=["pay"])),
            store.fires("nightly"),
        ):
            await raises(StoreClosed, call)
