"""Random graphs with random answers, on the local engine and on Temporal: what can be told of them must be equal.

python -m tests.temporal.fuzz [GRAPHS] [SEED]
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from random import Random
from typing import Any

from temporalio.client import Client

from cadenza import Cadenza, StepContext
from cadenza.engine.temporal import TemporalEngine, WorkerOptions
from cadenza.history.codec import entry_to_json

from ..properties.test_random_graphs import Builder, Path, Plan
from .server import server

_HOWS = ["done", "done", "done", "ask", "ask", "ask", "fail", "bail", "ask_fail", "ask_bail"]
_AT_ONCE = 8


def random_graph(random: Random) -> tuple[Plan, ...]:
    """A graph of up to four nodes, three deep."""
    return tuple(_node(random, 2) for _ in range(random.randint(1, 4)))


def _node(random: Random, depth: int) -> Plan:
    if depth == 0 or random.random() < 0.35:
        return ("step", random.choice(_HOWS))
    inner = [_node(random, depth - 1) for _ in range(random.randint(1, 3))]
    match random.choice(["nested", "parallel", "branch", "loop", "foreach"]):
        case "nested":
            return ("nested", tuple(inner))
        case "parallel":
            return ("parallel", tuple(inner))
        case "branch":
            return ("branch", tuple((random.random() < 0.6, node) for node in inner))
        case "loop":
            return ("loop", inner[0], random.randint(1, 3))
        case _:
            return ("foreach", inner[0], random.randint(0, 3), random.choice([1, 100]))


class StatefulBuilder(Builder):
    """A builder whose steps set a key of the state, each its own."""

    def _function(self, how: str) -> Any:
        inner = super()._function(how)

        async def run(value: Any, ctx: StepContext) -> Any:
            ctx.set_state({str(ctx.path): ctx.retry_count})
            return await inner(value, ctx)

        return run


@dataclass
class Told:
    """What can be told of a run: the results at its rests, and its entries by place."""

    rests: list[Any] = field(default_factory=list)
    places: dict[str, list[Any]] = field(default_factory=dict)


async def play(app: Cadenza, workflow: str, seed: int) -> Told:
    """One run, answered until it ends, in an order that *seed* says."""
    random = Random(seed)
    told = Told()
    run = await app.workflow(workflow).create_run(f"run-{workflow}")
    result: Any = await run.start(input_data=0, output_options={"include_state": True})
    while True:
        told.rests.append(_rest(result))
        if result.status != "suspended":
            break
        row = random.choice(sorted(result.suspensions, key=lambda row: str(row.path)))
        answer = {"suspension_id": row.id, "resume_data": random.randint(0, 9)}
        result = await run.resume(**answer, output_options={"include_state": True})
    for entry in await app.store.entries(run.id):
        path = getattr(entry.event, "path", None)
        if path is not None:
            told.places.setdefault(str(path), []).append(_timeless(entry_to_json(entry)))
    return told


def _rest(result: Any) -> Any:
    waiting: list[Path] = [row.path for row in getattr(result, "suspensions", ())]
    error = getattr(result, "error", None)
    return {
        "status": result.status,
        "result": getattr(result, "result", None),
        "error": (error.name, error.message) if error is not None else None,
        "waiting": sorted(map(str, waiting)),
        "state": dict(sorted(result.state.items())),
    }


def _timeless(entry: Any) -> Any:
    if isinstance(entry, dict):
        gone = {"at", "opened_at", "until", "deadline", "due_at", "trace", "suspension_id", "id", "run_id"}
        return {key: _timeless(value) for key, value in entry.items() if key not in gone}
    return [_timeless(item) for item in entry] if isinstance(entry, list | tuple) else entry


async def differences(client: Client, graphs: int, seed: int) -> list[str]:
    """Play so many random graphs on both engines; what differs."""
    random = Random(seed)
    plans = {f"wf{number}": random_graph(random) for number in range(graphs)}
    seeds = {name: random.randint(0, 2**32) for name in plans}
    engine = TemporalEngine(client, task_queue=f"fuzz-{seed}", options=WorkerOptions(cached=0))
    room = asyncio.Semaphore(_AT_ONCE)

    def app(engine: TemporalEngine | None) -> Cadenza:
        workflows = [StatefulBuilder().workflow(plan, name) for name, plan in plans.items()]
        return Cadenza(store="memory://", workflows=workflows, engine=engine)

    async with app(None) as local, app(engine) as remote:

        async def one(name: str) -> list[str]:
            async with room, asyncio.timeout(120):
                here = await play(local, name, seeds[name])
                there = await play(remote, name, seeds[name])
            if here == there:
                return []
            return [f"{name} (seed {seed}): {plans[name]}\n  local    {here}\n  temporal {there}"]

        found = await asyncio.gather(*map(one, plans))
    return [line for lines in found for line in lines]


async def _main() -> int:
    graphs, seed = (
        (int(arg) for arg in [*sys.argv[1:], "150", "1"][:2])
        if len(sys.argv) < 3
        else map(int, sys.argv[1:3])
    )
    async with server() as client:
        found = await differences(client, graphs, seed)
    print("\n".join(found))  # noqa: T201
    print(f"{graphs} graphs, {len(found)} differences")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
