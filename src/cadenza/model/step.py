"""Step and @step: one piece of user code with types at its border."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin, get_type_hints, overload

from ..errors import DefinitionError
from .code import made_of
from .retry import Retry
from .schema import ANYTHING, Schema
from .values import Json

if TYPE_CHECKING:
    from ..execution.context import StepContext
    from ..execution.sync_context import SyncStepContext

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)
_In = TypeVar("_In")
_Out = TypeVar("_Out")
_State = TypeVar("_State")
_Resume = TypeVar("_Resume")


class Step(Generic[In, Out]):
    """A function with an id and schemas. Made by `@step` or `Step(fn, ...)`; calling it calls the function.

    An `async def` runs on the event loop, a `def` in a thread. The context parameter is the one annotated with
    `StepContext` or `SyncStepContext`, else the one called `ctx`; the other one is the input, and may be missing.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        id: str | None = None,
        description: str | None = None,
        retries: int | Retry | None = None,
        retry_on: tuple[type[Exception], ...] = (Exception,),
        interrupt: bool = False,
        input_schema: Any = None,
        output_schema: Any = None,
        resume_schema: Any = None,
        suspend_schema: Any = None,
        state_schema: Any = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> None:
        self.fn = fn
        self.id: str = getattr(fn, "__name__", "") if id is None else id
        self.where = f"step {self.id}"
        self.description = description or inspect.getdoc(fn) or ""
        self.retries = retries
        self.retry_on = retry_on
        self.interrupt = interrupt
        self.metadata = dict(metadata or {})
        self.is_async = inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__)
        hints = _hints(fn)
        self.arguments, context = _arguments(fn, hints)
        state, resume = _context_types(hints.get(context))
        named = next((name for name, kind in self.arguments if kind == "input"), None)
        self.input = Schema.of(_first(input_schema, hints.get(named, Any) if named else Any))
        self.output = Schema.of(_first(output_schema, hints.get("return", Any)))
        self.resume = Schema.of(_first(resume_schema, resume))
        self.suspend = Schema.of(_first(suspend_schema, Any))
        self.state = Schema.of(_first(state_schema, state))
        # The order of the parameters, worked out once: this is the hot path.
        self.shape = "".join(kind[0] for _, kind in self.arguments)
        self.__doc__ = self.description
        self.__wrapped__ = fn

    @cached_property
    def made_of(self) -> str:
        """The function, as "name:fingerprint": what a question says of who asked it."""
        return made_of(self.fn)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself, as in a unit test."""
        return self.fn(*args, **kwargs)

    def clone(self, *, id: str) -> Step[In, Out]:
        """The same step under another *id*, to use it twice in one workflow."""
        twin = copy.copy(self)
        twin.id = id
        twin.where = f"step {id}"
        return twin

    def __repr__(self) -> str:
        return f"Step({self.id!r})"


@overload
def step(fn: Callable[[StepContext[_State, _Resume]], Coroutine[Any, Any, _Out]], /) -> Step[Any, _Out]: ...
@overload
def step(fn: Callable[[SyncStepContext[_State, _Resume]], _Out], /) -> Step[Any, _Out]: ...
@overload
def step(
    fn: Callable[[_In, StepContext[_State, _Resume]], Coroutine[Any, Any, _Out]], /
) -> Step[_In, _Out]: ...
@overload
def step(fn: Callable[[_In, SyncStepContext[_State, _Resume]], _Out], /) -> Step[_In, _Out]: ...
@overload
def step(fn: Callable[[], Coroutine[Any, Any, _Out]], /) -> Step[Any, _Out]: ...
@overload
def step(fn: Callable[[], _Out], /) -> Step[Any, _Out]: ...
@overload
def step(fn: Callable[[_In], Coroutine[Any, Any, _Out]], /) -> Step[_In, _Out]: ...
@overload
def step(fn: Callable[[_In], _Out], /) -> Step[_In, _Out]: ...
@overload
def step(
    *,
    id: str | None = None,
    description: str | None = None,
    retries: int | Retry | None = None,
    retry_on: tuple[type[Exception], ...] = (Exception,),
    interrupt: bool = False,
    input_schema: Any = None,
    output_schema: Any = None,
    resume_schema: Any = None,
    suspend_schema: Any = None,
    state_schema: Any = None,
    metadata: Mapping[str, Json] | None = None,
) -> StepMaker: ...
def step(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a `Step` of a function: `@step`, or `@step(retries=3)`.

    `retries` is a number of further tries (with the workflow's pauses) or a `Retry`; `retry_on` limits them to these
    errors. `interrupt=True` throws `CancelledError` into a running async step when its run is canceled. The schemas come
    from the type hints; `*_schema` states them: any type that Pydantic knows.
    """
    return Step(fn, **options) if fn is not None else StepMaker(options)


class StepMaker:
    """What `@step(...)` with options gives: it takes the function."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    @overload
    def __call__(
        self, fn: Callable[[StepContext[_State, _Resume]], Coroutine[Any, Any, _Out]], /
    ) -> Step[Any, _Out]: ...
    @overload
    def __call__(self, fn: Callable[[SyncStepContext[_State, _Resume]], _Out], /) -> Step[Any, _Out]: ...
    @overload
    def __call__(
        self, fn: Callable[[_In, StepContext[_State, _Resume]], Coroutine[Any, Any, _Out]], /
    ) -> Step[_In, _Out]: ...
    @overload
    def __call__(self, fn: Callable[[_In, SyncStepContext[_State, _Resume]], _Out], /) -> Step[_In, _Out]: ...
    @overload
    def __call__(self, fn: Callable[[], Coroutine[Any, Any, _Out]], /) -> Step[Any, _Out]: ...
    @overload
    def __call__(self, fn: Callable[[], _Out], /) -> Step[Any, _Out]: ...
    @overload
    def __call__(self, fn: Callable[[_In], Coroutine[Any, Any, _Out]], /) -> Step[_In, _Out]: ...
    @overload
    def __call__(self, fn: Callable[[_In], _Out], /) -> Step[_In, _Out]: ...
    def __call__(self, fn: Callable[..., Any], /) -> Any:
        """The step made of *fn*."""
        return Step(fn, **self._options)


def _first(*options: Any) -> Any:
    return next((option for option in options if option is not None), ANYTHING)


def _hints(fn: Callable[..., Any]) -> dict[str, Any]:
    """The type hints of *fn*; names that only exist where it was written are looked up there."""
    target = fn if inspect.isroutine(fn) else type(fn).__call__
    try:
        hints = get_type_hints(target, include_extras=True)
    except NameError:
        hints = _hints_with_local_names(fn, target)
    except TypeError:  # a builtin or a class without hints
        return {}
    if "return" in hints and hints["return"] is None:
        hints["return"] = type(None)
    return {name: Any if isinstance(hint, TypeVar) else hint for name, hint in hints.items()}


def _hints_with_local_names(fn: Callable[..., Any], target: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(target, localns=_local_names(), include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"step {getattr(fn, '__name__', fn)!r}: the type hint {error.name!r} cannot be found where the step is made; "
            "import it outside `if TYPE_CHECKING`, or state the schema: @step(input_schema=...)"
        ) from error


def _local_names() -> dict[str, Any]:
    """The local names of the function that is making a step: with postponed annotations its classes are only there."""
    frame = sys._getframe(1)  # noqa: SLF001  the documented way to the caller's names
    here = __name__
    names: dict[str, Any] = {}
    while (back := frame.f_back) is not None:
        frame = back
        if frame.f_globals.get("__name__") != here:
            names = {**frame.f_locals, **names}
            if frame.f_code.co_name == "<module>":
                break
    return names


def _arguments(fn: Callable[..., Any], hints: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], str]:
    """What each parameter of *fn* is, and the name of the context parameter or "".

    "input", "context", or "keyword": a context that is passed by name.
    """
    parameters = [
        p
        for p in inspect.signature(fn).parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    context = next((p.name for p in parameters if _is_context(hints.get(p.name))), "")
    context = context or next((p.name for p in parameters if p.name == "ctx"), "")
    plan: list[tuple[str, str]] = []
    for parameter in parameters:
        if parameter.name == context:
            plan.append(
                (parameter.name, "keyword" if parameter.kind is parameter.KEYWORD_ONLY else "context")
            )
        elif not any(kind == "input" for _, kind in plan) and parameter.kind is not parameter.KEYWORD_ONLY:
            plan.append((parameter.name, "input"))
        elif parameter.default is parameter.empty:
            raise DefinitionError(
                f"step {getattr(fn, '__name__', fn)!r}: a step takes an input and a context, "
                f"{parameter.name!r} is neither; give it a default"
            )
    return tuple(plan), context


def _is_context(hint: Any) -> bool:
    return getattr(get_origin(hint) or hint, "__cadenza_context__", False) is True


def _context_types(hint: Any) -> tuple[Any, Any]:
    """The state and resume types of `StepContext[State, Resume]`."""
    given = [Any if isinstance(arg, TypeVar) else arg for arg in get_args(hint)]
    state, resume, *_ = [*given, Any, Any]
    return state, resume
