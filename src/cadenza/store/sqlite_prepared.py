"""A write to the SQLite store with everything encoded, so that the writer thread only runs statements."""

from __future__ import annotations

import sqlite3
from typing import Any

from ..errors import RunConflict, RunNotFound
from ..history.codec import entry_to_json, suspension_to_json
from ..model.graph import to_json as graph_to_json
from ..model.values import encode
from . import sqlite_sql as sql
from .base import Claim, Receipt, RunRow, Write
from .sqlite_rows import micros, run_of

# Suspensions are numbered in the order of the journal, whatever the clock says; no write opens so many.
_ROWS_A_WRITE = 1_000_000


class Prepared:
    """A write with everything encoded, so that the writer thread only runs statements."""

    def __init__(self, write: Write) -> None:
        self.write = write
        run_id, head = write.run_id, write.head
        self.rows = [(run_id, entry.seq, encode(entry_to_json(entry))) for entry in write.entries]
        self.opened = [
            (row.id, run_id, write.expect * _ROWS_A_WRITE + i, encode(suspension_to_json(row)))
            for i, row in enumerate(write.opened)
        ]
        self.at = micros(write.at)
        self.graph = (write.graph.fingerprint, encode(graph_to_json(write.graph))) if write.graph else None
        self.head: dict[str, Any] = {
            "id": run_id,
            "seq": write.expect + len(write.entries),
            "status": head.status if head else None,
            "fingerprint": head.fingerprint if head else None,
            "wake_at": micros(head.wake_at) if head and head.wake_at else None,
            "at": self.at,
            "epoch": write.epoch,
            "expect": write.expect,
        }
        self.claim = {**claim_values(run_id, write.claim), "expect": write.expect} if write.claim else {}

    def append(self, db: sqlite3.Connection) -> Receipt:
        """The whole write."""
        if not self.claim:
            return self.write_entries(db, self.write.epoch)
        found = db.execute(sql.CLAIM_AT, self.claim).fetchone()
        if found is None:
            return self._again(db)
        return self.write_entries(db, found[0])

    def write_entries(self, db: sqlite3.Connection, epoch: int) -> Receipt:
        """What follows once the lease is held with *epoch*."""
        write = self.write
        self.head["epoch"] = epoch
        found = db.execute(sql.MOVE if write.head else sql.MOVE_ON, self.head).fetchone()
        if found is None:
            return self._again(db)
        if self.rows:
            db.executemany(sql.INSERT_ENTRY, self.rows)
        if self.opened:
            db.executemany(sql.OPEN, self.opened)
        for closed in write.closed:
            db.execute(sql.CLOSE, (closed.state, self.at, closed.id))
        for taken in write.taken:
            db.execute(sql.TAKE, (taken,))
        if self.graph is not None:
            db.execute(sql.INSERT_GRAPH, self.graph)
        released = False
        if write.release:
            held = {"id": write.run_id, "epoch": epoch, "signals": write.signals}
            released = db.execute(sql.RELEASE_SEEN, held).rowcount > 0
        return Receipt(epoch=epoch, signals=found[0], cancel_requested=bool(found[1]), released=released)

    def _again(self, db: sqlite3.Connection) -> Receipt:
        """The same write a second time is no conflict; anything else is."""
        run_id = self.write.run_id
        row = known(db, run_id)
        there = self.rows and all(
            (found := db.execute(sql.SAME, (run_id, seq)).fetchone()) is not None and found[0] == payload
            for _, seq, payload in self.rows
        )
        claim = self.write.claim
        if claim is not None:
            mine = row.lease is None or row.lease.owner == claim.owner
        else:
            mine = row.epoch == self.write.epoch
        if not (there and mine):
            raise RunConflict(run_id)
        return Receipt(
            epoch=row.epoch,
            signals=row.signals,
            cancel_requested=row.cancel_requested,
            released=row.lease is None,
        )


def known(db: sqlite3.Connection, run_id: str) -> RunRow:
    found = db.execute(sql.ROW, (run_id,)).fetchone()
    if found is None:
        raise RunNotFound(run_id)
    return run_of(found)


def claim_values(run_id: str, claim: Claim) -> dict[str, Any]:
    return {
        "id": run_id,
        "owner": claim.owner,
        "now": micros(claim.now),
        "until": micros(claim.until),
        "dead": -1 if claim.dead is None else claim.dead,
    }
