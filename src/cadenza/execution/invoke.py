"""Running one step once: check, call, answer with an `Outcome`. The one place where user code may raise anything."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..errors import InvalidData, InvalidStepInput, InvalidStepOutput, ValueNotKept, ValueTooLarge
from ..model.members import Code
from ..model.values import Json, isolate, limited
from .context import StepContext
from .effects import Bailed, Call, Done, Failed, Outcome, Suspended
from .failure import failure_of
from .run_once import AnswerOutdated, BailSignal, Execution, Interruption, SuspendSignal
from .sync_context import SyncStepContext
from .world import World


async def invoke(  # noqa: C901  every way in which user code can end, in one place
    call: Call, code: Code, world: World, *, now: Callable[[], datetime], attempt: int
) -> Outcome:
    """One attempt of the step at *call*.

    Lets through the cancellation of the task it runs in, and `AnswerOutdated`; everything else is an outcome.
    """
    raw = call.record.payload
    read: tuple[Json, ...] = ()
    try:
        value, read = _input(raw, code)
    except InvalidData as invalid:
        if call.record.suspended_seq:
            raise AnswerOutdated(
                f"the input on which {code.step.where} asked no longer fits: {invalid}"
            ) from invalid
        return Failed(error=failure_of(invalid))
    execution = Execution(call, code, world, now, attempt)
    result: Any = None
    raised: BaseException | None = None
    try:
        result = await (
            code.step.fn(value) if code.step.shape == "i" and code.step.is_async else _call(execution, value)
        )
    except Interruption as signal:
        raised = signal
    except asyncio.CancelledError as cancel:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raised = cancel  # the step awaited something of its own that was canceled
    except (Exception, SystemExit, BaseExceptionGroup) as error:
        raised = error
    finally:
        execution.over = True
    # An error holds this frame by its traceback, and the frame the error: such a knot would wait for the cycle collector.
    swallowed = raised is not execution.signal
    failure = None
    if raised is not None and execution.signal is None:
        failure = failure_of(raised, final=not isinstance(raised, code.step.retry_on))
    raised = None
    if failure is None and not isinstance(execution.signal, SuspendSignal):
        execution.refuse_unheard()
    if execution.signal is not None:
        return _signaled(execution, read, swallowed=swallowed)
    if failure is not None:
        return Failed(error=failure, read=read)
    step = code.step
    try:
        output = step.output.dump(result, step.where)
        if code.validate_outputs:
            output = step.output.check(output, InvalidStepOutput, step.where)
        limited(output, world.value_limit, "the output of", execution.where)
    except (ValueNotKept, ValueTooLarge, InvalidStepOutput) as unkept:
        return Failed(error=failure_of(unkept), read=read)
    return Done(output=output, patch=execution.patch(), read=read)


def _input(raw: Json, code: Code) -> tuple[Any, tuple[Json, ...]]:
    """The input as the step's type reads it, and as JSON where that differs from *raw*."""
    step = code.step
    schema = step.input
    if schema.anything:
        return isolate(raw), ()
    try:
        value = schema.read(raw, InvalidStepInput, step.where)
    except InvalidStepInput:
        if code.validate_inputs:
            raise
        return isolate(raw), ()
    if value == raw and type(value) is type(raw):
        return value, ()
    parsed = schema.dump(value, step.where)
    return value, (parsed,) if code.validate_inputs and parsed != raw else ()


async def _call(execution: Execution, value: Any) -> Any:
    step = execution.code.step
    shape = step.shape
    if step.is_async:
        return await _apply(step.fn, shape, value, StepContext(execution), step.arguments)
    context: SyncStepContext[Any, Any] = SyncStepContext(execution)
    result = await asyncio.to_thread(_apply, step.fn, shape, value, context, step.arguments)
    return await result if inspect.isawaitable(result) else result


def _apply(
    fn: Callable[..., Any], shape: str, value: Any, context: Any, arguments: tuple[tuple[str, str], ...]
) -> Any:
    match shape:
        case "ic":
            return fn(value, context)
        case "i":
            return fn(value)
        case "ci":
            return fn(context, value)
        case "c":
            return fn(context)
        case "":
            return fn()
        case _:
            named = {name: context for name, kind in arguments if kind == "keyword"}
            return fn(value, **named) if "i" in shape else fn(**named)


def _signaled(execution: Execution, read: tuple[Json, ...], *, swallowed: bool) -> Outcome:
    signal, execution.signal = execution.signal, None
    if swallowed:
        warnings.warn(
            f"{execution.where} of run {execution.world.run_id} caught the signal of suspend() or bail() and went on; "
            "what it did afterwards is dropped. Let BaseException through, and call them outside gather() and task groups",
            RuntimeWarning,
            stacklevel=1,
        )
    if isinstance(signal, SuspendSignal):
        return Suspended(suspension=signal.suspension, patch=execution.patch(), read=read)
    assert isinstance(signal, BailSignal)
    return Bailed(output=signal.output, patch=execution.patch(), read=read)
