"""Checks of what a start, resume or time travel was given, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from ..errors import (
    InvalidContext,
    InvalidInput,
    InvalidResumeData,
    InvalidState,
    InvalidStepInput,
    Issue,
    TimeTravelTarget,
    ValueNotKept,
)
from ..history import event as ev
from ..history.resume import ABSENT
from ..history.rewind import TravelRequest
from ..history.snapshot import Snapshot
from ..model.graph import Foreach, Graph, Place, inside
from ..model.path import Path, ids, show
from ..model.schema import Schema
from ..model.values import Json, plain
from ..model.workflow import Workflow
from .base import Starting


def split_context(
    given: Mapping[str, Any] | None, secret_keys: AbstractSet[str]
) -> tuple[dict[str, Json], dict[str, Any]]:
    """*given* as what is kept and what is secret.

    Raises `InvalidContext` naming the keys whose values cannot be kept.
    """
    kept: dict[str, Json] = {}
    secret: dict[str, Any] = {}
    issues: list[Issue] = []
    for key, value in (given or {}).items():
        if key in secret_keys:
            secret[key] = value
            continue
        try:
            kept[key] = plain(value, key)
        except ValueNotKept as error:
            issues += [Issue(path=f"{key}.{i.path}".rstrip("."), message=i.message) for i in error.issues]
    if issues:
        raise InvalidContext(
            "this run (declare keys that must not be kept: Cadenza(context_secrets={...}))", issues
        )
    return kept, secret


def split_travel(
    travel: TravelRequest, secret_keys: AbstractSet[str]
) -> tuple[TravelRequest, dict[str, Any]]:
    """*travel* with what is kept of its context, which goes into the journal, and what is secret.

    Raises `InvalidContext`.
    """
    kept, secrets = split_context(travel.context, secret_keys)
    return replace(travel, context=kept), secrets


def begin_of(
    workflow: Workflow[Any, Any], starting: Starting, secret_keys: AbstractSet[str]
) -> tuple[ev.RunStarted, dict[str, Any]]:
    """The first event of a run that is started so, and the secrets of its runtime context.

    Raises `InvalidInput`, `InvalidState` and `InvalidContext`.
    """
    where = f"workflow {workflow.id}"
    if workflow.validate_inputs is False:
        value, state = plain(starting.input, where), plain(starting.state or {}, where)
    else:
        value = workflow.input.check(starting.input, InvalidInput, where)
        state = workflow.state.check({} if starting.state is None else starting.state, InvalidState, where)
    refuse_no_object(state, where)
    context, secrets = split_context(starting.context, secret_keys)
    fingerprint = workflow.graph.fingerprint
    event = ev.RunStarted(
        fingerprint=fingerprint, input=value, state=state, context=context, actor=starting.actor
    )
    return event, secrets


def check_travel(
    workflow: Workflow[Any, Any],
    travel: TravelRequest,
    event: ev.RunRewound,
    snapshot: Snapshot,
    graph: Graph,
) -> None:
    """See that the target takes its new input and answer, and that what is kept has a place in today's graph."""
    code = workflow.code(ids(event.target))
    where = show(event.target)
    if travel.state is not None:
        if workflow.validate_inputs is not False:
            workflow.state.check(travel.state, InvalidState, f"workflow {workflow.id}")
        refuse_no_object(travel.state, f"workflow {workflow.id}")
    if code is not None and code.validate_inputs:
        if travel.input is not ABSENT:
            foreach = isinstance(event.target[-1], str) and isinstance(_place(graph, event.target), Foreach)
            schema = Schema.of(list[code.step.input.type]) if foreach else code.step.input  # type: ignore[name-defined]
            schema.check(travel.input, InvalidStepInput, where)
        if travel.resume is not ABSENT:
            code.step.resume.check(travel.resume, InvalidResumeData, where)
    gone = {str(path[0]) for path in snapshot.records} - graph.places.keys()
    if gone:
        raise TimeTravelTarget(
            where, f"the run has been at {', '.join(sorted(gone))}, which today's code does not have"
        )


def refuse_no_object(state: Json, where: str) -> None:
    """Raise `InvalidState` where *state* is no object."""
    if not isinstance(state, dict):
        raise InvalidState(where, [Issue(path="", message=f"Input should be an object, found {state!r:.50}")])


def _place(graph: Graph, path: Path) -> Place | None:
    here: Graph | None = graph
    place: Place | None = None
    for id_ in ids(path):
        place = here.places.get(id_) if here is not None else None
        here = inside(place) if place is not None else None
    return place
