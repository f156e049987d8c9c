"""Routes that make a run do something, and answer when it rests, or at once."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Any

from ...errors import CadenzaError, RunAlive, RunNotActive
from ...history.snapshot import Snapshot
from ...model.values import Json
from ...tracing.options import NOTHING_ASKED
from ..route import Call
from . import asking
from .bodies import CreateRun, MaybeRun, Restart, Resume, Start, TheRun, TimeTravel
from .found import Found, run_of, run_or_new, workflow_of
from .results import result_json

_log = logging.getLogger("cadenza.server")


async def create_run(call: Call[MaybeRun, CreateRun]) -> Json:
    """A new run, or the one with that id as it is."""
    found = await run_or_new(call, call.query.run_id, call.body.resource_id)
    return {"runId": found.row.id}


async def start_async(call: Call[MaybeRun, Start]) -> Json:
    """Start, and answer when the run rests."""
    found = await run_or_new(call, call.query.run_id, call.body.resource_id)
    return await _result(call, found, asking.start(call, found, wait=True))


async def start(call: Call[TheRun, Start]) -> Json:
    """Start a run that was created, and answer at once."""
    found = await run_of(call, call.query.run_id)
    await _forget(found, asking.start(call, found, wait=False))
    return {"message": "Workflow run started"}


async def resume_async(call: Call[TheRun, Resume]) -> Json:
    """Resume, and answer when the run rests."""
    found = await run_of(call, call.query.run_id)
    return await _result(call, found, asking.resume(call, found, wait=True))


async def resume(call: Call[TheRun, Resume]) -> Json:
    """Resume, and answer at once."""
    found = await run_of(call, call.query.run_id)
    await _forget(found, asking.resume(call, found, wait=False))
    return {"message": "Workflow run resumed"}


async def resume_no_wait(call: Call[TheRun, Resume]) -> Json:
    """Resume, and answer as soon as the answer is kept; what is refused is told."""
    found = await run_of(call, call.query.run_id)
    await asking.resume(call, found, wait=False)
    return {"runId": found.row.id}


async def time_travel_async(call: Call[TheRun, TimeTravel]) -> Json:
    """Go back, and answer when the run rests."""
    found = await run_of(call, call.query.run_id)
    return await _result(call, found, asking.travel(call, found, wait=True))


async def time_travel(call: Call[TheRun, TimeTravel]) -> Json:
    """Go back, and answer at once."""
    found = await run_of(call, call.query.run_id)
    await _forget(found, asking.travel(call, found, wait=False))
    return {"message": "Workflow run time travel started"}


async def restart_async(call: Call[TheRun, Restart]) -> Json:
    """Take up a run whose process has died, and answer when it rests."""
    found = await run_of(call, call.query.run_id)
    return await _result(call, found, asking.restart(call, found, wait=True))


async def restart(call: Call[TheRun, Restart]) -> Json:
    """Take up a run whose process has died, and answer at once."""
    found = await run_of(call, call.query.run_id)
    await _forget(found, asking.restart(call, found, wait=False))
    return {"message": "Workflow run restarted"}


async def restart_all(call: Call[None, None]) -> Json:
    """Take up all runs of the workflow that have lost their process, as far as who asks may see them."""
    workflow = workflow_of(call)
    page = await call.cadenza.list_runs(
        workflow=workflow,
        status=("running", "waiting"),
        resource_id=call.principal.resource_id,
        limit=None,
    )
    for row in page.runs:
        try:
            await call.cadenza.engine.restart(workflow, row.id, None, NOTHING_ASKED, wait=False)
        except (RunAlive, RunNotActive):
            continue
    return {"message": "All active workflow runs restarted"}


async def cancel(call: Call[None, None]) -> Json:
    """Ask a run to stop. One that has ended stays as it is."""
    found = await run_of(call, call.path["run_id"])
    await call.cadenza.engine.cancel(found.workflow, found.row.id)
    return {"message": "Workflow run cancelled"}


async def _result(call: Call[Any, Any], found: Found, asked: Awaitable[Snapshot]) -> Json:
    snapshot = await asked
    graph = await call.cadenza.engine.graph(found.workflow, found.row.id, snapshot)
    return result_json(found.row.id, found.workflow, snapshot, graph)


async def _forget(found: Found, asked: Awaitable[Snapshot]) -> None:
    """Let it happen: these routes say that it was asked for, whatever becomes of it."""
    try:
        await asked
    except CadenzaError as error:
        _log.warning("run %s: %s", found.row.id, error)
