"""Places that let time pass: sleeps, and waits for an event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..history import event as ev
from ..history.record import StepRecord
from ..model.graph import Sleep, SleepUntil, WaitForEvent
from ..model.path import Path
from ..model.values import Json
from .end import STOP, End, Flow
from .failure import failure_of
from .fan import Token
from .mapping import RunValues

if TYPE_CHECKING:
    from .interpreter import Interpreter


async def sleep(walk: Interpreter, node: Sleep | SleepUntil, scope: Path, flow: Flow, token: Token) -> End:
    """Let time pass; the value passes through."""
    path = (*scope, node.id)
    record = walk.begin(path, flow)
    if not isinstance(record, StepRecord):
        return record
    if record.status == "running":
        until = await _wake_time(walk, node, scope, record)
        if isinstance(until, ev.Failure):
            return walk.end(ev.StepFailed(path=path, error=until))
        if until > walk.effects.now():
            walk.journal.note(ev.StepWaiting(path=path, until=until))
    if record.status == "waiting":
        assert record.wake_at is not None
        await walk.wait(path, record.wake_at, token)
        if walk.stopped(path):
            return STOP
    if record.ended:
        return walk.ended(record)
    return walk.end(ev.StepSucceeded(path=path, output=ev.Ref(of="input", path=path)))


async def _wake_time(
    walk: Interpreter, node: Sleep | SleepUntil, scope: Path, record: StepRecord
) -> datetime | ev.Failure:
    if node.fn is None:
        return _fixed_time(node, record.started_at)
    found = await walk.ask(scope, record.path, [node.fn], record.payload)
    return found if isinstance(found, ev.Failure) else _computed_time(node, record.started_at, found[0])


async def wait_for_event(walk: Interpreter, node: WaitForEvent, scope: Path, flow: Flow, token: Token) -> End:
    """Wait for an event; its data is the output."""
    path = (*scope, node.id)
    record = walk.begin(path, flow)
    if not isinstance(record, StepRecord):
        return record
    if record.status == "running" and not record.resume_data:
        match = await _match(walk, node, scope, record)
        if isinstance(match, ev.Failure):
            return walk.end(ev.StepFailed(path=path, error=match))
        suspension = await walk.effects.question(node, path, match)
        walk.journal.note(ev.StepSuspended(path=path, suspension=suspension))
    if record.status == "suspended" and not await walk.park(record, token):
        return STOP
    if record.ended:
        return walk.ended(record)
    return walk.end(ev.StepSucceeded(path=path, output=ev.Ref(of="answer", path=path)))


async def _match(walk: Interpreter, node: WaitForEvent, scope: Path, record: StepRecord) -> Json | ev.Failure:
    """What an event's `match` is compared with."""
    if node.match is not None:
        found = await walk.ask(scope, record.path, [node.match], record.payload)
        return found if isinstance(found, ev.Failure) else found[0]
    known = [RunValues(walk.run, scope).init(), record.payload]
    objects = [value for value in known if isinstance(value, dict)]
    return {key: value for found in objects for key, value in found.items()} if objects else record.payload


def _fixed_time(node: Sleep | SleepUntil, started_at: datetime) -> datetime:
    """When a sleep ends whose duration or moment is in the graph."""
    if isinstance(node, SleepUntil):
        assert node.when is not None
        return node.when
    assert node.seconds is not None
    return started_at + timedelta(seconds=node.seconds)


def _computed_time(node: Sleep | SleepUntil, started_at: datetime, found: Json) -> datetime | ev.Failure:
    """When a sleep ends whose function gave *found*: seconds, or for a moment ISO text or seconds since 1970."""
    try:
        if isinstance(node, Sleep):
            return started_at + timedelta(seconds=float(found))
        if not isinstance(found, str):
            return datetime.fromtimestamp(float(found), UTC)
        when = datetime.fromisoformat(found)
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError) as error:
        return failure_of(
            TypeError(f"{node.id}: expected seconds or a moment to sleep, found {found!r}: {error}")
        )
