"""Routes that answer with a stream of events: what a request sets going, or what has happened.

A run does not depend on who reads: the stream is told from its journal. So whoever comes late gets the whole history, once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any

from starlette.responses import Response

from ...engine.feed import observe
from ...errors import CadenzaError, RunAlreadyStarted
from ...history.record import ENDED
from ...history.snapshot import Snapshot, fold
from ...model.graph import Graph
from ...model.values import Json
from ...store.base import RunRow
from ..route import Call
from . import asking
from .bodies import Observe, Resume, Start, TheRun, TimeTravel
from .failures import text_of
from .found import Found, run_of, run_or_new
from .narrator import WireNarrator
from .records import record_stream


async def stream(call: Call[TheRun, Start]) -> Response:
    """Start, and tell what happens until the run rests; with `closeOnSuspend: false` until it has ended."""
    found = await run_or_new(call, call.query.run_id, call.body.resource_id)
    if found.row.status in ENDED:
        raise RunAlreadyStarted(found.row.id, found.row.status)
    until_end = not call.body.close_on_suspend
    if found.row.status != "pending":
        return record_stream(await history(call, found, until_end=until_end))
    ask = partial(asking.start, call, found, wait=False)
    return record_stream(await asked(call, found, ask, until_end=until_end))


async def resume_stream(call: Call[TheRun, Resume]) -> Response:
    """Resume, and tell what happens until the run rests."""
    found = await run_of(call, call.query.run_id)
    return record_stream(await asked(call, found, partial(asking.resume, call, found, wait=False)))


async def time_travel_stream(call: Call[TheRun, TimeTravel]) -> Response:
    """Go back, and tell what happens until the run rests."""
    found = await run_of(call, call.query.run_id)
    return record_stream(await asked(call, found, partial(asking.travel, call, found, wait=False)))


async def observe_run(call: Call[Observe, None]) -> Response:
    """Tell all that has happened, from event number `offset` on, then what happens until the run rests."""
    found = await run_of(call, call.query.run_id)
    return record_stream(_without(await history(call, found), call.query.offset))


async def history(
    call: Call[Any, Any], found: Found, *, until_end: bool = False, legs: bool = True
) -> AsyncGenerator[Json]:
    """The events of the run from its start on, then those to come; with *legs* as the streams that they came in.

    A run that was not started is waited for.
    """
    return _events(call, found, 0, await _graph(call, found), legs=legs, until_end=until_end)


async def asked(
    call: Call[Any, Any],
    found: Found,
    ask: Callable[[], Awaitable[Snapshot]],
    *,
    until_end: bool = False,
) -> AsyncGenerator[Json]:
    """What follows *ask*. Where that is refused, a stream that says so: the status was promised to be 200."""
    graph = await _graph(call, found)
    entries = await call.cadenza.store.entries(found.row.id)
    after = entries[-1].seq if entries else 0
    events = _events(call, found, after, graph, legs=False, until_end=until_end)
    # From its first event on it misses nothing: what steps write is shown to those who listen then, and not kept.
    first = await anext(events)
    try:
        await ask()
    except CadenzaError as error:
        await events.aclose()
        narrator = WireNarrator(found.row.id, fold(entries), graph, legs=False)
        return _these(first, narrator.refused(error, text_of(error)))
    except BaseException:
        await events.aclose()
        raise
    return _joined(first, events)


def _events(
    call: Call[Any, Any], found: Found, after: int, graph: Graph, *, legs: bool, until_end: bool
) -> AsyncGenerator[Json]:
    def settled(row: RunRow) -> bool:
        # Who asks for the events of a run that was not started has come early.
        if until_end or row.status == "pending":
            return False
        return engine.rests(row) or (row.status == "held" and row.lease is None)

    def narrate(run_id: str, snapshot: Snapshot) -> WireNarrator:
        return WireNarrator(run_id, snapshot, graph, legs=legs)

    engine = call.cadenza.engine
    return observe(call.cadenza.store, engine.feed, found.row.id, after, settled, narrate)


async def _graph(call: Call[Any, Any], found: Found) -> Graph:
    snapshot = await call.cadenza.engine.snapshot(found.row.id)
    return await call.cadenza.engine.graph(found.workflow, found.row.id, snapshot)


async def _these(*events: Json) -> AsyncGenerator[Json]:
    for event in events:
        yield event


async def _joined(first: Json, rest: AsyncGenerator[Json]) -> AsyncGenerator[Json]:
    try:
        yield first
        async for event in rest:
            yield event
    finally:
        await rest.aclose()


async def _without(events: AsyncGenerator[Json], number: int) -> AsyncGenerator[Json]:
    """*events* from that number on, counted from 0."""
    try:
        seen = 0
        async for event in events:
            seen += 1
            if seen > number:
                yield event
    finally:
        await events.aclose()
