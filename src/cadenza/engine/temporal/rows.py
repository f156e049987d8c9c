"""The suspension rows of one run, where its workflow is the one who compares and sets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ...history.event import Suspension
from ...history.journal import Batch
from ...history.resume import resolve
from ...history.rivals import has_won, rivals_of
from ...history.snapshot import Snapshot
from ...model.graph import Graph
from ...model.path import show
from ...model.values import Json
from ...store.base import Answering, Reply
from .messages import Closure, Wish


class Rows:
    """All questions of a run, open and closed, in the order in which they were opened."""

    def __init__(self, run_id: str, rows: Mapping[str, Suspension]) -> None:
        self._run_id = run_id
        self.all: dict[str, Suspension] = dict(rows)

    def follow(self, batch: Batch, at: datetime) -> None:
        """Take in what entries have opened and closed."""
        for row in batch.opened:
            self.all[row.id] = row
        for id_, state in batch.closed:
            row = self.all[id_]
            if row.state == "open":
                self.all[id_] = replace(row, state=state, closed_at=at)

    def meant(self, wish: Wish, run: Snapshot, graph: Graph) -> list[Suspension]:
        """The open rows that *wish* is to answer; raises what a refused answer does."""
        return resolve(wish.request, self._run_id, run, list(self.all.values()), graph)

    def answer(
        self, targets: Sequence[Suspension], wish: Wish, data: Mapping[str, Json], graph: Graph, at: datetime
    ) -> Answering:
        """Let *targets* be answered, and their rivals be closed."""
        answering = Answering(
            run_id=self._run_id,
            replies=[Reply(suspension_id=row.id, data=data[row.id]) for row in targets],
            actor=wish.actor,
            via=wish.via,
            idempotency_key=wish.idempotency_key,
            run_count=wish.run_count,
            context=wish.context,
            at=at,
        )
        return self._settle(targets, answering, graph)

    def close(self, closure: Closure, graph: Graph, at: datetime) -> Answering | None:
        """Close a row without a person's answer; None where it is not open."""
        row = self.all.get(closure.suspension_id)
        if row is None or row.state != "open":
            return None
        expired = closure.state == "expired" and row.on_timeout is not None
        answering = Answering(
            run_id=self._run_id,
            replies=[
                Reply(suspension_id=row.id, data=row.on_timeout.data if expired and row.on_timeout else None)
            ],
            actor=closure.actor,
            via=closure.via,
            reason=closure.reason,
            run_count=0,
            context={},
            at=at,
            state=closure.state,
        )
        return self._settle([row], answering, graph)

    def claim(self, suspension_id: str, claimant: str | None, at: datetime) -> None:
        """Let *claimant* have claimed a row."""
        row = self.all[suspension_id]
        self.all[suspension_id] = replace(
            row, claimed_by=claimant, claimed_at=at if claimant is not None else None
        )

    def extend(self, suspension_id: str, deadline: datetime, due_at: datetime | None) -> Suspension:
        """Give a row another deadline."""
        row = replace(self.all[suspension_id], deadline=deadline, due_at=due_at)
        self.all[suspension_id] = row
        return row

    def _settle(self, targets: Sequence[Suspension], answering: Answering, graph: Graph) -> Answering:
        closed = [
            answering.closed(row, reply.data) for row, reply in zip(targets, answering.replies, strict=True)
        ]
        losing = {
            row.id: row
            for target in targets
            for row in rivals_of(target.path, self.all.values(), graph)
            if row.state == "open"
        }
        if losing and has_won(closed[0]):
            reason = f"{show(targets[0].path)} was answered first"
            answering = replace(answering, closes=list(losing), closes_reason=reason)
            for id_, row in losing.items():
                self.all[id_] = answering.outdone(row)
        self.all |= {row.id: row for row in closed}
        return answering
