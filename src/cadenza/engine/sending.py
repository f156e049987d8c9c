"""Sending events to the runs that wait for them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..errors import InvalidData, ResumeError, RunHeld, RunNotFound, RunNotSuspended
from ..history.event import Suspension
from ..history.resume import ResumeRequest
from ..model.values import Json, plain
from ..model.workflow import Workflow
from ..store.base import KeptEvent
from .answers import checked
from .base import Engine, Resuming
from .events import waiting_for

_log = logging.getLogger("cadenza")

_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event to send: to one run, to all whose wait fits `match`, or to one run if it fits."""

    name: str
    data: Any
    run_id: str | None
    match: Json
    actor: str | None


async def send(
    engine: Engine, workflows: Mapping[str, Workflow[Any, Any]], event: Event, *, keep: bool
) -> list[str]:
    """Let *event* reach who waits for it; the ids of their runs."""
    told = await _who_waits(engine, workflows, event)
    found = await asyncio.gather(*[_tell(engine, workflow, row, event) for workflow, row in told])
    reached = list(dict.fromkeys(run_id for run_id in found if run_id is not None))
    # What has reached somebody is never kept: their next wait would get it a second time.
    return reached if reached or not keep else await _keep(engine, workflows, event)


async def _keep(engine: Engine, workflows: Mapping[str, Workflow[Any, Any]], event: Event) -> list[str]:
    """Keep *event*, and give it to one who has begun to wait since it was looked, and has found nothing.

    It is given to nobody while it is kept: their next wait would find it as well. Should this process die just then, whoever sent
    it was not told that it had arrived.
    """
    kept = _kept(event, engine.clock.now())
    await engine.store.keep_event(kept)
    tried: set[str] = set()
    while True:
        try:
            waiting = [one for one in await _who_waits(engine, workflows, event) if one[1].id not in tried]
        except InvalidData:
            await engine.store.drop_event(kept.id)
            raise
        if not waiting or not await engine.store.drop_event(kept.id):
            return []  # or a wait has taken it by itself
        workflow, row = waiting[0]
        tried.add(row.id)
        run_id = None
        try:
            run_id = await _tell(engine, workflow, row, event)
        finally:
            if run_id is None:
                await engine.store.keep_event(kept)
        if run_id is not None:
            return [run_id]


async def _who_waits(
    engine: Engine, workflows: Mapping[str, Workflow[Any, Any]], event: Event
) -> list[tuple[Workflow[Any, Any], Suspension]]:
    """The waits that *event* is for. All are checked before any is answered."""
    told: list[tuple[Workflow[Any, Any], Suspension]] = []
    for row in await waiting_for(engine.store, event.name, event.run_id, event.match):
        run = await engine.store.row(row.run_id)
        if run is not None and run.engine == engine.name and run.workflow in workflows:
            workflow = workflows[run.workflow]
            # What is held is told when it is answered: it must not keep the event from the others.
            with suppress(RunHeld):
                checked(workflow, row, event.data)
            told.append((workflow, row))
    return told


async def _tell(engine: Engine, workflow: Workflow[Any, Any], row: Suspension, event: Event) -> str | None:
    resuming = Resuming(
        request=ResumeRequest(suspension_id=row.id),
        data=event.data,
        actor=event.actor,
        via="event",
        wait=False,
    )
    try:
        await engine.answer(workflow, row.run_id, resuming)
    except (ResumeError, RunNotSuspended, RunNotFound):
        return None  # somebody else, its deadline or its end was faster: this wait is over
    except RunHeld as held:
        if event.run_id is not None:
            raise
        _log.warning("the event %r does not reach a run: %s", event.name, held)
        return None
    return row.run_id


def _kept(event: Event, now: datetime) -> KeptEvent:
    return KeptEvent(
        id=f"e{secrets.token_hex(16)}",
        name=event.name,
        data=plain(event.data, f"event {event.name!r}"),
        at=now,
        until=now + _KEPT,
        run_id=event.run_id,
        match=event.match,
        actor=event.actor,
    )
