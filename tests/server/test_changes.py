"""The feed of all runs: what happens to any of them, in this process or another, told once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import httpx2
from anyio import fail_after

from cadenza import Cadenza
from cadenza.engine import changes
from cadenza.server import Principal, api_keys, create_app

from .given import asked, listening, pay

KEY = "acme-key-0123456789"
PATIENCE = 20


@asynccontextmanager
async def following(base: str, **headers: str) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """The events of /changes as (name, data), after the first one, `ready`."""

    async def read(response: httpx2.Response) -> AsyncGenerator[tuple[str, Any]]:
        name = "message"
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))
                name = "message"

    async with (
        httpx2.AsyncClient(base_url=base, timeout=PATIENCE) as client,
        client.stream("GET", "/api/v1/changes", headers=headers) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        async with aclosing(read(response)) as events:
            assert await anext(events) == ("ready", {})
            yield events


async def until(events: AsyncIterator[tuple[str, Any]], run_id: str, status: str) -> list[Any]:
    """The changes up to the one that says that the run stands so."""
    found = []
    with fail_after(PATIENCE):
        async for name, data in events:
            assert name == "message"
            found.append(data)
            if (data["run_id"], data["status"]) == (run_id, status):
                return found
    raise AssertionError(f"the feed ended after {found}")


async def many_turns() -> None:
    """Let everything come to rest that needs no time, threads included."""
    for _ in range(200):
        await asyncio.to_thread(lambda: None)


async def test_what_happens_to_any_run_is_told(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    async with listening(create_app(app)) as base:
        old, _ = await asked(app)
        async with following(base) as events:
            run_id, question = await asked(app)
            (last, *_) = reversed(await until(events, run_id, "suspended"))
            row = await app.store.row(run_id)
            assert row is not None
            assert last == {"run_id": run_id, "workflow": "pay", "status": "suspended", "seq": row.seq}
            await app.inbox.answer(question, {"decision": "pay"})
            found = await until(events, run_id, "success")
            # A run to which nothing has happened since is not told.
            assert {change["run_id"] for change in found} == {run_id}
            await (await app.get_run(old)).cancel()
            await until(events, old, "canceled")
            pending = await app.workflow(pay).create_run()
            await until(events, pending.id, "pending")


async def test_a_claim_and_another_deadline_are_told(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    async with listening(create_app(app)) as base:
        run_id, question = await asked(app)
        async with following(base) as events, httpx2.AsyncClient(base_url=base) as client:
            for action, body in (
                ("claim", {"actor": "ada"}),
                ("extend", {"deadline": "3d"}),
                ("release", {}),
            ):
                done = await client.post(f"/api/v1/inbox/{question}/{action}", json=body)
                assert done.status_code == 200, done.text
                assert len(await until(events, run_id, "suspended")) == 1


async def test_what_another_process_does_is_told(store: str) -> None:
    if store == "memory://":
        return  # no other process can see it
    here, there = (Cadenza(store=store, workflows=[pay]) for _ in range(2))
    async with there, listening(create_app(here)) as base, following(base) as events:
        run_id, question = await asked(there)
        await until(events, run_id, "suspended")
        await there.inbox.claim(question, "ada")
        assert len(await until(events, run_id, "suspended")) == 1
        await there.inbox.extend(question, "3d")
        assert len(await until(events, run_id, "suspended")) == 1
        await there.inbox.answer(question, {"decision": "pay"}, actor="ada")
        await until(events, run_id, "success")


async def test_who_sees_one_resource_is_told_of_its_runs_alone(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    auth = api_keys({KEY: Principal(name="ann", resource_id="acme")})
    async with listening(create_app(app, auth=auth)) as base:
        async with httpx2.AsyncClient(base_url=base) as client:
            assert (await client.get("/api/v1/changes")).status_code == 401
        async with following(base, authorization=f"Bearer {KEY}") as events:
            await asked(app, resource_id="other")
            mine, _ = await asked(app, resource_id="acme")
            found = await until(events, mine, "suspended")
            assert {change["run_id"] for change in found} == {mine}


async def test_many_changes_close_together_are_told_as_one(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    async with app, aclosing(app.changes.follow()) as feed:
        assert await anext(feed) == []
        runs = {(await asked(app))[0] for _ in range(20)}
        # Who is slow hears of each run once, as it is then.
        seen: list[str] = []
        with fail_after(PATIENCE):
            while set(seen) != runs:
                seen += [row.id for row in await anext(feed)]
        assert len(seen) < 3 * len(runs)


async def test_the_feed_ends_with_the_app_and_costs_nothing_without_followers(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    async with app:
        first, second = app.changes.follow(), app.changes.follow()
        assert [await anext(first), await anext(second)] == [[], []]
        await first.aclose()
        run_id, _ = await asked(app)
        with fail_after(PATIENCE):
            assert [row.id for row in await anext(second)] == [run_id]
        await second.aclose()
        with fail_after(PATIENCE):
            looking = [task for task in asyncio.all_tasks() if task.get_name().startswith("cadenza changes")]
            await asyncio.gather(*looking, return_exceptions=True)
        # Again, after everybody had left: from now on.
        third = app.changes.follow()
        assert await anext(third) == []
        other, _ = await asked(app)
        with fail_after(PATIENCE):
            assert [row.id for row in await anext(third)] == [other]
    with fail_after(PATIENCE):
        assert [row async for row in third] == []


async def test_a_shut_down_server_ends_the_feed() -> None:
    app = Cadenza(workflows=[pay])
    async with listening(create_app(app)) as base:
        feed = following(base)
        events = await feed.__aenter__()
    found = []
    # sse-starlette breaks the response off: a browser then connects again.
    with fail_after(PATIENCE), suppress(httpx2.RemoteProtocolError):
        found = [event async for event in events]
    assert found == []
    await feed.__aexit__(None, None, None)


async def test_nothing_is_read_while_nothing_happens(store: str, monkeypatch: Any) -> None:
    app = Cadenza(store=store, workflows=[pay], worker=False)
    monkeypatch.setattr(changes, "_PATIENCE", 3600)
    monkeypatch.setattr(changes, "_PAUSE", 0)
    monkeypatch.setattr(changes, "_SHARE", 0)
    looks = 0
    recent = app.store.recent

    async def counted(since: Any) -> Any:
        nonlocal looks
        looks += 1
        return await recent(since)

    monkeypatch.setattr(app.store, "recent", counted)
    async with app:
        await asked(app)
        async with aclosing(app.changes.follow()) as feed:
            await anext(feed)
            run_id, _ = await asked(app)
            with fail_after(PATIENCE):
                while run_id not in [row.id for row in await anext(feed)]:
                    pass
            # What was written last may be looked for once more; then it is quiet.
            await many_turns()
            settled = looks
            await many_turns()
            assert looks == settled
