"""The floor: the least work that a typed, durable engine in Python must do, written by hand for the same workloads.

Per step: check input and output (Pydantic, a TypedDict), await the step, encode the output once (orjson), insert one
journal row and move the run's head in ONE transaction. No events, retries, branches, questions or leases: it is no
engine, it is what an engine cannot be faster than.

Variants, joined by "+": `full` or `normal` (SQLite's synchronous); `group` (a writer thread that commits for all
who wait; always so with `--conc` above 1, except `inline`), else each step commits on the loop's thread; `boundary`
(commit at a suspension and at the end only). On Postgres: one prepared statement a commit, on one connection where one run is in
flight.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import queue
import shutil
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import harness
import orjson
import psycopg
from pydantic import TypeAdapter
from typing_extensions import TypedDict

args = harness.arguments("floor")
VARIANT = args.variant.split("+")
GROUP = "group" in VARIANT or (args.conc > 1 and "inline" not in VARIANT)
BOUNDARY = "boundary" in VARIANT
SYNC = "normal" if "normal" in VARIANT else "full"
SUSPENDED = harness.STORES / "floor_w4.db"


class Small(TypedDict):
    n: int


class Big(TypedDict):
    n: int
    data: str


check_small, check_big = TypeAdapter(Small).validate_python, TypeAdapter(Big).validate_python
dumps, loads = orjson.dumps, orjson.loads

Row = tuple[int, bytes]
Op = tuple[str, Sequence[Row], str, int, bytes | None]  # run, new journal rows, status, head, data of the run


class Store(Protocol):
    note: str

    async def save(
        self, run: str, rows: Sequence[Row], status: str, head: int, data: bytes | None
    ) -> None: ...
    async def load(self, run: str) -> tuple[tuple[str, int, bytes], list[bytes]]: ...
    async def close(self) -> None: ...


class Memory:
    note = "dict in memory"

    def __init__(self) -> None:
        self.runs: dict[str, Any] = {}
        self.journal: dict[tuple[str, int], bytes] = {}

    async def save(self, run: str, rows: Sequence[Row], status: str, head: int, data: bytes | None) -> None:
        for seq, output in rows:
            self.journal[run, seq] = output
        self.runs[run] = (status, head, data)

    async def load(self, run: str) -> tuple[tuple[str, int, bytes], list[bytes]]:
        return self.runs[run], [self.journal[run, i] for i in range(self.runs[run][1])]

    async def close(self) -> None:
        pass


TABLES = (
    "create table if not exists runs(id text primary key, status text, head int, data blob) without rowid",
    "create table if not exists journal(run text, seq int, data blob, primary key(run,seq)) without rowid",
)
INSERT = "insert into journal values(?,?,?)"
MOVE = """insert into runs values(?,?,?,?)
on conflict(id) do update set status=excluded.status, head=excluded.head, data=excluded.data"""


class SQLite:
    def __init__(self, source: Path | None = None) -> None:
        self.file = harness.new_file()
        if source:
            shutil.copy(source, self.file)
        self.connection = self.connect()
        for table in TABLES:
            self.connection.execute(table)
        how = "group commit in a writer thread" if GROUP else "inline commit"
        when = "only at suspension/end" if BOUNDARY else "every step"
        self.note = f"SQLite WAL synchronous={SYNC.upper()}, {how}, {when}"
        if GROUP:
            self.queue: queue.SimpleQueue[tuple[Op, asyncio.Future[None]] | None] = queue.SimpleQueue()
            self.loop = asyncio.get_running_loop()
            self.thread = threading.Thread(target=self.write, daemon=True)
            self.thread.start()

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
        connection.execute("pragma journal_mode=wal")
        connection.execute(f"pragma synchronous={SYNC}")
        return connection

    def apply(self, connection: sqlite3.Connection, op: Op) -> None:
        run, rows, status, head, data = op
        for seq, output in rows:
            connection.execute(INSERT, (run, seq, output))
        connection.execute(MOVE, (run, status, head, data))

    def write(self) -> None:
        connection = self.connect()
        while True:
            batch = [self.queue.get()]
            while len(batch) < 512:
                try:
                    batch.append(self.queue.get_nowait())
                except queue.Empty:
                    break
            waiting = [item for item in batch if item is not None]
            if waiting:
                connection.execute("begin immediate")
                for op, _ in waiting:
                    self.apply(connection, op)
                connection.execute("commit")
                self.loop.call_soon_threadsafe(self.wake, [future for _, future in waiting])
            if None in batch:
                connection.close()
                return

    @staticmethod
    def wake(futures: list[asyncio.Future[None]]) -> None:
        for future in futures:
            future.set_result(None)

    async def save(self, *op: Any) -> None:
        if GROUP:
            future = self.loop.create_future()
            self.queue.put((op, future))
            await future
            return
        self.connection.execute("begin immediate")
        self.apply(self.connection, op)
        self.connection.execute("commit")

    async def load(self, run: str) -> tuple[tuple[str, int, bytes], list[bytes]]:
        head = self.connection.execute("select status, head, data from runs where id=?", (run,)).fetchone()
        rows = self.connection.execute("select data from journal where run=? order by seq", (run,))
        return head, [row[0] for row in rows]

    async def close(self) -> None:
        if GROUP:
            self.queue.put(None)
            self.thread.join()
        self.connection.close()
        harness.remove(self.file)


class Postgres:
    """One statement a commit, prepared by the driver."""

    note = "PostgreSQL, psycopg, one prepared statement per commit, synchronous_commit=on"

    def __init__(self, url: str) -> None:
        self.url = url
        self.idle: list[psycopg.AsyncConnection[Any]] = []
        self.room = asyncio.Semaphore(10)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with self.room:
            found = (
                self.idle.pop()
                if self.idle
                else await psycopg.AsyncConnection.connect(self.url, autocommit=True, prepare_threshold=0)
            )
            yield found
            self.idle.append(found)

    async def open(self) -> None:
        async with self.connection() as connection:
            for table in PG_TABLES:
                await connection.execute(table)

    async def save(self, run: str, rows: Sequence[Row], status: str, head: int, data: bytes | None) -> None:
        seqs, outputs = [seq for seq, _ in rows], [output for _, output in rows]
        values = (run, seqs, outputs, run, status, head, data)
        async with self.connection() as connection:
            await connection.execute(PG_SAVE, values, binary=True)

    async def load(self, run: str) -> tuple[tuple[str, int, bytes], list[bytes]]:
        async with self.connection() as connection:
            rows = await (await connection.execute(PG_LOAD, (run,), binary=True)).fetchall()
        return rows[0][:3], [row[3] for row in rows]

    async def close(self) -> None:
        for connection in self.idle:
            await connection.close()


PG_TABLES = (
    "create table if not exists runs(id text primary key, status text, head bigint, data bytea)",
    "create table if not exists journal(run text, seq bigint, data bytea, primary key (run, seq))",
)
PG_SAVE = """with added as (insert into journal select %s, * from unnest(%s::bigint[], %s::bytea[]))
insert into runs values (%s, %s, %s, %s)
on conflict (id) do update set status = excluded.status, head = excluded.head, data = excluded.data"""
PG_LOAD = """select status, head, r.data, j.data from runs r left join journal j on j.run = r.id
where r.id = %s order by j.seq"""


# ------------------------------------------------------------------ the work

run_ids = (f"r{i}" for i in itertools.count(1))


async def small(value: Any) -> Any:
    return {"n": value["n"] + 1}


async def big(value: Any) -> Any:
    return {"n": value["n"] + 1, "data": harness.payload(value["n"] + 1)}


async def chain(
    store: Store, n: int, step: Callable[[Any], Awaitable[Any]], check: Callable[[Any], Any], value: Any
) -> Any:
    run = next(run_ids)
    pending: list[Row] = []
    output = b""
    for i in range(n):
        value = check(await step(check(value)))
        output = dumps(value)
        if BOUNDARY:
            pending.append((i, output))
        elif i < n - 1:
            await store.save(run, [(i, output)], "running", i + 1, None)
        else:
            pending = [(i, output)]
    await store.save(run, pending, "success", n, output)
    return value


async def start(store: Store, run: str) -> None:
    output = dumps(check_small(await small(check_small({"n": 0}))))
    if not BOUNDARY:
        await store.save(run, [(0, output)], "running", 1, None)
    question = dumps({"step": "two", "payload": {"need": "approval"}})
    await store.save(run, [(0, output)] if BOUNDARY else [], "suspended", 1, question)


async def resume(store: Store, run: str, data: Any) -> None:
    (status, _, question), outputs = await store.load(run)
    assert status == "suspended"
    assert loads(question)["step"] == "two"
    assert data["ok"] is True
    value = check_small({"n": check_small(loads(outputs[-1]))["n"] + 1})
    second = dumps(value)
    if not BOUNDARY:
        await store.save(run, [(1, second)], "running", 2, None)
    value = check_small(await small(check_small(value)))
    third = dumps(value)
    await store.save(run, [(1, second), (2, third)] if BOUNDARY else [(2, third)], "success", 3, third)
    assert value["n"] == 3


# ------------------------------------------------------------------ the workloads


async def steps(store: Store) -> None:
    async def once() -> None:
        assert (await chain(store, args.n, small, check_small, {"n": 0}))["n"] == args.n

    harness.emit(args, "-", await harness.timed(args, once, args.n, "us_per_step"), store.note)


async def answers(store: Store) -> None:
    async def round_trip() -> None:
        run = next(run_ids)
        await start(store, run)
        await resume(store, run, {"ok": True})

    harness.emit(args, "-", await harness.round_trips(args, round_trip), store.note)


async def prepare(store: Store) -> None:
    for first in range(0, harness.SUSPENDED_RUNS, 500):
        await asyncio.gather(*(start(store, f"run-{i}") for i in range(first, first + 500)))
    if isinstance(store, Postgres):
        return
    assert isinstance(store, SQLite)
    store.connection.execute("pragma wal_checkpoint(truncate)")
    harness.STORES.mkdir(exist_ok=True)
    shutil.copy(store.file, SUSPENDED)
    print(json.dumps({"prepared": harness.SUSPENDED_RUNS, "bytes": harness.size(SUSPENDED)}))


async def old_runs(store: Store, open_ms: float) -> None:
    ids = [f"run-{i}" for i in range(harness.SUSPENDED_RUNS)]
    rep = await harness.resumes(args, ids, lambda run: resume(store, run, {"ok": True}))
    harness.emit(args, "-", [{**rep, "open_ms": open_ms}], store.note)


async def items(store: Store) -> None:
    count = 50 if "parallel" in VARIANT else 1000
    inputs = [{"n": i} for i in range(count)]

    async def once() -> None:
        run = next(run_ids)
        outputs: list[Any] = [None] * count
        left = iter(enumerate(inputs))

        async def work() -> None:
            for i, value in left:
                outputs[i] = check_small(await small(check_small(value)))
                await store.save(run, [(i, dumps(outputs[i]))], "running", i, None)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(100, count)):
                group.create_task(work())
        await store.save(run, [], "success", count, dumps(outputs))
        assert outputs[-1]["n"] == count

    harness.emit(args, "-", await harness.timed(args, once, count, "us_per_item"), store.note)


async def big_outputs(store: Store) -> None:
    async def once() -> None:
        await chain(store, args.n, big, check_big, {"n": 0, "data": harness.payload(0)})

    file = store.file if isinstance(store, SQLite) else None
    harness.emit(args, "-", [await harness.written(args, once, file)], store.note)


async def memory(store: Store) -> None:
    harness.emit(args, "-", [await harness.growth(args, lambda run: start(store, run))], store.note)


async def measure(store: Store, open_ms: float) -> None:
    try:
        match args.workload:
            case "W1" | "W2":
                await steps(store)
            case "W3":
                await answers(store)
            case "W4" if args.prepare:
                await prepare(store)
            case "W4":
                await old_runs(store, open_ms)
            case "W5":
                await items(store)
            case "W6":
                await big_outputs(store)
            case "W7":
                await memory(store)
    finally:
        await store.close()


async def on_postgres(url: str) -> None:
    began = time.perf_counter()
    store = Postgres(url)
    await store.open()
    await measure(store, (time.perf_counter() - began) * 1e3)


async def main() -> None:
    began = time.perf_counter()
    old = args.workload == "W4" and not args.prepare
    store: Store = Memory() if args.store == "memory" else SQLite(SUSPENDED if old else None)
    await measure(store, (time.perf_counter() - began) * 1e3)


if args.store == "postgres":
    harness.on_database(args, "floor_w4", lambda url: asyncio.run(on_postgres(url)))
else:
    asyncio.run(main())
