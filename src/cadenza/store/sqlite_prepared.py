"""A write to the SQLite store with everything encoded, so that the writer thread only runs statements."""

from __future__ import annotations

import sqlite3
from typing import Any

from ..errors import RunConflict, RunNotFound
from ..history.codec import entry_to_json, suspension_to_json
from ..model.graph import to_json as graph_to_json
from . import sqlite_sql as sql
from .again import told_again
from .base import Accepted, Answering, Receipt, RunRow, Write
from .packing import Packing
from .rows import claim_values, closing_values, micros, names_column, optional_micros, run_of

# Suspensions are numbered in the order of the journal, whatever the clock says; no write opens so many.
_ROWS_A_WRITE = 1_000_000


class Prepared:
    """A write with everything encoded, so that the writer thread only runs statements."""

    def __init__(self, write: Write, packing: Packing) -> None:
        self.write = write
        self._packing = packing
        run_id, head = write.run_id, write.head
        self.rows = [(run_id, entry.seq, packing.pack(entry_to_json(entry))) for entry in write.entries]
        self.opened = [
            (
                row.id,
                run_id,
                write.expect * _ROWS_A_WRITE + i,
                packing.pack(suspension_to_json(row)),
                micros(row.opened_at),
                row.workflow,
                names_column(row.labels),
                names_column(row.assigned),
                row.event,
                optional_micros(row.deadline),
                optional_micros(row.due_at),
            )
            for i, row in enumerate(write.opened)
        ]
        self.at = micros(write.at)
        self.graph = (
            (write.graph.fingerprint, packing.pack(graph_to_json(write.graph))) if write.graph else None
        )
        self.move = sql.move(
            claim=write.claim is not None,
            head=head is not None,
            release=write.release,
            heed=write.heed,
            reopen=write.reopen,
        )
        self.values: dict[str, Any] = {
            "id": run_id,
            "seq": write.expect + len(write.entries),
            "at": self.at,
            "epoch": write.epoch,
            "expect": write.expect,
            "signals": write.signals,
        }
        if head is not None:
            self.values["status"] = head.status
            self.values["fingerprint"] = head.fingerprint
            self.values["wake_at"] = micros(head.wake_at) if head.wake_at else None
        if write.claim is not None:
            self.values |= claim_values(write.claim)

    def append(self, db: sqlite3.Connection) -> Receipt:
        """The whole write, which may be there already.

        Raises `RunConflict` where it is neither the next nor the last one.
        """
        return self.try_append(db) or self._again(db)

    def try_append(self, db: sqlite3.Connection) -> Receipt | None:
        """The whole write, or None and nothing where the lease is not to be had or the journal has gone on."""
        found = db.execute(self.move, self.values).fetchone()
        if found is None:
            return None
        if self.rows:
            db.executemany(sql.INSERT_ENTRY, self.rows)
        if self.opened:
            db.executemany(sql.OPEN, self.opened)
        for closed in self.write.closed:
            db.execute(sql.CLOSE, (closed.state, self.at, closed.reason, closed.id))
        if self.graph is not None:
            db.execute(sql.INSERT_GRAPH, self.graph)
        epoch, signals, cancel_requested, owner = found
        return Receipt(
            epoch=epoch,
            signals=signals,
            cancel_requested=bool(cancel_requested),
            released=owner is None,
        )

    def _again(self, db: sqlite3.Connection) -> Receipt:
        """The same write a second time is no conflict; anything else is."""
        run_id = self.write.run_id
        row = known(db, run_id)
        there = bool(self.rows) and all(
            (found := db.execute(sql.SAME, (run_id, seq)).fetchone()) is not None
            and self._packing.same(found[0], payload)
            for _, seq, payload in self.rows
        )
        receipt = told_again(self.write, row, there=there)
        if receipt is None:
            raise RunConflict(run_id)
        return receipt


def known(db: sqlite3.Connection, run_id: str) -> RunRow:
    found = db.execute(sql.ROW, (run_id,)).fetchone()
    if found is None:
        raise RunNotFound(run_id)
    return run_of(found)


class NotAsSeen(Exception):
    """A row that was to be closed is not open, or something else is not what the answerer saw."""


class PreparedAnswer:
    """An answer with everything encoded."""

    def __init__(self, answering: Answering, packing: Packing) -> None:
        self._answering = answering
        self._write = Prepared(answering.write, packing) if answering.write is not None else None
        self._at = micros(answering.at)
        shared = {**closing_values(answering, packing), "at": self._at}
        self._rows = [
            {**shared, "id": reply.suspension_id, "answer": packing.pack(reply.data)}
            for reply in answering.replies
        ]

    def answer(self, db: sqlite3.Connection) -> Accepted:
        """All of it; raises `NotAsSeen` where it cannot be."""
        answering = self._answering
        if answering.expect is not None:
            _see(db.execute(sql.AS_SEEN, (answering.run_id, *answering.expect)).fetchone() is not None)
        for row in self._rows:
            _see(db.execute(sql.ANSWER, row).rowcount > 0)
        for id_ in answering.closes:
            rival = (answering.closes_reason, self._at, id_, answering.run_id)
            _see(db.execute(sql.CLOSE_RIVAL, rival).rowcount > 0)
        if answering.consumes is not None:
            _see(db.execute(sql.DROP, (answering.consumes,)).rowcount > 0)
        receipt = self._write.try_append(db) if self._write is not None else None
        if receipt is None:
            db.execute(sql.SIGNAL, (self._at, answering.run_id))
        return Accepted(receipt=receipt)


def _see(holds: bool) -> None:  # noqa: FBT001  reads as a sentence
    if not holds:
        raise NotAsSeen
