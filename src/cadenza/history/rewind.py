"""What a time travel means: what is forgotten, what is kept, and what has to be known of the places before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import TimeTravelNoStep, TimeTravelTarget
from ..model.graph import Branch, Foreach, Graph, Loop, Node, Parallel, inside
from ..model.path import ROOT, Path, ids, show
from ..model.values import Json
from .event import RunRewound
from .resume import ABSENT
from .snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class TravelRequest:
    """Where to, and what to change. `records` are earlier places by path: (payload, output)."""

    target: Path | None
    input: Json = ABSENT
    resume: Json = ABSENT
    state: Mapping[str, Json] | None = None
    context: Mapping[str, Json] = field(default_factory=dict)
    records: Mapping[Path, tuple[Json, Json]] = field(default_factory=dict)


@dataclass(slots=True)
class _Plan:
    forget: list[Path] = field(default_factory=list)
    skip: list[Path] = field(default_factory=list)
    verdicts: list[tuple[Path, Json]] = field(default_factory=list)


def rewind(request: TravelRequest, snapshot: Snapshot, graph: Graph) -> RunRewound:
    """The event that takes the run back.

    Raises `TimeTravelNoStep`, and `TimeTravelTarget` where the target or what led there is unknown.
    """
    if not request.target:
        raise TimeTravelNoStep
    plan = _Plan()
    target = _plan(request, snapshot, graph, ROOT, request.target, plan)
    return RunRewound(
        target=target,
        fingerprint=graph.fingerprint,
        forget=tuple(plan.forget),
        skip=tuple(plan.skip),
        verdicts=tuple(plan.verdicts),
        records=tuple((path, payload, output) for path, (payload, output) in request.records.items()),
        has_input=request.input is not ABSENT,
        input=None if request.input is ABSENT else request.input,
        resume=() if request.resume is ABSENT else (request.resume,),
        run_input=_run_input(request, snapshot, graph),
        state=request.state,
        context=request.context,
    )


def _plan(
    request: TravelRequest, snapshot: Snapshot, graph: Graph, scope: Path, left: Path, plan: _Plan
) -> Path:
    """Plan one workflow on the way: *left* is what of the target lies in it. Gives the target with all its numbers."""
    whole = show(request.target or ROOT)
    id_, *rest = left
    if not isinstance(id_, str) or id_ not in graph.places:
        known = ", ".join(show((*scope, name)) for name in graph.places)
        raise TimeTravelTarget(whole, f"there is no such step; the places there are: {known}")
    here = graph.order[id_]
    for number, node in enumerate(graph.nodes):
        paths = [(*scope, place) for place, at in graph.order.items() if at == number]
        if number < here:
            _keep(request, snapshot, node, paths, plan)
        elif number > here:
            plan.forget += paths
    path: Path = (*scope, id_)
    _choose(graph.nodes[here], path, snapshot, plan)
    if not [part for part in rest if isinstance(part, str)] and not rest:
        plan.forget.append(path)
        return path
    return _inside(request, snapshot, graph, path, rest, plan)


def _inside(
    request: TravelRequest, snapshot: Snapshot, graph: Graph, path: Path, rest: list[str | int], plan: _Plan
) -> Path:
    whole = show(request.target or ROOT)
    place = graph.places[str(path[-1])]
    if isinstance(place, Loop | Foreach):
        if rest and isinstance(rest[0], int):
            number = rest.pop(0)
        elif isinstance(place, Loop):
            number = snapshot.rounds.get(path, 0)
        else:
            raise TimeTravelTarget(
                whole, f"{show(path)} runs once per item; say which, as in {show(path)}[0]"
            )
        if (*path, number) not in snapshot.records:
            raise TimeTravelTarget(whole, f"{show((*path, number))} was never reached")
        path = (*path, number)
        if isinstance(place, Loop):
            before = (*path[:-1], number - 1) if isinstance(number, int) else path
            if number and before not in snapshot.records and request.input is ABSENT:
                raise TimeTravelTarget(
                    whole,
                    f"what {show(before)} gave is no longer known, only the last two rounds are; give input_data=",
                )
            plan.forget += [p for p in snapshot.records if p[:-1] == path[:-1] and _after(p[-1], number)]
    if not rest:
        plan.forget.append(path)
        return path
    nested = inside(place)
    if nested is None:
        raise TimeTravelTarget(whole, f"{show(path)} is a step, there is nothing inside it")
    return _plan(request, snapshot, nested, path, tuple(rest), plan)


def _after(part: str | int, number: str | int) -> bool:
    return isinstance(part, int) and isinstance(number, int) and part > number


def _keep(request: TravelRequest, snapshot: Snapshot, node: Node, paths: list[Path], plan: _Plan) -> None:
    """See that what an earlier node gave is known, or need not be."""
    known = [path for path in paths if path in request.records]
    for path in paths:
        record = snapshot.record(path)
        not_chosen = isinstance(node, Branch) and (
            snapshot.verdicts.get(path) is False or (known and path not in known)
        )
        if path in request.records or (record is not None and record.status == "success"):
            if isinstance(node, Branch) and path not in snapshot.verdicts:
                plan.verdicts.append((path, True))
            continue
        if not_chosen:
            if path not in snapshot.verdicts:
                plan.verdicts.append((path, False))
            continue
        if request.input is ABSENT:
            found = "was never reached" if record is None else f"is {record.status}"
            raise TimeTravelTarget(
                show(request.target or ROOT),
                f"{show(path)} comes before it and {found}; give its record with context=, or the target's input_data=",
            )
        plan.skip.append(path)
        plan.forget.append(path)


def _choose(node: Node, path: Path, snapshot: Snapshot, plan: _Plan) -> None:
    """See that the target, a member of a branch, is chosen; its siblings are what they were."""
    if not isinstance(node, Branch):
        return
    for child in node.children:
        sibling = (*path[:-1], child.id)
        if sibling == path:
            plan.verdicts.append((sibling, True))
        elif sibling not in snapshot.verdicts:
            plan.verdicts.append((sibling, False))


def _run_input(request: TravelRequest, snapshot: Snapshot, graph: Graph) -> Json:
    """The input of a run that was never started: that of its first place, as far as it was given."""
    if snapshot.started_at is not None:
        return snapshot.input
    first = graph.nodes[0]
    children = first.children if isinstance(first, Parallel | Branch) else (first,)
    for child in children:
        if (child.id,) in request.records:
            return request.records[child.id,][0]
        if request.target is not None and ids(request.target) == (child.id,) and request.input is not ABSENT:
            return request.input
    return None


def records_of(
    given: Mapping[str, Any] | None, nested: Mapping[str, Mapping[str, Any]] | None
) -> dict[Path, tuple[Json, Json]]:
    """The records of earlier steps that a caller gave: {id: {"payload", "output"}} or {dotted id: ...}.

    *nested* has those inside nested workflows, by the (dotted) id of the workflow.
    """
    found = _records(given or {}, ROOT)
    for id_, inner in (nested or {}).items():
        found |= _records(inner, tuple(id_.split(".")))
    return found


def _records(given: Mapping[str, Any], scope: Path) -> dict[Path, tuple[Json, Json]]:
    found: dict[Path, tuple[Json, Json]] = {}
    for id_, record in given.items():
        payload = record.get("payload") if isinstance(record, Mapping) else getattr(record, "payload", None)
        output = record.get("output") if isinstance(record, Mapping) else getattr(record, "output", None)
        status = (
            record.get("status", "success")
            if isinstance(record, Mapping)
            else getattr(record, "status", "success")
        )
        if status == "success":
            found[*scope, *id_.split(".")] = (payload, output)
    return found
