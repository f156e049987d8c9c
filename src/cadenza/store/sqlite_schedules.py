"""The schedules that a SQLite store keeps. The columns beside the payload are what is asked by."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from .packing import Packing
from .rows import fires_asked, micros, optional_moment, schedule_values
from .schedule_rows import (
    DueSchedules,
    Fire,
    Schedule,
    fire_from_json,
    fire_to_json,
    schedule_from_json,
)
from .sqlite_writer import Writer

_T = TypeVar("_T")

# A new schedule, unless there is one with its id.
_ADD = (
    "insert into schedules (id, workflow, declared, due_at, created_at, version, payload) "
    "values (:id, :workflow, :declared, :due_at, :created_at, :version, :payload) on conflict (id) do nothing"
)
_ONE = "select payload from schedules where id = ?"
_ALL = "select payload from schedules order by created_at, id"
_OF_WORKFLOW = "select payload from schedules where workflow = ? order by created_at, id"
# The compare-and-set of whatever changes a schedule.
_CHANGE = (
    "update schedules set workflow = :workflow, due_at = :due_at, declared = :declared, version = :version, "
    "payload = :payload where id = :id and version = :version - 1"
)
_FIRE = "insert into fires (schedule, run, at, payload) values (?, ?, ?, ?) on conflict (schedule, run) do nothing"
_DELETE = ("delete from fires where schedule = ?", "delete from schedules where id = ?")
_FIRES = (
    "select payload from fires where schedule = :schedule and at >= :since and at <= :until "
    "order by at desc, run desc limit :limit"
)


class _Connected(Protocol):
    _packing: Packing

    def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T: ...
    def _open(self) -> Writer: ...


class SqliteSchedules:
    """Schedules and their fires, for a store that can read and write its file."""

    async def add_schedule(self: _Connected, schedule: Schedule) -> bool:
        """Keep a new schedule."""
        values = schedule_values(schedule, self._packing)
        return await self._open().run(lambda db: db.execute(_ADD, values).rowcount > 0)

    async def schedule(self: _Connected, schedule_id: str) -> Schedule | None:
        """One schedule."""
        found = self._read(lambda db: db.execute(_ONE, (schedule_id,)).fetchone())
        return schedule_from_json(self._packing.unpack(found[0])) if found else None

    async def schedules(self: _Connected, workflow: str | None = None) -> Sequence[Schedule]:
        """All schedules, or those of one workflow."""
        statement, values = (_ALL, ()) if workflow is None else (_OF_WORKFLOW, (workflow,))
        found = self._read(lambda db: db.execute(statement, values).fetchall())
        return [schedule_from_json(self._packing.unpack(payload)) for (payload,) in found]

    async def change_schedule(self: _Connected, schedule: Schedule, fire: Fire | None = None) -> bool:
        """Compare its version, and set it."""
        values = schedule_values(schedule, self._packing)
        fired = None if fire is None else _fire_values(fire, self._packing)

        def work(db: sqlite3.Connection) -> bool:
            if not db.execute(_CHANGE, values).rowcount:
                return False
            if fired is not None:
                db.execute(_FIRE, fired)
            return True

        return await self._open().run(work)

    async def delete_schedule(self: _Connected, schedule_id: str) -> bool:
        """Remove a schedule and its history."""
        return await self._open().run(
            lambda db: [db.execute(statement, (schedule_id,)).rowcount for statement in _DELETE][-1] > 0
        )

    async def due_schedules(self: _Connected, due: DueSchedules) -> Sequence[Schedule]:
        """The schedules that are due."""
        statement = _waiting("payload", "<=", due) + " order by due_at, id limit ?"
        values = (micros(due.now), *due.workflows, *due.declared, due.limit)
        found = self._read(lambda db: db.execute(statement, values).fetchall())
        return [schedule_from_json(self._packing.unpack(payload)) for (payload,) in found]

    async def next_schedule(self: _Connected, due: DueSchedules) -> datetime | None:
        """When the first of those that are not due yet will be."""
        statement = _waiting("min(due_at)", ">", due)
        values = (micros(due.now), *due.workflows, *due.declared)
        return optional_moment(self._read(lambda db: db.execute(statement, values).fetchone())[0])

    async def fires(
        self: _Connected,
        schedule_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[Fire]:
        """The history of a schedule, the latest first."""
        values = fires_asked(schedule_id, since, until, limit)
        found = self._read(lambda db: db.execute(_FIRES, values).fetchall())
        return [fire_from_json(self._packing.unpack(payload)) for (payload,) in found]


def _waiting(what: str, sign: str, due: DueSchedules) -> str:
    """*what* there is of the schedules whose `due_at` stands so to a moment, and which concern who asks."""
    workflows, declared = (", ".join("?" * len(ids)) for ids in (due.workflows, due.declared))
    return (
        f"select {what} from schedules where due_at is not null and due_at {sign} ? "
        f"and workflow in ({workflows}) and (not declared or id in ({declared}))"
    )


def _fire_values(fire: Fire, packing: Packing) -> tuple[str, str, int, bytes]:
    return fire.schedule_id, fire.run_id, micros(fire.at), packing.pack(fire_to_json(fire))
