"""What a process of these tests runs: an app, and a loop that does what it is told.

`python -m tests.torture.program NAME STORE`: reads lines of JSON, `{"do": name of a function here, ...}`, and answers each with a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from time import monotonic_ns
from typing import Any

from cadenza import Cadenza, CadenzaError, Run, WorkflowResult
from cadenza.errors import AlreadyAnswered, RunNotActive, RunNotFound

from .side_file import say
from .workflows import ANSWER, WORKFLOWS, gate


class Program:
    """The process, as what it is told sees it."""

    def __init__(self, name: str, app: Cadenza, lines: asyncio.StreamReader) -> None:
        self.name = name
        self.app = app
        self._lines = lines
        self._begun: dict[str, asyncio.Task[dict[str, Any]]] = {}

    async def obey(self) -> None:
        """Do what comes, until the pipe is closed or `end` comes."""
        while line := await self._lines.readline():
            told = json.loads(line)
            do = told.pop("do")
            if do == "end":
                return
            if do == "exit":
                os._exit(0)  # nothing is closed
            method: Callable[..., Awaitable[dict[str, Any]]] = getattr(self, do)
            try:
                answer = await method(**told)
            except Exception:
                answer = {"broken": traceback.format_exc()}
            _answer(answer)

    async def hello(self) -> dict[str, Any]:
        return {"name": self.name}

    # ------------------------------------------------------------------ one run

    async def start(self, workflow: str, run: str, input: Any) -> dict[str, Any]:
        handle = await self.app.workflow(workflow).create_run(run)
        return await _outcome(handle.start(input_data=input))

    async def begin_start(self, workflow: str, run: str, input: Any) -> dict[str, Any]:
        """Start a run and do not wait for it; `finish` does."""
        self._begun[run] = asyncio.create_task(self.start(workflow, run, input))
        return {}

    async def begin_resume(self, run: str, step: str, data: Any) -> dict[str, Any]:
        """Answer and do not wait for the run; `finish` does."""
        handle = await self.app.get_run(run)
        self._begun[run] = asyncio.create_task(_outcome(handle.resume(step=step, resume_data=data)))
        return {}

    async def finish(self, run: str) -> dict[str, Any]:
        return await self._begun.pop(run)

    async def open_gate(self) -> dict[str, Any]:
        for event in gate:
            event.set()
        return {}

    async def on_word(self, run: str, call: str, **arguments: Any) -> dict[str, Any]:
        """Call a method of a run when the word is given: all is prepared before, so that processes go off together."""
        handle = await self.app.get_run(run)
        if call == "resume":
            arguments["actor"] = self.name
        _answer({"ready": True})
        await self._lines.readline()
        begun = monotonic_ns()
        outcome = await _outcome(getattr(handle, call)(**arguments))
        return {**outcome, "begun": begun, "ended": monotonic_ns()}

    # ------------------------------------------------------------------ many runs

    async def flood(self, plan: list[tuple[str, str, int, bool]]) -> dict[str, Any]:
        """Start every run of *plan* (workflow, run id, input, whether its questions are answered here) at once."""
        runs = [await self.app.workflow(kind).create_run(run) for kind, run, _, _ in plan]
        async with asyncio.TaskGroup() as group:
            for run, (_, _, n, answers) in zip(runs, plan, strict=True):
                group.create_task(_play(run, run.start(input_data=n), answers=answers))
        return {"runs": len(runs)}

    async def recover(self, plan: list[tuple[str, str, int, bool]]) -> dict[str, Any]:
        """Take up what a dead process left of *plan*, all at once, and bring it to its end."""
        async with asyncio.TaskGroup() as group:
            for kind, run, n, _ in plan:
                group.create_task(self._take_up(kind, run, n))
        return {"runs": len(plan)}

    async def answer_all(self, plan: list[tuple[str, str, int, bool]]) -> dict[str, Any]:
        """When the word is given, bring all runs of *plan* to their end, in a race with another process that does the same.

        Says how many answers of this process were taken and how many were not.
        """
        runs = [await self.app.get_run(run) for _, run, _, _ in plan]
        _answer({"ready": True})
        await self._lines.readline()
        counts = {"taken": 0, "refused": 0}
        async with asyncio.TaskGroup() as group:
            for run in runs:
                group.create_task(_race(run, counts))
        return counts

    async def _take_up(self, kind: str, run_id: str, n: int) -> None:
        try:
            run = await self.app.get_run(run_id)
        except RunNotFound:
            run = await self.app.workflow(kind).create_run(run_id)
        now = await run.get_state()
        if now.status == "pending":
            await _play(run, run.start(input_data=n), answers=True)
        elif now.status not in {"success", "failed"}:
            await _play(run, _restarted(run), answers=True)


async def _restarted(run: Run[Any]) -> WorkflowResult[Any]:
    try:
        return await run.restart()
    except RunNotActive as error:
        # It waits for people only: nothing was under way.
        if error.status != "suspended":
            raise
        return await run.get_state()


async def _play(run: Run[Any], call: Awaitable[WorkflowResult[Any]], *, answers: bool) -> None:
    result = await call
    say("told", run.id, detail=result.status)
    while answers and result.status == "suspended":
        for suspension in result.suspensions:
            result = await run.resume(step=suspension, resume_data=ANSWER)
            say("answered", run.id, detail=suspension.id)
            say("told", run.id, detail=result.status)


async def _race(run: Run[Any], counts: dict[str, int]) -> None:
    result = await run.get_state()
    while result.status == "suspended":
        for suspension in result.suspensions:
            try:
                result = await run.resume(step=suspension, resume_data=ANSWER)
                counts["taken"] += 1
            except AlreadyAnswered:
                counts["refused"] += 1
        result = await run.get_state()


async def _outcome(call: Awaitable[WorkflowResult[Any] | bool]) -> dict[str, Any]:
    try:
        result = await call
    except CadenzaError as error:
        return {"error": type(error).__name__, "message": str(error), "actor": getattr(error, "actor", None)}
    if isinstance(result, bool):
        return {"result": result}
    return {
        "status": result.status,
        "result": result.result if result.status == "success" else None,
        "suspended": result.suspended if result.status == "suspended" else [],
    }


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def _main(name: str, store: str) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer
    )
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        await Program(name, app, lines).obey()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
