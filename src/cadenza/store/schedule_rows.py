"""What a store keeps of schedules: their rows, and when they fired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from ..model.values import Json

ScheduleStatus: TypeAlias = Literal["active", "paused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A workflow that is started at the moments of a cron expression.

    `timezone` is a name, None for UTC. `next_at` is when it fires next (were it not paused); None: never again. `due_at` is when
    a worker has to look at it: then, or a little later while another one does. `last_at` and `last_run_id` are of the last
    fire. `declared`: the program declares it, and those processes alone that do fire it. `version` counts its changes from 1.
    """

    id: str
    workflow: str
    cron: str
    created_at: datetime
    updated_at: datetime
    timezone: str | None = None
    input: Json = None
    state: Json = None
    context: Mapping[str, Json] = field(default_factory=dict)
    resource: str | None = None
    metadata: Json = None
    status: ScheduleStatus = "active"
    declared: bool = False
    next_at: datetime | None = None
    due_at: datetime | None = None
    last_at: datetime | None = None
    last_run_id: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fire:
    """One time that a schedule fired: when it was to, when it did, and the run, whose start an `error` (a message) prevented."""

    schedule_id: str
    run_id: str
    scheduled_at: datetime
    at: datetime
    kind: Literal["schedule", "manual"] = "schedule"
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSchedules:
    """Which schedules a worker fires: active ones of these workflows, due at `now`.

    Of those that a program declares these alone: `declared`. The earliest first.
    """

    now: datetime
    workflows: Sequence[str]
    declared: Sequence[str] = ()
    limit: int = 100


_MOMENTS = ("created_at", "updated_at", "next_at", "due_at", "last_at")


def schedule_to_json(row: Schedule) -> Json:
    """*row* as JSON, for stores that keep it so."""
    data = asdict(replace(row, context=dict(row.context)))
    return data | {name: data[name] and data[name].isoformat() for name in _MOMENTS}


def schedule_from_json(data: Json) -> Schedule:
    """The row that `schedule_to_json` made *data* of."""
    fields: dict[str, Any] = dict(data)
    fields.update({name: _moment(fields[name]) for name in _MOMENTS})
    return Schedule(**fields)


def fire_to_json(fire: Fire) -> Json:
    """*fire* as JSON."""
    return asdict(fire) | {"scheduled_at": fire.scheduled_at.isoformat(), "at": fire.at.isoformat()}


def fire_from_json(data: Json) -> Fire:
    """The fire that `fire_to_json` made *data* of."""
    fields: dict[str, Any] = dict(data)
    fields.update({name: datetime.fromisoformat(fields[name]) for name in ("scheduled_at", "at")})
    return Fire(**fields)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
