"""The one place that writes to a SQLite file in this process: group commit.

What is asked for in one turn of the event loop, and in those that follow without a break, is committed in one transaction.
While the disk is quick that happens on the loop itself: handing a write to a thread and back costs more than a quick commit.
After a slow commit, and while another process holds the write lock, the writer thread takes over: the loop waits for the disk
a small part of its time only.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from ..errors import StoreClosed

_T = TypeVar("_T")
_log = logging.getLogger("cadenza")
# One commit takes at most so many operations along; a longer queue waits for the next.
_BATCH = 512
# How long another process's transaction is waited for, in seconds: its commits take milliseconds.
_BUSY = 30.0
# After about so many pages (of 4 KB) of log the thread brings them into the file, so that the log begins anew: a commit into
# a log that grows takes half as long again, for the file system has to note its size with it. An operation writes some three pages,
# a commit a few more.
_LOG = 1000
_PAGES = 3
# After so many commits of one operation on end, the next one waits for nobody; so many may follow each other in one turn.
_ALONE = 8
_AT_ONCE = 8
_LONG: Final = "log is long"
# So many pages the log may have before a commit brings them in itself: where the thread cannot keep up.
_FULL = 4000
# After two commits on end that took longer than this, in seconds, none is tried on the event loop for so many times as long
# as they take: a slow disk stops the loop for a tenth of its time. One alone is a hiccup, or the checkpoint that is due.
_QUICK = 0.003
_CAUTION = 10


def connect(path: Path, *, busy: float = _BUSY) -> sqlite3.Connection:
    """A connection in WAL mode that syncs on each commit; transactions are begun by hand."""
    db = sqlite3.connect(
        path, timeout=_BUSY, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute(f"pragma wal_autocheckpoint = {_FULL}")
    if busy != _BUSY:
        db.execute(f"pragma busy_timeout = {int(busy * 1000)}")
    return db


@dataclass(slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():  # whoever asked was canceled; what was asked is done all the same
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs operations in order, as many as have come together in one transaction."""

    def __init__(self, path: Path) -> None:
        self._here = connect(path, busy=0)
        self._there = connect(path)
        self._home = asyncio.get_running_loop()
        self._pending: list[_Job] = []
        # Batches of jobs; None: that was all.
        self._queue: queue.SimpleQueue[list[_Job] | Literal["log is long"] | None] = queue.SimpleQueue()
        self._handed = 0
        # How many were pending when it was looked last.
        self._seen = 0
        # How many commits on end were of one operation; how many of these were made at once in this turn, and who made them.
        self._alone = 0
        self._in_turn = 0
        self._turn_of: asyncio.Task[Any] | None = None
        self._pages = 0
        self._slow = False
        self._careful_until = 0.0
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=f"cadenza writer {path.name}", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[sqlite3.Connection], _T]) -> asyncio.Future[_T]:
        """What *work* gives, once it is durable. If it raises, nothing of it is written."""
        if self._closed:
            raise StoreClosed
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        job = _Job(work, future, loop)
        if loop is not self._home:
            self._hand_over([job])
        elif not self._write_alone(job):
            self._pending.append(job)
            if len(self._pending) == 1:
                loop.call_soon(self._gather)
        return future

    def close(self) -> None:
        """Finish what has been asked for. Blocks."""
        if not self._closed:
            self._closed = True
            self._flush()
            self._queue.put(None)
            self._thread.join()
            self._here.close()
            self._there.close()

    # ------------------------------------------------------------------ on the loop

    def read(self, work: Callable[[sqlite3.Connection], _T], elsewhere: sqlite3.Connection) -> _T:
        """What *work* reads by the connection that commits on the loop, which knows most pages already; else by *elsewhere*."""
        if not self._closed and asyncio.get_running_loop() is self._home:
            try:
                return work(self._here)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
        # It waits where another process is just opening or closing the file.
        return work(elsewhere)

    def _write_alone(self, job: _Job) -> bool:
        """Write *job* at once, where lately nobody else has written: three turns of the loop would be spent on waiting for others.

        A few times in one turn at most, so that who writes again and again stops nobody; and not where another task has just
        done so.
        """
        if self._alone < _ALONE or self._pending:
            return False
        task = asyncio.current_task()
        if not self._in_turn:
            self._turn_of = task
            self._home.call_soon(self._next_turn)
        elif task is not self._turn_of:
            self._alone = 0
            return False
        self._in_turn += 1
        if self._in_turn > _AT_ONCE:
            return False
        if not self._begin():
            return False
        self._write_here([job])
        return True

    def _next_turn(self) -> None:
        self._in_turn = 0
        self._turn_of = None

    def _gather(self) -> None:
        """Write what has come together, once a turn of the loop has brought nothing more: those who are at it share a commit."""
        if self._seen < len(self._pending) < _BATCH:
            self._seen = len(self._pending)
            self._home.call_soon(self._gather)
        else:
            self._seen = 0
            self._flush()

    def _flush(self) -> None:
        while self._pending:
            batch, self._pending = self._pending[:_BATCH], self._pending[_BATCH:]
            if not self._begin():
                self._hand_over(batch)
                continue
            self._alone = self._alone + 1 if len(batch) == 1 else 0
            self._write_here(batch)

    def _write_here(self, batch: list[_Job]) -> None:
        took = _commit(self._here, batch)
        if took > _QUICK and self._slow:
            self._careful_until = time.monotonic() + _CAUTION * took
        self._slow = took > _QUICK
        self._grown(1 + len(batch))
        _settle(batch)

    def _grown(self, written: int) -> None:
        """So many commits and operations more are in the log."""
        self._pages += written * _PAGES
        if self._pages >= _LOG:
            self._pages = 0
            self._queue.put(_LONG)

    def _begin_log_anew(self) -> None:
        """Bring in what was committed while the thread did: a few pages. Only then does the log begin anew."""
        if not self._closed and time.monotonic() >= self._careful_until:
            _bring_in(self._here)

    def _begin(self) -> bool:
        """Begin a transaction on the loop; False where it is the thread's turn."""
        # The order of what one caller asks for is kept: nothing overtakes what the thread still has.
        if self._handed or time.monotonic() < self._careful_until:
            return False
        try:
            self._here.execute("begin immediate")
        except sqlite3.OperationalError:  # another process, or the thread, is writing
            return False
        return True

    def _hand_over(self, batch: list[_Job]) -> None:
        self._handed += 1
        self._queue.put(batch)

    # ------------------------------------------------------------------ in the thread

    def _serve(self) -> None:
        last = False
        while not last:
            taken = [self._queue.get()]
            parts = [part for part in taken if isinstance(part, list)]
            while sum(map(len, parts)) < _BATCH:
                try:
                    taken.append(part := self._queue.get_nowait())
                except queue.Empty:
                    break
                if isinstance(part, list):
                    parts.append(part)
            last = None in taken
            batch = [job for part in parts for job in part]
            if batch:
                try:
                    self._there.execute("begin immediate")
                    _commit(self._there, batch)
                except sqlite3.Error as error:
                    for job in batch:
                        job.error = job.error or error
                self._tell(batch, len(parts))
            if _LONG in taken:
                _bring_in(self._there)  # nobody waits for it, and others write meanwhile
                if not self._home.is_closed():
                    self._home.call_soon_threadsafe(self._begin_log_anew)

    def _tell(self, batch: list[_Job], parts: int) -> None:
        """Wake everybody of a batch: once per event loop, since each wake-up costs as much as a write."""
        self._handed -= parts
        loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in batch:
            loops.setdefault(job.loop, []).append(job)
        for loop, jobs in loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, jobs)


def _bring_in(db: sqlite3.Connection) -> None:
    """Bring the log into the file, as far as that can be had without waiting for anybody."""
    try:
        db.execute("pragma wal_checkpoint(passive)")
    except sqlite3.Error:  # a full disk, say: the log keeps everything, and whoever writes next is told
        _log.exception("the log of the store cannot be brought into its file")


def _commit(db: sqlite3.Connection, batch: list[_Job]) -> float:
    """Run *batch* in the transaction that was begun, and end it; how long the commit took, in seconds."""
    try:
        if len(batch) == 1:
            # A lone operation needs no savepoint: the transaction is one.
            try:
                batch[0].result = batch[0].work(db)
            except Exception as error:
                batch[0].error = error
                _roll_back(db)
                return 0.0
        else:
            _run_all(db, batch)
        begun = time.monotonic()
        db.execute("commit")
        return time.monotonic() - begun
    except sqlite3.Error as error:
        # Nothing of the batch is durable: everybody has to hear.
        for job in batch:
            job.error = job.error or error
        _roll_back(db)
        return 0.0


def _run_all(db: sqlite3.Connection, batch: list[_Job]) -> None:
    """Run the jobs of *batch*; where one raises, it is undone and nothing else.

    Hardly ever does one: only then everything is done again, each job with a savepoint of its own. It may be: a job does
    nothing but statements.
    """
    db.execute("savepoint batch")
    try:
        for job in batch:
            job.result = job.work(db)
    except Exception:
        db.execute("rollback to batch")
        for job in batch:
            _savepoint(db, job)
    db.execute("release batch")


def _savepoint(db: sqlite3.Connection, job: _Job) -> None:
    """Run *job*; where it raises, undo it and nothing else."""
    db.execute("savepoint job")
    try:
        job.result = job.work(db)
    except Exception as error:  # the caller's: handed over, after its savepoint is undone
        job.error = error
        db.execute("rollback to job")
    db.execute("release job")


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("rollback")


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()
