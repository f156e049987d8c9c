"""Errors of schedules: nothing was changed."""

from __future__ import annotations

from .base import CadenzaError


class ScheduleError(CadenzaError):
    """A schedule that cannot be, or is not there."""


class InvalidCron(ScheduleError):
    """A cron expression that cannot be read, or that never fires."""

    def __init__(self, expression: str, why: str) -> None:
        self.expression = expression
        super().__init__(
            f"invalid cron expression {expression!r}: {why}; write five fields: minute, hour, day of month, month, day of "
            "week, such as '0 9 * * MON-FRI', or six with seconds first"
        )


class InvalidTimezone(ScheduleError):
    """A time zone that this machine does not know."""

    def __init__(self, timezone: str) -> None:
        self.timezone = timezone
        super().__init__(f"there is no time zone {timezone!r}; write a name such as 'Europe/Berlin' or 'UTC'")


class ScheduleNotFound(ScheduleError):
    """No schedule has this id."""

    def __init__(self, schedule_id: str) -> None:
        self.schedule_id = schedule_id
        super().__init__(f"there is no schedule {schedule_id!r} in this store; schedules.list() has them all")


class DuplicateSchedule(ScheduleError):
    """Another schedule has this id."""

    def __init__(self, schedule_id: str) -> None:
        self.schedule_id = schedule_id
        super().__init__(
            f"there is a schedule {schedule_id!r} already; give this one another id=, or update() that one"
        )


class ScheduleDeclared(ScheduleError):
    """The program declares this schedule: what it says is changed there."""

    def __init__(self, schedule_id: str) -> None:
        self.schedule_id = schedule_id
        super().__init__(
            f"schedule {schedule_id!r} is declared by app.schedule() in code; change it there. It can be paused and resumed here"
        )
