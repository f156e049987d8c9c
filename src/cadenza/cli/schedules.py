"""`cadenza schedules`: what starts by the clock; pausing it, running it now, and when it fired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from ..errors import InvalidOption
from .given import JSON_HELP, Actor, moment, read_json, who
from .out import brief, confirmed, document, local, paint, say, table
from .report import tell_result
from .shapes import fire_json, schedule_json
from .target import HERE, Where, opened

if TYPE_CHECKING:
    from ..store.schedule_rows import Schedule

ScheduleId = Annotated[str, Parameter(name="id", help="The id of the schedule.")]

schedules = App(name="schedules", help="What starts by the clock: look at it, pause it, run it now.")


@schedules.command
async def ls(
    *,
    workflow: Annotated[str | None, Parameter(help="Only those of this workflow.")] = None,
    status: Annotated[
        Literal["active", "paused"] | None, Parameter(help="Only those with this status.")
    ] = None,
    where: Where = HERE,
) -> None:
    """List the schedules of the store, the oldest first."""
    async with opened(where, code=False) as app:
        found = await app.schedules.list(workflow=workflow, status=status)
    if where.json:
        document({"schedules": [schedule_json(row) for row in found], "total": len(found)})
        return
    table(
        ("schedule", "workflow", "cron", "time zone", "status", "next", "last", "last run"),
        [
            (
                row.id,
                row.workflow,
                row.cron,
                row.timezone or "UTC",
                row.status,
                _next(row),
                local(row.last_at),
                row.last_run_id or "",
            )
            for row in found
        ],
    )


def _next(row: Schedule) -> str:
    return local(row.next_at) if row.status == "active" else ""


@schedules.command
async def show(id_: ScheduleId, /, *, where: Where = HERE) -> None:
    """Show what a schedule says, and how it stands."""
    async with opened(where, code=False) as app:
        row = await app.schedules.get(id_)
    if where.json:
        document(schedule_json(row))
        return
    say(f"schedule {row.id} of {row.workflow}: {paint(row.status)}")
    for name, value in (
        ("cron", f"{row.cron} ({row.timezone or 'UTC'})"),
        ("input", brief(row.input, 1000)),
        ("state", brief(row.state, 1000)),
        ("resource", row.resource or ""),
        ("metadata", brief(row.metadata, 1000)),
        ("next", _next(row)),
        ("last", f"{local(row.last_at)} {row.last_run_id or ''}".strip()),
        ("made by", "the program" if row.declared else "hand"),
    ):
        if value:
            say(f"  {name.ljust(8)}  {value}")


@schedules.command
async def create(
    workflow: Annotated[str, Parameter(help="The id of the workflow.")],
    cron: Annotated[str, Parameter(help="When: '0 9 * * MON-FRI'.")],
    /,
    *,
    input: Annotated[
        str | None, Parameter(name=["--input", "-i"], allow_leading_hyphen=True, help=f"Input: {JSON_HELP}")
    ] = None,
    timezone: Annotated[str | None, Parameter(help="Where it is that time: Europe/Berlin; else UTC.")] = None,
    id: Annotated[str | None, Parameter(name="--id", help="An id of your own.")] = None,
    resource_id: Annotated[str | None, Parameter(help="Whose the runs are.")] = None,
    where: Where = HERE,
) -> None:
    """Make a schedule; it fires wherever a worker has its workflow."""
    value = None if input is None else read_json(input, "-i")
    async with opened(where) as app:
        row = await app.schedules.create(
            workflow, cron=cron, timezone=timezone, input_data=value, id=id, resource_id=resource_id
        )
    _tell(row, f"schedule {row.id} fires next at {_next(row)}", where)


@schedules.command
async def pause(id_: ScheduleId, /, *, where: Where = HERE) -> None:
    """Let a schedule not fire until it is resumed."""
    async with opened(where, code=False) as app:
        row = await app.schedules.pause(id_)
    _tell(row, f"schedule {row.id} is paused", where)


@schedules.command
async def resume(id_: ScheduleId, /, *, where: Where = HERE) -> None:
    """Let a paused schedule fire again, from now on."""
    async with opened(where, code=False) as app:
        row = await app.schedules.resume(id_)
    _tell(row, f"schedule {row.id} fires next at {_next(row)}", where)


@schedules.command
async def run(id_: ScheduleId, /, *, actor: Actor = None, where: Where = HERE) -> int:
    """Start a schedule's workflow now, paused or not, and follow its run until it has ended or waits."""
    async with opened(where) as app:
        fire = await app.schedules.run(id_, actor=who(actor))
        handle = await app.get_run(fire.run_id)
        # It is driven by this process, so it stays until the run rests.
        async for _ in handle.observe_stream():
            pass
        return tell_result(await handle.get_state(), where)


@schedules.command
async def history(
    id_: ScheduleId,
    /,
    *,
    since: Annotated[str | None, Parameter(help="Only later ones: 2d, 2026-01-31T12:00.")] = None,
    until: Annotated[str | None, Parameter(help="Only earlier ones.")] = None,
    limit: Annotated[int, Parameter(help="At most so many.")] = 100,
    where: Where = HERE,
) -> None:
    """List when a schedule fired, the latest first."""
    if limit < 1:
        raise InvalidOption("--limit", f"at least 1 is expected, not {limit}")
    async with opened(where, code=False) as app:
        now = app.clock.now()
        found = await app.schedules.fires(
            id_,
            since=None if since is None else moment(since, "--since", now, back=True),
            until=None if until is None else moment(until, "--until", now, back=True),
            limit=limit,
        )
    if where.json:
        document({"fires": [fire_json(fire) for fire in found]})
        return
    table(
        ("fired", "was to fire", "by", "run", "error"),
        [
            (
                local(fire.at),
                local(fire.scheduled_at),
                "hand" if fire.kind == "manual" else "clock",
                fire.run_id,
                brief(fire.error),
            )
            for fire in found
        ],
    )


@schedules.command
async def rm(
    id_: ScheduleId,
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask.")] = False,
    where: Where = HERE,
) -> int:
    """Remove a schedule and its history; the runs that it started stay."""
    async with opened(where, code=False) as app:
        row = await app.schedules.get(id_)
        if not yes and not confirmed(f"removing schedule {row.id}"):
            return 2
        await app.schedules.delete(row.id)
    if where.json:
        document({"removed": [row.id]})
    else:
        say(f"removed schedule {row.id}")
    return 0


def _tell(row: Schedule, line: str, where: Where) -> None:
    if where.json:
        document(schedule_json(row))
    else:
        say(line)
