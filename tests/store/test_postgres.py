"""What is the Postgres store's alone: its schema, its migrations, and hearing of other processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import pytest
from anyio import fail_after

from cadenza.errors import RunConflict, StoreClosed, StoreTooNew, StoreUnavailable, TextNotKept
from cadenza.store import postgres_listen, postgres_migrate
from cadenza.store import postgres_sql as sql
from cadenza.store.base import KeptEvent, RunQuery, SuspensionQuery
from cadenza.store.postgres import PostgresStore
from cadenza.testing.store_suite.given import (
    AT,
    GRAPH,
    HEAD,
    VALUE,
    after,
    claim,
    new_run,
    question,
    reply_to,
    whole,
    write,
)

from ..postgres import Schemas


@pytest.fixture
def url(postgres: Schemas) -> str:
    """Where an empty schema is."""
    return postgres.new()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url)
    await store.setup()
    try:
        yield store
    finally:
        await store.close()


def raw(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """The database as another program sees it."""
    return psycopg.connect(url, autocommit=True)


async def test_two_stores_on_one_database_see_each_others_runs(url: str) -> None:
    async with opened(url) as one, opened(url) as two:
        assert await one.create(new_run()) == "created"
        assert await two.create(new_run()) == "there"
        await one.append(write(count=3, claim=claim(), opened=[question()], graph=GRAPH))
        with pytest.raises(RunConflict):
            await two.append(write(3, claim=claim("two")))
        await two.answer(reply_to("s"))
        assert await whole(one) == await whole(two)
        assert await two.graph(GRAPH.fingerprint) == GRAPH
        await one.close()
        await two.append(write(3, epoch=1))


async def test_two_schemas_of_one_database_are_two_stores(postgres: Schemas) -> None:
    async with opened(postgres.new()) as one, opened(postgres.new()) as two:
        await one.create(new_run())
        assert await two.row("r") is None
        seen = (await whole(one)).run
        waiting = asyncio.ensure_future(one.wait("r", seen, 60))
        await two.create(new_run())
        await two.request_cancel("r", AT)
        assert not waiting.done()
        await one.request_cancel("r", AT)
        with fail_after(5):
            await waiting


async def test_a_store_may_be_used_from_several_event_loops_one_after_another_and_at_once(url: str) -> None:
    store = PostgresStore(url)

    async def use(name: str) -> None:
        await store.create(new_run(name))
        await store.wait(name, new_run(), 60)

    failed: list[BaseException] = []

    def thread(name: str) -> None:
        try:
            asyncio.run(use(name))
            asyncio.run(use(name))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=thread, args=(name,)) for name in ("a", "b")]
    for one in threads:
        one.start()
    await use("here")
    for one in threads:
        await asyncio.to_thread(one.join, 20)
    assert failed == []
    assert len((await store.find(RunQuery())).runs) == 3
    await store.close()


async def test_the_size_of_the_pool_and_the_patience_can_stand_in_the_url(postgres: Schemas) -> None:
    url = f"{postgres.new()}&application_name=small"
    async with opened(f"{url}&pool_size=2&patience=5") as store:
        await asyncio.gather(*[store.create(new_run(f"r{i}")) for i in range(40)])
        with raw(url) as db:
            mine = "select count(*) from pg_stat_activity where application_name = 'small' and pid <> pg_backend_pid()"
            assert db.execute(mine).fetchall() == [(2,)]


# ------------------------------------------------------------------ texts


async def test_a_text_that_cannot_be_kept_is_refused_and_nothing_is_found_under_it(url: str) -> None:
    bad, half = "zero \x00 byte", "half \ud800 character"
    async with opened(url) as store:
        await store.create(new_run())
        await store.append(write(claim=claim(), opened=[question(payload=VALUE)]))
        before = await whole(store)
        calls = {
            store.create(new_run(bad)): bad,
            store.create(new_run(half)): half,
            store.answer(reply_to("s", actor=bad)): bad,
            store.answer(reply_to("s", reason=half)): half,
            store.append(write(1, epoch=1, opened=[question(bad)])): bad,
            store.keep_event(KeptEvent(id=bad, name="n", data=1, at=AT, until=after(9))): bad,
        }
        for call, text in calls.items():
            with pytest.raises(TextNotKept) as caught:
                await call
            assert caught.value.text == text
        assert await whole(store) == before
        for text in (bad, half):
            assert await store.row(text) is None
            assert await store.load(text) is None
            assert await store.suspension(text) is None
            assert list(await store.suspensions(SuspensionQuery(event=text))) == []
            assert (await store.find(RunQuery(id_prefix=text))).runs == []


async def test_a_run_id_that_is_too_long_to_be_told_wakes_who_waits_all_the_same(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_listen, "_LOOK", 60)
    monkeypatch.setattr(postgres_listen, "_LONGEST", 20)
    async with opened(url) as one, opened(url) as two:
        long = "ä" * 1000
        await one.create(new_run(long))
        waiting = asyncio.ensure_future(one.wait(long, new_run(long), 60))
        await heard_by(one)
        await two.request_cancel(long, AT)
        with fail_after(5):
            await waiting


# ------------------------------------------------------------------ hearing of others


async def heard_by(store: PostgresStore) -> None:
    """Return when *store* listens."""
    _, listener = await store._homes.open()
    listener._begin()
    with fail_after(5):
        while not listener._hears:
            await listener.changed(5)


async def test_a_wait_ends_with_what_another_store_puts_in_or_gives_back(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_listen, "_LOOK", 60)  # only what is heard can end it in time
    async with opened(url) as one, opened(url) as two:
        await one.create(new_run())
        await one.create(new_run("other"))
        await one.append(write(claim=claim(), opened=[question(), question("t")]))
        await heard_by(one)
        for change in (
            two.answer(reply_to("s")),
            two.request_cancel("r", AT),
            two.append(write(1, epoch=1, release=True, signals=2)),
            two.answer(reply_to("t", write=write(2, claim=claim(), release=True, signals=2))),
            two.append(write(3, claim=claim(), head=replace(HEAD, status="success"))),
            two.release("r", 3),
            two.delete("r"),
        ):
            seen = await one.row("r")
            assert seen is not None
            waits = [asyncio.ensure_future(one.wait("r", seen, 60)) for _ in range(2)]
            other = asyncio.ensure_future(one.wait("other", new_run("other"), 60))
            await change
            with fail_after(5):
                await asyncio.gather(*waits)
            assert not other.done()
            other.cancel()


async def test_a_look_out_for_anything_ends_with_what_others_write_and_not_with_own_writes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_listen, "_GLANCE", 60)
    async with opened(url) as one, opened(url) as two:
        await two.create(new_run())
        await two.append(write(claim=claim(), opened=[question()]))
        await heard_by(one)
        await one.request_cancel("r", AT)
        looking = asyncio.ensure_future(one.changed(60))
        await one.extend("s", None, None)
        assert not looking.done()
        await two.extend("s", after(1), after(1))
        with fail_after(5):
            await looking
        # What was written while nobody looked is seen at the next look.
        await two.answer(reply_to("s"))
        await one.answer(reply_to("s"))
        with fail_after(5):
            while not (await one._homes.open())[1]._missed:
                await one.row("r")
            await one.changed(60)
            await one.changed(0.01)


async def test_nothing_that_is_written_between_a_look_and_a_wait_is_missed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_listen, "_LOOK", 60)
    async with opened(url) as one, opened(url) as two:
        for number in range(30):
            run = new_run(f"r{number}")
            await one.create(run)
            # The first ones begin while the listener does.
            waiting = asyncio.ensure_future(one.wait(run.id, run, 60))
            await asyncio.gather(two.request_cancel(run.id, AT), two.row(run.id))
            with fail_after(5):
                await waiting


# ------------------------------------------------------------------ migrations


async def test_a_new_schema_gets_every_table_and_its_version(url: str) -> None:
    for _ in range(2):
        async with opened(url):
            pass
        with raw(url) as db:
            tables = db.execute("select tablename from pg_tables where schemaname = current_schema()")
            names = {"runs", "entries", "suspensions", "graphs", "events", "version", "schedules", "fires"}
            assert {name for (name,) in tables} == {f"cadenza_{name}" for name in names}
            assert db.execute("select version from cadenza_version").fetchall() == [(len(sql.MIGRATIONS),)]


async def test_a_schema_of_a_newer_cadenza_is_refused_and_left_alone(url: str) -> None:
    async with opened(url):
        pass
    with raw(url) as db:
        db.execute("update cadenza_version set version = 99")
        with pytest.raises(StoreTooNew, match="99"):
            await PostgresStore(url).setup()
        assert db.execute("select version from cadenza_version").fetchall() == [(99,)]


async def test_a_migration_keeps_what_is_there(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(url) as store:
        await store.create(new_run())
        await store.append(write(claim=claim(), opened=[question()]))
        before = await whole(store)
    more = "create table more (a int); insert into more values (1)"
    monkeypatch.setattr(sql, "MIGRATIONS", (*sql.MIGRATIONS, more))
    async with opened(url) as store:
        assert await whole(store) == before
    with raw(url) as db:
        assert db.execute("select a from more").fetchall() == [(1,)]


async def test_a_migration_that_fails_leaves_nothing_of_itself(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(url):
        pass
    wrong = "create table more (a int); create table more (a int)"
    monkeypatch.setattr(postgres_migrate.sql, "MIGRATIONS", (*sql.MIGRATIONS, wrong))
    with pytest.raises(psycopg.errors.DuplicateTable):
        await PostgresStore(url).setup()
    with raw(url) as db:
        assert db.execute("select version from cadenza_version").fetchall() == [(len(sql.MIGRATIONS) - 1,)]
        assert db.execute("select to_regclass('more')").fetchall() == [(None,)]


async def test_many_who_open_a_new_schema_at_once_make_its_tables_once(postgres: Schemas) -> None:
    for _ in range(5):
        url = postgres.new()
        stores = [PostgresStore(url) for _ in range(10)]
        with fail_after(20):
            await asyncio.gather(*[store.create(new_run(f"r{i}")) for i, store in enumerate(stores)])
            assert (await stores[0].find(RunQuery())).total == 10
            await asyncio.gather(*[store.close() for store in stores])


# ------------------------------------------------------------------ what is not there


async def test_a_server_that_is_not_there_is_tried_for_a_while_and_then_an_error() -> None:
    store = PostgresStore("postgresql://u@127.0.0.1:1/db", patience=0.2)
    with fail_after(5), pytest.raises(StoreUnavailable, match="refused") as caught:
        await store.row("r")
    assert not caught.value.unsure
    await store.close()
    with pytest.raises(StoreClosed):
        await store.row("r")


async def test_what_the_server_refuses_for_good_is_an_error_at_once(url: str) -> None:
    store = PostgresStore(url.replace("/postgres?", "/nowhere?"), patience=60)
    with fail_after(5), pytest.raises(StoreUnavailable, match="nowhere"):
        await store.setup()


def test_without_the_driver_the_error_says_what_to_install() -> None:
    program = """
import sys
sys.modules["psycopg"] = None
import cadenza
for _ in range(2):
    try:
        cadenza.Cadenza(store="postgresql://localhost/db")
    except cadenza.errors.ExtraMissing as error:
        print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.count("pip install 'cadenza[postgres]'") == 2


def test_the_driver_is_not_imported_where_no_postgres_is_used() -> None:
    program = "import cadenza, sys; cadenza.Cadenza(store='memory://'); print('psycopg' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
