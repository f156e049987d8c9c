"""What a principal may see, and in whose name they act."""

from __future__ import annotations

from typing import Any

from ...errors import RunNotFound, SuspensionNotFound
from ...history.event import Suspension
from ...store.base import RunRow
from ..refusal import Refusal
from ..route import Call
from .told import RunTold, runs_told


async def own_run(call: Call[Any, Any], run_id: str) -> RunRow:
    """The row of a run that who asks may see.

    Raises `RunNotFound`: of others' runs they need not know that there are any.
    """
    row = await call.cadenza.store.row(run_id)
    if row is None or call.principal.resource_id not in {None, row.resource}:
        raise RunNotFound(run_id)
    return row


async def own_question(call: Call[Any, Any]) -> Suspension:
    """The question that the path names, if who asks may see it.

    Raises `SuspensionNotFound`.
    """
    row = await call.cadenza.inbox.get(call.path["id"])
    try:
        await own_run(call, row.run_id)
    except RunNotFound:
        raise SuspensionNotFound(row.id) from None
    return row


async def told_now(call: Call[Any, Any], run_id: str) -> RunTold:
    """A run that who asks may see, as it is now. Raises `RunNotFound`."""
    (told,) = await runs_told(call.cadenza.store, [await own_run(call, run_id)])
    return told


def actor_of(call: Call[Any, Any], named: str | None) -> str | None:
    """In whose name it is done: that of who asks, where the server knows it, else the one that they give.

    Raises `Refusal`, 403, where they give another's.
    """
    known = call.principal.name
    if known is not None and named not in {None, known}:
        raise Refusal(403, "not_that_actor", f"You are {known!r} and cannot act as {named!r}")
    return known if known is not None else named
