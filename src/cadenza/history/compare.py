"""Holding a run against the code that is running now: can it go on, and if not, why.

A run goes on with the graph that it is pinned to, and finds the code for it by name. So it matters what that graph still
needs, and that what has happened is still there; what was added meanwhile, and the order in today's code, do not. Whatever
cannot be found, or could be either of two things, holds the run: nothing is guessed here. Reasons are for people: they name the
place and what is missing, and follow the words "run … is held:".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import InvalidResumeData
from ..model.graph import (
    Branch,
    Foreach,
    Graph,
    Loop,
    Map,
    Nested,
    Parallel,
    Place,
    Single,
    Sleep,
    SleepUntil,
    WaitForEvent,
    inside,
)
from ..model.mapping import FromFunction
from ..model.members import Members
from ..model.path import ROOT, Path, ids, scope_of, show
from ..model.schema import Schema
from ..model.step import Step
from ..model.values import Json
from .event import Suspension
from .reading import read_answer
from .snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Same:
    """The graph is that of today's code."""


@dataclass(frozen=True, slots=True)
class Compatible:
    """The graph is another one, and today's code has all that the run still needs."""


@dataclass(frozen=True, slots=True)
class Held:
    """The run cannot go on with today's code."""

    reason: str


Fit: TypeAlias = Same | Compatible | Held

_KINDS: dict[type, str] = {Single: "step", Nested: "workflow", Loop: "loop", Foreach: "foreach"}


def compare(pinned: Graph, run: Snapshot, today: Members) -> Fit:
    """Whether *run*, which is pinned to the graph *pinned*, can go on with the workflow *today*."""
    same = pinned.fingerprint == today.graph.fingerprint
    comparison = _Comparison(pinned, run, today)
    # Equal graphs name the same code. What a step has asked and been told is not in the graph.
    structure = () if same else (comparison.happened(), comparison.needed(pinned, ROOT))
    for reasons in (*structure, comparison.asked(), comparison.answered()):
        for reason in reasons:
            return Held(reason)
    return Same() if same else Compatible()


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Each method gives the reasons for which the run cannot go on."""

    pinned: Graph
    run: Snapshot
    today: Members

    # ------------------------------------------------------------------ what has happened

    def happened(self) -> Iterator[str]:
        """Whether the places where the run has been are still there; what waits comes first."""
        waiting = [row.path for row in self.run.open.values()]
        seen: set[tuple[str, ...]] = set()
        for path in [*waiting, *self.run.records]:
            if ids(path) in seen:
                continue
            seen.add(ids(path))
            place = _at(self.pinned, ids(path))
            if place is not None and type(place) in _KINDS:
                why = "which asked" if path in waiting else "where the run has been"
                yield from self._found(place, path, why)

    def _found(self, place: Place, path: Path, why: str) -> Iterator[str]:
        """Whether the step, workflow, loop or foreach *place* is still that."""
        where = ids(path)
        owner = self.today.nested(where[:-1])
        now = owner.graph.places.get(where[-1]) if owner is not None else None
        kind, body = _KINDS[type(place)], "step" if inside(place) is None else "workflow"
        if now is None:
            yield f"today's code has no {body} at {show(where)}, {why}"
        elif type(now) is not type(place):
            found = _KINDS.get(type(now), "place of another kind")
            yield f"the run knows {show(where)} as a {kind}, in today's code it is a {found}"
        elif (inside(now) is None) != (inside(place) is None):
            found = "step" if inside(now) is None else "workflow"
            yield f"the run knows what is at {show(where)} as a {body}, in today's code it is a {found}"

    # ------------------------------------------------------------------ what is still to come

    def needed(self, graph: Graph, scope: Path, *, anew: bool = False) -> Iterator[str]:
        """Whether the code is there that the workflow at *scope* still needs; with *anew* all of it, as for another round."""
        for node in graph.nodes:
            if isinstance(node, Parallel):
                for child in node.children:
                    yield from self._place(child, scope, anew)
            elif isinstance(node, Branch):
                for child, condition in zip(node.children, node.conditions, strict=True):
                    path = (*scope, child.id)
                    verdict = None if anew else self.run.verdicts.get(path)
                    if verdict is None and path not in self.run.skipped:
                        yield from self._function(scope, condition, f"the condition of {show(ids(path))}")
                    if verdict is not False:
                        yield from self._place(child, scope, anew)
            else:
                yield from self._place(node, scope, anew)

    def _place(self, place: Place, scope: Path, anew: bool) -> Iterator[str]:  # noqa: C901, FBT001  one case a kind of place
        path = (*scope, place.id)
        where = show(ids(path))
        if not anew and self._is_over(path):
            return
        record = None if anew else self.run.records.get(path)
        match place:
            case Single() | Nested():
                yield from self._body(place, place, path, anew)
            case Loop():
                yield from self._loop(place, scope, path, anew)
            case Foreach():
                yield from self._foreach(place, path, anew)
            case Map(fn=fn, sources=sources):
                names = [source.fn for _, source in sources if isinstance(source, FromFunction)]
                for name in [fn] if fn is not None else names:
                    yield from self._function(scope, name, f"the mapper of {where}")
            case Sleep(fn=fn) | SleepUntil(fn=fn):
                if fn is not None and (record is None or record.status != "waiting"):
                    yield from self._function(scope, fn, f"the duration of {where}")
            case WaitForEvent(match=match):
                if match is not None and (record is None or record.status != "suspended"):
                    yield from self._function(scope, match, f"the match of {where}")
                yield from self._event(place, path)

    def _is_over(self, path: Path) -> bool:
        record = self.run.records.get(path)
        return (record is not None and record.ended) or path in self.run.skipped

    def _body(self, place: Place, body: Single | Nested, path: Path, anew: bool) -> Iterator[str]:  # noqa: FBT001
        missing = list(self._found(place, path, "which the run still needs"))
        yield from missing
        if isinstance(body, Nested) and not missing:
            yield from self.needed(body.graph, path, anew=anew)

    def _loop(self, loop: Loop, scope: Path, path: Path, anew: bool) -> Iterator[str]:  # noqa: FBT001
        number = None if anew else self.run.rounds.get(path)
        if number is not None and self.run.verdicts.get((*path, number)) == loop.until:
            return  # it is over
        yield from self._function(scope, loop.condition, f"the condition of {show(ids(path))}")
        yield from self._body(loop, loop.body, path, anew=True)

    def _foreach(self, foreach: Foreach, path: Path, anew: bool) -> Iterator[str]:  # noqa: FBT001
        record = None if anew else self.run.records.get(path)
        items = record.payload if record is not None and isinstance(record.payload, list) else [None]
        for i in range(len(items)):
            item = (*path, i)
            if record is None or item not in self.run.records:
                # Those that are still to begin all need the same.
                yield from self._body(foreach, foreach.body, path, anew=True)
                return
            if not self._is_over(item):
                yield from self._body(foreach, foreach.body, item, anew=False)

    def _function(self, scope: Path, name: str, role: str) -> Iterator[str]:
        if self.today.function(ids(scope), name) is None:
            workflow = show(ids(scope)) or self.pinned.workflow
            yield f"today's code of {workflow} has no function found as {name!r}, {role}"

    def _event(self, wait: WaitForEvent, path: Path) -> Iterator[str]:
        found = self.today.brings(ids(path), wait.event)
        if not found:
            yield f"today's code waits for no event {wait.event!r} at {show(ids(path))}"
        elif len(found) > 1:
            yield (
                f"today's code waits for the event {wait.event!r} with different types, and the wait at "
                f"{show(ids(path))} has no id that tells which is meant"
            )

    # ------------------------------------------------------------------ questions and answers

    def asked(self) -> Iterator[str]:
        """Whether the code that asked is still in its place."""
        for row in self.run.open.values():
            if row.code is not None:
                yield from self._moved(row, row.code)

    def _moved(self, row: Suspension, asked_by: str) -> Iterator[str]:
        where = ids(row.path)
        code = self.today.code(where)
        if code is None or code.step.made_of == asked_by:
            return
        others = {id_: m for id_, m in code.workflow.members.items() if m is not code.step}
        for id_, other in others.items():
            if isinstance(other, Step) and _is_rather(other.made_of, code.step.made_of, asked_by):
                there = show((*ids(scope_of(row.path)), id_))
                yield f"the code that asked at {show(where)} is at {there} in today's code, with other code in its place"

    def answered(self) -> Iterator[str]:
        """Whether today's steps still take the answers to `suspend` that they were given; those to `ask` they read themselves."""
        for path, questions in self.run.asked.items():
            record, question = self.run.records.get(path), questions.get(None)
            if record is None or record.ended or not record.resume_data or question is None:
                continue
            code = self.today.code(ids(path))
            if code is not None and code.validate_inputs and question.event is None:
                yield from outdated(code.step.resume, record.resume_data[0], question, f"step {show(path)}")


def outdated(schema: Schema, answer: Json, question: Suspension, where: str) -> Iterator[str]:
    """Why *answer*, which was taken, can no longer be read: nothing where it can."""
    try:
        read_answer(schema, answer, question.resume_schema, where)
    except InvalidResumeData as error:
        yield f"the answer kept for {where} no longer fits: {error}"


def _is_rather(other: str, here: str, asked_by: str) -> bool:
    """Whether the code *other* is the one that asked, and not the code *here*: the very same code, else that of the same name."""
    if other == asked_by:
        return True
    other_parts, here_parts, parts = other.split(":"), here.split(":"), asked_by.split(":")
    if here_parts[0] == parts[0] or (here_parts[1] == parts[1] and parts[1]):
        return False
    return any(one and one == other for one, other in zip(parts, other_parts, strict=True))


def _at(graph: Graph, where: tuple[str, ...]) -> Place | None:
    here: Graph | None = graph
    place: Place | None = None
    for id_ in where:
        place = here.places.get(id_) if here is not None else None
        here = inside(place) if place is not None else None
    return place
