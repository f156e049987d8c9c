"""The Postgres store where something goes wrong between it and the server: lines that break, restarts, a pooler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from anyio import fail_after

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.errors import StoreUnavailable
from cadenza.store import postgres_listen
from cadenza.store.base import Accepted, Claimed, KeptEvent, Receipt, Refused, Wanted
from cadenza.store.postgres import PostgresStore
from cadenza.testing.postgres import PostgresServer
from cadenza.testing.store_suite.given import (
    AT,
    LEASE,
    after,
    claim,
    new_run,
    question,
    reply_to,
    whole,
    write,
)

from ..postgres import Schemas
from .wire import Line, line_to, pooler_to


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url, **options)
    await store.setup()
    try:
        yield store
    finally:
        await store.close()


# ------------------------------------------------------------------ a line that breaks


@asynccontextmanager
async def on_a_bad_line(url: str) -> AsyncIterator[tuple[PostgresStore, Line]]:
    """A store with the run "r", which "one" drives and which asks "s" and "t"; and the line that it is on."""
    async with line_to(url) as line, opened(line.url) as store:
        await store.create(new_run())
        await store.append(write(claim=claim(), opened=[question(due_at=after(1)), question("t")]))
        yield store, line


WANTED = Wanted(engine="local", workflows=["pay"], owner="me", now=after(99), until=after(99) + LEASE)
EVENT = KeptEvent(id="e", name="paid", data=1, at=AT, until=after(60))
HELD = Receipt(epoch=1, signals=0, cancel_requested=False)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda store: store.create(new_run("new")), "created"),
        (lambda store: store.append(write(1, epoch=1)), HELD),
        (lambda store: store.append(write(1, epoch=1, release=True)), replace(HELD, released=True)),
        (lambda store: store.append(write(1, count=0, epoch=1, release=True)), replace(HELD, released=True)),
        (lambda store: store.append(write(1, claim=claim("two", dead=1))), replace(HELD, epoch=2)),
        (lambda store: store.claim("r", claim("two", dead=1)), replace(HELD, epoch=2)),
        (lambda store: store.claim_due(WANTED), [Claimed(run_id="r", receipt=replace(HELD, epoch=2))]),
        (lambda store: store.renew("one", after(99)), ["r"]),
        (lambda store: store.answer(reply_to("s", "t")), Accepted(receipt=None)),
        (
            lambda store: store.answer(reply_to("s", write=write(1, claim=claim("two", dead=1)))),
            Accepted(receipt=replace(HELD, epoch=2)),
        ),
        (lambda store: store.answer(reply_to("s", closes=["t"], expect=(1, 0))), Accepted(receipt=None)),
        (lambda store: store.request_cancel("r", after(7)), True),
        (lambda store: store.put_off("s", after(1), after(2), told=1), True),
        (lambda store: store.set_claimant("s", None, "ada", after(2)), True),
        (lambda store: store.extend("s", after(8), after(2)), True),
        (lambda store: store.keep_event(EVENT), None),
        (lambda store: store.release("r", 1), None),
        (lambda store: store.delete("r"), True),
    ],
)
async def test_a_call_that_was_done_but_not_heard_of_is_done_once_and_knows_it(
    call: Callable[[PostgresStore], Awaitable[object]], expected: object, postgres: Schemas
) -> None:
    async with on_a_bad_line(postgres.new()) as (store, line), on_a_bad_line(postgres.new()) as (good, _):
        line.cut_after_next = True
        with fail_after(10):
            assert await call(store) == expected
        assert line.cuts == 1
        # On a good line it ends the same way.
        assert await call(good) == expected
        for run_id in ("r", "new"):
            assert await store.load(run_id) == await good.load(run_id)


async def test_an_answer_that_was_lost_to_another_on_a_bad_line_is_refused(postgres: Schemas) -> None:
    url = postgres.new()
    async with on_a_bad_line(url) as (store, line), opened(url) as other:
        await other.answer(reply_to("s", actor="bob"))
        line.cut_after_next = True
        found = await store.answer(reply_to("s"))
        assert line.cuts == 1
        assert isinstance(found, Refused)
        assert [row.actor for row in found.rows] == ["bob"]
        # The same words by the same person at the same moment are another answer all the same.
        line.cut_after_next = True
        assert isinstance(await store.answer(reply_to("s", actor="bob")), Refused)


async def test_only_one_of_many_puts_off_a_row_on_bad_lines(postgres: Schemas) -> None:
    url = postgres.new()
    async with on_a_bad_line(url) as (store, line), opened(url) as other:
        assert await other.put_off("s", after(1), after(2), told=1) is True
        line.cut_after_next = True
        assert await store.put_off("s", after(1), after(2), told=1) is False
        assert line.cuts == 1


async def test_a_call_that_may_have_been_done_says_so_also_where_no_connection_is_free_for_it_again(
    postgres: Schemas,
) -> None:
    async with (
        line_to(postgres.new()) as line,
        opened(line.url, pool_size=1, patience=0.5) as store,
    ):
        connections, _ = await store._homes.open()
        assert await store.row("r") is None  # the connection is there
        line.cut_after_next = True
        created = asyncio.ensure_future(store.create(new_run()))
        while not connections._room.locked():
            await asyncio.to_thread(lambda: None)
        # The next in the queue for the one connection: it gets it when that of the first breaks, and keeps it.
        keeper = asyncio.ensure_future(connections.read("select pg_sleep(5)", {}))
        with fail_after(10), pytest.raises(StoreUnavailable, match="pool_size") as caught:
            await created
        assert line.cuts == 1
        assert caught.value.unsure is True
        keeper.cancel()
        await asyncio.wait({keeper})
        assert await store.row("r") is not None  # so it had been done


# ------------------------------------------------------------------ a server that goes away


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server that may be stopped."""
    with PostgresServer() as started:
        yield started


async def test_calls_go_on_after_the_server_was_restarted_or_crashed(server: PostgresServer) -> None:
    async with opened(server.url) as store:
        await store.create(new_run())
        await store.append(write(claim=claim()))
        # More connections than one: all of them are gone then.
        await asyncio.gather(*[store.row("r") for _ in range(20)])
        waiting = asyncio.ensure_future(store.wait("r", (await whole(store)).run, 60))
        for number, away in enumerate((server.stop, server.kill), 1):
            await asyncio.to_thread(away)
            call = asyncio.ensure_future(store.append(write(number, epoch=1)))
            await asyncio.to_thread(server.start)
            with fail_after(20):
                assert (await call).epoch == 1
                await waiting
                waiting = asyncio.ensure_future(store.wait("r", (await whole(store)).run, 60))
        async with opened(server.url) as other:
            await other.request_cancel("r", AT)
            with fail_after(20):
                await waiting
        assert [entry.seq for entry in (await whole(store)).entries] == [1, 2, 3]


async def test_while_the_server_is_away_calls_end_with_the_patience_and_waits_with_their_time(
    server: PostgresServer,
) -> None:
    async with opened(server.url, patience=0.5) as store:
        await store.create(new_run())
        waiting = asyncio.ensure_future(store.wait("r", new_run(), 60))
        looking = asyncio.ensure_future(store.changed(0.2))
        server.stop()
        with fail_after(10):
            with pytest.raises(StoreUnavailable, match="refused"):
                await store.row("r")
            with pytest.raises(StoreUnavailable):
                await waiting
            await looking
        server.start()
        with fail_after(10):
            assert await store.row("r") == new_run()


# ------------------------------------------------------------------ a pooler


async def test_behind_a_pooler_a_wait_ends_although_nothing_can_be_heard(
    postgres: Schemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_listen, "_ECHO", 0.05)
    url = postgres.new()
    async with pooler_to(url) as pooled, opened(pooled) as one, opened(url) as two:
        await one.create(new_run())
        waiting = asyncio.ensure_future(one.wait("r", new_run(), 60))
        await two.request_cancel("r", AT)
        with fail_after(5):
            await waiting
            await one.changed(60)
        assert not (await one._homes.open())[1]._hears


async def test_runs_go_through_a_pooler(postgres: Schemas) -> None:
    @step
    async def ask(value: int, ctx: StepContext) -> str:
        return f"{value} {await ctx.ask(str)}"

    workflow = Workflow("w", input=int, output=str).then(ask).commit()
    async with (
        pooler_to(postgres.new(), connections=2) as url,
        Cadenza(store=url, workflows=[workflow]) as app,
    ):

        async def whole_run(number: int) -> str | None:
            run = await app.workflow(workflow).create_run()
            await run.start(input_data=number)
            result = await run.resume(resume_data="yes")
            return result.result if result.status == "success" else result.status

        with fail_after(20):
            found = await asyncio.gather(*map(whole_run, range(20)))
        assert found == [f"{number} yes" for number in range(20)]
