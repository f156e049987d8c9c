"""The activities: the one place where a run on Temporal calls user code."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from ...clock import Clock
from ...errors import RunHeld, ValueTooLarge
from ...execution.effects import Again, Call, Failed, Question
from ...execution.failure import failure_of, pause_after
from ...execution.run_once import new_id
from ...execution.tracing_context import TracingContext
from ...execution.world import AbortSignal
from ...history.codec import failure_to_json, suspension_from_json
from ...history.snapshot import Snapshot
from ...model.path import Path, show
from ...model.path import from_json as path_of
from ...model.values import Json
from ...model.workflow import Workflow
from ...store.base import RunRow, Store
from ...tracing.leg import Telemetry, leg_of
from ..base import Registry
from ..code import UserCode
from ..events import take_kept_event
from ..feed import Feed
from ..hooks import Hooks
from .messages import ASK, MIRROR, OFFER, STEP, carried, outcome_to_json
from .mirror import Mirror, NotYet

# How long, in seconds, a step waits for what led to it to be in the store, before Temporal tries again.
_PATIENCE = 5.0


@dataclass(slots=True, kw_only=True)
class Home:
    """What workers of one task queue in this process share."""

    store: Store
    clock: Clock
    feed: Feed
    hooks: Hooks
    mirror: Mirror
    workflows: Registry
    secret_keys: frozenset[str]
    value_limit: int
    telemetry: Telemetry
    # Values of secret keys, by run: they never leave this process.
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Steps that run here now, by run: they hear at once where the run is to stop.
    running: dict[str, list[AbortSignal]] = field(default_factory=dict)
    # How a step reaches its own run.
    signal: Callable[[str, str, Json], Awaitable[None]]
    remembered: Callable[[str, Path], Awaitable[Mapping[str, Json]]]

    def stop(self, run_id: str) -> None:
        """Let the steps of the run that run here know that it is to stop."""
        for signal in self.running.get(run_id, ()):
            signal.set()


# Questions that workflows of this process ask of today's code, by a key that is in no history; and the homes of task queues.
# A local activity runs in the process of its workflow, so a call need not be put into words.
questions: dict[str, tuple[str, Any]] = {}
homes: dict[str, Home] = {}


class ActivityWorld:
    """One run, as a step that runs in an activity reaches it."""

    def __init__(
        self,
        home: Home,
        run: Mapping[str, Any],
        workflow: Workflow[Any, Any],
        snapshot: Snapshot,
        signal: AbortSignal,
    ) -> None:
        self.run_id: str = run["run"]
        self.workflow_id: str = run["workflow"]
        self.resource_id: str | None = run["resource"]
        self.secrets = home.secrets.setdefault(self.run_id, {}) if home.secret_keys else {}
        self.secret_keys, self.value_limit = home.secret_keys, home.value_limit
        self.signal = signal
        self.loop = asyncio.get_running_loop()
        self.tells_of_questions = home.hooks.wanted("suspended")
        now = home.clock.now()
        row = RunRow(
            id=self.run_id,
            workflow=self.workflow_id,
            engine="temporal",
            resource=self.resource_id,
            created_at=now,
            updated_at=now,
        )
        self.leg = leg_of(home.telemetry, workflow, row, snapshot, None)
        self.leg.join()
        self._home = home
        self._telling: list[asyncio.Task[None]] = []

    def tracing(self, path: Path) -> TracingContext:
        """What the step at *path* is shown of its trace."""
        return self.leg.context(path)

    async def remember(self, path: Path, key: str, value: Json) -> None:
        """Keep what `once` got; durable on return."""
        await self._home.signal(self.run_id, "remember", [list(path), key, value])

    def abort(self) -> None:
        """Cancel the run."""
        self.signal.set()
        self._telling.append(asyncio.ensure_future(self._home.signal(self.run_id, "abort", None)))

    def emit(self, path: Path, chunk: Json) -> None:
        """Show a chunk of a step's own to those who watch in this process."""
        self._home.feed.show(self.run_id, path, chunk)

    async def told(self) -> None:
        """Return when the run has heard everything."""
        await asyncio.gather(*self._telling)


class Activities:
    """What a worker runs for the workflows of one home."""

    def __init__(self, home: Home, heartbeat: timedelta) -> None:
        self._home = home
        self._pulse = heartbeat.total_seconds() / 4

    @activity.defn(name=MIRROR)
    async def mirror(self, given: Json) -> None:
        """Write parts of a run's history into the store."""
        await self._mirrored(given)

    @activity.defn(name=STEP)
    async def step(self, given: Json) -> Json:
        """One attempt of a step."""
        signal = AbortSignal()
        return await self._watched(self._attempted(given, signal), given["run"], signal)

    async def _attempted(self, given: Json, signal: AbortSignal) -> Json:
        await self._mirrored(given)
        path = path_of(given["path"])
        snapshot = await self._home.mirror.folded(given["run"])
        if path not in snapshot.records:
            raise ApplicationError("the run was removed from the store", non_retryable=True)
        if activity.info().attempt > 1:
            # The process died that ran it before: what it remembered may not be in the store yet.
            snapshot = copy(snapshot)
            kept = await self._home.remembered(given["run"], path)
            snapshot.remembered = {**snapshot.remembered, path: dict(kept)}
        try:
            workflow = self._workflow(given)
            world = ActivityWorld(self._home, given, workflow, snapshot, signal)
            code = UserCode(workflow, world, self._home.clock, world.leg)
            found = await _attempt(code, Call(path, snapshot.records[path], snapshot))
        except RunHeld as held:
            return {"held": held.reason}
        await world.told()
        try:
            return carried(found, f"what step {show(path)} gave")
        except ValueTooLarge as error:
            return outcome_to_json(Failed(error=failure_of(error)))

    async def _watched(self, running: Coroutine[Any, Any, Json], run_id: str, signal: AbortSignal) -> Json:
        """Await *running*, tell Temporal that it lives, and the step where the run is to stop."""
        signals = self._home.running.setdefault(run_id, [])
        signals.append(signal)
        work: asyncio.Task[Json] = asyncio.ensure_future(running)
        try:
            while not work.done():
                try:
                    await asyncio.wait({work}, timeout=self._pulse)
                    activity.heartbeat()
                except asyncio.CancelledError:
                    if activity.is_worker_shutdown():
                        raise
                    signal.set()
            return await work
        finally:
            work.cancel()
            signals.remove(signal)
            if not signals:
                self._home.running.pop(run_id, None)

    @activity.defn(name=OFFER)
    async def offer(self, given: Json) -> Json:
        """Give a wait an event that was kept, where one fits: its row as it is then, or None."""
        await self._mirrored(given)
        wait = suspension_from_json(given["suspension"])
        store, now = self._home.store, self._home.clock.now()
        with suppress(RunHeld):
            await take_kept_event(store, self._workflow(given), wait, now)
        row = await store.suspension(wait.id)
        if row is None or row.state != "answered":
            return None
        return {"data": row.answer, "actor": row.actor, "via": row.via}

    @activity.defn(name=ASK)
    async def ask(self, key: str, given: Json) -> Json:
        """A question of a workflow in this process: conditions, a nested workflow's input, what an event brings."""
        kind, asked = questions[key]
        try:
            workflow = self._workflow(given)
            world = ActivityWorld(self._home, given, workflow, Snapshot(), AbortSignal())
            code = UserCode(workflow, world, self._home.clock, world.leg)
            if kind == "evaluate":
                return await _evaluate(code, asked)
            if kind == "enter":
                return outcome_to_json(await code.enter(*asked))
            return [*code.event_schema(*asked), world.tells_of_questions, new_id()]
        except RunHeld as held:
            return {"held": held.reason}

    def _workflow(self, given: Json) -> Workflow[Any, Any]:
        workflow = self._home.workflows().get(given["workflow"])
        if workflow is None:
            raise RunHeld(given["run"], f"no workflow {given['workflow']!r} is registered with this worker")
        return workflow

    async def _mirrored(self, given: Json) -> None:
        mirror = self._home.mirror
        try:
            await mirror.apply(
                given["run"], given["parts"], need=given["need"], patience=_PATIENCE, tell=True
            )
        except NotYet:
            raise ApplicationError(
                "an earlier part of the run is not in the store yet", next_retry_delay=timedelta(seconds=1)
            ) from None


async def _attempt(code: UserCode, call: Call) -> Json:
    found = code.find(call.path)
    outcome = await code.attempt(call, found)
    attempt = call.record.attempt + 1
    pause = pause_after(outcome.error, found.retry, attempt) if isinstance(outcome, Failed) else None
    if not isinstance(outcome, Failed) or pause is None:
        return outcome_to_json(outcome)
    # The pause begins when the run hears of it.
    return outcome_to_json(Again(error=outcome.error, attempt=attempt, until=datetime.now(UTC)), pause)


async def _evaluate(code: UserCode, question: Question) -> Json:
    found = await code.evaluate(question)
    return {"values": found} if isinstance(found, list) else {"failure": failure_to_json(found)}


def frozen(run: Snapshot) -> Snapshot:
    """*run* for a reader in another thread: what the walk goes on to change is copied."""
    twin = copy(run)
    for name in ("state", "context", "records", "rounds", "remembered", "answers"):
        setattr(twin, name, dict(getattr(run, name)))
    return twin
