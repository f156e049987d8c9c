"""One execution of a step: what the contexts of `def` and `async def` steps share."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn, get_type_hints

from ..errors import (
    ContextClosed,
    DuplicateKey,
    InvalidResumeData,
    InvalidStateData,
    InvalidSuspendData,
    StepNotFound,
)
from ..history.event import NO_PATCH, Patch, Suspension
from ..history.reading import read_answer
from ..model.members import Code
from ..model.path import scope_of, show
from ..model.schema import ANYTHING, Schema
from ..model.values import Json, isolate, limited
from .effects import Call
from .mapping import RunValues
from .runtime_context import RuntimeContext
from .terms import Terms, fields_of
from .world import World


class Interruption(BaseException):
    """The step is over by its own wish. A `BaseException`, so that `except Exception` does not swallow it."""


@dataclass(slots=True, eq=False)
class SuspendSignal(Interruption):
    """Raised by `suspend` and `ask`."""

    suspension: Suspension


@dataclass(slots=True, eq=False)
class BailSignal(Interruption):
    """Raised by `bail`."""

    output: Json


class AnswerOutdated(BaseException):
    """What a step was asked on, or told, no longer fits its code: the run is held."""


# The key of the `once` that is running, for `ctx.idempotency_key`; threads and tasks each see their own.
once_key: ContextVar[str | None] = ContextVar("cadenza_once_key", default=None)


@dataclass(slots=True)
class Execution:
    """One call of a step's function. It is `over` when the function has returned or raised."""

    call: Call
    code: Code
    world: World
    now: Callable[[], datetime]
    attempt: int
    signal: Interruption | None = None
    over: bool = False
    state: dict[str, Json] = field(default_factory=dict)
    context: RuntimeContext | None = None
    keys: set[tuple[str, str]] = field(default_factory=set)
    looked: bool = False

    # ------------------------------------------------------------------ what is known

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"step {show(self.call.path)}"

    @property
    def values(self) -> RunValues:
        """The values of the workflow around."""
        return RunValues(self.call.run, scope_of(self.call.path))

    @property
    def idempotency_key(self) -> str:
        """The same over retries, resumes and restarts; new after a rewind."""
        record = self.call.record
        generation = f"@{record.generation}" if record.generation else ""
        key = once_key.get()
        return f"{self.world.run_id}/{show(record.path)}{generation}{f'/{key}' if key is not None else ''}"

    def runtime_context(self) -> RuntimeContext:
        """The runtime context of this execution."""
        if self.context is None:
            self.context = RuntimeContext(self.call.run, self.world)
        return self.context

    def state_now(self) -> Any:
        """The state as it was when this execution began."""
        schema = self.code.step.state
        return (
            isolate(self.call.run.state)
            if schema.anything
            else schema.read(self.call.run.state, InvalidStateData, self.where)
        )

    def resume_data(self) -> Any:
        """The answer to `suspend`, or None."""
        self.looked = True
        data = self.call.record.resume_data
        if not data:
            return None
        schema = self.code.step.resume
        if schema.anything or not self.code.validate_inputs:
            return isolate(data[0])
        return self._kept_answer(schema, None, data[0])

    def suspend_data(self) -> Any:
        """What this place last suspended with, once it is resumed; else None."""
        self.looked = True
        record = self.call.record
        if not record.resumed_seq:
            return None
        schema = self.code.step.suspend
        if schema.anything or not self.code.validate_inputs or record.suspend_data is None:
            return isolate(record.suspend_data)
        try:
            return schema.read(record.suspend_data, InvalidSuspendData, self.where)
        except InvalidSuspendData as error:
            raise AnswerOutdated(f"what {self.where} suspended with no longer fits: {error}") from error

    def result_of(self, step: object) -> Json:
        """The output of a step of the same workflow, or None unless it succeeded.

        Raises `StepNotFound`.
        """
        id_ = step if isinstance(step, str) else str(getattr(step, "id", step))
        known = self.code.workflow.graph.places
        values = self.values
        there, value = values.output(id_)
        if not there and id_ not in known:
            raise StepNotFound(id_, known)
        return isolate(value) if there else None

    def init_data(self) -> Any:
        """The input of the workflow that the step stands in."""
        return isolate(self.values.init())

    # ------------------------------------------------------------------ what can be done

    def open(self, what: str) -> None:
        """Raise the first signal again, or `ContextClosed` when the step is over."""
        if self.signal is not None:
            raise self.signal
        if self.over:
            raise ContextClosed(what)

    def set_state(self, patch: object) -> None:
        """Put keys into the state, for others when this execution ends."""
        self.open("set_state")
        schema = self.code.step.state
        given = (
            ANYTHING.dump(patch, self.where) if isinstance(patch, Mapping) else schema.dump(patch, self.where)
        )
        if not isinstance(given, dict):
            raise TypeError(
                f"ctx.set_state takes a mapping of the keys to set, found {type(patch).__qualname__}"
            )
        if not schema.anything and self.code.validate_inputs:
            before = {**self.call.run.state, **self.state}
            parsed = schema.check({**before, **given}, InvalidStateData, self.where)
            given = {key: value for key, value in parsed.items() if key in given or key not in before}
        self.state.update(self.fit(given, "the state"))

    def suspend(self, payload: object, terms: Terms) -> NoReturn:
        """Stop here and wait for an answer."""
        self.open("suspend")
        step = self.code.step
        validate = self.code.validate_inputs and not step.suspend.anything
        kept = (
            step.suspend.check(payload, InvalidSuspendData, self.where)
            if validate
            else step.suspend.dump(payload, self.where)
        )
        schema = None if step.resume.anything or not self.code.validate_inputs else step.resume.describe()
        self._suspend(Suspension(**self._opening(terms, step.resume), payload=kept, resume_schema=schema))

    def ask(self, type_: Any, question: object, key: str | None, terms: Terms) -> Any:
        """The answer under *key*, as *type_*; where there is none yet, stop here and wait for it."""
        self.open("ask")
        schema = Schema.of(type_)
        if key is None:
            key = str(getattr(type_, "__name__", type_))
        self.use("ask", key)
        answers = self.call.run.answers.get(self.call.path, {})
        return (
            self._kept_answer(schema, key, answers[key])
            if key in answers
            else self._ask(schema, type_, key, question, terms)
        )

    def _kept_answer(self, schema: Schema, key: str | None, answer: Json) -> Any:
        question = self._asked.get(key)
        try:
            if question is None:  # put in by a time travel
                return schema.read(answer, InvalidResumeData, self.where)
            return read_answer(schema, answer, question.resume_schema, self.where)
        except InvalidResumeData as error:
            named = f", key {key!r}," if key is not None else ""
            raise AnswerOutdated(
                f"the answer kept for {self.where}{named} no longer fits: {error}"
            ) from error

    @property
    def _asked(self) -> Mapping[str | None, Suspension]:
        return self.call.run.asked.get(self.call.path, {})

    def refuse_unheard(self) -> None:
        """Raise `AnswerOutdated` where the step's code has changed since it asked, and has ended without the answer.

        Else a "no" would count for nothing as soon as the question is no longer in the code.
        """
        for key, question in self._asked.items():
            if question.code is None or question.code == self.code.step.made_of:
                continue
            if not (self.looked if key is None else ("ask", key) in self.keys):
                doing = "looking at its resume data" if key is None else f"asking for {key!r}"
                raise AnswerOutdated(
                    f"today's code of {self.where} ended without {doing}, which had been answered"
                )

    def _ask(self, schema: Schema, type_: Any, key: str, question: object, terms: Terms) -> NoReturn:
        payload = ANYTHING.dump(question, self.where)
        resume_schema = None if schema.anything else schema.describe()
        self._suspend(
            Suspension(
                **self._opening(terms, schema),
                key=key,
                payload=payload,
                resume_schema=resume_schema,
                answer_type=type_name(type_),
            )
        )

    def bail(self, value: object) -> NoReturn:
        """End the workflow around with *value*."""
        self.open("bail")
        self.signal = BailSignal(self.fit(self.code.workflow.output.dump(value, self.where), "the result"))
        raise self.signal

    def use(self, kind: str, key: str) -> None:
        """Mark *key* as used in this execution.

        Raises `DuplicateKey`.
        """
        if (kind, key) in self.keys:
            raise DuplicateKey(kind, key)
        self.keys.add((kind, key))

    def remembered(self, key: str) -> tuple[Json, ...]:
        """What `once` kept under *key*: one value or none."""
        found = self.call.run.remembered.get(self.call.path, {})
        return (found[key],) if key in found else ()

    def patch(self) -> Patch:
        """What this execution set."""
        changed = self.context.changed if self.context is not None else {}
        return Patch(state=self.state, context=dict(changed)) if self.state or changed else NO_PATCH

    def _opening(self, terms: Terms, schema: Schema) -> dict[str, Any]:
        now = self.now()
        return {
            "id": new_id(),
            "run_id": self.world.run_id,
            "workflow": self.world.workflow_id,
            "path": self.call.path,
            "code": self.code.step.made_of,
            "opened_at": now,
            **fields_of(terms, schema, now, self.where, tell=self.world.tells_of_questions),
        }

    def fit(self, value: Json, what: str) -> Json:
        """*value*, if it may be kept; raises `ValueTooLarge`."""
        return limited(value, self.world.value_limit, what, f"of {self.where}")

    def _suspend(self, suspension: Suspension) -> NoReturn:
        self.fit(suspension.payload, "the question")
        self.signal = SuspendSignal(suspension)
        raise self.signal


def new_id() -> str:
    """A suspension's id: 48 bits of time, so that ids sort by age, and 80 random ones nobody can guess."""
    return f"s{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


_returns: dict[Any, Schema] = {}


def schema_of_result(fn: Callable[..., Any]) -> Schema:
    """The schema of what *fn* returns, by its hint; anything where it has none."""
    target = getattr(fn, "func", fn)
    try:
        if target not in _returns:
            hint = get_type_hints(target, include_extras=True).get("return", Any)
            _returns[target] = Schema.of(type(None) if hint is None else hint)
        return _returns[target]
    except (NameError, TypeError):  # hints that cannot be found, builtins, unhashable callables
        return ANYTHING


def type_name(type_: Any) -> str | None:
    """A type as "module:name", by which a process that has it loaded finds it; None where it has no such name."""
    if not isinstance(type_, type) or "<locals>" in type_.__qualname__:
        return None
    return f"{type_.__module__}:{type_.__qualname__}"
