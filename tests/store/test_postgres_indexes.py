"""Every statement of the Postgres store finds its rows by an index, among ten thousand of everything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from cadenza.errors import RunConflict
from cadenza.store import postgres_sql as sql
from cadenza.store.base import (
    Closed,
    Due,
    DueSchedules,
    Fire,
    KeptEvent,
    RunQuery,
    Schedule,
    SuspensionQuery,
    Wanted,
)
from cadenza.store.postgres import PostgresStore
from cadenza.store.postgres_connections import Connections, Values
from cadenza.store.postgres_find import counts, find, suspensions
from cadenza.testing.store_suite.given import (
    AT,
    GRAPH,
    LEASE,
    after,
    claim,
    new_run,
    question,
    reply_to,
    write,
)

from ..postgres import Schemas

# Most runs wait for people; a few hundred are led, sleep, were left, or have something that nobody has heard.
FILL = """
insert into cadenza_runs (id, workflow, engine, resource, status, seq, wake_at, lease_owner, lease_until, epoch, signals,
                          heard, created_at, updated_at)
select 'run-' || n, 'w' || n % 50, 'local', 'resource-' || n % 1000,
  case when n % 100 = 0 then 'running' when n % 5 = 0 then 'success' else 'suspended' end, 2,
  case when n % 97 = 0 then n end, case when n % 99 = 0 then 'owner-' || n % 20 end, case when n % 99 = 0 then n end,
  1, case when n % 101 = 0 then 1 else 0 end, 0, n, n
from generate_series(1, 10000) n;
insert into cadenza_entries select 'run-' || n, seq, '{}' from generate_series(1, 10000) n, generate_series(1, 2) seq;
insert into cadenza_suspensions (id, run, number, state, opened, opened_at, workflow, event, due_at)
select 's-' || n, 'run-' || n, 0, case when n % 10 = 0 then 'open' else 'answered' end, '{}', n, 'w' || n % 50,
  case when n % 3 = 0 then 'event-' || n % 100 end, case when n % 7 = 0 then n end
from generate_series(1, 10000) n;
insert into cadenza_events select 'e-' || n, 'event-' || n % 100, n, n + 1, '{}' from generate_series(1, 10000) n;
insert into cadenza_graphs select 'g-' || n, '{}' from generate_series(1, 10000) n;
insert into cadenza_schedules (id, workflow, declared, due_at, created_at, version, payload)
select 'sch-' || n, 'w' || n % 50, n % 2 = 0, case when n % 3 = 0 then n end, n, 1, '{}' from generate_series(1, 10000) n;
insert into cadenza_fires select 'sch-' || n % 100, 'run-' || n, n, '{}' from generate_series(1, 10000) n;
analyze cadenza_runs, cadenza_entries, cadenza_suspensions, cadenza_events, cadenza_graphs, cadenza_schedules, cadenza_fires;
"""

LISTS: dict[str, RunQuery] = {
    "cadenza_runs_by_time": RunQuery(limit=10),
    "cadenza_runs_by_workflow": RunQuery(workflow="w7", limit=10),
    "cadenza_runs_by_status": RunQuery(status=["running"], limit=10),
    "cadenza_runs_by_resource": RunQuery(resource="resource-7", limit=10),
    "cadenza_runs_pkey": RunQuery(id_prefix="run-77", limit=10),
}
SUSPENSION_LISTS = {
    "cadenza_suspensions_open": SuspensionQuery(limit=10),
    "cadenza_suspensions_by_run": SuspensionQuery(run_id="run-7", state=None, limit=10),
    "cadenza_suspensions_by_event": SuspensionQuery(event="event-3", limit=10),
    "cadenza_suspensions_by_time": SuspensionQuery(state=None, limit=10),
}


async def everything(store: PostgresStore) -> None:
    """Call every method of the store, in each form that has a statement of its own."""
    run, other = write(run_id="run-7", claim=claim()), write(1, run_id="run-7", epoch=1, head=None)
    asked = [question("q", run_id="run-7"), question("p", run_id="run-7")]
    await store.create(new_run("run-7"))
    for one in (
        run,
        write(
            2,
            run_id="run-7",
            count=2,
            claim=claim(),
            opened=asked,
            graph=GRAPH,
            closed=[Closed(id="s", state="expired")],
        ),
        other,
        write(2, run_id="run-7", epoch=1, release=True),
        write(2, run_id="run-7", claim=claim(), release=True),
    ):
        with suppress(RunConflict):
            await store.append(one)
    for answer in (
        reply_to("s-7", run_id="run-7"),
        reply_to("s-7", run_id="run-7", write=run),
        reply_to("s-7", run_id="run-7", write=run, closes=["t"], due=AT, consumes="e", expect=(1, 1)),
    ):
        await store.answer(answer)
    await store.load("run-7")
    await store.row("run-7")
    await store.entries("run-7")
    await store.suspension("s-7")
    await store.graph("g-7")
    await store.claim("run-7", claim())
    wanted = Wanted(engine="local", workflows=["w7"], owner="o", now=AT, until=AT + LEASE, dead=["owner-3"])
    await store.claim_due(wanted)
    await store.renew("owner-3", AT)
    await store.owners()
    await store.release("run-7", 1)
    await store.request_cancel("run-7", AT)
    await store.touch("run-7", AT)
    await store.due(Due(engine="local", workflows=["w7"], now=after(1)))
    await store.put_off("s-7", None, AT, told=1)
    await store.set_claimant("s-7", None, "ada", AT)
    await store.prune(datetime(1970, 1, 1, microsecond=50, tzinfo=UTC), ["success"], 10)
    await store.extend("s-7", None, AT)
    await store.next_due(Due(engine="local", workflows=["w7"], now=after(1)))
    await store.keep_event(KeptEvent(id="e", name="event-3", data=1, at=AT, until=after(9)))
    await store.kept_events("event-3", AT)
    await store.drop_event("e-7")
    await store.signals(["run-7", "run-8"])
    await store.delete("run-7")
    schedule = Schedule(id="sch-7", workflow="w7", cron="* * * * *", created_at=AT, updated_at=AT)
    await store.add_schedule(schedule)
    await store.schedule("sch-7")
    await store.schedules()
    await store.schedules("w7")
    await store.change_schedule(replace(schedule, version=2))
    fire = Fire(schedule_id="sch-7", run_id="run-7", scheduled_at=AT, at=AT)
    await store.change_schedule(replace(schedule, version=3), fire)
    due = DueSchedules(
        now=datetime(1970, 1, 1, microsecond=50, tzinfo=UTC), workflows=["w7"], declared=["sch-8"]
    )
    await store.due_schedules(due)
    await store.next_schedule(due)
    await store.fires("sch-7", limit=10)
    await store.delete_schedule("sch-7")


@pytest.fixture(scope="module")
def filled(postgres: Schemas) -> Iterator[psycopg.Connection[Any]]:
    """A database with ten thousand of everything."""
    url = postgres.new()

    async def make() -> None:
        store = PostgresStore(url)
        await store.setup()
        await store.close()

    asyncio.run(make())
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(FILL.encode())
        yield db


def plan(db: psycopg.Connection[Any], statement: str, values: Values) -> str:
    rows = db.execute(f"explain (costs off) {statement}".encode(), values).fetchall()
    return "\n".join(line for (line,) in rows)


async def test_every_statement_finds_its_rows_by_an_index(
    filled: psycopg.Connection[Any], postgres: Schemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Values] = {}
    write_one = Connections.write

    async def noting(self: Connections, statement: str, values: Values) -> Any:
        made[statement] = values
        return await write_one(self, statement, values)

    monkeypatch.setattr(Connections, "write", noting)
    store = PostgresStore(postgres.new())
    await everything(store)
    await store.close()

    # `CLAIMED` is made after a break alone, the others are those of migrations and of listening.
    made[sql.CLAIMED] = {"owner": "owner-3", "until": 7}
    made[sql.CALLED] = {"id": "s-7", "call": "c"}
    made[sql.SCHEDULE_CALLED] = {"id": "sch-7", "call": "c"}
    apart = {"WHERE", "VERSION", "LOCK", "MAKE_VERSION", "SET_VERSION", "NOTIFY", "RUN", "SUSPENSION", "FREE"}
    named = {v for k, v in vars(sql).items() if k.isupper() and isinstance(v, str) and not k.startswith("_")}
    assert named - made.keys() == {getattr(sql, name) for name in apart}
    assert len(made) >= len(named) - len(apart) + 8  # eight forms of writes and answers
    for statement, values in made.items():
        found = plan(filled, statement, values)
        assert "Seq Scan" not in found, f"{statement}\n{found}"


@pytest.mark.parametrize("index", LISTS)
async def test_a_list_of_runs_walks_its_index(index: str, filled: psycopg.Connection[Any]) -> None:
    statement, values = find(LISTS[index])
    found = plan(filled, statement, values)
    assert f"using {index}" in found or f"on {index}" in found, found
    # Only who counts all runs there are reads them all.
    assert "Seq Scan" not in found or LISTS[index] == RunQuery(limit=10), found
    assert "Seq Scan" not in found.split("->  Limit")[-1], found


@pytest.mark.parametrize("index", [index for index, query in LISTS.items() if query != RunQuery(limit=10)])
async def test_counting_some_runs_reads_those_alone(index: str, filled: psycopg.Connection[Any]) -> None:
    statement, values = counts(LISTS[index])
    found = plan(filled, statement, values)
    assert f"using {index}" in found or f"on {index}" in found, found
    assert "Seq Scan" not in found, found


@pytest.mark.parametrize("index", SUSPENSION_LISTS)
async def test_a_list_of_suspensions_walks_its_index(index: str, filled: psycopg.Connection[Any]) -> None:
    statement, values = suspensions(SUSPENSION_LISTS[index])
    found = plan(filled, statement, values)
    assert f"using {index}" in found or f"on {index}" in found, found
    assert "Seq Scan" not in found, found


@pytest.mark.parametrize(
    "query",
    [
        SuspensionQuery(run_ids=["run-7", "run-8"], limit=None),
        SuspensionQuery(resource="resource-7", limit=10),
    ],
    ids=["some runs", "a resource"],
)
async def test_the_questions_of_some_runs_are_found_by_their_runs(
    query: SuspensionQuery, filled: psycopg.Connection[Any]
) -> None:
    statement, values = suspensions(query)
    found = plan(filled, statement, values)
    assert "cadenza_suspensions_by_run" in found, found
    assert "Seq Scan" not in found, found
