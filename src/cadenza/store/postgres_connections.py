"""Connections to PostgreSQL: the pool, and what is done when one of them breaks. The one place that imports psycopg.

A statement is a transaction of its own and asks nothing of its connection: no prepared statements, no settings, no
session locks. So a pooler that hands out another connection for each transaction may stand in between.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote

from ..errors import ExtraMissing, InvalidStoreUrl, StoreClosed, StoreUnavailable, TextNotKept

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import TransactionStatus
except ImportError as error:
    raise ExtraMissing("postgres", "a store postgresql://") from error

Connection: TypeAlias = "psycopg.AsyncConnection[tuple[Any, ...]]"
Row: TypeAlias = tuple[Any, ...]
Values: TypeAlias = Mapping[str, Any]

# How many connections are opened at most, and for how many seconds a database that does not answer is tried again, where
# the URL says nothing else (`?pool_size=20&patience=60`).
POOL_SIZE = 10
PATIENCE = 20.0

# For how long a connection that nobody uses is kept, in seconds.
_KEPT = 300.0
_AT_REST = TransactionStatus.IDLE

# Between two attempts on a database that is away, in seconds; each pause is twice the one before.
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0

# Where the URL says nothing else: a peer that is gone without a word is noticed within a minute.
_KEEPALIVE = {
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
    "application_name": "cadenza",
}
# The transaction was undone by the server, and may be made again: serialization failure, deadlock.
_UNDONE = {"40001", "40P01"}
# The server is going, coming, or full: shutdown, crash of another connection, cannot connect now, too many connections.
_AWAY = {"57P01", "57P02", "57P03", "53300"}
# What a server says that is there but has no place for us yet; whatever else it refuses stays refused.
# A connection that cannot be made has no code, only this text.
_SOON = ("starting up", "shutting down", "recovery", "accepting connections", "too many", "connection slots")


def connect_info(url: str, *, pool_size: int | None, patience: float | None) -> tuple[str, int, float]:
    """*url* for the server, without our own parameters; and those: the size of the pool, and the patience in seconds."""
    base, _, query = url.partition("?")
    given = [part.partition("=") for part in query.split("&") if part]
    own = {name: unquote(value) for name, _, value in given if name in {"pool_size", "patience"}}
    rest = "&".join("".join(part) for part in given if part[0] not in own)
    size = pool_size if pool_size is not None else int(own.get("pool_size", POOL_SIZE))
    bound = patience if patience is not None else float(own.get("patience", PATIENCE))
    return f"{base}?{rest}" if rest else base, size, bound


class Connections:
    """The connections of one event loop: opened when they are needed, kept for a while when they are not.

    There is no task behind it: whoever needs a connection opens it. What the driver's own pool does not do is why:
    `docs/decisions/0004-a-pool-without-tasks.md`.
    """

    def __init__(self, url: str, *, size: int, patience: float) -> None:
        self._url = url
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise InvalidStoreUrl(
                url, str(error)
            ) from None  # the driver's error quotes what may be a password
        self._size = size
        self._patience = patience
        self._options: dict[str, Any] = {
            **{k: v for k, v in _KEEPALIVE.items() if k not in given},
            "autocommit": True,
            "prepare_threshold": None,
        }
        self._room = asyncio.Semaphore(size)
        # Those that nobody uses, with the time since when; the one used last is used next.
        self._idle: list[tuple[float, Connection]] = []
        # A store that nobody closed takes its connections with it, without a word.
        weakref.finalize(self, _finish, self._idle)
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._closed = False

    async def close(self) -> None:
        """Let what is under way be done, and close."""
        while self._under_way:
            self._quiet.clear()
            await self._quiet.wait()
        self._closed = True
        self.drop()

    def drop(self) -> None:
        """Close the connections that nobody uses. Needs no event loop."""
        _finish(self._idle)

    @asynccontextmanager
    async def apart(self, *, patient: bool = False) -> AsyncIterator[Connection]:
        """A connection beside the others, for as long as the block lasts.

        With *patient* it is tried until the patience ends or the server says that it never will; then it is
        `StoreUnavailable`. Without, and for whatever goes wrong inside the block, it is a `DatabaseError`.
        """
        connection = await (self._connect_patiently() if patient else self._connect())
        try:
            yield connection
        finally:
            await connection.close()

    async def _connect(self) -> Connection:
        return await psycopg.AsyncConnection.connect(self._url, **self._options)

    async def _connect_patiently(self) -> Connection:
        attempts = _Attempts(self._patience)
        while True:
            try:
                return await self._connect()
            except psycopg.OperationalError as error:
                if _is_refused(error) or not await attempts.another():
                    raise StoreUnavailable(str(error), unsure=False) from error

    async def read(self, statement: str, values: Values) -> list[Row]:
        """The rows that *statement* gives."""
        rows, _ = await self.write(statement, values)
        return rows

    async def write(self, statement: str, values: Values) -> tuple[list[Row], bool]:
        """The rows that *statement* gives, and whether an attempt before, of which nothing was heard, may have been made too.

        Tried again where the connection breaks. Raises `StoreUnavailable` when the patience ends, `TextNotKept` where a
        text cannot be kept.
        """
        self._under_way += 1
        try:
            return await self._try(statement, values)
        except (psycopg.DataError, UnicodeEncodeError) as error:
            if (text := _not_kept(values)) is not None:
                raise TextNotKept(text) from error
            raise
        finally:
            self._under_way -= 1
            self._quiet.set()

    async def _try(self, statement: str, values: Values) -> tuple[list[Row], bool]:
        if self._closed:
            raise StoreClosed
        attempts = _Attempts(self._patience)
        unsure = False
        while True:
            connection: Connection | None = None
            try:
                async with self._lent(attempts.left, unsure=unsure) as connection:
                    cursor = await connection.execute(_query(statement), values, binary=True)
                    return (await cursor.fetchall() if cursor.description else []), unsure
            except psycopg.Error as error:
                broken = connection is None or connection.closed or error.sqlstate in _AWAY
                if not broken and error.sqlstate not in _UNDONE:
                    raise
                if connection is not None and broken:
                    unsure = True
                    # The others have most likely gone the same way.
                    self.drop()
                if not await attempts.another():
                    raise StoreUnavailable(str(error), unsure=unsure) from error

    @asynccontextmanager
    async def _lent(self, seconds: float, *, unsure: bool) -> AsyncIterator[Connection]:
        try:
            async with asyncio.timeout(seconds):
                await self._room.acquire()
        except TimeoutError as error:
            reason = f"all of its {self._size} connections were in use (pool_size)"
            raise StoreUnavailable(reason, unsure=unsure) from error
        try:
            connection = self._idle.pop()[1] if self._idle else await self._connect()
            try:
                yield connection
            finally:
                await self._take_back(connection)
        finally:
            self._room.release()

    async def _take_back(self, connection: Connection) -> None:
        if self._closed or connection.pgconn.transaction_status != _AT_REST:
            await connection.close()
            return
        now = time.monotonic()
        self._idle.append((now, connection))
        while self._idle[0][0] < now - _KEPT:
            _, old = self._idle.pop(0)
            old.pgconn.finish()


def _finish(connections: list[tuple[float, Connection]]) -> None:
    while connections:
        _, connection = connections.pop()
        connection.pgconn.finish()


class _Attempts:
    """How often and until when something is tried again."""

    def __init__(self, patience: float) -> None:
        self._end = time.monotonic() + patience
        self._pause = 0.0

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return max(self._end - time.monotonic(), 0.001)

    async def another(self) -> bool:
        """Wait a little; False where the patience has ended. The first attempt but one is made at once."""
        if time.monotonic() >= self._end:
            return False
        await asyncio.sleep(self._pause)  # noqa: TID251  real time, as the server lives in it
        self._pause = min(self._pause * 2 or _FIRST_PAUSE, _LONGEST_PAUSE)
        return True


def _is_refused(error: psycopg.Error) -> bool:
    """Whether the server is there and lets us in neither now nor later."""
    text = str(error)
    return error.sqlstate is None and "FATAL" in text and not any(word in text for word in _SOON)


async def one(connection: Connection, statement: str) -> Row:
    """The one row that *statement* gives."""
    row = await (await connection.execute(_query(statement))).fetchone()
    assert row is not None
    return row


@lru_cache(maxsize=512)
def _query(statement: str) -> bytes:
    return statement.encode()


def _not_kept(values: Values) -> str | None:
    """The first text that no column can hold."""
    for value in values.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and ("\x00" in text or not _is_unicode(text)):
                return text
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


DatabaseError = psycopg.Error
