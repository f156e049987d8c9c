"""Run: the handle of one run."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from .engine.base import Engine, Resuming, Starting, StreamEvent
from .engine.feed import narrator_of, tell_item
from .errors import ConflictingTarget
from .history.explain import Explanation
from .history.result import OutputOptions, WorkflowResult, options_of, result_of
from .history.resume import ABSENT, ResumeRequest, target_of
from .history.rewind import TravelRequest, records_of
from .history.snapshot import Snapshot
from .model.values import Json, plain
from .tracing.options import HasSpan, TracingOptions, asked_of

if TYPE_CHECKING:
    from .model.workflow import Workflow

Out = TypeVar("Out", covariant=True)
Options = Mapping[str, bool] | OutputOptions | None
TracingParent = Mapping[str, Any] | HasSpan | None


class Run(Generic[Out]):
    """One run, by its id. Any number of handles, in any processes, may stand for the same run."""

    def __init__(self, engine: Engine, workflow: Workflow[Any, Out], run_id: str) -> None:
        self._engine = engine
        self._workflow = workflow
        self.id = run_id
        # For notebooks, which cannot ask the store: how the run was when this handle last heard of it.
        self._seen: WorkflowResult[Any] | None = None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.id

    @property
    def workflow_id(self) -> str:
        """The id of its workflow."""
        return self._workflow.id

    # ------------------------------------------------------------------ start and resume

    async def start(
        self,
        *,
        input_data: Any = None,
        initial_state: Any = None,
        runtime_context: Mapping[str, Any] | None = None,
        request_context: Mapping[str, Any] | None = None,
        actor: str | None = None,
        tracing_context: TracingParent = None,
        tracing_options: Mapping[str, Any] | TracingOptions | None = None,
        output_options: Options = None,
        wait: bool = True,
    ) -> WorkflowResult[Out]:
        """Run it from its first step; the result when it has ended or waits for people only.

        *actor* is who asks for it: questions may exclude them. With `wait=False` as soon as the request is durable. Failures of steps are results, not exceptions. Raises `InvalidInput`,
        `InvalidState`, `InvalidContext` (the run stays pending) and `RunAlreadyStarted`.
        """
        starting = Starting(
            input=input_data,
            state=initial_state,
            context=runtime_context if runtime_context is not None else request_context,
            actor=actor,
            tracing=asked_of(tracing_context, tracing_options),
            wait=wait,
        )
        options = options_of(output_options)
        return self._result(await self._engine.start(self._workflow, self.id, starting), options, final=wait)

    async def resume(
        self,
        *,
        resume_data: Any = None,
        step: Any = None,
        label: str | None = None,
        for_each_index: int | None = None,
        suspension_id: str | None = None,
        runtime_context: Mapping[str, Any] | None = None,
        request_context: Mapping[str, Any] | None = None,
        run_count: int = 0,
        retry_count: int = 0,
        actor: str | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        tracing_context: TracingParent = None,
        tracing_options: Mapping[str, Any] | TracingOptions | None = None,
        output_options: Options = None,
        wait: bool = True,
    ) -> WorkflowResult[Out]:
        """Answer a suspended step and go on; the result when the run has ended or waits for people only.

        *step* is a step, a workflow, an id, a dotted string, a list of them from outside in, or an element of
        `result.suspended` or `result.suspensions`; it may be left out while exactly one step is suspended. Naming a foreach answers
        all its waiting items, `for_each_index` picks one. Exactly one answer wins; *actor* is who gives it. The same answer again
        with the same *idempotency_key* gets the outcome of the first, with other data `IdempotencyConflict`. With *dry_run*
        everything is checked and nothing done; the result is the run as it is.

        Everything is checked before anything is written: `RunNotFound`, `RunNotSuspended`, `StepNotSuspended`,
        `AmbiguousStep`, `UnknownLabel`, `ConflictingTarget`, `InvalidIndex`, `AlreadyAnswered`, `SuspensionExpired`,
        `SuspensionCanceled`, `SuspensionSuperseded`, `SuspensionNotFound`, `InvalidResumeData`, `RunHeld`.
        """
        target = target_of(step)
        if isinstance(target, str):
            named, target = target.removeprefix("#"), None
            if suspension_id not in {None, named}:
                raise ConflictingTarget(f"step={named!r}", f"suspension_id={suspension_id!r}")
            suspension_id = named
        resuming = Resuming(
            request=ResumeRequest(
                step=target, label=label, for_each_index=for_each_index, suspension_id=suspension_id
            ),
            data=resume_data,
            context=runtime_context if runtime_context is not None else request_context,
            run_count=run_count or retry_count,
            actor=actor,
            idempotency_key=idempotency_key,
            dry_run=dry_run,
            tracing=asked_of(tracing_context, tracing_options),
            wait=wait,
        )
        options = options_of(output_options)
        return self._result(await self._engine.answer(self._workflow, self.id, resuming), options, final=wait)

    async def restart(
        self,
        *,
        runtime_context: Mapping[str, Any] | None = None,
        request_context: Mapping[str, Any] | None = None,
        tracing_context: TracingParent = None,
        tracing_options: Mapping[str, Any] | TracingOptions | None = None,
        output_options: Options = None,
    ) -> WorkflowResult[Out]:
        """Take up a run whose process has died; what its journal knows is not done again.

        Raises `RunNotActive` where nothing was under way, `RunAlive` where a live process drives it.
        """
        context = runtime_context if runtime_context is not None else request_context
        options = options_of(output_options)
        tracing = asked_of(tracing_context, tracing_options)
        return self._result(await self._engine.restart(self._workflow, self.id, context, tracing), options)

    async def time_travel(
        self,
        *,
        step: Any = None,
        input_data: Any = ABSENT,
        resume_data: Any = ABSENT,
        initial_state: Any = None,
        context: Mapping[str, Any] | None = None,
        nested_steps_context: Mapping[str, Mapping[str, Any]] | None = None,
        runtime_context: Mapping[str, Any] | None = None,
        request_context: Mapping[str, Any] | None = None,
        tracing_context: TracingParent = None,
        tracing_options: Mapping[str, Any] | TracingOptions | None = None,
        output_options: Options = None,
    ) -> WorkflowResult[Out]:
        """Go back to *step*, in any status of the run, and on from there with today's code.

        Forgets that place and all after it. `input_data` changes only its input; `context` gives records of earlier steps,
        {id: {"payload", "output"}}, `nested_steps_context` those inside nested workflows. Raises `TimeTravelNoStep`,
        `TimeTravelTarget`, `RunAlive`.
        """
        target = target_of(step)
        travel = TravelRequest(
            target=target if not isinstance(target, str) else None,
            input=ABSENT if input_data is ABSENT else plain(input_data, "time travel"),
            resume=ABSENT if resume_data is ABSENT else plain(resume_data, "time travel"),
            state=None if initial_state is None else plain(initial_state, "time travel"),
            context=(runtime_context if runtime_context is not None else request_context) or {},
            records=records_of(context, nested_steps_context),
        )
        options = options_of(output_options)
        tracing = asked_of(tracing_context, tracing_options)
        return self._result(await self._engine.rewind(self._workflow, self.id, travel, tracing), options)

    async def explain(self) -> Explanation:
        """Why the run stands where it does: what is open and who may answer, what then happens, what is blocked, what failed.

        `print(await run.explain())` says it in words.
        """
        return await self._engine.explain(self._workflow, self.id)

    async def cancel(self) -> bool:
        """Ask the run to stop: running steps finish, nothing further starts, open questions are closed.

        Durable on return, which waits for no step. False, and nothing changes, where the run has ended.
        """
        return await self._engine.cancel(self._workflow, self.id)

    async def get_state(self, *, output_options: Options = None) -> WorkflowResult[Out]:
        """The run as it is now, in the shape of a result."""
        return self._result(await self._engine.snapshot(self.id), options_of(output_options))

    # ------------------------------------------------------------------ streams

    def stream(self, **arguments: Any) -> RunStream[Out]:
        """As `start`, and a stream of what happens: `async for event in stream`, then `await stream.result()`."""
        return RunStream(self, self.start, arguments)

    def resume_stream(self, **arguments: Any) -> RunStream[Out]:
        """As `resume`, and a stream of what happens."""
        return RunStream(self, self.resume, arguments)

    def observe_stream(self, *, after: int = 0) -> AsyncIterator[StreamEvent]:
        """What happened after entry *after*, once, then what happens, until the run has ended or waits for people only."""
        return self._engine.events(self.id, after)

    def watch(self, callback: Callable[[StreamEvent], Any]) -> Callable[[], None]:
        """Call *callback* with each event from now on, while this process drives the run; call what is returned to stop."""
        queue = self._engine.feed.listen(self.id)

        async def listen() -> None:
            narrator = narrator_of(self.id, list(await self._engine.store.entries(self.id)))
            while True:
                for event in tell_item(narrator, await queue.get()):
                    _tell(callback, event)

        task = asyncio.get_running_loop().create_task(listen())

        def stop() -> None:
            task.cancel()
            self._engine.feed.leave(self.id, queue)

        return stop

    def _result(
        self, snapshot: Snapshot, options: OutputOptions, *, final: bool = True
    ) -> WorkflowResult[Out]:
        if self._engine.forgetful and snapshot.status in {"suspended", "waiting"}:
            self._engine.forgetful = False  # said once
            warnings.warn(
                f"run {self.id!r} waits, and workflow {self._workflow.id!r} is registered with no app: it lives in memory and "
                "ends with this process; use Cadenza(store='sqlite:///runs.db', workflows=[...])",
                UserWarning,
                stacklevel=3,
            )
        found: WorkflowResult[Json] = result_of(self.id, self._workflow.id, snapshot, options, final=final)
        self._seen = found
        return found

    def __repr__(self) -> str:
        return f"Run({self.id!r} of {self._workflow.id!r})"

    def _repr_html_(self) -> str:
        """What notebooks show: the run as this handle last saw it, for only `await` can look again."""
        from .history.table import run_to_html  # here: only notebooks need it

        return run_to_html(self.id, self._workflow.id, self._seen)


class RunStream(Generic[Out]):
    """A leg of a run as it happens. Leaving it early stops nothing; the run goes on."""

    def __init__(self, run: Run[Out], call: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        self._run = run
        self._queue = run._engine.feed.listen(run.id)  # noqa: SLF001  a part of Run in all but name
        self._task: asyncio.Task[tuple[list[Any], WorkflowResult[Out] | None]]
        self._past: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(self._call(call, arguments))

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._run.id

    async def result(self) -> WorkflowResult[Out]:
        """The result of the call, when it returns; raises what it raises."""
        _, result = await asyncio.shield(self._task)
        assert result is not None
        return result

    async def _call(self, call: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        try:
            past = list(await self._run._engine.store.entries(self._run.id))  # noqa: SLF001
            self._past.set_result(past)
            return past, await call(**arguments)
        finally:
            self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """The events of this leg, from its start to its finish."""
        engine = self._run._engine  # noqa: SLF001
        try:
            either: set[asyncio.Future[Any]] = {self._past, self._task}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            # Without the past the call was not made either, and raises why.
            past = self._past.result() if self._past.done() else (await self._task)[0]
            narrator = narrator_of(self._run.id, past)
            narrator.leg()
            yield narrator.begin(self._run.workflow_id)
            while (item := await self._queue.get()) is not None:
                for event in tell_item(narrator, item):
                    yield event
            for entry in await engine.store.entries(self._run.id, after=narrator.seq):
                for event in narrator.tell(entry):
                    yield event
            error = self._task.exception() if self._task.done() else None
            status = "failed" if error is not None else (await self.result()).status
            yield narrator.finish(status)
        finally:
            engine.feed.leave(self._run.id, self._queue)


def new_run_id() -> str:
    """A run's id where the caller gives none: a UUID of version 7 (RFC 9562), 48 bits of time before 74 random ones.

    Runs that are under way together stand together in every index: stores write a fifth of the pages that they write with
    ids in no order.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    return str(
        UUID(
            int=(milliseconds & 0xFFFF_FFFF_FFFF) << 80
            | 0x7 << 76
            | (random >> 62) << 64
            | 0b10 << 62
            | random & 0x3FFF_FFFF_FFFF_FFFF
        )
    )


def _tell(callback: Callable[[StreamEvent], Any], event: StreamEvent) -> None:
    try:
        callback(event)
    except Exception:
        # The run is nobody's to break who only watches it.
        logging.getLogger("cadenza").exception("a callback of Run.watch() raised")
