"""StepContext: what an `async def` step sees."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, overload

from typing_extensions import TypeVar, Unpack

from ..model.path import Path, show
from ..model.values import Json, plain
from .run_once import Execution, once_key, schema_of_result
from .terms import Terms

if TYPE_CHECKING:
    from ..model.step import Step
    from .tracing_context import TracingContext
    from .world import AbortSignal

State = TypeVar("State", default=Any)
Resume = TypeVar("Resume", default=Any)
_T = TypeVar("_T")


class BaseContext(Generic[State, Resume]):
    """What both contexts have in common: everything that needs no waiting."""

    # `@step` knows a context parameter by this mark, because the model must not import this floor.
    __cadenza_context__: ClassVar[bool] = True
    __slots__ = ("_execution",)

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    @property
    def resume_data(self) -> Resume | None:
        """The answer to `suspend`, or None: as the resume type where one is declared, else JSON."""
        found: Resume | None = self._execution.resume_data()
        return found

    @property
    def suspend_data(self) -> Any:
        """What this place last suspended with, once it is resumed; else None."""
        return self._execution.suspend_data()

    @property
    def state(self) -> State:
        """The state of the run as it was when this execution began, a copy; `set_state` does not change it."""
        found: State = self._execution.state_now()
        return found

    @property
    def runtime_context(self) -> MutableMapping[str, Any]:
        """Values that go along with the run; what is set here is kept when the step ends or suspends."""
        return self._execution.runtime_context()

    @property
    def request_context(self) -> MutableMapping[str, Any]:
        """The 1.x name of `runtime_context`."""
        return self._execution.runtime_context()

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._execution.world.run_id

    @property
    def workflow_id(self) -> str:
        """The id of the workflow that the step stands in."""
        return self._execution.code.workflow.id

    @property
    def resource_id(self) -> str | None:
        """What the run was created for, as given to `create_run`."""
        return self._execution.world.resource_id

    @property
    def path(self) -> Path:
        """Where the step stands: `("review", 2)`."""
        return self._execution.call.path

    @property
    def retry_count(self) -> int:
        """0 on the first try, n on the n-th retry; counts on from the `run_count` that a resume gave."""
        return self._execution.attempt + self._execution.call.record.run_count

    run_count = retry_count

    @property
    def idempotency_key(self) -> str:
        """A key for calls to others: the same over retries, resumes and restarts; inside `once` with its key."""
        return self._execution.idempotency_key

    @property
    def abort_signal(self) -> AbortSignal:
        """Set when the run is to stop."""
        return self._execution.world.signal

    @property
    def tracing_context(self) -> TracingContext:
        """`current_span`: the OpenTelemetry span of this attempt, for attributes and for spans below it.

        Where nothing is traced: what was given as `tracing_context` to the call that began this leg, else a span that does nothing.
        """
        return self._execution.world.tracing(self.path)

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose records carry run, workflow and path."""
        extra = {"run_id": self.run_id, "workflow_id": self.workflow_id, "step_path": show(self.path)}
        return logging.LoggerAdapter(logging.getLogger("cadenza.step"), extra)

    def suspend(self, payload: object = None, **terms: Unpack[Terms]) -> NoReturn:
        """Stop here until somebody answers; the step then runs again from its start, with `resume_data`.

        *payload* is what they are shown; the other arguments are its `Terms`. Never returns.
        """
        self._execution.suspend(payload, terms)

    def bail(self, value: object = None) -> NoReturn:
        """End the workflow that this step stands in, with success and *value*. Never returns."""
        self._execution.bail(value)

    def set_state(self, patch: object) -> None:
        """Put keys into the state of the run: a mapping, or an instance of the state type.

        Others see them when this execution ends or suspends; if it fails they are dropped.
        """
        self._execution.set_state(patch)

    def abort(self) -> None:
        """Cancel the run and return: this step goes on to its end, nothing further starts."""
        self._execution.world.abort()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._execution.where} of run {self.run_id})"


class StepContext(BaseContext[State, Resume]):
    """What an `async def` step sees: `StepContext[State, Resume]`, both optional."""

    __slots__ = ()

    @property
    def writer(self) -> Writer:
        """Chunks for those who stream or watch the run."""
        return Writer(self._execution)

    @overload
    async def ask(
        self,
        type_: type[_T],
        /,
        *,
        question: object = None,
        key: str | None = None,
        **terms: Unpack[Terms],
    ) -> _T: ...
    @overload
    async def ask(
        self,
        type_: Any,
        /,
        *,
        question: object = None,
        key: str | None = None,
        **terms: Unpack[Terms],
    ) -> Any: ...
    async def ask(
        self,
        type_: Any,
        /,
        *,
        question: object = None,
        key: str | None = None,
        **terms: Unpack[Terms],
    ) -> Any:
        """The answer to *question*, as *type_*; until there is one the run waits here.

        The step then runs again from its start, and this line returns. *key* names the question within the step (default: the
        type's name); the other arguments are its `Terms`. Raises `DuplicateKey`, `InvalidDeadline`, `InvalidOnTimeout`.
        """
        return self._execution.ask(type_, question, key, terms)

    @overload
    async def once(self, key: str, fn: Callable[..., Awaitable[_T]], /, *args: Any, **kwargs: Any) -> _T: ...
    @overload
    async def once(self, key: str, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> _T: ...
    async def once(self, key: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """What *fn* returns, called once: no wait, retry or restart pays again.

        Durable before it returns, dumped and read back by the return type of *fn*. A crash in between repeats *fn* with the
        same `idempotency_key`. A failed *fn* is not remembered. Raises `DuplicateKey`.
        """
        execution = self._execution
        execution.open("once")
        execution.use("once", key)
        schema = schema_of_result(fn)
        kept = execution.remembered(key)
        if not kept:
            try:
                token = once_key.set(key)
                try:
                    result = fn(*args, **kwargs)
                    if inspect.isawaitable(result):
                        result = await result
                finally:
                    once_key.reset(token)
                kept = (
                    execution.fit(
                        schema.dump(result, f"once({key!r}) in {execution.where}"), f"once({key!r})"
                    ),
                )
            except BaseException:
                execution.keys.discard(("once", key))
                raise
            await execution.world.remember(self.path, key, kept[0])
        return schema.read_back(kept[0], f"once({key!r}) in {execution.where}")

    async def get_step_result(self, step: Step[Any, _T] | str) -> Any:
        """The output of a step of the same workflow as JSON, or None unless it succeeded."""
        return self._execution.result_of(step)

    async def get_init_data(self) -> Any:
        """The input of the workflow that the step stands in, as JSON."""
        return self._execution.init_data()


class Writer:
    """Writes chunks into the stream of the run. They are shown, not kept."""

    __slots__ = ("_execution",)

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def write(self, chunk: object) -> None:
        """Show *chunk*, any JSON value."""
        self._execution.world.emit(self._execution.call.path, _chunk(chunk))

    async def custom(self, chunk: object) -> None:
        """Show *chunk* as an event of its own: `{"type": "data-...", "data": ...}`."""
        self._execution.world.emit(self._execution.call.path, {"custom": _chunk(chunk)})


def _chunk(chunk: object) -> Json:
    return {"output": plain(chunk, "chunk")}
