"""Cadenza: what a program holds. The registry of workflows, the store and the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, Self, TypeVar, overload

from .clock import Clock, SystemClock, WatchingClock, default_clock
from .engine.base import AttachableEngine, Attached, Engine
from .engine.changes import Changes
from .engine.deploy import DeployReport, check_deploy
from .engine.driving import VALUE_LIMIT
from .engine.firing import Firing
from .engine.hooks import KINDS, Hook, HookKind
from .engine.listing import runs_with
from .engine.local import LocalEngine
from .engine.sending import Event, send
from .errors import (
    AmbiguousApp,
    DuplicateWorkflow,
    NoEventTarget,
    RunAlive,
    RunNotFound,
    UnknownHook,
    UnknownWorkflow,
    WrongWorkflow,
)
from .history.record import ENDED, RunStatus
from .inbox import Inbox
from .model.duration import Duration, duration_of
from .model.values import plain
from .model.workflow import Durability, Workflow
from .run import Run, new_run_id
from .schedules import Schedules
from .store.base import Page, RunQuery, Store, SuspensionQuery
from .store.open import open_store, store_instead
from .store.packing import Codec
from .tracing.metrics import OpenSuspensions
from .tracing.options import Tracing

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)
_In = TypeVar("_In")
_Out = TypeVar("_Out")
_Hook = TypeVar("_Hook", bound=Hook)

# So many runs at most are removed in one transaction.
_PRUNED_AT_ONCE = 200


class Cadenza:
    """Runs workflows and keeps them in a store.

    *store* is a URL (`"sqlite:///runs.db"`, `"memory://"`), a `Store`, or nothing for memory. *context_secrets* are keys of the
    runtime context that are never kept and must be given again on each call. `async with app:` opens the store and, unless
    *worker* is False, runs a worker: it goes on with runs whose timer or deadline is due, whose process has died, or which were
    answered while nobody drove them. *durability* is that of workflows that state none. *tracing* says what
    OpenTelemetry is told.
    """

    def __init__(
        self,
        *,
        store: str | Store | None = None,
        workflows: Iterable[Workflow[Any, Any]] = (),
        clock: Clock | None = None,
        worker: bool = True,
        context_secrets: Iterable[str] = (),
        durability: Durability = "sync",
        codec: Codec | None = None,
        value_limit: int = VALUE_LIMIT,
        tracing: Tracing | None = None,
        engine: AttachableEngine | None = None,
    ) -> None:
        self.clock = clock or default_clock.get() or SystemClock()
        self.store = open_store(store_instead.get() or store, codec)
        self.worker = worker
        self._tracing = tracing or Tracing()
        self._gauge: OpenSuspensions | None = None
        self._workflows: dict[str, Workflow[Any, Any]] = {}
        secret_keys = frozenset(context_secrets)
        self.engine: Engine
        if engine is not None:
            engine.attach(
                Attached(
                    store=self.store,
                    clock=self.clock,
                    secret_keys=secret_keys,
                    tracing=self._tracing,
                    value_limit=value_limit,
                    codec=codec,
                )
            )
            self.engine = engine
        else:
            local = LocalEngine(
                self.store,
                self.clock,
                secret_keys=secret_keys,
                durability=durability,
                value_limit=value_limit,
                tracing=tracing,
            )
            # A clock for tests moves time on when nothing happens; it has to see what does.
            if isinstance(self.clock, WatchingClock):
                self.clock.watch(local)
            self.engine = local
        self.inbox = Inbox(self.engine, lambda id_: self.workflow(id_).workflow)
        self.changes = Changes(self.store, self.engine.feed, self.clock)
        self.schedules = Schedules(self.engine, lambda id_: self.workflow(id_).workflow)
        firing = Firing(self.engine, lambda: self._workflows, self.schedules)
        self._worker = self.engine.serving(lambda: self._workflows, firing)
        for workflow in workflows:
            self.register(workflow)

    def register(self, workflow: Workflow[Any, Any]) -> None:
        """Add a workflow.

        Raises `DuplicateWorkflow` where another one has its id, `UncommittedWorkflow` where it is not committed.
        """
        _ = workflow.graph
        if self._workflows.setdefault(workflow.id, workflow) is not workflow:
            raise DuplicateWorkflow(workflow.id)
        workflow.homes.add(self)

    @property
    def workflows(self) -> dict[str, Workflow[Any, Any]]:
        """The registered workflows by id."""
        return dict(self._workflows)

    def on(self, kind: HookKind) -> Callable[[_Hook], _Hook]:
        """Let a function be told: `@app.on("suspended")` `async def notify(notice): ...`.

        "suspended": a question was opened; "reminder": a time of `remind_after` has come; "expired": its deadline has passed;
        "ended": a run has. The first three are kept in the store: a worker of any process calls the hooks that are registered
        there, again after a minute where one raised, took longer than 30 seconds, or its process died. Register hooks before
        runs are started.
        """
        if kind not in KINDS:
            raise UnknownHook(str(kind), KINDS)

        def register(hook: _Hook) -> _Hook:
            self.engine.hooks.add(kind, hook)
            return hook

        return register

    @overload
    def workflow(self, workflow: Workflow[_In, _Out], /) -> BoundWorkflow[_In, _Out]: ...
    @overload
    def workflow(self, workflow: str, /) -> BoundWorkflow[Any, Any]: ...
    def workflow(self, workflow: Workflow[Any, Any] | str, /) -> BoundWorkflow[Any, Any]:
        """The workflow, bound to this app.

        Raises `UnknownWorkflow`.
        """
        id_ = workflow if isinstance(workflow, str) else workflow.id
        found = self._workflows.get(id_)
        if found is None or (isinstance(workflow, Workflow) and found is not workflow):
            raise UnknownWorkflow(id_, self._workflows)
        return BoundWorkflow(app=self, workflow=found)

    def schedule(
        self,
        workflow: Workflow[Any, Any] | str,
        *,
        cron: str,
        timezone: str | None = None,
        input_data: Any = None,
        initial_state: Any = None,
        runtime_context: Mapping[str, Any] | None = None,
        resource_id: str | None = None,
        metadata: Any = None,
        id: str | None = None,
    ) -> str:
        """Declare that the workflow is started at the moments of *cron*, in *timezone* (`"Europe/Berlin"`; UTC); its id.

        A worker of any process that declares it fires it, once over all of them; one fire makes up for those that were missed
        while none ran. *id* is the workflow's where there is one schedule of it. What is said here replaces what the store has,
        except whether it is paused. `app.schedules` lists, pauses, runs and makes others at run time.

        Raises `InvalidCron`, `InvalidTimezone`, `InvalidInput`, `InvalidState`, `DuplicateSchedule`, `UnknownWorkflow`.
        """
        return self.schedules.declare(
            workflow,
            id=id,
            cron=cron,
            timezone=timezone,
            input_data=input_data,
            initial_state=initial_state,
            runtime_context=runtime_context,
            resource_id=resource_id,
            metadata=metadata,
        )

    async def get_run(self, run_id: str) -> Run[Any]:
        """The handle of a stored run.

        Raises `RunNotFound`, and `UnknownWorkflow` where its workflow is not registered here.
        """
        row = await self.store.row(run_id)
        if row is None:
            raise RunNotFound(run_id)
        return Run(self.engine, self.workflow(row.workflow).workflow, run_id)

    async def list_runs(
        self,
        *,
        workflow: Workflow[Any, Any] | str | None = None,
        status: RunStatus | Sequence[RunStatus] | None = None,
        resource_id: str | None = None,
        id_prefix: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        limit: int | None = 100,
        offset: int = 0,
    ) -> Page:
        """Stored runs, newest first: `page.runs` (rows) and `page.total` (all that match)."""
        if offset < 0 or (limit is not None and limit < 0):
            raise ValueError(f"limit and offset count from 0, found limit={limit}, offset={offset}")
        statuses = (status,) if isinstance(status, str) else status
        query = RunQuery(
            workflow=workflow if workflow is None or isinstance(workflow, str) else workflow.id,
            status=statuses,
            resource=resource_id,
            id_prefix=id_prefix,
            created_from=created_from,
            created_to=created_to,
            limit=limit,
            offset=offset,
        )
        return await self.store.find(query)

    async def check_deploy(self) -> DeployReport:
        """Which of the stored runs that have not ended go on with the code that is loaded here, and which do not and why.

        Nothing is changed: for a check before a deploy, against the store that it will meet.
        """
        return await check_deploy(self.engine, self._workflows)

    async def delete_run(self, run_id: str) -> None:
        """Remove a run with its journal and suspensions.

        Raises `RunNotFound`, and `RunAlive` while a process drives it.
        """
        row = await self.store.row(run_id)
        if row is None:
            raise RunNotFound(run_id)
        if (driver := self.engine.driver_of(row)) is not None:
            raise RunAlive(run_id, driver)
        await self.engine.forget(row)
        await self.store.delete(run_id)

    async def send_event(
        self,
        name: str,
        data: Any = None,
        *,
        run_id: str | None = None,
        match: Mapping[str, Any] | None = None,
        keep: bool = False,
        actor: str | None = None,
    ) -> list[str]:
        """Let an event reach the runs that wait for it (`Workflow.wait_for_event`); their ids.

        *run_id* names one run, *match* those whose wait holds all of its keys with these values; `match={}` means all. With
        *keep*, where nobody waits yet, the first wait within 24 hours that it fits gets it. Raises `NoEventTarget`,
        `RunNotFound`, and `InvalidResumeData` where a wait cannot take the data: then it reaches none.
        """
        if run_id is None and match is None:
            raise NoEventTarget(name)
        if run_id is not None and await self.store.row(run_id) is None:
            raise RunNotFound(run_id)
        event = Event(
            name=name,
            data=data,
            run_id=run_id,
            match=None if match is None else plain(match, f"match of event {name!r}"),
            actor=actor,
        )
        return await send(self.engine, self._workflows, event, keep=keep)

    async def prune(
        self,
        older_than: Duration,
        *,
        status: RunStatus | Sequence[RunStatus] = ("success", "failed", "canceled"),
    ) -> int:
        """Remove runs that ended so long ago (`"90d"`), with their journals and answers; how many.

        *status* may also name runs that wait, `"suspended"`: their questions go with them. Runs that are driven stay.
        """
        statuses = (status,) if isinstance(status, str) else tuple(status)
        before = self.clock.now() - duration_of(older_than)
        if waiting := set(statuses) - ENDED:
            await self._let_forget(before, sorted(waiting))
        removed = 0
        while found := await self.store.prune(before, statuses, _PRUNED_AT_ONCE):
            removed += found
        return removed

    async def _let_forget(self, before: datetime, statuses: Sequence[RunStatus]) -> None:
        """Tell the engine of runs that are about to be removed: elsewhere they would wait for ever."""
        async for row in runs_with(self.store, statuses):
            is_ours = row.engine == self.engine.name and self.engine.driver_of(row) is None
            if is_ours and row.updated_at < before:
                await self.engine.forget(row)

    async def close(self) -> None:
        """Stop driving and close the store. Runs under way are kept, for the next app to take up."""
        for workflow in self._workflows.values():
            workflow.homes.discard(self)
        if self._gauge is not None:
            self._gauge.close()
        await self._worker.stop()
        await self.engine.close()
        await self.store.close()

    async def __aenter__(self) -> Self:
        await self.store.setup()
        await self.schedules.say()
        if self.worker:
            self._worker.start()
        if self._tracing.count_suspensions:
            self._gauge = OpenSuspensions(
                self._tracing.meter_provider, partial(self.store.count_suspensions, SuspensionQuery())
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundWorkflow(Generic[In, Out]):
    """A workflow and the app that it runs in."""

    app: Cadenza
    workflow: Workflow[In, Out]

    @property
    def id(self) -> str:
        """The workflow's id."""
        return self.workflow.id

    async def create_run(self, run_id: str | None = None, *, resource_id: str | None = None) -> Run[Out]:
        """A new run, stored as `pending`; with a known *run_id* that run's handle."""
        id_ = new_run_id() if run_id is None else run_id
        if not await self.app.engine.create(self.workflow, id_, resource_id):
            row = await self.app.store.row(id_)
            if row is not None and row.workflow != self.workflow.id:
                raise WrongWorkflow(id_, row.workflow, self.workflow.id)
        return Run(self.app.engine, self.workflow, id_)

    create_run_async = create_run


async def _open_run(
    workflow: Workflow[Any, _Out], run_id: str | None, *, resource_id: str | None
) -> Run[_Out]:
    """What `Workflow.create_run` does."""
    homes = [home for home in workflow.homes if isinstance(home, Cadenza)]
    if len(homes) > 1:
        raise AmbiguousApp(workflow.id, len(homes))
    if not homes:
        # The workflow keeps this app alive: its runs live as long as it does.
        app = workflow.memory_home = Cadenza(workflows=[workflow])
        app.engine.forgetful = True
        homes = [app]
    return await homes[0].workflow(workflow).create_run(run_id, resource_id=resource_id)


Workflow.open_run = staticmethod(_open_run)
