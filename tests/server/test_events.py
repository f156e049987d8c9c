"""The events of a run over a socket: all of them, once, also where connections are lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx2
import pytest
from anyio import fail_after

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.server import create_app

from .given import listening

EVENTS = "/api/v1/runs/{}/events"


@step
async def first(value: int) -> int:
    return value + 1


@step
async def ask(value: int, ctx: StepContext) -> int:
    return value + await ctx.ask(int)


inner = Workflow("inner", input=int).then(first).then(ask).commit()
flow = Workflow("flow", input=int).then(inner).then(first.clone(id="last")).commit()


async def read(
    base: str, run_id: str, last: str | None = None, **params: Any
) -> AsyncIterator[tuple[str | None, Any]]:
    """The events as (id, event); comments are left out."""
    headers = {} if last is None else {"last-event-id": last}
    async with (
        httpx2.AsyncClient(base_url=base, timeout=10) as client,
        client.stream("GET", EVENTS.format(run_id), headers=headers, params=params) as response,
    ):
        if response.status_code != 200:
            yield str(response.status_code), None
            return
        assert response.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        async for line in response.aiter_lines():
            if not line and event:
                data = json.loads(event["data"])
                assert event["event"] == data["type"]
                yield event.get("id"), data
                event = {}
            elif line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value


async def some(events: AsyncIterator[tuple[str | None, Any]], count: int) -> list[tuple[str | None, Any]]:
    found = []
    async with aclosing(events) as reading:  # type: ignore[type-var]
        async for one in reading:
            found.append(one)
            if len(found) == count:
                break
    return found


def kinds(events: list[tuple[str | None, Any]]) -> list[str]:
    return [
        f"{event['type'].removeprefix('workflow-')}:{event['payload'].get('id', event['payload'].get('workflow_status', ''))}"
        for _, event in events
    ]


async def test_a_stream_tells_all_from_the_start_to_the_end_and_stays_open_in_between(tmp_path: Any) -> None:
    app = Cadenza(store=f"sqlite:///{tmp_path / 'runs.db'}", workflows=[flow])
    with fail_after(20):
        async with listening(create_app(app)) as base:
            run = await app.workflow(flow).create_run()
            await run.start(input_data=1)
            seen: list[Any] = []
            asleep = asyncio.Event()

            async def watch() -> None:
                async for one in read(base, run.id):
                    seen.append(one)
                    if one[1]["type"] == "workflow-step-suspended":
                        asleep.set()

            watching = asyncio.ensure_future(watch())
            await asleep.wait()
            await run.resume(resume_data=5)
            await watching  # it ends by itself
            assert kinds(seen) == [
                "start:",
                "step-start:inner",
                "step-start:inner.first",
                "step-result:inner.first",
                "step-start:inner.ask",
                "step-suspended:inner.ask",
                "step-suspended:inner",
                "step-start:inner",
                "step-start:inner.ask",
                "step-result:inner.ask",
                "step-result:inner",
                "step-start:last",
                "step-result:last",
                "finish:success",
            ]
            numbers = [int(id_) for id_, _ in seen if id_ is not None]
            assert numbers == sorted(numbers)
            # Who has seen all of it is told not to come back.
            assert await some(read(base, run.id, str(numbers[-1])), 1) == [("204", None)]


@pytest.mark.parametrize("workers", ["the same process", "another process"])
async def test_a_lost_connection_goes_on_where_it_was(tmp_path: Any, workers: str) -> None:
    """Lost after each event in turn: what came before and what comes after are the whole, without a gap and without an event twice."""
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    app = Cadenza(store=store, workflows=[flow])
    other = Cadenza(store=store, workflows=[flow], worker=False)
    with fail_after(30):
        async with listening(create_app(app)) as base, other:
            run = await (app if workers == "the same process" else other).workflow(flow).create_run()
            await run.start(input_data=1)
            await run.resume(resume_data=5)
            whole = [one async for one in read(base, run.id)]
            for count in range(1, len(whole)):
                before = await some(read(base, run.id), count)
                last = next((id_ for id_, _ in reversed(before) if id_ is not None), None)
                # Of an entry that was told in part all is told again: a client counts by ids.
                told = (
                    before
                    if last is None
                    else before[: max(i for i, one in enumerate(before) if one[0] == last) + 1]
                )
                rest = [one async for one in read(base, run.id, last)]
                if rest == [("204", None)]:
                    assert len(told) == len(whole)
                    continue
                assert rest[0][1]["type"] == "workflow-start"
                begin = told if last is not None else []
                assert [*begin, *rest[1:]] == (whole if last is not None else whole[1:]), count


async def test_a_stream_may_begin_after_an_entry(tmp_path: Any) -> None:
    app = Cadenza(store=f"sqlite:///{tmp_path / 'runs.db'}", workflows=[flow])
    with fail_after(20):
        async with listening(create_app(app)) as base:
            run = await app.workflow(flow).create_run()
            await run.start(input_data=1)
            await run.resume(resume_data=5)
            whole = [one async for one in read(base, run.id)]
            after = [one async for one in read(base, run.id, after=whole[4][0])]
            assert after[1:] == whole[5:]
            # The header counts more: it is what a browser has seen.
            assert [one async for one in read(base, run.id, whole[6][0], after=1)][1:] == whole[7:]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "²", "9" * 30])
async def test_what_is_no_number_of_an_entry_is_refused(tmp_path: Any, last: str) -> None:
    app = Cadenza(store=f"sqlite:///{tmp_path / 'runs.db'}", workflows=[flow])
    async with listening(create_app(app)) as base:
        run = await app.workflow(flow).create_run()
        async with httpx2.AsyncClient(base_url=base) as client:
            headers = {"last-event-id": last.encode()}
            found = await client.get(EVENTS.format(run.id), headers=headers)  # type: ignore[arg-type]
            assert (found.status_code, found.json()["code"]) == (400, "invalid_query")
            assert (await client.get(EVENTS.format("none"))).status_code == 404


async def test_who_goes_away_stops_no_run_and_leaves_nothing_behind(tmp_path: Any) -> None:
    app = Cadenza(store=f"sqlite:///{tmp_path / 'runs.db'}", workflows=[flow])
    with fail_after(20):
        async with listening(create_app(app)) as base:
            run = await app.workflow(flow).create_run()
            await run.start(input_data=1)
            await asyncio.gather(*[some(read(base, run.id), number) for number in range(1, 8)])
            while app.engine.feed._listeners:
                await asyncio.to_thread(lambda: None)
            result: Any = await run.resume(resume_data=5)
            assert result.status == "success"
