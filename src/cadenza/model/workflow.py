"""Workflow: the builder, and the finder of the code that a graph names.

Building changes the object and returns it, as in Mastra, so that `workflow.then(a)` on a line of its own counts; the
type of what is returned knows the new output.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

from ..errors import (
    DefinitionError,
    DuplicateStep,
    EmptyWorkflow,
    IncompatibleTypes,
    InvalidId,
    UncommittedWorkflow,
)
from .code import Functions
from .graph import Branch, Foreach, Graph, Loop, Map, Nested, Node, Parallel, Single, Sleep, SleepUntil
from .mapping import source_of
from .path import valid_id
from .retry import NO_RETRY, Retry, retry_of
from .schema import ANYTHING, Schema, disjoint, name_of
from .scope import Scope
from .step import Step
from .values import Json

if TYPE_CHECKING:
    from ..run import Run

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)
_T = TypeVar("_T")
# A thousand years: further than that the calendar ends.
_LONGEST_SLEEP = 3.2e10
_New = TypeVar("_New")
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A step as today's code has it. `workflow` is the innermost one around it; `ids` the way from the outermost."""

    step: Step[Any, Any]
    workflow: Workflow[Any, Any]
    ids: tuple[str, ...]
    validate_inputs: bool
    validate_outputs: bool
    retry: Retry


class Workflow(Generic[In, Out]):
    """Steps in order, with types. Ends with `commit()`.

    `input`, `output` and `state` (also `input_schema` ...) are any types that Pydantic knows. `retries` is the default of
    its steps. `validate_inputs=False` lets any input, resume data, payload and state pass; a nested workflow that does not
    say takes that of the one around it.
    """

    # app.py puts here what `create_run` does: a workflow knows of no app, store or engine.
    open_run: ClassVar[Callable[..., Any] | None] = None

    @overload
    def __init__(
        self: Workflow[_T, _T],
        id: str,
        *,
        input: type[_T],
        output: Any = None,
        state: Any = None,
        description: str = "",
        retries: int | Retry | None = None,
        validate_inputs: bool | None = None,
        validate_outputs: bool | None = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: Workflow[Any, Any],
        id: str,
        *,
        input: Any = None,
        output: Any = None,
        state: Any = None,
        description: str = "",
        retries: int | Retry | None = None,
        validate_inputs: bool | None = None,
        validate_outputs: bool | None = None,
        metadata: Mapping[str, Json] | None = None,
        input_schema: Any = None,
        output_schema: Any = None,
        state_schema: Any = None,
    ) -> None: ...
    def __init__(
        self,
        id: str,
        *,
        input: Any = None,
        output: Any = None,
        state: Any = None,
        description: str = "",
        retries: int | Retry | None = None,
        validate_inputs: bool | None = None,
        validate_outputs: bool | None = None,
        metadata: Mapping[str, Json] | None = None,
        input_schema: Any = None,
        output_schema: Any = None,
        state_schema: Any = None,
    ) -> None:
        self.id = id
        self.description = description
        self.metadata = dict(metadata or {})
        self.input = Schema.of(_given(input, input_schema))
        self.output = Schema.of(_given(output, output_schema))
        self.state = Schema.of(_given(state, state_schema))
        self.retry = retry_of(retries, NO_RETRY)
        self.validate_inputs = validate_inputs
        self.validate_outputs = validate_outputs
        self.members: dict[str, Step[Any, Any] | Workflow[Any, Any]] = {}
        self.memory_home: Any = None
        self.homes: weakref.WeakSet[Any] = weakref.WeakSet()
        self._functions = Functions(id)
        self._nodes: list[Node] = []
        self._used: list[tuple[str, Any]] = []
        self._generated: set[str] = set()
        self._graph: Graph | None = None
        self._code: dict[tuple[str, ...], Code | None] = {}
        self._last: Schema = self.input

    # ------------------------------------------------------------------ building

    def then(self, step: Step[Out, _New] | Workflow[Out, _New], /) -> Workflow[In, _New]:
        """Run *step*, which gets what came before."""
        return self._add(self._body(step), _output(step))

    def parallel(self, steps: Sequence[Step[Out, Any] | Workflow[Out, Any]], /) -> Workflow[In, Any]:
        """Run all *steps* at once; the output is {id: output} in this order."""
        return self._add(Parallel(children=tuple(self._body(step) for step in steps)), ANYTHING)

    def branch(
        self, branches: Sequence[tuple[Callable[[Scope], Any], Step[Out, Any] | Workflow[Out, Any]]], /
    ) -> Workflow[In, Any]:
        """Run every step whose condition is true, at once; the output is {id: output} of those."""
        conditions = tuple(self._functions.add(condition) for condition, _ in branches)
        children = tuple(self._body(step) for _, step in branches)
        return self._add(Branch(children=children, conditions=conditions), ANYTHING)

    def dowhile(
        self,
        step: Step[Out, _New] | Workflow[Out, _New],
        condition: Callable[[Scope], Any],
        /,
        *,
        id: str | None = None,
    ) -> Workflow[In, _New]:
        """Run *step*, then again while *condition* is true; each round gets the last one's output."""
        return self._loop(step, condition, id, until=False)

    def dountil(
        self,
        step: Step[Out, _New] | Workflow[Out, _New],
        condition: Callable[[Scope], Any],
        /,
        *,
        id: str | None = None,
    ) -> Workflow[In, _New]:
        """Run *step*, then again until *condition* is true; each round gets the last one's output."""
        return self._loop(step, condition, id, until=True)

    def foreach(
        self: Workflow[In, Sequence[_Item]],
        step: Step[_Item, _New] | Workflow[_Item, _New],
        /,
        *,
        concurrency: int = 1,
    ) -> Workflow[In, list[_New]]:
        """Run *step* for each item of the list before, at most *concurrency* at once; the output is a list in order."""
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise DefinitionError(
                f"foreach({step.id!r}): concurrency must be a whole number from 1, found {concurrency!r}"
            )
        body = self._body(step)
        return self._add(Foreach(id=body.id, body=body, concurrency=concurrency), ANYTHING)

    @overload
    def map(self, source: Callable[[Scope], _New], /, *, id: str | None = None) -> Workflow[In, _New]: ...
    @overload
    def map(self, source: Mapping[str, Any], /, *, id: str | None = None) -> Workflow[In, Any]: ...
    def map(self, source: Any, /, *, id: str | None = None) -> Workflow[In, Any]:
        """Build the next input: with a function of the scope, or from references, as data.

        `{"key": source}`, where a source is a function or one of `{"step": step or [steps], "path": "a.b"}`,
        `{"init_data": True, "path": "a"}`, `{"value": v}`, `{"runtime_context_path": "key"}`.
        """
        place = self._place("map", id)
        if callable(source):
            return self._add(Map(id=place, fn=self._functions.add(source, id)), ANYTHING)
        sources = tuple((key, source_of(key, found, self._functions.add)) for key, found in source.items())
        return self._add(Map(id=place, sources=sources), ANYTHING)

    def sleep(
        self, duration: float | timedelta | Callable[[Scope], Any], /, *, id: str | None = None
    ) -> Workflow[In, Out]:
        """Wait for a number of seconds, or what a function of the scope gives; the value passes through."""
        place = self._place("sleep", id)
        if callable(duration):
            return self._add(Sleep(id=place, fn=self._functions.add(duration, id)), self._last)
        seconds = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
        if not math.isfinite(seconds) or seconds > _LONGEST_SLEEP:
            raise DefinitionError(
                f"sleep({duration!r}): expected a number of seconds up to {_LONGEST_SLEEP:.0e}"
            )
        return self._add(Sleep(id=place, seconds=seconds), self._last)

    def sleep_until(
        self, when: datetime | Callable[[Scope], Any], /, *, id: str | None = None
    ) -> Workflow[In, Out]:
        """Wait until an aware datetime, or what a function of the scope gives; the value passes through."""
        place = self._place("sleep", id)
        if callable(when):
            return self._add(SleepUntil(id=place, fn=self._functions.add(when, id)), self._last)
        if when.tzinfo is None:
            raise DefinitionError(f"sleep_until({when!r}): give a time zone, as in datetime(..., tzinfo=UTC)")
        return self._add(SleepUntil(id=place, when=when), self._last)

    def commit(self) -> Workflow[In, Out]:
        """Check everything and freeze the graph.

        Raises `EmptyWorkflow`, `InvalidId`, `DuplicateStep`, `IncompatibleTypes`.
        """
        if not valid_id(self.id):
            raise InvalidId("workflow", self.id)
        if not self._nodes:
            raise EmptyWorkflow(self.id)
        seen: set[str] = set()
        for place, member in self._used:
            if place not in self._generated and not valid_id(place):
                raise InvalidId("step", place)
            if place in seen:
                raise DuplicateStep(self.id, place)
            seen.add(place)
            if isinstance(member, Workflow):
                _ = member.graph  # raises where it is not committed
        if disjoint(self._last, self.output):
            raise IncompatibleTypes(
                f"workflow {self.id!r}, output", name_of(self._last.type), name_of(self.output.type)
            )
        self._graph = Graph(workflow=self.id, nodes=tuple(self._nodes))
        self._code.clear()
        return self

    # ------------------------------------------------------------------ what it is

    @property
    def graph(self) -> Graph:
        """The shape, as data.

        Raises `UncommittedWorkflow` where there is none yet.
        """
        if self._graph is None:
            if not self._nodes:
                raise EmptyWorkflow(self.id)
            raise UncommittedWorkflow(self.id)
        return self._graph

    def code(self, ids: tuple[str, ...]) -> Code | None:
        """The step at *ids* (`("nested", "approve")`), or None where today's code has none there."""
        if ids not in self._code:
            self._code[ids] = self._find(ids)
        return self._code[ids]

    def function(self, scope: tuple[str, ...], name: str) -> Callable[..., Any] | None:
        """The condition, mapper or duration *name* of the workflow at *scope* (() is this one), or None."""
        owner = self.nested(scope)
        return owner._functions.find(name) if owner is not None else None  # noqa: SLF001  the same class

    def nested(self, ids: tuple[str, ...]) -> Workflow[Any, Any] | None:
        """The workflow at *ids*, or None; () is this one."""
        found: Step[Any, Any] | Workflow[Any, Any] | None = self
        for id_ in ids:
            found = found.members.get(id_) if isinstance(found, Workflow) else None
        return found if isinstance(found, Workflow) else None

    def validates(self, ids: tuple[str, ...]) -> bool:
        """Whether inputs of the workflow at *ids* are validated: the innermost setting on the way counts, else yes."""
        inputs: bool | None = True
        for depth in range(len(ids) + 1):
            owner = self.nested(ids[:depth])
            inputs = inputs if owner is None or owner.validate_inputs is None else owner.validate_inputs
        return bool(inputs)

    def _find(self, ids: tuple[str, ...]) -> Code | None:
        inputs: bool | None = True
        outputs: bool | None = False
        for depth in range(len(ids)):
            owner = self.nested(ids[:depth])
            if owner is None:
                return None
            inputs = inputs if owner.validate_inputs is None else owner.validate_inputs
            outputs = outputs if owner.validate_outputs is None else owner.validate_outputs
            member = owner.members.get(ids[depth])
            if isinstance(member, Step) and depth == len(ids) - 1:
                return Code(
                    step=member,
                    workflow=owner,
                    ids=ids,
                    validate_inputs=bool(inputs),
                    validate_outputs=bool(outputs),
                    retry=retry_of(member.retries, owner.retry),
                )
        return None

    async def create_run(self, run_id: str | None = None, *, resource_id: str | None = None) -> Run[Out]:
        """A new run, stored as `pending`; with a known *run_id* that run's handle.

        It goes to the one live app that the workflow is registered with, else it lives in memory. Raises `AmbiguousApp`.
        """
        # `import cadenza` loads app.py, which fills the hook.
        assert Workflow.open_run is not None
        run: Run[Out] = await Workflow.open_run(self, run_id, resource_id=resource_id)
        return run

    create_run_async = create_run

    def __repr__(self) -> str:
        return f"Workflow({self.id!r})"

    # ------------------------------------------------------------------ private

    def _add(self, node: Node, last: Schema) -> Workflow[In, Any]:
        self._nodes.append(node)
        self._used += [(place, self.members.get(place)) for place in _ids(node)]
        self._graph = None
        self._last = last
        return self

    def _body(self, step: Any) -> Single | Nested:
        if isinstance(step, Workflow):
            body: Single | Nested = Nested(id=step.id, graph=step.graph, retry=self.retry)
        elif isinstance(step, Step):
            body = Single(id=step.id)
        else:
            raise DefinitionError(f"expected a step or a workflow, found {step!r}; make one with @step")
        self.members[body.id] = step
        return body

    def _loop(
        self, step: Any, condition: Callable[[Scope], Any], given: str | None, *, until: bool
    ) -> Workflow[In, Any]:
        body = self._body(step)
        name = self._functions.add(condition, given)
        return self._add(Loop(id=body.id, body=body, condition=name, until=until), _output(step))

    def _place(self, kind: str, given: str | None) -> str:
        # Shown by its position; `@` keeps it apart from every id that a user can give.
        if given is not None:
            return given
        self._generated.add(place := f"{kind}@{len(self._nodes)}")
        return place


def _given(one: Any, other: Any) -> Any:
    return one if one is not None else other if other is not None else Any


def _output(step: Step[Any, Any] | Workflow[Any, Any]) -> Schema:
    return step.output if not isinstance(step, Workflow) or not step.output.anything else ANYTHING


def _ids(node: Node) -> Iterator[str]:
    if isinstance(node, Parallel | Branch):
        yield from (child.id for child in node.children)
    else:
        yield node.id
