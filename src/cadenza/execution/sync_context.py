"""SyncStepContext: what a `def` step sees. It runs in a thread; what must wait, waits for the event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from typing_extensions import TypeVar, Unpack

from ..model.values import plain
from .context import BaseContext, Resume, State
from .run_once import Execution, once_key, schema_of_result
from .terms import Terms

if TYPE_CHECKING:
    from ..model.step import Step

_T = TypeVar("_T")


class SyncStepContext(BaseContext[State, Resume]):
    """The names of `StepContext` without `await`, safe from the step's thread."""

    __slots__ = ()

    @property
    def writer(self) -> SyncWriter:
        """Chunks for those who stream or watch the run."""
        return SyncWriter(self._execution)

    def abort(self) -> None:
        """Cancel the run and return: this step goes on to its end, nothing further starts."""
        world = self._execution.world
        world.loop.call_soon_threadsafe(world.abort)

    @overload
    def ask(
        self,
        type_: type[_T],
        /,
        *,
        question: object = None,
        key: str | None = None,
        **terms: Unpack[Terms],
    ) -> _T: ...
    @overload
    def ask(
        self,
        type_: Any,
        /,
        *,
        question: object = None,
        key: str | None = None,
        **terms: Unpack[Terms],
    ) -> Any: ...
    def ask(
        self,
        type_: Any,
        /,
        *,
        question: object = None,
        key: str | None = None,
        **terms: Unpack[Terms],
    ) -> Any:
        """As `StepContext.ask`."""
        return self._execution.ask(type_, question, key, terms)

    def once(self, key: str, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> _T:
        """As `StepContext.once`; *fn* is a plain function."""
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
                finally:
                    once_key.reset(token)
                _refuse_coroutine(key, result)
                kept = (
                    execution.fit(
                        schema.dump(result, f"once({key!r}) in {execution.where}"), f"once({key!r})"
                    ),
                )
            except BaseException:
                execution.keys.discard(("once", key))
                raise
            world = execution.world
            asyncio.run_coroutine_threadsafe(world.remember(self.path, key, kept[0]), world.loop).result()
        found: _T = schema.read_back(kept[0], f"once({key!r}) in {execution.where}")
        return found

    def get_step_result(self, step: Step[Any, _T] | str) -> Any:
        """As `StepContext.get_step_result`."""
        return self._execution.result_of(step)

    def get_init_data(self) -> Any:
        """As `StepContext.get_init_data`."""
        return self._execution.init_data()


def _refuse_coroutine(key: str, result: object) -> None:
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError(f"once({key!r}) in a def step takes a plain function; make the step async def")


class SyncWriter:
    """Writes chunks into the stream of the run, from a thread."""

    __slots__ = ("_execution",)

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def write(self, chunk: object) -> None:
        """Show *chunk*, any JSON value."""
        self._emit({"output": plain(chunk, "chunk")})

    def custom(self, chunk: object) -> None:
        """Show *chunk* as an event of its own: `{"type": "data-...", "data": ...}`."""
        self._emit({"custom": {"output": plain(chunk, "chunk")}})

    def _emit(self, chunk: object) -> None:
        world = self._execution.world
        world.loop.call_soon_threadsafe(world.emit, self._execution.call.path, chunk)
