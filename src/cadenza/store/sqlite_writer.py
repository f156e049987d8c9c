"""The one thread that writes to a SQLite file in this process: group commit."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import StoreClosed

_T = TypeVar("_T")

# One commit takes at most so many operations along; a longer queue waits for the next.
_BATCH = 512
# How long another process's transaction is waited for, in seconds: its commits take milliseconds.
_BUSY = 30.0


def connect(path: Path) -> sqlite3.Connection:
    """A connection in WAL mode that syncs on each commit; transactions are begun by hand."""
    db = sqlite3.connect(
        path, timeout=_BUSY, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
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
    """Runs operations in order, as many as have queued up in one transaction."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=f"cadenza writer {path.name}", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """What *work* gives, once it is durable. If it raises, nothing of it is written."""
        if self._closed:
            raise StoreClosed
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._queue.put(_Job(work, future, loop))
        return await future

    def close(self) -> None:
        """Finish what has queued up. Blocks."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _serve(self) -> None:
        last = False
        while not last:
            jobs: list[_Job | None] = [self._queue.get()]
            while len(jobs) < _BATCH:
                try:
                    jobs.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            last = None in jobs
            batch = [job for job in jobs if job is not None]
            if batch:
                self._commit(batch)
                _tell(batch)
        self._db.close()

    def _commit(self, batch: list[_Job]) -> None:
        db = self._db
        try:
            db.execute("begin immediate")
            if len(batch) == 1:
                self._alone(batch[0])
                return
            for job in batch:
                db.execute("savepoint job")
                try:
                    job.result = job.work(db)
                except Exception as error:  # it is the caller's: handed over, after its savepoint is undone
                    job.error = error
                    db.execute("rollback to job")
                db.execute("release job")
            db.execute("commit")
        except sqlite3.Error as error:
            # Nothing of the batch is durable: everybody has to hear.
            for job in batch:
                job.error = job.error or error
            self._roll_back()

    def _alone(self, job: _Job) -> None:
        try:
            job.result = job.work(self._db)
        except Exception as error:
            job.error = error
            self._roll_back()
            return
        self._db.execute("commit")

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("rollback")


def _tell(batch: list[_Job]) -> None:
    """Wake everybody of a batch: once per event loop, since each wake-up costs as much as a write."""
    loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in batch:
        loops.setdefault(job.loop, []).append(job)
    for loop, jobs in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, jobs)


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()
