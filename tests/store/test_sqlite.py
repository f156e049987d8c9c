"""What is the SQLite store's alone: the file, its migrations, group commit, consistent reads, indexes."""

from __future__ import annotations

import asyncio
import itertools
import re
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from anyio import fail_after

from cadenza.errors import RunConflict, StoreTooNew
from cadenza.store import migrate as migrating
from cadenza.store import sqlite_sql as sql
from cadenza.store import sqlite_writer
from cadenza.store.base import RunQuery, SuspensionQuery
from cadenza.store.conditions import SQLITE, counting, on_runs, on_suspensions
from cadenza.store.migrate import migrate
from cadenza.store.sqlite import SqliteStore
from cadenza.testing.store_suite.given import (
    AT,
    GRAPH,
    after,
    claim,
    new_run,
    question,
    reply_to,
    whole,
    write,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a SQLite file may be made."""
    return tmp_path / "runs.db"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.setup()
    try:
        yield store
    finally:
        await store.close()


def raw(path: Path) -> closing[sqlite3.Connection]:
    """The file as another program sees it."""
    return closing(sqlite3.connect(path, isolation_level=None))


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the write lock, as another process does in the middle of a commit."""
    with raw(path) as other:
        other.execute("begin immediate")
        yield other
        if other.in_transaction:
            other.execute("rollback")


def commits_of(store: SqliteStore) -> list[str]:
    """The commits that are made on the loop from now on."""
    commits: list[str] = []
    store._open()._here.set_trace_callback(lambda said: commits.append(said) if said == "commit" else None)
    return commits


def one_turn() -> asyncio.Future[None]:
    """What ends when everything that is ready on the loop has had its turn."""
    turn = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(turn.set_result, None))
    return turn


async def test_a_file_is_made_with_its_folder_and_read_again_by_another_store(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "runs.db"
    async with opened(path) as store:
        await store.create(new_run())
        await store.append(write(count=3, claim=claim(), opened=[question()], graph=GRAPH))
        await store.answer(reply_to("s"))
        before = await whole(store)
    async with opened(path) as store:
        assert await whole(store) == before
        assert await store.graph(GRAPH.fingerprint) == GRAPH


async def test_two_stores_on_one_file_see_each_others_runs(path: Path) -> None:
    async with opened(path) as one, opened(path) as two:
        assert await one.create(new_run()) == "created"
        assert await two.create(new_run()) == "there"
        await one.append(write(claim=claim()))
        with pytest.raises(RunConflict):
            await two.append(write(1, claim=claim("two")))
        assert await whole(one) == await whole(two)
        await one.close()
        await two.append(write(1, epoch=1))


async def test_a_wait_ends_with_what_another_store_on_the_file_writes(path: Path) -> None:
    async with opened(path) as one, opened(path) as two:
        await one.create(new_run())
        await one.create(new_run("other"))
        seen = (await whole(one)).run
        waits = [asyncio.ensure_future(one.wait("r", seen, 60)) for _ in range(2)]
        other = asyncio.ensure_future(one.wait("other", new_run("other"), 60))
        await one_turn()
        await two.request_cancel("r", AT)
        with fail_after(5):
            await asyncio.gather(*waits)
        assert not other.done()
        await two.delete("other")
        with fail_after(5):
            await other


@pytest.mark.parametrize("together", [False, True], ids=["alone", "beside who needs to know soon"])
async def test_who_need_not_know_soon_hears_of_it_too(path: Path, *, together: bool) -> None:
    async with opened(path) as one, opened(path) as two:
        await one.create(new_run())
        waits = [asyncio.ensure_future(one.changed(60, soon=False))]
        await one_turn()
        waits += [asyncio.ensure_future(one.changed(60))] if together else []
        await one_turn()
        await two.create(new_run("other"))
        with fail_after(5):
            await asyncio.gather(*waits)


# ------------------------------------------------------------------ migrations


def test_a_new_file_gets_every_table_and_its_version(path: Path) -> None:
    for _ in range(2):
        migrate(path)
        with raw(path) as db:
            tables = {name for (name,) in db.execute("select name from sqlite_schema where type = 'table'")}
            assert tables == {"runs", "entries", "suspensions", "graphs", "events", "schedules", "fires"}
            assert db.execute("pragma user_version").fetchone() == (len(sql.MIGRATIONS),)
            assert db.execute("pragma journal_mode").fetchone() == ("wal",)


async def test_a_file_of_a_newer_cadenza_is_refused_and_left_alone(path: Path) -> None:
    migrate(path)
    with raw(path) as db:
        db.execute("pragma user_version = 99")
    with pytest.raises(StoreTooNew, match="99"):
        await SqliteStore(path).setup()
    with raw(path) as db:
        assert db.execute("pragma user_version").fetchone() == (99,)


async def test_a_migration_keeps_what_is_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(path) as store:
        await store.create(new_run())
        await store.append(write(claim=claim(), opened=[question()]))
        before = await whole(store)
    monkeypatch.setattr(
        migrating, "MIGRATIONS", (*sql.MIGRATIONS, "create table more (a); insert into more values (1)")
    )
    async with opened(path) as store:
        assert await whole(store) == before
    with raw(path) as db:
        assert db.execute("select a from more").fetchall() == [(1,)]


def test_a_migration_that_fails_leaves_nothing_of_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(path)
    monkeypatch.setattr(
        migrating, "MIGRATIONS", (*sql.MIGRATIONS, "create table more (a); create table more (a)")
    )
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(path)
    with raw(path) as db:
        assert db.execute("pragma user_version").fetchone() == (len(sql.MIGRATIONS),)
        assert db.execute("select name from sqlite_schema where name = 'more'").fetchall() == []


def test_many_who_open_a_new_file_at_once_make_its_tables_once(tmp_path: Path) -> None:
    for number in range(20):
        path = tmp_path / f"{number}.db"
        failed: list[Exception] = []
        together = threading.Barrier(8)

        def begin(
            path: Path = path, together: threading.Barrier = together, failed: list[Exception] = failed
        ) -> None:
            together.wait(5)
            try:
                migrate(path)
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=begin) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failed == []


# ------------------------------------------------------------------ group commit


@pytest.mark.parametrize("where", ["on the loop", "in the writer thread"])
async def test_a_refused_write_of_a_batch_is_undone_alone(where: str, path: Path) -> None:
    async with opened(path) as store:
        for name in ("r", "good"):
            rows = [question(f"{name}-{i}", run_id=name) for i in range(2)]
            await store.create(new_run(name))
            await store.append(write(run_id=name, claim=claim(), opened=rows))
        await store.answer(reply_to("r-1"))
        before = await whole(store)

        calls = [
            store.create(new_run("new")),
            # Its first row is answered before the second is found to be shut.
            store.answer(reply_to("r-0", "r-1")),
            store.append(write(1, epoch=9, opened=[question("never")])),
            # The row moves, and then the entry turns out to be there: as when two suspensions have one id.
            store.append(write(1, epoch=1, opened=[question("r-0")])),
            store.append(write(1, run_id="good", epoch=1)),
            store.answer(reply_to("good-0", run_id="good")),
        ]
        if where == "on the loop":
            found = await asyncio.gather(*calls, return_exceptions=True)
        else:
            with locked(path):
                under_way = asyncio.gather(*calls, return_exceptions=True)
                await one_turn()
            with fail_after(5):
                found = await under_way

        kinds = [type(one).__name__ for one in found]
        assert kinds == ["str", "Refused", "RunConflict", "IntegrityError", "Receipt", "Accepted"]
        assert await whole(store) == before
        assert (await whole(store, "good")).run.seq == 2
        assert [row.state for row in (await whole(store, "good")).suspensions] == ["answered", "open"]
        assert await store.row("new") == new_run("new")


async def test_the_loop_leaves_commits_to_the_thread_for_a_while_where_the_disk_stays_slow(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(path) as store:
        writer = store._open()

        async def where(commits: int, seconds: float) -> list[str]:
            """The threads that make so many commits, each of which takes so long."""
            moments = itertools.count(time.monotonic(), seconds)
            clock = SimpleNamespace(monotonic=lambda: next(moments))
            monkeypatch.setattr(sqlite_writer, "time", clock)
            names = [await writer.run(lambda db: threading.current_thread().name) for _ in range(commits)]
            monkeypatch.undo()
            return ["loop" if name == threading.current_thread().name else "thread" for name in names]

        hiccup = [*await where(1, 1e-2), *await where(3, 1e-6), *await where(1, 1e-2), *await where(3, 1e-6)]
        assert hiccup == ["loop"] * 8
        slow = await where(20, 1e-2)
        assert slow[:3] == ["loop", "loop", "thread"]
        assert 2 < slow.count("loop") < slow.count("thread")


async def test_a_commit_that_fails_fails_everything_in_its_batch(path: Path) -> None:
    async with opened(path) as store:
        writer = store._open()
        for db in (writer._here, writer._there):
            db.execute("pragma foreign_keys = on")
        await writer.run(lambda db: db.execute("create table parent (id integer primary key)").rowcount)
        await writer.run(
            lambda db: (
                db.execute(
                    "create table child (of integer references parent (id) deferrable initially deferred)"
                ).rowcount
            )
        )

        async def put_in() -> int:
            """SQLite finds this one wrong at the commit."""
            return await writer.run(lambda db: db.execute("insert into child values (1)").rowcount)

        found = await asyncio.gather(
            store.create(new_run()),
            put_in(),
            store.create(new_run("other")),
            return_exceptions=True,
        )
        assert [type(one) for one in found] == [sqlite3.IntegrityError] * 3
        assert await store.row("r") is None
        assert await store.create(new_run()) == "created"


async def test_while_another_process_writes_the_loop_goes_on_and_writes_wait(path: Path) -> None:
    async with opened(path) as store:
        await store.create(new_run())
        with locked(path):
            waiting = asyncio.ensure_future(store.append(write(claim=claim())))
            await one_turn()
            with fail_after(5):
                assert (await whole(store)).run == new_run()
                assert [run.id for run in (await store.find(RunQuery())).runs] == ["r"]
            assert not waiting.done()
        with fail_after(5):
            await waiting
        assert (await whole(store)).run.seq == 1


async def test_closing_waits_for_writes_that_wait_for_another_process(path: Path) -> None:
    store = SqliteStore(path)
    await store.setup()
    with locked(path):
        calls = [asyncio.ensure_future(store.create(new_run(f"r{i}"))) for i in range(600)]
        await one_turn()
        ending = asyncio.ensure_future(store.close())
        await one_turn()
        assert not ending.done()
    with fail_after(5):
        await ending
        assert await asyncio.gather(*calls) == ["created"] * 600


async def test_a_write_whose_caller_is_gone_is_made_all_the_same(path: Path) -> None:
    async with opened(path) as store:
        with locked(path):
            call = asyncio.ensure_future(store.create(new_run()))
            await one_turn()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        assert await store.create(new_run()) == "there"


async def test_who_asks_one_turn_after_another_shares_a_commit(path: Path) -> None:
    async with opened(path) as store:
        commits = commits_of(store)

        loop = asyncio.get_running_loop()
        asked: list[asyncio.Future[str]] = []

        def create(turns: int) -> None:
            """Ask so many turns from now."""
            if turns:
                loop.call_soon(create, turns - 1)
            else:
                asked.append(asyncio.ensure_future(store.create(new_run(f"r{len(asked)}"))))

        for turns in range(5):
            create(turns)
        with fail_after(5):
            while len(asked) < 5:
                await one_turn()
            assert await asyncio.gather(*asked) == ["created"] * 5
        assert len(commits) == 1
        for i in range(3):  # and one alone waits for nobody
            await store.create(new_run(f"alone-{i}"))
        assert len(commits) == 4


@pytest.fixture
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no commit count as slow, however busy the machine is: else the thread makes some."""
    monkeypatch.setattr(sqlite_writer, "_QUICK", 60.0)


@pytest.mark.usefixtures("_quick_disk")
async def test_who_writes_alone_waits_for_no_turn_and_stops_nobody(path: Path) -> None:
    async with opened(path) as store:
        loop = asyncio.get_running_loop()
        turns = 0

        def count() -> None:
            nonlocal turns
            turns += 1
            counting[0] = loop.call_soon(count)

        counting = [loop.call_soon(count)]
        for number in range(sqlite_writer._ALONE):
            await store.create(new_run(f"first-{number}"))
        assert turns >= sqlite_writer._ALONE  # each has looked for company
        turns = 0
        for number in range(80):
            await store.create(new_run(f"r{number}"))
        assert 80 // sqlite_writer._AT_ONCE <= turns < 80
        counting[0].cancel()


@pytest.mark.usefixtures("_quick_disk")
async def test_those_who_come_together_share_a_commit_also_after_one_was_alone(path: Path) -> None:
    async with opened(path) as store:
        for number in range(2 * sqlite_writer._ALONE):
            await store.create(new_run(f"alone-{number}"))
        commits = commits_of(store)
        calls = [asyncio.ensure_future(store.create(new_run(f"r{number}"))) for number in range(50)]
        assert await asyncio.gather(*calls) == ["created"] * 50
        assert len(commits) <= 2


@pytest.mark.usefixtures("_quick_disk")
async def test_the_log_begins_anew_while_writes_go_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writer, "_LOG", 200)
    log = path.with_name(f"{path.name}-wal")
    most = 0
    async with opened(path) as store:
        await store.create(new_run())
        receipt = await store.append(write(claim=claim()))
        for seq in range(1, 1500):
            await store.append(write(seq, epoch=receipt.epoch))
            most = max(most, log.stat().st_size)
    # Each of these wrote two pages or more; a file once grown is kept, and written again from its start. The thread may be late.
    assert most < 7 * 200 * 4096


# ------------------------------------------------------------------ reading


async def test_a_read_that_is_in_the_way_of_another_process_is_made_again_where_it_can_wait(
    path: Path,
) -> None:
    async with opened(path) as store:
        with locked(path) as other:
            asked: list[sqlite3.Connection] = []

            def work(db: sqlite3.Connection) -> int:
                asked.append(db)
                if len(asked) == 2:
                    other.execute("rollback")
                # A mere read is never in anybody's way, but while a file is opened.
                db.execute("begin immediate")
                db.execute("rollback")
                return len(asked)

            assert store._read(work) == 2
        assert asked == [store._open()._here, store._reader]


async def test_a_load_is_one_moment_also_while_others_write(path: Path) -> None:
    async with opened(path) as store, opened(path) as other:
        await store.create(new_run())
        await store.append(write(claim=claim()))
        before = await store.load("r")
        reader = store._open()._here
        asked: list[str] = []

        def between(statement: str) -> None:
            """Another process commits after the run's row was read, before its entries are."""
            if "from entries" in statement and not asked:
                with raw(path) as db:
                    db.execute("update runs set seq = 2 where id = 'r'")
                    db.execute(
                        "insert into entries select run, 2, payload from entries where run = 'r' and seq = 1"
                    )
                asked.append(statement)

        reader.set_trace_callback(between)
        found = await store.load("r")
        reader.set_trace_callback(None)

        assert asked
        assert found == before
        assert (await whole(other)).run.seq == 2
        assert [entry.seq for entry in (await whole(store)).entries] == [1, 2]


@pytest.mark.parametrize(
    "query",
    [
        RunQuery(),
        RunQuery(workflow="w"),
        RunQuery(status=["suspended"]),
        RunQuery(resource="x"),
        RunQuery(created_from=AT, created_to=after(9)),
        RunQuery(workflow="w", created_from=AT),
        RunQuery(status=["suspended"], created_to=AT),
    ],
    ids=lambda query: str({k: v for k in query.__slots__ if (v := getattr(query, k)) and k != "limit"}),
)
async def test_a_list_walks_an_index_and_sorts_nothing(query: RunQuery, path: Path) -> None:
    migrate(path)
    where, values = on_runs(query, SQLITE)
    with raw(path) as db:
        for statement in (sql.find(where), sql.count(where)):
            steps = plan(db, statement, {**values, "limit": 10, "offset": 0})
            assert all("INDEX" in step for step in steps), steps


@pytest.mark.parametrize(
    "query",
    [
        RunQuery(status=["failed", "held"]),
        RunQuery(status=["running"]),
        RunQuery(status=["failed", "running"]),
        RunQuery(id_prefix="a"),
    ],
)
async def test_a_list_by_several_statuses_or_a_prefix_reads_no_whole_table(
    query: RunQuery, path: Path
) -> None:
    migrate(path)
    where, values = on_runs(query, SQLITE)
    with raw(path) as db:
        for step in plan(db, sql.find(where), {**values, "limit": 10, "offset": 0}):
            assert (
                "INDEX" in step
                or "PRIMARY KEY" in step
                or step
                in {"USE TEMP B-TREE FOR ORDER BY", "COMPOUND QUERY", "UNION ALL", "LEFT-MOST SUBQUERY"}
                or step.startswith("LIST SUBQUERY")
            ), step


@pytest.mark.parametrize(
    "query",
    [RunQuery(workflow="w"), RunQuery(resource="x"), RunQuery(status=["failed"]), RunQuery(id_prefix="a")],
)
def test_counting_some_runs_reads_those_alone(query: RunQuery, path: Path) -> None:
    migrate(path)
    where, values = on_runs(query, SQLITE)
    with raw(path) as db:
        steps = plan(db, counting(where, SQLITE), values)
    # Questions by the index of those that are open; only who counts all runs there are reads them all.
    scanned = [step for step in steps if step.startswith("SCAN")]
    assert all("suspensions USING INDEX suspensions_open" in step for step in scanned), steps
    assert any(step.startswith("SEARCH runs USING") for step in steps), steps


def test_every_other_statement_finds_its_rows_by_an_index(path: Path) -> None:
    migrate(path)
    statements = [
        v for k, v in vars(sql).items() if k.isupper() and isinstance(v, str) and not k.startswith("_")
    ]
    with raw(path) as db:
        for statement in [*statements, *sql.DELETE, sql.signals(3)]:
            names = {name.strip(":,();") for name in statement.split() if ":" in name}
            values: Any = (
                dict.fromkeys((n for n in names), 1) if ":" in statement else (1,) * statement.count("?")
            )
            for step in plan(db, statement, values):
                assert "SCAN" not in step, (statement, step)
                assert "TEMP B-TREE" not in step, (statement, step)


@pytest.mark.parametrize("statement", [sql.due(2), sql.next_due(2)], ids=["due", "next"])
def test_what_time_brings_is_found_by_when_it_is_due(statement: str, path: Path) -> None:
    migrate(path)
    values = dict.fromkeys(re.findall(r":(\w+)", statement), 1)
    with raw(path) as db:
        steps = [step for step in plan(db, statement, values) if " s " in f"{step} " or "runs" in step]
    assert any("SEARCH s USING INDEX suspensions_due (due_at" in step for step in steps), steps
    assert "runs_by" not in " ".join(steps), steps
    assert all(step.startswith("SEARCH") for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


def test_looking_for_runs_that_need_a_driver_reads_none_that_do_not(path: Path) -> None:
    migrate(path)
    statement = sql.claim_due(2, 2, 2)
    values = dict.fromkeys(re.findall(r":(\w+)", statement), 1)
    with raw(path) as db:
        steps = plan(db, statement, values)
    # Whoever is led, left or unheard stands in an index that has nobody else.
    partial = {"runs_led", "runs_due", "runs_left", "runs_unheard"}
    assert {name for step in steps for name in partial if name in step} == partial
    assert "runs_by" not in " ".join(steps), steps
    for step in steps:
        # The list of JSON is that of the runs to be skipped.
        least = any(f"INDEX {name}" in step for name in partial) or "json_each" in step
        assert "SCAN" not in step or least, steps


@pytest.mark.parametrize(
    "query",
    [
        SuspensionQuery(),
        SuspensionQuery(state=None),
        SuspensionQuery(state="answered"),
        SuspensionQuery(run_id="r"),
        SuspensionQuery(run_id="r", state=None),
        SuspensionQuery(run_ids=["r", "q"]),
        SuspensionQuery(event="paid"),
        SuspensionQuery(event="paid", state=None),
    ],
    ids=lambda query: f"{query.state} {query.run_id or query.run_ids} {query.event}",
)
def test_a_list_of_suspensions_walks_an_index(query: SuspensionQuery, path: Path) -> None:
    migrate(path)
    where, values = on_suspensions(query, SQLITE)
    with raw(path) as db:
        steps = plan(db, sql.suspensions(where), values)
    assert "INDEX" in steps[0], steps
    if query.run_ids is not None:
        assert "suspensions_by_run" in steps[0], steps
    elif query.run_id is None:
        assert "USE TEMP B-TREE FOR ORDER BY" not in steps, steps


def plan(db: sqlite3.Connection, statement: str, values: Any) -> list[str]:
    return [detail for *_, detail in db.execute(f"explain query plan {statement}", values)]
