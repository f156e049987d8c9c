"""Cadenza under the same workloads and the same command line as the floor. Everything goes through the public API."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import harness
from typing_extensions import TypedDict

from cadenza import Cadenza, Step, StepContext, Workflow, step

args = harness.arguments("cadenza")
SUSPENDED = harness.STORES / "cadenza_w4.db"
NOTES = {
    "memory": "store in memory",
    "sqlite": "SQLite WAL synchronous=FULL, group commit in a writer thread, every step",
    "postgres": "PostgreSQL, one statement per commit, synchronous_commit=on, every step",
}


class Small(TypedDict):
    n: int


class Big(TypedDict):
    n: int
    data: str


class Approval(TypedDict):
    ok: bool


@step
async def one(value: Small) -> Small:
    return {"n": value["n"] + 1}


@step(resume_schema=Approval)
async def two(value: Small, ctx: StepContext) -> Small:
    if ctx.resume_data is None:
        ctx.suspend({"need": "approval"})
    assert ctx.resume_data["ok"] is True
    return {"n": value["n"] + 1}


@step
async def three(value: Small) -> Small:
    return {"n": value["n"] + 1}


APPROVAL = Workflow("approval", input=Small, output=Small).then(one).then(two).then(three).commit()


def small_step(i: int) -> Step[Small, Small]:
    async def small(value: Small) -> Small:
        return {"n": value["n"] + 1}

    return Step(small, id=f"small-{i}")


def big_step(i: int) -> Step[Big, Big]:
    async def big(value: Big) -> Big:
        return {"n": value["n"] + 1, "data": harness.payload(value["n"] + 1)}

    return Step(big, id=f"big-{i}")


def chain(kind: type, make: Callable[[int], Step[Any, Any]]) -> Workflow[Any, Any]:
    """`--n` different steps, one after another."""
    workflow: Workflow[Any, Any] = Workflow("chain", input=kind, output=kind)
    for i in range(args.n):
        workflow = workflow.then(make(i))
    return workflow.commit()


# ------------------------------------------------------------------ the workloads


async def run_to_end(app: Cadenza, workflow: Workflow[Any, Any], value: Any) -> Any:
    run = await app.workflow(workflow).create_run()
    result = await run.start(input_data=value)
    assert result.status == "success", result
    return result.result


async def suspend_one(app: Cadenza, run_id: str) -> None:
    run = await app.workflow(APPROVAL).create_run(run_id=run_id)
    result = await run.start(input_data={"n": 0})
    assert result.status == "suspended", result


async def steps(app: Cadenza) -> list[harness.Rep]:
    app.register(workflow := chain(Small, small_step))

    async def once() -> None:
        assert (await run_to_end(app, workflow, {"n": 0}))["n"] == args.n

    return await harness.timed(args, once, args.n, "us_per_step")


async def answers(app: Cadenza) -> list[harness.Rep]:
    run_ids = (f"r{i}" for i in itertools.count(1))

    async def round_trip() -> None:
        run = await app.workflow(APPROVAL).create_run(run_id=next(run_ids))
        result = await run.start(input_data={"n": 0})
        assert result.status == "suspended", result
        result = await run.resume(resume_data={"ok": True})
        assert result.status == "success", result
        assert result.result["n"] == 3

    return await harness.round_trips(args, round_trip)


async def old_runs(app: Cadenza) -> list[harness.Rep]:
    async def resume(run_id: str) -> None:
        run = await app.get_run(run_id)
        result = await run.resume(resume_data={"ok": True})
        assert result.status == "success", result
        assert result.result["n"] == 3

    return [await harness.resumes(args, [f"run-{i}" for i in range(harness.SUSPENDED_RUNS)], resume)]


async def items(app: Cadenza) -> list[harness.Rep]:
    if "parallel" in args.variant:
        count, given = 50, {"n": 1}
        members = [small_step(i) for i in range(count)]
        workflow: Workflow[Any, Any] = Workflow("parallel", input=Small).parallel(members).commit()
        expected: Any = {member.id: {"n": 2} for member in members}
    else:
        count, given = 1000, [{"n": i} for i in range(1000)]
        workflow = Workflow("foreach", input=list[Small]).foreach(one, concurrency=100).commit()
        expected = [{"n": i + 1} for i in range(count)]
    app.register(workflow)

    async def once() -> None:
        assert await run_to_end(app, workflow, given) == expected

    return await harness.timed(args, once, count, "us_per_item")


async def big_outputs(app: Cadenza, database: Path | None) -> list[harness.Rep]:
    app.register(workflow := chain(Big, big_step))

    async def once() -> None:
        await run_to_end(app, workflow, {"n": 0, "data": harness.payload(0)})

    return [await harness.written(args, once, database)]


async def memory(app: Cadenza) -> list[harness.Rep]:
    return [await harness.growth(args, lambda run_id: suspend_one(app, run_id))]


def imported() -> list[harness.Rep]:
    """What `import cadenza` adds to the start of Python."""

    def took(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return (time.perf_counter() - began) * 1e3

    took("import cadenza")
    pairs = [(took("import cadenza"), took("pass")) for _ in range(5)]
    return [{"import_ms": statistics.median(one - none for one, none in pairs)}]


# ------------------------------------------------------------------ the program


async def measure(app: Cadenza, database: Path | None) -> list[harness.Rep]:
    match args.workload:
        case "W1" | "W2":
            return await steps(app)
        case "W3":
            return await answers(app)
        case "W4":
            return await old_runs(app)
        case "W5":
            return await items(app)
        case "W6":
            return await big_outputs(app, database)
        case _:
            return await memory(app)


def open_app(store: str | None) -> Cadenza:
    # The worker looks for work that other processes left; here there is none.
    return Cadenza(store=store, workflows=[APPROVAL], worker=False)


async def prepare(store: str) -> None:
    """Fill the store that W4 takes copies of."""
    async with open_app(store) as app:
        for first in range(0, harness.SUSPENDED_RUNS, 500):
            await asyncio.gather(*(suspend_one(app, f"run-{i}") for i in range(first, first + 500)))


async def run(store: str | None, database: Path | None = None) -> None:
    began = time.perf_counter()
    async with open_app(store) as app:
        open_ms = (time.perf_counter() - began) * 1e3
        reps = await measure(app, database)
    if args.workload == "W4":
        reps = [{**rep, "open_ms": open_ms} for rep in reps]
    harness.emit(args, version("cadenza"), reps, NOTES[args.store])


def main() -> None:
    match args.store:
        case "postgres":
            work = prepare if args.prepare else run
            harness.on_database(args, "cadenza_w4", lambda url: asyncio.run(work(url)))
        case "sqlite" if args.prepare:
            harness.STORES.mkdir(exist_ok=True)
            harness.remove(SUSPENDED)
            asyncio.run(prepare(f"sqlite:///{SUSPENDED}"))
            print(json.dumps({"prepared": harness.SUSPENDED_RUNS, "bytes": harness.size(SUSPENDED)}))
        case "sqlite":
            database = harness.new_file()
            if args.workload == "W4":
                shutil.copy(SUSPENDED, database)
            asyncio.run(run(f"sqlite:///{database}", database))
            harness.remove(database)
        case _ if args.workload == "W7" and args.variant == "import":
            harness.emit(args, version("cadenza"), imported())
        case _:
            asyncio.run(run(None))


main()
