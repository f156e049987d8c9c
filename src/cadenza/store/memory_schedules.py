"""The schedules that a memory store keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .memory_events import MemoryEvents
from .schedule_rows import DueSchedules, Fire, Schedule


class MemorySchedules(MemoryEvents):
    """Schedules, by id, and their fires."""

    def __init__(self) -> None:
        super().__init__()
        self._schedules: dict[str, Schedule] = {}
        self._fires: dict[str, dict[str, Fire]] = {}

    async def add_schedule(self, schedule: Schedule) -> bool:
        """Keep a new schedule."""
        self._check_open()
        return self._schedules.setdefault(schedule.id, schedule) is schedule

    async def schedule(self, schedule_id: str) -> Schedule | None:
        """One schedule."""
        self._check_open()
        return self._schedules.get(schedule_id)

    async def schedules(self, workflow: str | None = None) -> Sequence[Schedule]:
        """All schedules, or those of one workflow."""
        self._check_open()
        found = [row for row in self._schedules.values() if workflow in {None, row.workflow}]
        return sorted(found, key=lambda row: (row.created_at, row.id))

    async def change_schedule(self, schedule: Schedule, fire: Fire | None = None) -> bool:
        """Compare its version, and set it."""
        self._check_open()
        there = self._schedules.get(schedule.id)
        if there is None or there.version != schedule.version - 1:
            return False
        self._schedules[schedule.id] = schedule
        if fire is not None:
            self._fires.setdefault(fire.schedule_id, {}).setdefault(fire.run_id, fire)
        return True

    async def delete_schedule(self, schedule_id: str) -> bool:
        """Remove a schedule and its history."""
        self._check_open()
        self._fires.pop(schedule_id, None)
        return self._schedules.pop(schedule_id, None) is not None

    async def due_schedules(self, due: DueSchedules) -> Sequence[Schedule]:
        """The schedules that are due."""
        return [row for at, row in self._waiting(due) if at <= due.now][: due.limit]

    async def next_schedule(self, due: DueSchedules) -> datetime | None:
        """When the first of those that are not due yet will be."""
        return next((at for at, _ in self._waiting(due) if at > due.now), None)

    def _waiting(self, due: DueSchedules) -> list[tuple[datetime, Schedule]]:
        self._check_open()
        found = [
            (row.due_at, row)
            for row in self._schedules.values()
            if row.due_at and row.workflow in due.workflows and (not row.declared or row.id in due.declared)
        ]
        return sorted(found, key=lambda one: (one[0], one[1].id))

    async def fires(
        self,
        schedule_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[Fire]:
        """The history of a schedule, the latest first."""
        self._check_open()
        found = [
            fire
            for fire in self._fires.get(schedule_id, {}).values()
            if (since is None or fire.at >= since) and (until is None or fire.at <= until)
        ]
        return sorted(found, key=lambda fire: (fire.at, fire.run_id), reverse=True)[:limit]
