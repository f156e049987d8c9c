"""Events by name: who waits for one, and those that came before anybody did."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from ..errors import InvalidResumeData
from ..history.event import Suspension
from ..model.matching import fits
from ..model.values import Json
from ..model.workflow import Workflow
from ..store.base import Answering, Missed, Reply, Store, SuspensionQuery
from .answers import checked

_log = logging.getLogger("cadenza")


async def waiting_for(store: Store, name: str, run_id: str | None, match: Json) -> list[Suspension]:
    """The open suspensions that an event of that name reaches: of one run or of all, where *match* fits."""
    # In one read: between pages rows are closed, and those behind them would move up and be missed.
    rows = await store.suspensions(SuspensionQuery(event=name, run_id=run_id, limit=None))
    return [row for row in rows if match is None or fits(match, row.match)]


async def take_kept_event(
    store: Store, workflow: Workflow[Any, Any], suspension: Suspension, now: datetime
) -> bool:
    """Answer *suspension*, which waits for an event, with the oldest kept one that fits; whether its row has changed."""
    assert suspension.event is not None
    for event in await store.kept_events(suspension.event, now):
        if event.run_id not in {None, suspension.run_id}:
            continue
        if event.match is not None and not fits(event.match, suspension.match):
            continue
        try:
            data = checked(workflow, suspension, event.data)
        except InvalidResumeData as invalid:
            _log.warning("a kept event %r does not fit run %s: %s", event.name, suspension.run_id, invalid)
            continue
        outcome = await store.answer(
            Answering(
                run_id=suspension.run_id,
                replies=[Reply(suspension_id=suspension.id, data=data)],
                actor=event.actor,
                via="event",
                run_count=0,
                context={},
                at=now,
                consumes=event.id,
            )
        )
        if not isinstance(outcome, Missed):  # else another wait took the event first: try the next one
            return True
    return False
