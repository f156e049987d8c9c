"""The SQLite store: one file, any number of processes on one machine.

WAL and synchronous=FULL: what was acknowledged survives a power loss. One writer thread commits whatever has queued up
in one transaction; each operation of such a batch is a savepoint of its own. Point reads run where they are asked for: WAL
readers never wait, and a hop to a thread costs twenty times the read.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ..errors import RunNotFound, StoreClosed
from ..history.codec import entry_from_json
from ..history.event import Entry, Suspension
from ..model.graph import Graph
from ..model.graph import from_json as graph_from_json
from ..model.values import decode, encode
from . import sqlite_sql as sql
from .base import (
    Accepted,
    Answering,
    AnswerOutcome,
    Claim,
    Page,
    Presence,
    Receipt,
    Refused,
    RunQuery,
    RunRow,
    Stored,
    Write,
)
from .migrate import migrate
from .sqlite_prepared import Prepared, claim_values, known
from .sqlite_rows import conditions_of, micros, run_of, suspension_of
from .sqlite_writer import Writer, connect

_T = TypeVar("_T")
_Row: TypeAlias = tuple[Any, ...] | None

# How often a waiter looks whether another process has written; this process's own writes wake it at once.
_LOOK = 0.01


class SqliteStore:
    """Runs in the SQLite file at *path*."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._writer: Writer | None = None
        self._reader: sqlite3.Connection | None = None
        self._reading = threading.Lock()
        self._closed = False
        # Who waits, by run, with the row that each has seen.
        self._waiting: dict[str, dict[asyncio.Event, _Row]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._version = 0

    # ------------------------------------------------------------------ opening and closing

    async def setup(self) -> None:
        """Open, and bring the tables up to date."""
        self._open()

    def _open(self) -> Writer:
        if self._closed:
            raise StoreClosed
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            migrate(self.path)
            self._reader = connect(self.path)
            self._writer = Writer(self.path)
        return self._writer

    async def close(self) -> None:
        """Finish what was begun and close."""
        self._closed = True
        self._look_away()
        for run_id in self._waiting:
            self._wake(run_id)
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                # What was asked for before is written before this; nothing can be asked for after it.
                await writer.run(lambda db: None)
            finally:
                await asyncio.to_thread(writer.close)
        if self._reader is not None:
            with self._reading:
                self._reader.close()

    # ------------------------------------------------------------------ reading

    def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        self._open()
        assert self._reader is not None
        with self._reading:
            return work(self._reader)

    async def load(self, run_id: str) -> Stored | None:
        """The run, its entries and suspension rows, as of one moment."""

        def work(db: sqlite3.Connection) -> tuple[Any, list[Any], list[Any]]:
            db.execute("begin")
            try:
                run = db.execute(sql.ROW, (run_id,)).fetchone()
                entries = db.execute(sql.ENTRIES, (run_id, 0)).fetchall() if run else []
                return run, entries, db.execute(sql.SUSPENSIONS, (run_id,)).fetchall() if run else []
            finally:
                db.execute("commit")

        run, entries, suspensions = self._read(work)
        if run is None:
            return None
        return Stored(
            run=run_of(run),
            entries=[entry_from_json(seq, decode(payload)) for seq, payload in entries],
            suspensions=[suspension_of(row) for row in suspensions],
        )

    async def row(self, run_id: str) -> RunRow | None:
        """The run's row alone."""
        found = self._row(run_id)
        return run_of(found) if found else None

    def _row(self, run_id: str) -> _Row:
        found: _Row = self._read(lambda db: db.execute(sql.ROW, (run_id,)).fetchone())
        return found

    async def entries(self, run_id: str, *, after: int = 0) -> Sequence[Entry]:
        """The entries with a number above *after*, in order."""
        found = self._read(lambda db: db.execute(sql.ENTRIES, (run_id, after)).fetchall())
        return [entry_from_json(seq, decode(payload)) for seq, payload in found]

    async def suspension(self, suspension_id: str) -> Suspension | None:
        """One suspension's row."""
        found = self._read(lambda db: db.execute(sql.SUSPENSION, (suspension_id,)).fetchone())
        return suspension_of(found) if found else None

    async def graph(self, fingerprint: str) -> Graph | None:
        """A pinned graph."""
        found = self._read(lambda db: db.execute(sql.GRAPH, (fingerprint,)).fetchone())
        return graph_from_json(decode(found[0])) if found else None

    async def find(self, query: RunQuery) -> Page:
        """The runs that match."""
        self._open()
        return await asyncio.to_thread(self._find, query)

    def _find(self, query: RunQuery) -> Page:
        conditions, values = conditions_of(query)
        # A connection of its own: a long list must not hold up the point reads.
        with closing(connect(self.path)) as db:
            db.execute("begin")
            total = db.execute(sql.count(conditions), values).fetchone()[0]
            limit = {"limit": -1 if query.limit is None else query.limit, "offset": query.offset}
            rows = db.execute(sql.find(conditions, limited=True), {**values, **limit}).fetchall()
            db.execute("commit")
        return Page(runs=[run_of(row) for row in rows], total=total)

    # ------------------------------------------------------------------ writing

    async def _write(self, run_id: str, work: Callable[[sqlite3.Connection], _T]) -> _T:
        result = await self._open().run(work)
        self._wake(run_id)
        return result

    async def create(self, run: RunRow) -> Presence:
        """Keep *run* as `pending`, or leave the one with its id as it is and say "there"."""
        values = {
            "id": run.id,
            "workflow": run.workflow,
            "engine": run.engine,
            "resource": run.resource,
            "status": run.status,
            "at": micros(run.created_at),
        }
        made = await self._write(run.id, lambda db: db.execute(sql.CREATE, values).rowcount)
        return "created" if made else "there"

    async def append(self, write: Write) -> Receipt:
        """Make *write*."""
        prepared = Prepared(write)
        return await self._write(write.run_id, prepared.append)

    async def claim(self, run_id: str, claim: Claim) -> Receipt | None:
        """Take the lease, or None where somebody else holds it."""
        values = claim_values(run_id, claim)

        def work(db: sqlite3.Connection) -> Receipt | None:
            found = db.execute(sql.CLAIM, values).fetchone()
            if found is None:
                known(db, run_id)
                return None
            return Receipt(epoch=found[0], signals=found[1], cancel_requested=bool(found[2]))

        return await self._write(run_id, work)

    async def release(self, run_id: str, epoch: int) -> None:
        """Give the lease back, if it is still held with *epoch*."""
        await self._write(run_id, lambda db: db.execute(sql.RELEASE, (run_id, epoch)).rowcount)

    async def answer(self, answering: Answering) -> AnswerOutcome:
        """Compare and set the suspension rows."""
        prepared = Prepared(answering.write) if answering.write is not None else None
        rows = [
            {
                "id": reply.suspension_id,
                "run": answering.run_id,
                "answer": encode(reply.data),
                "actor": answering.actor,
                "run_count": answering.run_count,
                "context": encode(dict(answering.context)) if answering.context else None,
                "at": micros(answering.at),
            }
            for reply in answering.replies
        ]

        def work(db: sqlite3.Connection) -> AnswerOutcome:
            for row in rows:
                if not db.execute(sql.ANSWER, row).rowcount:
                    raise _NotOpen
            if prepared is not None:
                found = db.execute(sql.CLAIM_AT, prepared.claim).fetchone()
                if found is not None:
                    return Accepted(receipt=prepared.write_entries(db, found[0]))
            db.execute(sql.SIGNAL, (micros(answering.at), answering.run_id))
            return Accepted(receipt=None)

        try:
            return await self._write(answering.run_id, work)
        except _NotOpen:
            if await self.row(answering.run_id) is None:
                raise RunNotFound(answering.run_id) from None
            named = [await self.suspension(reply.suspension_id) for reply in answering.replies]
            own = [row for row in named if row is not None and row.run_id == answering.run_id]
            return Refused(rows=[row for row in own if row.state != "open"])

    async def request_cancel(self, run_id: str, at: datetime) -> bool:
        """Note that the run is to stop, for its driver to see."""

        def work(db: sqlite3.Connection) -> bool:
            if db.execute(sql.CANCEL, {"id": run_id, "at": micros(at)}).rowcount:
                return True
            known(db, run_id)
            return False

        return await self._write(run_id, work)

    async def delete(self, run_id: str) -> bool:
        """Remove the run with its entries and suspensions; False where there is none."""
        return await self._write(
            run_id, lambda db: [db.execute(s, (run_id,)).rowcount for s in sql.DELETE][-1] > 0
        )

    # ------------------------------------------------------------------ waiting

    async def wait(self, run_id: str, seen: RunRow, timeout: float) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when the run's row may differ from *seen*, or after *timeout* seconds."""
        changed = asyncio.Event()
        # Look out first, then read the row: what another process commits in between is noticed by the look-out.
        self._look_out()
        waiting = self._waiting.setdefault(run_id, {})
        try:
            waiting[changed] = found = self._row(run_id)
            if found is not None and run_of(found) == seen:
                async with asyncio.timeout(timeout):
                    await changed.wait()
        except TimeoutError:
            pass
        finally:
            waiting.pop(changed, None)
            if not waiting:
                self._waiting.pop(run_id, None)
            if not self._waiting:
                self._look_away()

    def _look_out(self) -> None:
        """Look into the file from now on, for as long as anybody waits."""
        if self._timer is None:
            self._version = self._read(_data_version)
            self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def _look(self) -> None:
        """Wake those whose row is not what it was, if anything at all was committed."""
        self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)
        version = self._read(_data_version)
        if version == self._version:
            return
        self._version = version
        for run_id, waiting in self._waiting.items():
            now = self._row(run_id)
            for changed, seen in waiting.items():
                if now != seen:
                    changed.set()

    def _look_away(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self, run_id: str) -> None:
        for changed in self._waiting.get(run_id, ()):
            changed.set()


def _data_version(db: sqlite3.Connection) -> int:
    """A number that changes when another connection, of any process, commits."""
    version: int = db.execute("pragma data_version").fetchone()[0]
    return version


class _NotOpen(Exception):
    """A row that was to be answered is not open."""
