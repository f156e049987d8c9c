"""W8: round trips on Temporal, ours beside a workflow written by hand, on one development server that keeps all in memory.

Both: a step, a step that asks and takes the answer, a step. The one by hand calls an activity where a step's code runs:
once to ask and once with the answer; `--variant lean` keeps the question in the workflow, which then knows what it asks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4  # noqa: TID251  queues and runs that no other process has

from temporalio import activity, workflow
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.engine.temporal import TemporalEngine

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.temporal.server import connect, running

PORT = "CADENZA_BENCH_TEMPORAL"
_LONG = timedelta(seconds=60)


@activity.defn
async def inc(value: dict[str, int]) -> dict[str, int]:
    return {"n": value["n"] + 1}


@activity.defn
async def ask(value: dict[str, int]) -> dict[str, str]:
    return {"need": "approval"}


@workflow.defn
class ByHand:
    """What somebody would write who has Temporal alone."""

    def __init__(self) -> None:
        self.question: Any = None
        self.data: Any = None

    @workflow.run
    async def run(self, given: dict[str, Any]) -> dict[str, int]:
        value = await workflow.execute_activity(inc, given["value"], start_to_close_timeout=_LONG)
        if given["lean"]:
            self.question = {"need": "approval"}
        else:
            self.question = await workflow.execute_activity(ask, value, start_to_close_timeout=_LONG)
        await workflow.wait_condition(lambda: self.data is not None)
        if given["lean"]:
            value = {"n": value["n"] + 1}
        else:
            value = await workflow.execute_activity(inc, value, start_to_close_timeout=_LONG)
        return await workflow.execute_activity(inc, value, start_to_close_timeout=_LONG)

    @workflow.update
    async def wait_suspended(self) -> Any:
        await workflow.wait_condition(lambda: self.question is not None)
        return self.question

    @workflow.update
    async def resume(self, data: Any) -> None:
        self.data = data


@step
async def first(value: dict[str, int]) -> dict[str, int]:
    return {"n": value["n"] + 1}


@step
async def approve(value: dict[str, int], ctx: StepContext) -> dict[str, int]:
    await ctx.ask(dict, question={"need": "approval"})
    return {"n": value["n"] + 1}


last = first.clone(id="last")
FLOW = Workflow("w8").then(first).then(approve).then(last).commit()


@contextmanager
def server() -> Any:
    """A server for the processes that are begun inside."""
    with running() as port:
        os.environ[PORT] = str(port)
        yield


async def by_hand(client: Client, *, lean: bool) -> Callable[[], Awaitable[None]]:
    queue = uuid4().hex
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[ByHand],
        activities=[inc, ask],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    asyncio.get_running_loop().create_task(worker.run()).add_done_callback(lambda _: None)

    async def trip() -> None:
        operation: Any = WithStartWorkflowOperation(
            ByHand.run,
            {"value": {"n": 0}, "lean": lean},
            id=uuid4().hex,
            task_queue=queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
        question = await client.execute_update_with_start_workflow(
            ByHand.wait_suspended, start_workflow_operation=operation
        )
        assert question == {"need": "approval"}
        handle = await operation.workflow_handle()
        await handle.execute_update(ByHand.resume, {"ok": True})
        assert (await handle.result())["n"] == 3

    return trip


async def ours(client: Client) -> Callable[[], Awaitable[None]]:
    store = f"sqlite:///{tempfile.mkdtemp()}/runs.db"
    app = Cadenza(store=store, workflows=[FLOW], engine=TemporalEngine(client, task_queue=uuid4().hex))
    await app.__aenter__()

    async def trip() -> None:
        run = await app.workflow(FLOW).create_run()
        result: Any = await run.start(input_data={"n": 0})
        assert result.suspensions[0].payload == {"need": "approval"}
        result = await run.resume(resume_data={"ok": True})
        assert result.result == {"n": 3}

    return trip


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", choices=["cadenza", "floor"], required=True)
    parser.add_argument("--variant", choices=["lean"])
    parser.add_argument("--trips", type=int, default=60)
    given, _ = parser.parse_known_args()
    client = await connect(int(os.environ[PORT]))
    trip = await (ours(client) if given.peer == "cadenza" else by_hand(client, lean=given.variant == "lean"))
    for _ in range(10):
        await trip()
    took = []
    for _ in range(given.trips):
        began = time.perf_counter()
        await trip()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    print(json.dumps({"metrics": {"p50_ms": took[len(took) // 2]}}), flush=True)
    # Past the SDK, which may abort an interpreter that ends at once.
    os._exit(0)


if __name__ == "__main__":
    if PORT not in os.environ:
        with server():
            sys.exit(subprocess.run([sys.executable, *sys.argv], check=False).returncode)
    asyncio.run(main())
