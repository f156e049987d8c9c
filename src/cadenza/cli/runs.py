"""`cadenza runs`: looking at runs, and what may be done to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from ..errors import RunNotFound
from .given import JSON_HELP, moment, read_json
from .out import brief, confirmed, document, hint, local, one_or_many, paint, record, say, span, table
from .report import tell_result
from .shapes import closing_json, plain_json, result_json, run_json
from .target import HERE, Where, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..app import Cadenza
    from ..history.result import StepResult, WorkflowResult
    from ..store.base import RunRow

# The same as `cadenza.history.record.RunStatus`, which would take its time to load.
Status = Literal["pending", "running", "waiting", "suspended", "success", "failed", "canceled", "held"]
RunId = Annotated[str, Parameter(help="The id of the run.")]

runs = App(name="runs", help="Look at runs, and cancel, restart or remove them.")


@runs.command
async def ls(
    *,
    status: Annotated[list[Status] | None, Parameter(help="Only these; may be given several times.")] = None,
    workflow: Annotated[str | None, Parameter(help="Only runs of this workflow.")] = None,
    resource: Annotated[str | None, Parameter(help="Only runs for this resource.")] = None,
    since: Annotated[str | None, Parameter(help="Only runs made since then: 2d, 2026-01-31.")] = None,
    limit: Annotated[int, Parameter(help="At most so many.")] = 20,
    watch: Annotated[bool, Parameter(help="Go on printing what changes; with --json a line each.")] = False,
    where: Where = HERE,
) -> None:
    """List runs, newest first."""
    async with opened(where, code=False) as app:
        criteria: dict[str, Any] = {
            "workflow": workflow,
            "status": status,
            "resource_id": resource,
            "created_from": None if since is None else moment(since, "--since", app.clock.now(), back=True),
            "limit": limit,
        }
        if watch:
            await _watch(app, criteria, where)
        page = await app.list_runs(**criteria)
        if where.json:
            document({"runs": [run_json(row) for row in page.runs], "total": page.total})
            return
        table(("run", "workflow", "status", "created", "last change"), [_cells(row) for row in page.runs])
        if page.total > len(page.runs):
            hint(f"{len(page.runs)} of {page.total} runs; --limit {page.total} shows all")


def _cells(row: RunRow) -> tuple[str, ...]:
    return row.id, row.workflow, row.status, local(row.created_at), f"{span(row.updated_at)} ago"


async def _watch(app: Cadenza, criteria: dict[str, Any], where: Where) -> None:
    """Print each run once, oldest first, and again whenever it has changed, until interrupted."""
    seen: dict[str, RunRow] = {}
    while True:
        page = await app.list_runs(**criteria)
        for row in reversed(page.runs):
            if seen.get(row.id) == row:
                continue
            if where.json:
                record(run_json(row))
            elif row.id not in seen or seen[row.id].status != row.status:
                say(f"{local(row.updated_at)}  {row.id}  {row.workflow}  {paint(row.status)}")
        seen = {row.id: row for row in page.runs}
        await app.store.changed(1.0)


@runs.command
async def show(run: RunId, /, *, where: Where = HERE) -> None:
    """Show a run: its steps, its open questions, and how earlier ones were closed."""
    async with opened(where, code=False) as app:
        row, result = await _state(app, run)
        closings = await app.inbox.history(run)
    if where.json:
        found = result_json(result) | {"run": run_json(row)}
        document(found | {"history": [closing_json(closing) for closing in closings]})
        return
    say(f"made {local(row.created_at)}, last change {local(row.updated_at)}")
    if row.resource:
        say(f"for {row.resource}")
    say(f"input: {brief(result.input, 1000)}")
    tell_result(result, where)
    say()
    table(("step", "status", "tries", "took", "output"), list(_steps(result.steps, "")))
    if closings:
        say()
        table(
            ("question", "became", "by", "when", "answer"),
            [
                (
                    closing.key or ".".join(str(part) for part in closing.path),
                    closing.became,
                    closing.actor or closing.via or "",
                    local(closing.at),
                    brief(closing.reason or closing.data),
                )
                for closing in closings
            ],
        )


async def _state(app: Cadenza, run_id: str) -> tuple[RunRow, WorkflowResult[Any]]:
    """The run as it is kept: its workflow need not be there."""
    from ..history.result import OutputOptions, result_of
    from ..history.snapshot import fold

    stored = await app.store.load(run_id)
    if stored is None:
        raise RunNotFound(run_id)
    snapshot = fold(stored.entries)
    return stored.run, result_of(run_id, stored.run.workflow, snapshot, OutputOptions())


def _steps(steps: dict[str, StepResult], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, step in steps.items():
        yield _step(f"{prefix}{name}", step)
        for number, item in enumerate(step.items or []):
            yield _step(f"{prefix}{name}[{number}]", item)
            yield from _steps(item.steps or {}, f"{prefix}{name}[{number}].")


def _step(name: str, step: StepResult) -> tuple[str, ...]:
    took = span(step.started_at, step.ended_at) if step.started_at and step.ended_at else ""
    came = f"{step.error.name}: {step.error.message}" if step.error is not None else brief(step.output)
    return name, step.status, str(step.attempt + 1), took, came


@runs.command
async def explain(run: RunId, /, *, where: Where = HERE) -> None:
    """Say why a run stands where it does, and what happens next."""
    async with opened(where) as app:
        found = await (await app.get_run(run)).explain()
    if where.json:
        document(plain_json(found))
    else:
        say(str(found))


@runs.command
async def cancel(run: RunId, /, *, where: Where = HERE) -> int:
    """Ask a run to stop. Its open questions are closed."""
    async with opened(where) as app:
        done = await (await app.get_run(run)).cancel()
        row = await app.store.row(run)
    status = row.status if row is not None else "gone"
    if where.json:
        document({"run_id": run, "canceled": done, "status": status})
    elif done:
        say(f"run {run} is to stop; it is {paint(status)}")
    else:
        hint(f"run {run} has ended before, it is {status}; nothing was done")
    return 0 if done else 2


@runs.command
async def restart(run: RunId, /, *, where: Where = HERE) -> int:
    """Take up a run whose process has died, and follow it."""
    async with opened(where) as app:
        return tell_result(await (await app.get_run(run)).restart(), where)


@runs.command
async def time_travel(
    run: RunId,
    step: Annotated[str, Parameter(help="Where to go on: review, nested.approve, review[2].")],
    /,
    *,
    input: Annotated[
        str | None,
        Parameter(
            name=["--input", "-i"], allow_leading_hyphen=True, help=f"Another input for it: {JSON_HELP}"
        ),
    ] = None,
    data: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help=f"What it is resumed with: {JSON_HELP}")
    ] = None,
    where: Where = HERE,
) -> int:
    """Take a run back to a step and on from there, with today's code. What came after is forgotten."""
    given: dict[str, Any] = {}
    if input is not None:
        given["input_data"] = read_json(input, "-i")
    if data is not None:
        given["resume_data"] = read_json(data, "--data")
    async with opened(where) as app:
        return tell_result(await (await app.get_run(run)).time_travel(step=step, **given), where)


@runs.command
async def rm(
    run: Annotated[list[str], Parameter(help="The ids of the runs.")],
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask.")] = False,
    where: Where = HERE,
) -> int:
    """Remove runs with their journals and questions, for good."""
    async with opened(where, code=False) as app:
        told = []
        for run_id in run:
            row = await app.store.row(run_id)
            if row is None:
                raise RunNotFound(run_id)
            told.append(f"  {row.id}  {row.workflow}  {row.status}  {local(row.created_at)}")
        if not yes and not confirmed(f"removing {one_or_many(len(run), 'run')}", of=told):
            return 2
        for run_id in run:
            await app.delete_run(run_id)
    if where.json:
        document({"removed": run})
    else:
        say(f"removed {one_or_many(len(run), 'run')}")
    return 0
