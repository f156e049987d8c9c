"""Calling the user's code that a graph names."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from ..clock import Clock
from ..errors import CadenzaError, InvalidStepInput, RunHeld
from ..execution import logs
from ..execution.effects import Call, Done, Failed, Outcome, Question
from ..execution.failure import failure_of
from ..execution.invoke import invoke
from ..execution.mapping import RunValues
from ..execution.run_once import AnswerOutdated, type_name
from ..execution.world import AbortSignal, World
from ..history import event as ev
from ..model.members import Code
from ..model.path import Path, ids, show
from ..model.values import Json, plain
from ..model.workflow import Workflow
from ..tracing.leg import Leg
from .results import make_scope


class UserCode:
    """Today's code of a workflow, called for one run.

    Raises `RunHeld` where the code that the run needs is not there, or no longer fits what was answered.
    """

    __slots__ = ("_clock", "_leg", "_workflow", "_world", "running")

    def __init__(self, workflow: Workflow[Any, Any], world: World, clock: Clock, leg: Leg) -> None:
        self._workflow = workflow
        self._leg = leg
        self._world = world
        self._clock = clock
        # How many calls of user code are under way.
        self.running = 0

    def find(self, path: Path) -> Code:
        """The step at *path*."""
        code = self._workflow.code(ids(path))
        if code is None:
            raise RunHeld(self._world.run_id, f"today's code has no step at {show(ids(path))}")
        return code

    def event_schema(self, path: Path, event: str) -> tuple[Json, str | None]:
        """What *event*, which is waited for at *path*, brings: its JSON Schema, None for anything, and the name of its type."""
        found = self._workflow.brings(ids(path), event)
        if len(found) != 1:
            raise RunHeld(
                self._world.run_id,
                f"today's code has {len(found) or 'no'} waits for the event {event!r} that could be that at {show(ids(path))}",
            )
        [schema] = found
        return (None, None) if schema.anything else (schema.describe(), type_name(schema.type))

    async def attempt(self, call: Call, code: Code) -> Outcome:
        """Call the step once."""
        token = logs.place.set((self._world.run_id, code.workflow.id, call.path))
        seen = self._leg.attempt(call, call.record.attempt) if self._leg.on else None
        outcome: Outcome | None = None
        running = invoke(call, code, self._world, now=self._clock.now, attempt=call.record.attempt)
        self.running += 1
        try:
            if code.step.interrupt and code.step.is_async:
                outcome = await _interruptible(running, self._world.signal)
            else:
                outcome = await running
        except AnswerOutdated as outdated:
            raise RunHeld(self._world.run_id, str(outdated)) from outdated
        else:
            return outcome
        finally:
            self.running -= 1
            if seen is not None:
                self._leg.attempt_over(seen, outcome, sys.exception())
            logs.place.reset(token)

    async def enter(self, path: Path, value: Json) -> Done | Failed:
        """*value* as the input type of the nested workflow at *path* reads it."""
        nested = self._workflow.nested(ids(path))
        if nested is None:
            raise RunHeld(self._world.run_id, f"today's code has no workflow at {show(ids(path))}")
        if nested.input.anything or not self._workflow.validates(ids(path)):
            return Done(output=value, patch=ev.NO_PATCH)
        try:
            parsed = nested.input.check(value, InvalidStepInput, f"workflow {show(path)}")
        except CadenzaError as error:
            return Failed(error=failure_of(error))
        return Done(output=parsed, patch=ev.NO_PATCH, read=() if parsed == value else (parsed,))

    async def evaluate(self, question: Question) -> list[Json] | ev.Failure:
        """What the functions gave, as JSON, in order; or the first failure."""
        values = RunValues(question.run, question.scope)
        results: list[Json] = []
        for name in question.names:
            function = self._workflow.function(ids(question.scope), name)
            if function is None:
                where = show(ids(question.scope)) or self._world.workflow_id
                raise RunHeld(
                    self._world.run_id, f"today's code of {where} has no function found as {name!r}"
                )
            try:
                found = function(make_scope(question, values, self._world))
                if inspect.isawaitable(found):
                    self.running += 1
                    try:
                        found = await found
                    finally:
                        self.running -= 1
                results.append(_as_json(found, f"{name} of {show(question.path)}"))
            except (Exception, SystemExit) as error:
                return failure_of(error)
        return results


def _as_json(found: Any, where: str) -> Json:
    if isinstance(found, timedelta):
        return found.total_seconds()
    if isinstance(found, datetime):
        return found.isoformat()
    return plain(found, where)


async def _interruptible(running: Coroutine[Any, Any, Outcome], signal: AbortSignal) -> Outcome:
    """Run a step that wants to be interrupted: `CancelledError` is thrown into it when the run is to stop."""
    task: asyncio.Task[Outcome] = asyncio.ensure_future(_absorbing(running))
    stopping = asyncio.ensure_future(signal.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        return await task
    finally:
        stopping.cancel()
        task.cancel()


async def _absorbing(running: Coroutine[Any, Any, Outcome]) -> Outcome:
    try:
        outcome = await running
    except asyncio.CancelledError as error:
        return Failed(error=failure_of(error))
    return outcome
