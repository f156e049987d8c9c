"""Writes: what a driver's commits write beside the entries: the run's head where it changed, the graph once, the claim once."""

from __future__ import annotations

from ..clock import Clock
from ..history.event import RunRewound
from ..history.journal import Batch
from ..history.snapshot import Snapshot
from ..model.graph import Graph
from ..store.base import Claim, Closed, Head, RunRow, Write


class Writes:
    """Makes the writes of one drive. `claim` goes with the next one."""

    __slots__ = ("_clock", "_graph", "_head", "_pinned", "_run_id", "claim")

    def __init__(self, run: RunRow, graph: Graph, clock: Clock) -> None:
        self.claim: Claim | None = None
        self._run_id = run.id
        self._pinned = run.fingerprint
        self._graph = graph
        self._clock = clock
        self._head: tuple[object, ...] = ()

    def of(
        self, batch: Batch, snapshot: Snapshot, *, epoch: int, signals: int, release: bool, heed: bool = False
    ) -> Write:
        """*batch*, after which the run is as *snapshot*."""
        entries = batch.entries
        claim, self.claim = self.claim, None
        pinned = snapshot.fingerprint
        graph = self._graph if pinned is not None and self._pinned != pinned else None
        self._pinned = pinned
        now = (snapshot.status, pinned, snapshot.wake_at)
        head = None
        # A write that heeds signals may not be made: what it says is said again by the next.
        if now != self._head or claim is not None or heed:
            self._head = now
            head = Head(status=snapshot.status, fingerprint=pinned, wake_at=snapshot.wake_at)
        return Write(
            run_id=self._run_id,
            at=entries[-1].at if entries else self._clock.now(),
            expect=entries[0].seq - 1 if entries else snapshot.seq,
            entries=entries,
            head=head,
            epoch=epoch,
            claim=claim,
            opened=batch.opened,
            closed=[Closed(id=id_, state=state) for id_, state in batch.closed] if batch.closed else (),
            graph=graph,
            release=release,
            heed=heed,
            reopen=bool(entries) and isinstance(entries[0].event, RunRewound),
            signals=signals,
        )
