"""Firing: what the worker does about schedules that are due.

Any number of processes may look: each fire is one process's, by a compare-and-set on the schedule's row. A run's id comes from
the schedule's id and the time that it was to fire at. So a fire that is repeated, because its process died before it was
noted, begins no second run. However many times were missed while nothing ran, one fire makes up for them.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ..errors import InvalidData, RunAlreadyStarted, StoreUnavailable
from ..model.cron import Cron
from ..model.workflow import Workflow
from ..store.base import DueSchedules, Fire, Schedule
from .base import Engine, Starting

_log = logging.getLogger("cadenza")

# A process that has begun a fire and died is given up after so long; then another repeats it.
_AGAIN = timedelta(seconds=60)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Declared(Protocol):
    """The schedules that the program of this process declares."""

    @property
    def declared(self) -> Collection[str]:
        """Their ids."""
        ...

    async def say(self) -> None:
        """Let the store know of them, if it does not yet."""
        ...


class Firing:
    """Fires the schedules of *workflows*; of those that programs declare only this one's."""

    def __init__(
        self,
        engine: Engine,
        workflows: Callable[[], Mapping[str, Workflow[Any, Any]]],
        declared: Declared,
    ) -> None:
        self._engine = engine
        self._workflows = workflows
        self._declared = declared

    async def look(self) -> int:
        """Look once, and fire what is due; how many there were."""
        workflows = self._workflows()
        await self._declared.say()
        found = await self._engine.store.due_schedules(self._due())
        fires = [self._fire(row, workflows[row.workflow]) for row in found]
        fired = 0
        for row, one in zip(found, await asyncio.gather(*fires, return_exceptions=True), strict=True):
            match one:
                case StoreUnavailable():
                    raise one  # for all of them
                case Exception():  # one bad schedule must not hold up what else there is to do
                    _log.error(
                        "schedule %s did not fire; it is tried again in a minute", row.id, exc_info=one
                    )
                case BaseException():
                    raise one
                case _:
                    fired += one
        return fired

    async def next_due(self) -> datetime | None:
        """When the next schedule is due here."""
        return await self._engine.store.next_schedule(self._due())

    def _due(self) -> DueSchedules:
        return DueSchedules(
            now=self._engine.clock.now(),
            workflows=list(self._workflows()),
            declared=list(self._declared.declared),
        )

    async def _fire(self, row: Schedule, workflow: Workflow[Any, Any]) -> int:
        """Fire *row*; 1 where no other process does."""
        store, now = self._engine.store, self._engine.clock.now()
        claimed = replace(row, due_at=now + _AGAIN, version=row.version + 1)
        if row.next_at is None or not await store.change_schedule(claimed):
            return 0
        fire = Fire(
            schedule_id=row.id, run_id=run_id_of(row.id, row.next_at), scheduled_at=row.next_at, at=now
        )
        await self._engine.create(workflow, fire.run_id, row.resource)
        try:
            await start(self._engine, workflow, row, fire.run_id, f"schedule:{row.id}")
        except InvalidData as invalid:
            # The workflow takes other input by now: to try again would change nothing.
            _log.warning("schedule %s could not start its run: %s", row.id, invalid)
            fire = replace(fire, error=str(invalid))
        await note(self._engine, fire)
        return 1


async def start(
    engine: Engine, workflow: Workflow[Any, Any], row: Schedule, run_id: str, actor: str | None
) -> None:
    """Start a run that was created for *row*, once however often this is called; return when that is durable.

    Raises `InvalidData`, of whichever kind.
    """
    starting = Starting(input=row.input, state=row.state, context=row.context, actor=actor, wait=False)
    try:
        await engine.start(workflow, run_id, starting)
    except RunAlreadyStarted:
        return  # by the process that died before it could note this


async def note(engine: Engine, fire: Fire) -> None:
    """Keep *fire* in the history of its schedule, and set when that fires next."""
    while (row := await engine.store.schedule(fire.schedule_id)) is not None:
        noted = replace(row, last_at=fire.at, last_run_id=fire.run_id, version=row.version + 1)
        # Somebody may have changed the schedule meanwhile: then it fires when that says.
        if fire.kind == "schedule" and row.next_at == fire.scheduled_at:
            then = Cron(expression=row.cron, timezone=row.timezone).next_after(
                max(fire.at, fire.scheduled_at)
            )
            noted = replace(noted, next_at=then, due_at=then if row.status == "active" else None)
        if await engine.store.change_schedule(noted, fire):
            return


def run_id_of(schedule_id: str, at: datetime) -> str:
    """The id of the run that a schedule starts at *at*: `sched_nightly_1795352213407`, milliseconds since 1970."""
    return f"sched_{schedule_id}_{(at - _EPOCH) // _MILLISECOND}"


def schedule_of(run_id: str) -> str | None:
    """The id of the schedule that started the run, as its id tells it; None where none did."""
    found = re.fullmatch(r"sched_(.+)_\d+", run_id, re.DOTALL)
    return found[1] if found is not None else None
