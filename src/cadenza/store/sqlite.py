"""The SQLite store: one file, any number of processes on one machine.

WAL and synchronous=FULL: what was acknowledged survives a power loss. Whatever has queued up is committed in one
transaction; an operation of such a batch that fails takes nothing of the others with it. Point reads run where they are asked for: WAL
readers never wait, and a hop to a thread costs twenty times the read.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from ..errors import RunNotFound, StoreClosed
from ..history.codec import entry_from_json
from ..history.event import Entry, Suspension
from ..history.record import RunStatus
from ..model.graph import Graph
from ..model.graph import from_json as graph_from_json
from ..model.values import encode
from . import sqlite_find as lists
from . import sqlite_sql as sql
from .base import (
    Answering,
    AnswerOutcome,
    Claim,
    Claimed,
    Counted,
    Due,
    DueRow,
    KeptEvent,
    Missed,
    Page,
    Presence,
    Receipt,
    Refused,
    RunQuery,
    RunRow,
    Stored,
    SuspensionQuery,
    Wanted,
    Write,
)
from .migrate import migrate
from .packing import Codec, Packing
from .rows import (
    claim_values,
    event_from_json,
    event_to_json,
    micros,
    new_run_values,
    optional_micros,
    optional_moment,
    run_of,
    suspension_of,
)
from .sqlite_look_out import LookOut, Row
from .sqlite_prepared import NotAsSeen, Prepared, PreparedAnswer, known
from .sqlite_schedules import SqliteSchedules
from .sqlite_writer import Writer, connect

_T = TypeVar("_T")


class SqliteStore(SqliteSchedules):
    """Runs in the SQLite file at *path*; payloads go through *codec*."""

    def __init__(self, path: str | Path, *, codec: Codec | None = None) -> None:
        self.path = Path(path)
        self._packing = Packing(codec)
        self._writer: Writer | None = None
        self._reader: sqlite3.Connection | None = None
        self._reading = threading.Lock()
        self._closed = False
        self._look_out = LookOut(version=self._version, row=self._row)

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
        self._look_out.close()
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
        writer = self._open()
        assert self._reader is not None
        with self._reading:
            return writer.read(work, self._reader)

    def _version(self) -> int:
        """A number that changes when another connection, of any process, commits, and this one's own writer too."""
        self._open()
        assert self._reader is not None
        with self._reading:
            found: int = self._reader.execute("pragma data_version").fetchone()[0]
        return found

    async def load(self, run_id: str) -> Stored | None:
        """The run, its entries and suspension rows, as of one moment."""

        def work(db: sqlite3.Connection) -> tuple[Any, list[Any], list[Any]]:
            db.execute("begin")
            try:
                run = db.execute(sql.ROW, (run_id,)).fetchone()
                entries = db.execute(sql.ENTRIES, (run_id, 0, -1)).fetchall() if run else []
                return run, entries, db.execute(sql.SUSPENSIONS, (run_id,)).fetchall() if run else []
            finally:
                db.execute("commit")

        run, entries, suspensions = self._read(work)
        if run is None:
            return None
        return Stored(
            run=run_of(run),
            entries=[entry_from_json(seq, self._packing.unpack(payload)) for seq, payload in entries],
            suspensions=[suspension_of(row, self._packing) for row in suspensions],
        )

    async def row(self, run_id: str) -> RunRow | None:
        """The run's row alone."""
        found = self._row(run_id)
        return run_of(found) if found else None

    def _row(self, run_id: str) -> Row | None:
        found: Row | None = self._read(lambda db: db.execute(sql.ROW, (run_id,)).fetchone())
        return found

    async def entries(self, run_id: str, *, after: int = 0, limit: int | None = None) -> Sequence[Entry]:
        """The entries with a number above *after*, in order."""
        most = -1 if limit is None else limit
        found = self._read(lambda db: db.execute(sql.ENTRIES, (run_id, after, most)).fetchall())
        return [entry_from_json(seq, self._packing.unpack(payload)) for seq, payload in found]

    async def suspension(self, suspension_id: str) -> Suspension | None:
        """One suspension's row."""
        found = self._read(lambda db: db.execute(sql.SUSPENSION, (suspension_id,)).fetchone())
        return suspension_of(found, self._packing) if found else None

    async def graph(self, fingerprint: str) -> Graph | None:
        """A pinned graph."""
        found = self._read(lambda db: db.execute(sql.GRAPH, (fingerprint,)).fetchone())
        return graph_from_json(self._packing.unpack(found[0])) if found else None

    async def find(self, query: RunQuery) -> Page:
        """The runs that match."""
        return await self._listed(lists.find, query)

    async def counts(self, query: RunQuery) -> Mapping[str, Counted]:
        """How the runs that match stand, by workflow."""
        return await self._listed(lists.counts, query)

    async def recent(self, since: datetime) -> Sequence[RunRow]:
        """The runs that were last written to at *since* or later."""
        return await self._listed(lists.recent, since)

    async def suspensions(self, query: SuspensionQuery) -> Sequence[Suspension]:
        """The suspension rows that match."""
        return await self._listed(lists.suspensions, query, self._packing)

    async def count_suspensions(self, query: SuspensionQuery) -> int:
        """How many suspension rows match."""
        return await self._listed(lists.count_suspensions, query)

    async def _listed(self, read: Callable[..., _T], *given: object) -> _T:
        self._open()
        return await asyncio.to_thread(read, self.path, *given)

    # ------------------------------------------------------------------ writing

    async def _write(self, run_id: str, work: Callable[[sqlite3.Connection], _T]) -> _T:
        result = await self._open().run(work)
        self._look_out.wake(run_id)
        return result

    async def create(self, run: RunRow) -> Presence:
        """Keep *run* as `pending`, or leave the one with its id as it is and say "there"."""
        values = new_run_values(run)
        made = await self._write(run.id, lambda db: db.execute(sql.CREATE, values).rowcount)
        return "created" if made else "there"

    async def append(self, write: Write) -> Receipt:
        """Make *write*."""
        # As `_write` does it, without its coroutine: every step goes this way.
        receipt = await self._open().run(Prepared(write, self._packing).append)
        self._look_out.wake(write.run_id)
        return receipt

    async def claim(self, run_id: str, claim: Claim) -> Receipt | None:
        """Take the lease, or None where somebody else holds it or the run has ended."""
        values = {"id": run_id, **claim_values(claim)}

        def work(db: sqlite3.Connection) -> Receipt | None:
            found = db.execute(sql.CLAIM, values).fetchone()
            if found is None:
                known(db, run_id)
                return None
            return _receipt(*found)

        return await self._write(run_id, work)

    async def claim_due(self, wanted: Wanted) -> Sequence[Claimed]:
        """Take the leases of runs that need a driver."""
        values = {
            **_due_values(wanted),
            "owner": wanted.owner,
            "until": micros(wanted.until),
            **{f"dead{i}": owner for i, owner in enumerate(wanted.dead)},
            **{f"live{i}": owner for i, owner in enumerate(wanted.live)},
        }
        statement = sql.claim_due(len(wanted.workflows), len(wanted.dead), len(wanted.live))
        found = await self._open().run(lambda db: db.execute(statement, values).fetchall())
        for run_id, *_ in found:
            self._look_out.wake(run_id)
        return [Claimed(run_id=id_, receipt=_receipt(*rest)) for id_, *rest in found]

    async def renew(self, owner: str, until: datetime) -> Sequence[str]:
        """Let all leases of *owner* last until then."""
        values = (micros(until), owner)
        return await self._open().run(lambda db: [id_ for (id_,) in db.execute(sql.RENEW, values).fetchall()])

    async def owners(self) -> Sequence[str]:
        """Who holds leases now, each once."""
        return [owner for (owner,) in self._read(lambda db: db.execute(sql.OWNERS).fetchall())]

    async def release(self, run_id: str, epoch: int) -> None:
        """Give the lease back, if it is still held with *epoch*."""
        await self._write(run_id, lambda db: db.execute(sql.RELEASE, (run_id, epoch)).rowcount)

    async def answer(self, answering: Answering) -> AnswerOutcome:
        """Compare and set the suspension rows."""
        try:
            return await self._write(answering.run_id, PreparedAnswer(answering, self._packing).answer)
        except NotAsSeen:
            if await self.row(answering.run_id) is None:
                raise RunNotFound(answering.run_id) from None
            named = [reply.suspension_id for reply in answering.replies] + list(answering.closes)
            found = [await self.suspension(id_) for id_ in named]
            own = [row for row in found if row is not None and row.run_id == answering.run_id]
            shut = [row for row in own if row.state != "open"]
            return Refused(rows=shut) if shut or len(own) < len(named) else Missed()

    async def request_cancel(self, run_id: str, at: datetime) -> bool:
        """Note that the run is to stop, for its driver to see."""

        def work(db: sqlite3.Connection) -> bool:
            if db.execute(sql.CANCEL, {"id": run_id, "at": micros(at)}).rowcount:
                return True
            known(db, run_id)
            return False

        return await self._write(run_id, work)

    async def touch(self, run_id: str, at: datetime) -> None:
        """Let the run count as written to at *at*."""
        await self._write(run_id, lambda db: db.execute(sql.TOUCH, (micros(at), run_id)).rowcount)

    async def prune(self, before: datetime, statuses: Sequence[RunStatus], limit: int) -> int:
        """Remove runs in one of *statuses* that were last written to before then."""
        at = micros(before)

        def work(db: sqlite3.Connection) -> int:
            db.execute(sql.PRUNE_EVENTS, (at,))
            old = db.execute(sql.prune(len(statuses)), (*statuses, at, at, limit)).fetchall()
            for run_id in old:
                for statement in sql.DELETE:
                    db.execute(statement, run_id)
            return len(old)

        return await self._open().run(work)

    async def delete(self, run_id: str) -> bool:
        """Remove the run with its entries and suspensions; False where there is none."""
        return await self._write(
            run_id, lambda db: [db.execute(s, (run_id,)).rowcount for s in sql.DELETE][-1] > 0
        )

    # ------------------------------------------------------------------ what time brings, and events

    async def due(self, due: Due) -> Sequence[DueRow]:
        """Rows whose `due_at` has come, the earliest first."""
        statement = sql.due(len(due.workflows))
        found = self._read(lambda db: db.execute(statement, _due_values(due)).fetchall())
        return [DueRow(id=id_, run_id=run_id) for id_, run_id in found]

    async def put_off(
        self, suspension_id: str, seen: datetime | None, due_at: datetime | None, *, told: int
    ) -> bool:
        """Set `due_at` and `told` of a row, where `due_at` is *seen*."""
        values = (optional_micros(due_at), told, suspension_id, optional_micros(seen))
        return await self._open().run(lambda db: db.execute(sql.PUT_OFF, values).rowcount > 0)

    async def set_claimant(
        self, suspension_id: str, seen: str | None, claimant: str | None, at: datetime
    ) -> bool:
        """Let *claimant* have claimed an open row, where *seen* has."""
        values = (claimant, micros(at) if claimant is not None else None, suspension_id, seen)
        return await self._open().run(lambda db: db.execute(sql.SET_CLAIMANT, values).rowcount > 0)

    async def extend(self, suspension_id: str, deadline: datetime | None, due_at: datetime | None) -> bool:
        """Give an open row another deadline."""
        values = (optional_micros(deadline), optional_micros(due_at), suspension_id)
        return await self._open().run(lambda db: db.execute(sql.EXTEND, values).rowcount > 0)

    async def next_due(self, due: Due) -> datetime | None:
        """The earliest `wake_at` of a run at rest or `due_at` of a row that has not come yet, or None."""
        statement = sql.next_due(len(due.workflows))
        return optional_moment(self._read(lambda db: db.execute(statement, _due_values(due)).fetchone())[0])

    async def keep_event(self, event: KeptEvent) -> None:
        """Keep *event*."""
        payload = self._packing.pack(event_to_json(event))
        values = (event.id, event.name, micros(event.at), micros(event.until), payload)
        await self._open().run(lambda db: db.execute(sql.KEEP, values))

    async def kept_events(self, name: str, now: datetime) -> Sequence[KeptEvent]:
        """The events of that name that are kept beyond *now*, oldest first."""
        found = self._read(lambda db: db.execute(sql.KEPT, (name, micros(now))).fetchall())
        return [event_from_json(self._packing.unpack(payload)) for (payload,) in found]

    async def drop_event(self, event_id: str) -> bool:
        """Remove a kept event; False where it is gone."""
        return await self._open().run(lambda db: db.execute(sql.DROP, (event_id,)).rowcount > 0)

    # ------------------------------------------------------------------ waiting

    async def wait(self, run_id: str, seen: RunRow, timeout: float) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when the run's row may differ from *seen*, or after *timeout* seconds."""
        await self._look_out.wait(run_id, lambda row: row is None or run_of(row) != seen, timeout)

    async def signals(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        """What has been put in for these runs."""
        statement = sql.signals(len(run_ids))
        return dict(self._read(lambda db: db.execute(statement, tuple(run_ids)).fetchall()))

    async def changed(self, timeout: float, *, soon: bool = True) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when another process may have written, or after *timeout* seconds."""
        await self._look_out.changed(timeout, soon=soon)


def _due_values(due: Due | Wanted) -> dict[str, Any]:
    """For which runs it is looked, and until when."""
    named = {f"workflow{i}": id_ for i, id_ in enumerate(due.workflows)}
    skip = encode(list(due.skip)).decode()
    return {"engine": due.engine, "now": micros(due.now), "limit": due.limit, "skip": skip, **named}


def _receipt(epoch: int, signals: int, cancel_requested: int) -> Receipt:
    return Receipt(epoch=epoch, signals=signals, cancel_requested=bool(cancel_requested))
