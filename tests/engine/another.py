"""What another process puts in for the run "r", which it has seen driven: it takes no lease with it."""

from __future__ import annotations

from cadenza.history.event import Suspension
from cadenza.store.base import Accepted, Answering, Reply, Store, SuspensionQuery


async def question_at(store: Store, place: str) -> Suspension | None:
    """What *place* asks now."""
    rows = await store.suspensions(SuspensionQuery(run_id="r"))
    return next((row for row in rows if row.path == (place,)), None)


async def answer_at(store: Store, place: str, data: object) -> bool:
    """Answer what *place* asks; False where it asks nothing, or somebody was faster."""
    row = await question_at(store, place)
    if row is None:
        return False
    reply = Reply(suspension_id=row.id, data=data)
    answering = Answering(run_id="r", replies=[reply], actor=None, run_count=0, context={}, at=row.opened_at)
    return isinstance(await store.answer(answering), Accepted)
