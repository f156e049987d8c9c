"""What the Postgres store keeps of waiting: suspension rows as time and people change them, and events that came too early.

And what all its methods are made with: a statement that reads, and one that writes.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from ..errors import TextNotKept
from ..history.event import Suspension
from . import postgres_find as finding
from . import postgres_sql as sql
from .base import Due, DueRow, KeptEvent, SuspensionQuery
from .packing import Packing
from .postgres_connections import Row
from .postgres_home import Homes
from .rows import (
    event_from_json,
    event_to_json,
    micros,
    optional_micros,
    optional_moment,
    suspension_of,
)


class PostgresWaits:
    """The part of the store that knows suspensions and events, and nothing of runs."""

    def __init__(self, homes: Homes, packing: Packing) -> None:
        self._homes = homes
        self._packing = packing

    async def _read(self, statement: str, **values: Any) -> list[Row]:
        connections, _ = await self._homes.open()
        # Under a name that cannot be kept nothing is.
        with suppress(TextNotKept):
            return await connections.read(statement, values)
        return []

    async def _write(
        self, statement: str, values: Mapping[str, Any], run_id: str | None = None
    ) -> tuple[list[Row], bool]:
        """What the statement gives, and whether it may have been made before; wakes who waits for the run here."""
        connections, listener = await self._homes.open()
        if run_id is None:
            return await connections.write(statement, values)
        rows, unsure = await connections.write(statement, {**values, **listener.note(run_id)})
        listener.wake(run_id)
        return rows, unsure

    # ------------------------------------------------------------------ what time brings, and events

    async def due(self, due: Due) -> Sequence[DueRow]:
        """Rows whose `due_at` has come, the earliest first."""
        found = await self._read(sql.DUE, limit=due.limit, skip=list(due.skip), **_due_values(due))
        return [DueRow(id=id_, run_id=run_id) for id_, run_id in found]

    async def put_off(
        self, suspension_id: str, seen: datetime | None, due_at: datetime | None, *, told: int
    ) -> bool:
        """Set `due_at` and `told` of a row, where `due_at` is *seen*."""
        values = {"seen": optional_micros(seen), "due_at": optional_micros(due_at), "told_of": told}
        return await self._set(sql.PUT_OFF, suspension_id, values)

    async def set_claimant(
        self, suspension_id: str, seen: str | None, claimant: str | None, at: datetime
    ) -> bool:
        """Let *claimant* have claimed an open row, where *seen* has."""
        values = {"seen": seen, "claimant": claimant, "at": micros(at) if claimant is not None else None}
        return await self._set(sql.SET_CLAIMANT, suspension_id, values)

    async def _set(self, statement: str, suspension_id: str, values: Mapping[str, Any]) -> bool:
        """Whether this call has changed the row."""
        named = {"id": suspension_id, "call": secrets.token_hex(8)}
        found, unsure = await self._write(statement, {**values, **named})
        return bool(found) or (unsure and bool(await self._read(sql.CALLED, **named)))

    async def extend(self, suspension_id: str, deadline: datetime | None, due_at: datetime | None) -> bool:
        """Give an open row another deadline."""
        _, listener = await self._homes.open()
        values = {
            "id": suspension_id,
            "deadline": optional_micros(deadline),
            "due_at": optional_micros(due_at),
            # Whoever sleeps until the next deadline has to hear of an earlier one.
            **listener.note(""),
        }
        found, _ = await self._write(sql.EXTEND, values)
        return bool(found)

    async def next_due(self, due: Due) -> datetime | None:
        """The earliest `wake_at` of a run at rest or `due_at` of a row that has not come yet, or None."""
        return optional_moment((await self._read(sql.NEXT_DUE, **_due_values(due)))[0][0])

    async def suspensions(self, query: SuspensionQuery) -> Sequence[Suspension]:
        """The suspension rows that match."""
        statement, values = finding.suspensions(query)
        return [suspension_of(row, self._packing) for row in await self._read(statement, **values)]

    async def count_suspensions(self, query: SuspensionQuery) -> int:
        """How many suspension rows match."""
        statement, values = finding.count_suspensions(query)
        found = await self._read(statement, **values)
        return int(found[0][0]) if found else 0

    async def keep_event(self, event: KeptEvent) -> None:
        """Keep *event*."""
        values = {
            "id": event.id,
            "name": event.name,
            "at": micros(event.at),
            "until": micros(event.until),
            "payload": self._packing.pack(event_to_json(event)),
        }
        await self._write(sql.KEEP, values)

    async def kept_events(self, name: str, now: datetime) -> Sequence[KeptEvent]:
        """The events of that name that are kept beyond *now*, oldest first."""
        found = await self._read(sql.KEPT, name=name, now=micros(now))
        return [event_from_json(self._packing.unpack(payload)) for (payload,) in found]

    async def drop_event(self, event_id: str) -> bool:
        """Remove a kept event; False where it is gone."""
        found, unsure = await self._write(sql.DROP, {"id": event_id})
        return bool(found) or unsure


def _due_values(due: Due) -> dict[str, Any]:
    return {"engine": due.engine, "workflows": list(due.workflows), "now": micros(due.now)}
