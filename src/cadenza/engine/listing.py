"""Going through all runs of a store, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from ..history.record import RunStatus
from ..store.base import RunQuery, RunRow, Store

_PAGE = 200


async def runs_with(
    store: Store, status: Sequence[RunStatus], *, workflow: str | None = None, resource: str | None = None
) -> AsyncIterator[RunRow]:
    """All runs in one of these states, newest first; of one workflow or resource alone where that is named.

    One page is in memory at a time. A run that comes into one of the states, or leaves them, meanwhile may be missed.
    """
    # By time and not by number alone: runs that end meanwhile would move all others up.
    before: datetime | None = None
    seen = 0
    while True:
        query = RunQuery(
            workflow=workflow,
            resource=resource,
            status=status,
            created_to=before,
            limit=_PAGE,
            offset=seen,
        )
        rows = (await store.find(query)).runs
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        last = rows[-1].created_at
        at_last = sum(1 for row in rows if row.created_at == last)
        seen = seen + at_last if last == before else at_last
        before = last
