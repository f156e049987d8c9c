"""Workflow: the builder.

Building changes the object and returns it, as in Mastra, so that `workflow.then(a)` on a line of its own counts; the
type of what is returned knows the new output.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeAlias, TypeVar, overload

from ..errors import (
    DefinitionError,
    DuplicateStep,
    EmptyWorkflow,
    IncompatibleTypes,
    InvalidId,
    UncommittedWorkflow,
)
from .duration import Duration, duration_of
from .graph import (
    Branch,
    Foreach,
    Graph,
    Loop,
    Map,
    Nested,
    Node,
    Parallel,
    Single,
    Sleep,
    SleepUntil,
    WaitForEvent,
)
from .mapping import source_of
from .members import Members
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


Durability: TypeAlias = Literal["sync", "exit"]


class Workflow(Members, Generic[In, Out]):
    """Steps in order, with types. Ends with `commit()`.

    `input`, `output` and `state` (also `input_schema` ...) are any types that Pydantic knows. `retries` is the default of
    its steps. `validate_inputs=False` lets any input, resume data, payload and state pass; a nested workflow that does not
    say takes that of the one around it. `durability="sync"` makes what led to a step durable before it is called;
    `"exit"` writes only where the run rests or ends: faster, and a crash repeats everything since the last rest. The
    outermost workflow's counts, else the app's.
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
        durability: Durability | None = None,
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
        durability: Durability | None = None,
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
        durability: Durability | None = None,
        metadata: Mapping[str, Json] | None = None,
        input_schema: Any = None,
        output_schema: Any = None,
        state_schema: Any = None,
    ) -> None:
        super().__init__(id)
        self.description = description
        self.metadata = dict(metadata or {})
        self.input = Schema.of(_given(input, input_schema))
        self.output = Schema.of(_given(output, output_schema))
        self.state = Schema.of(_given(state, state_schema))
        self.retry = retry_of(retries, NO_RETRY)
        self.durability: Durability | None = durability
        self.validate_inputs = validate_inputs
        self.validate_outputs = validate_outputs
        self.memory_home: Any = None
        self.homes: weakref.WeakSet[Any] = weakref.WeakSet()
        self._nodes: list[Node] = []
        self._used: list[tuple[str, Any]] = []
        self._generated: set[str] = set()
        self._graph: Graph | None = None
        self._last: Schema = self.input

    # ------------------------------------------------------------------ building

    def then(self, step: Step[Out, _New] | Workflow[Out, _New], /) -> Workflow[In, _New]:
        """Run *step*, which gets what came before."""
        return self._add(self._body(step), _output(step))

    def parallel(
        self, steps: Sequence[Step[Out, Any] | Workflow[Out, Any]], /, *, first_answer_wins: bool = False
    ) -> Workflow[In, Any]:
        """Run all *steps* at once; the output is {id: output} in this order.

        With *first_answer_wins* the first of them in which somebody answers a question wins: the open questions of the others
        are closed in the same moment, and they end as canceled. The output holds the winner and those that needed no answer.
        """
        children = tuple(self._body(step) for step in steps)
        return self._add(Parallel(children=children, first_answer_wins=first_answer_wins), ANYTHING)

    def branch(
        self, branches: Sequence[tuple[Callable[[Scope], Any], Step[Out, Any] | Workflow[Out, Any]]], /
    ) -> Workflow[In, Any]:
        """Run every step whose condition is true, at once; the output is {id: output} of those."""
        conditions = tuple(self.functions.add(condition) for condition, _ in branches)
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
            return self._add(Map(id=place, fn=self.functions.add(source, id)), ANYTHING)
        sources = tuple((key, source_of(key, found, self.functions.add)) for key, found in source.items())
        return self._add(Map(id=place, sources=sources), ANYTHING)

    def sleep(
        self, duration: float | timedelta | Callable[[Scope], Any], /, *, id: str | None = None
    ) -> Workflow[In, Out]:
        """Wait for a number of seconds, or what a function of the scope gives; the value passes through."""
        place = self._place("sleep", id)
        if callable(duration):
            return self._add(Sleep(id=place, fn=self.functions.add(duration, id)), self._last)
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
            return self._add(SleepUntil(id=place, fn=self.functions.add(when, id)), self._last)
        if when.tzinfo is None:
            raise DefinitionError(f"sleep_until({when!r}): give a time zone, as in datetime(..., tzinfo=UTC)")
        return self._add(SleepUntil(id=place, when=when), self._last)

    @overload
    def wait_for_event(
        self,
        name: str,
        /,
        *,
        schema: type[_New],
        timeout: Duration | None = None,
        match: Callable[[Scope], Any] | None = None,
        id: str | None = None,
    ) -> Workflow[In, _New]: ...
    @overload
    def wait_for_event(
        self,
        name: str,
        /,
        *,
        schema: Any = None,
        timeout: Duration | None = None,
        match: Callable[[Scope], Any] | None = None,
        id: str | None = None,
    ) -> Workflow[In, Any]: ...
    def wait_for_event(
        self,
        name: str,
        /,
        *,
        schema: Any = None,
        timeout: Duration | None = None,
        match: Callable[[Scope], Any] | None = None,
        id: str | None = None,
    ) -> Workflow[In, Any]:
        """Wait until `app.send_event(name, data, ...)` reaches this run; the data, checked by *schema*, is the output.

        *match* gives what an event's `match=` is compared with; without it that is the input of the workflow together with
        what reached this place. After *timeout* (`"3d"`, a timedelta, seconds) the place fails with `DeadlinePassed`.
        """
        place = self._place("event", id)
        seconds = None if timeout is None else duration_of(timeout).total_seconds()
        function = None if match is None else self.functions.add(match, f"{id}.match" if id else None)
        self.events[place] = Schema.of(Any if schema is None else schema)
        node = WaitForEvent(id=place, event=name, timeout=seconds, match=function)
        return self._add(node, self.events[place])

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
        self.forget_code()
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

    def _repr_html_(self) -> str | None:
        """The drawing that notebooks show; None, for `repr`, where there is nothing to draw yet."""
        from .svg import to_svg  # here: only notebooks need it

        if self._graph is None:
            return None
        return f'<div style="overflow:auto">{to_svg(self._graph, self)}</div>'

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
        name = self.functions.add(condition, given)
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
