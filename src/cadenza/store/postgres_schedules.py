"""The schedules that a Postgres store keeps. The columns beside the payload are what is asked by."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from . import postgres_sql as sql
from .postgres_waits import PostgresWaits
from .rows import fires_asked, micros, optional_moment, schedule_values
from .schedule_rows import (
    DueSchedules,
    Fire,
    Schedule,
    fire_from_json,
    fire_to_json,
    schedule_from_json,
)


class PostgresSchedules(PostgresWaits):
    """The part of the store that knows schedules and their fires."""

    async def add_schedule(self, schedule: Schedule) -> bool:
        """Keep a new schedule."""
        return await self._set_schedule(sql.ADD_SCHEDULE, schedule_values(schedule, self._packing))

    async def schedule(self, schedule_id: str) -> Schedule | None:
        """One schedule."""
        found = await self._read(sql.SCHEDULE, id=schedule_id)
        return schedule_from_json(self._packing.unpack(found[0][0])) if found else None

    async def schedules(self, workflow: str | None = None) -> Sequence[Schedule]:
        """All schedules, or those of one workflow."""
        named = {} if workflow is None else {"workflow": workflow}
        found = await self._read(sql.SCHEDULES if workflow is None else sql.SCHEDULES_OF, **named)
        return [schedule_from_json(self._packing.unpack(payload)) for (payload,) in found]

    async def change_schedule(self, schedule: Schedule, fire: Fire | None = None) -> bool:
        """Compare its version, and set it."""
        values = schedule_values(schedule, self._packing)
        if fire is None:
            return await self._set_schedule(sql.CHANGE_SCHEDULE, values)
        fired = {
            "schedule": fire.schedule_id,
            "run": fire.run_id,
            "at": micros(fire.at),
            "fire": self._packing.pack(fire_to_json(fire)),
        }
        return await self._set_schedule(sql.CHANGE_AND_FIRE, {**values, **fired})

    async def _set_schedule(self, statement: str, values: Mapping[str, Any]) -> bool:
        """Whether this call has made or changed the row."""
        called = {"call": secrets.token_hex(8)}
        found, unsure = await self._write(statement, {**values, **called})
        return bool(found) or (
            unsure and bool(await self._read(sql.SCHEDULE_CALLED, id=values["id"], **called))
        )

    async def delete_schedule(self, schedule_id: str) -> bool:
        """Remove a schedule and its history."""
        found, unsure = await self._write(sql.DELETE_SCHEDULE, {"id": schedule_id})
        return bool(found) or unsure

    async def due_schedules(self, due: DueSchedules) -> Sequence[Schedule]:
        """The schedules that are due."""
        found = await self._read(sql.DUE_SCHEDULES, limit=due.limit, **_asked(due))
        return [schedule_from_json(self._packing.unpack(payload)) for (payload,) in found]

    async def next_schedule(self, due: DueSchedules) -> datetime | None:
        """When the first of those that are not due yet will be."""
        return optional_moment((await self._read(sql.NEXT_SCHEDULE, **_asked(due)))[0][0])

    async def fires(
        self,
        schedule_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[Fire]:
        """The history of a schedule, the latest first."""
        found = await self._read(sql.FIRES, **fires_asked(schedule_id, since, until, limit))
        return [fire_from_json(self._packing.unpack(payload)) for (payload,) in found]


def _asked(due: DueSchedules) -> dict[str, Any]:
    return {"now": micros(due.now), "workflows": list(due.workflows), "declared": list(due.declared)}
