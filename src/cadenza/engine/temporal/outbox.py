"""The outbox: what a run's workflow knows and the store may not have yet, in parts that are written whole.

Parts go along with the calls of steps, which cost no activity of their own; what nobody takes along is flushed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ...history.codec import entry_to_json
from ...history.journal import Batch
from ...history.snapshot import Snapshot
from ...model.graph import Graph
from ...model.graph import to_json as graph_to_json
from ...model.values import Json
from ...store.base import Answering
from .messages import BATCH, Part, answering_to_json, size_of


class Outbox:
    """Parts in their order. A part that was shown to anybody is closed: what follows begins a new one."""

    def __init__(self, graph: Graph, pinned: str | None, seq: int) -> None:
        self._graph = graph
        self._pinned = pinned
        self._parts: list[Json] = []
        self._last: Part | None = None
        self._size = 0
        # The number of the last entry that was put in.
        self.seq = seq

    def __bool__(self) -> bool:
        return bool(self._parts) or self._last is not None

    def put(self, batch: Batch, run: Snapshot) -> None:
        """Entries that were noted, after which the run is as *run*."""
        if not batch.entries:
            return
        if self._last is None:
            self._last = Part(first=batch.entries[0].seq, entries=[], head=None, closed=[])
            self._size = 0
        part = self._last
        for entry in batch.entries:
            data = entry_to_json(entry)
            part.entries.append(data)
            self._size += size_of(data)
        part.closed += [[id_, state] for id_, state in batch.closed]
        part.head = [run.status, run.fingerprint, run.wake_at.isoformat() if run.wake_at else None]
        if run.fingerprint != self._pinned:
            self._pinned = run.fingerprint
            part.graph = graph_to_json(self._graph)
        self.seq = batch.entries[-1].seq
        if self._size > BATCH:
            self._seal()

    def put_answer(self, answering: Answering) -> None:
        """An answer that was taken."""
        self._seal()
        self._parts.append({"answer": answering_to_json(answering)})

    def put_claim(self, suspension_id: str, seen: str | None, claimant: str | None, at: datetime) -> None:
        """Who has claimed a question."""
        self._seal()
        self._parts.append({"claimed": [suspension_id, seen, claimant, at.isoformat()]})

    def put_deadline(self, suspension_id: str, deadline: datetime, due_at: datetime | None) -> None:
        """A new deadline of a question."""
        self._seal()
        due = due_at.isoformat() if due_at is not None else None
        self._parts.append({"extended": [suspension_id, deadline.isoformat(), due]})

    def shown(self) -> Sequence[Json]:
        """What is there, to be looked at; none where it is too much for one message."""
        self._seal()
        return list(self._parts) if size_of(self._parts) <= BATCH * 2 else []

    def take(self) -> Sequence[Json]:
        """The first parts, as many as fit into one message: whoever takes them has them written."""
        self._seal()
        count, size = 0, 0
        for part in self._parts:
            size += size_of(part)
            if count and size > BATCH * 2:
                break
            count += 1
        taken, self._parts = self._parts[:count], self._parts[count:]
        return taken

    def _seal(self) -> None:
        if self._last is not None:
            self._parts.append(self._last.to_json())
            self._last = None
