"""Schedules: workflows that are started at the moments of a cron expression."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .engine.base import Engine
from .engine.checking import split_context
from .engine.firing import note, run_id_of, start
from .errors import (
    DuplicateSchedule,
    InvalidContext,
    InvalidInput,
    InvalidState,
    Issue,
    ScheduleDeclared,
    ScheduleNotFound,
)
from .history.resume import ABSENT
from .model.cron import Cron
from .model.duration import duration_of
from .model.values import Json, plain
from .model.workflow import Workflow
from .run import new_run_id
from .store.base import Fire, Schedule
from .store.schedule_rows import ScheduleStatus

if TYPE_CHECKING:
    from collections.abc import Callable

# What a declaration says; the rest of a row is what became of it.
_SAID = ("workflow", "cron", "timezone", "input", "state", "context", "resource", "metadata")


class Schedules:
    """The schedules of an app's store: those that the program declares, and those that are made while it runs."""

    def __init__(self, engine: Engine, workflow: Callable[[str], Workflow[Any, Any]]) -> None:
        self._engine = engine
        self._workflow = workflow
        self._declared: dict[str, Schedule] = {}
        self._unsaid: set[str] = set()
        self._saying = asyncio.Lock()

    @property
    def declared(self) -> frozenset[str]:
        """The ids that this program declares."""
        return frozenset(self._declared)

    def declare(self, workflow: Workflow[Any, Any] | str, *, id: str | None = None, **terms: Any) -> str:
        """What `Cadenza.schedule` does."""
        row = self._row(workflow, **terms)
        row = replace(row, id=row.workflow if id is None else id, declared=True)
        if row.id in self._declared:
            raise DuplicateSchedule(row.id)
        self._declared[row.id] = row
        self._unsaid.add(row.id)
        self._engine.nudge_worker()
        return row.id

    async def say(self) -> None:
        """Let the store know what is declared. Called by all else here, and by workers; again does nothing."""
        async with self._saying:
            for id_ in sorted(self._unsaid):
                await self._say(self._declared[id_])
                self._unsaid.discard(id_)

    async def _say(self, said: Schedule) -> None:
        store = self._engine.store
        while not await store.add_schedule(said):
            row = await store.schedule(said.id)
            if row is None:
                continue  # it was there a moment ago
            changed = replace(row, declared=True, **{name: getattr(said, name) for name in _SAID})
            if changed == row or await self._change(row, changed):
                return

    # ------------------------------------------------------------------ what people do

    async def create(
        self, workflow: Workflow[Any, Any] | str, *, cron: str, id: str | None = None, **terms: Any
    ) -> Schedule:
        """A new schedule, from now on; *terms* are those of `Cadenza.schedule`.

        Raises `DuplicateSchedule`, `InvalidCron`, `InvalidTimezone`, `InvalidInput`, `InvalidState`, `UnknownWorkflow`.
        """
        await self.say()
        row = self._row(workflow, cron=cron, **terms)
        row = replace(row, id=f"schedule_{new_run_id()}" if id is None else id)
        if not await self._engine.store.add_schedule(row):
            raise DuplicateSchedule(row.id)
        self._engine.nudge_worker()
        return row

    async def list(
        self, *, workflow: Workflow[Any, Any] | str | None = None, status: ScheduleStatus | None = None
    ) -> list[Schedule]:
        """All schedules, or those of one workflow or status, the oldest first."""
        await self.say()
        named = workflow if workflow is None or isinstance(workflow, str) else workflow.id
        return [row for row in await self._engine.store.schedules(named) if status in {None, row.status}]

    async def get(self, schedule_id: str) -> Schedule:
        """One schedule.

        Raises `ScheduleNotFound`.
        """
        await self.say()
        row = await self._engine.store.schedule(schedule_id)
        if row is None:
            raise ScheduleNotFound(schedule_id)
        return row

    async def update(
        self,
        schedule_id: str,
        *,
        cron: str | None = None,
        timezone: Any = ABSENT,
        input_data: Any = ABSENT,
        initial_state: Any = ABSENT,
        runtime_context: Mapping[str, Any] | None = None,
        metadata: Any = ABSENT,
    ) -> Schedule:
        """Change what a schedule says; what is left out stays.

        Raises as `create` does, `ScheduleNotFound`, and `ScheduleDeclared` where the program declares it.
        """
        while True:
            row = await self.get(schedule_id)
            if row.id in self._declared:
                raise ScheduleDeclared(row.id)
            said = self._row(
                row.workflow,
                cron=row.cron if cron is None else cron,
                timezone=row.timezone if timezone is ABSENT else timezone,
                input_data=row.input if input_data is ABSENT else input_data,
                initial_state=row.state if initial_state is ABSENT else initial_state,
                runtime_context=row.context if runtime_context is None else runtime_context,
                resource_id=row.resource,
                metadata=row.metadata if metadata is ABSENT else metadata,
            )
            if await self._change(row, replace(row, **{name: getattr(said, name) for name in _SAID})):
                return await self.get(schedule_id)

    async def pause(self, schedule_id: str) -> Schedule:
        """Let it not fire until it is resumed; a fire that is under way comes to its end. Again does nothing.

        Raises `ScheduleNotFound`.
        """
        while (row := await self.get(schedule_id)).status != "paused":
            await self._change(row, replace(row, status="paused"))
        return row

    async def resume(self, schedule_id: str) -> Schedule:
        """Let it fire again, from now on: what it missed while it was paused is not made up for. Again does nothing.

        Raises `ScheduleNotFound`.
        """
        while (row := await self.get(schedule_id)).status != "active":
            await self._change(row, replace(row, status="active"))
        return row

    async def delete(self, schedule_id: str) -> None:
        """Remove a schedule and its history. The runs that it started stay.

        Raises `ScheduleNotFound`, and `ScheduleDeclared` where the program declares it.
        """
        if schedule_id in self._declared:
            raise ScheduleDeclared(schedule_id)
        if not await self._engine.store.delete_schedule(schedule_id):
            raise ScheduleNotFound(schedule_id)

    async def run(self, schedule_id: str, *, actor: str | None = None) -> Fire:
        """Start its workflow now, paused or not; when it fires next stays as it is. Returns when the start is durable.

        Raises `ScheduleNotFound`, `UnknownWorkflow`, and `InvalidData` where the workflow takes other input by now.
        """
        row = await self.get(schedule_id)
        workflow = self._workflow(row.workflow)
        # The run's id has the moment in it, and is to be a new one.
        at = now = self._engine.clock.now()
        while not await self._engine.create(workflow, run_id_of(row.id, at), row.resource):
            at += duration_of("1ms")
        fire = Fire(
            schedule_id=row.id, run_id=run_id_of(row.id, at), scheduled_at=at, at=max(now, at), kind="manual"
        )
        await start(self._engine, workflow, row, fire.run_id, actor)
        await note(self._engine, fire)
        return fire

    async def fires(
        self,
        schedule_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[Fire]:
        """When it fired, the latest first.

        Raises `ScheduleNotFound`.
        """
        await self.get(schedule_id)
        return await self._engine.store.fires(schedule_id, since=since, until=until, limit=limit)

    # ------------------------------------------------------------------ rows

    def _row(
        self,
        workflow: Workflow[Any, Any] | str,
        *,
        cron: str,
        timezone: str | None = None,
        input_data: Any = None,
        initial_state: Any = None,
        runtime_context: Mapping[str, Any] | None = None,
        resource_id: str | None = None,
        metadata: Json = None,
    ) -> Schedule:
        """What is said, checked, as a row without an id."""
        known = self._workflow(workflow if isinstance(workflow, str) else workflow.id)
        where = f"a schedule of workflow {known.id}"
        context, secrets = split_context(runtime_context, self._engine.secret_keys)
        if secrets:
            why = "it is secret and never kept, so no schedule can give it"
            raise InvalidContext(where, [Issue(path=key, message=why) for key in secrets])
        now = self._engine.clock.now()
        next_at = Cron(expression=cron, timezone=timezone).next_after(now)
        if known.validate_inputs is False:
            value, state = plain(input_data, where), plain(initial_state, where)
        else:
            value = known.input.check(input_data, InvalidInput, where)
            state = None if initial_state is None else known.state.check(initial_state, InvalidState, where)
        return Schedule(
            id="",
            workflow=known.id,
            cron=cron,
            timezone=timezone,
            input=value,
            state=state,
            context=context,
            resource=resource_id,
            metadata=plain(metadata, where),
            created_at=now,
            updated_at=now,
            next_at=next_at,
            due_at=next_at,
        )

    async def _change(self, row: Schedule, changed: Schedule) -> bool:
        """Let *changed* stand for *row*; False where somebody else has changed it meanwhile."""
        now = self._engine.clock.now()
        anew = (row.cron, row.timezone) != (changed.cron, changed.timezone)
        if anew or (changed.status == "active" and row.status == "paused"):
            then = Cron(expression=changed.cron, timezone=changed.timezone).next_after(now)
            changed = replace(changed, next_at=then, due_at=then)
        if changed.status == "paused":
            changed = replace(changed, due_at=None)
        done = await self._engine.store.change_schedule(
            replace(changed, updated_at=now, version=row.version + 1)
        )
        self._engine.nudge_worker()
        return done
