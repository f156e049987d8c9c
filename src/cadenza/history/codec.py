"""Events as JSON, and back. What is written here is read for years: fields are only ever added, with a default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any

from ..model.path import from_json as path_of
from ..model.values import Json
from . import event as ev

_EVENTS: dict[str, type[ev.Event]] = {
    kind.__name__: kind
    for kind in (
        ev.RunStarted,
        ev.RunResumed,
        ev.RunSuspended,
        ev.RunSucceeded,
        ev.RunFailed,
        ev.RunCanceled,
        ev.RunHeld,
        ev.RunRewound,
        ev.StepStarted,
        ev.StepWaiting,
        ev.StepSuspended,
        ev.StepAnswered,
        ev.StepCanceled,
        ev.StepSucceeded,
        ev.StepBailed,
        ev.StepFailed,
        ev.StepRetried,
        ev.Remembered,
        ev.Evaluated,
    )
}


def entry_to_json(entry: ev.Entry) -> Json:
    """*entry* as a JSON object: "type", "at", and the fields that are not at their default."""
    event = entry.event
    kind = type(event).__name__
    data: dict[str, Json] = {"type": kind, "at": entry.at.isoformat()}
    for name, default, write, _ in _PLANS[kind]:
        value = getattr(event, name)
        if value is not default:
            data[name] = write(value) if write else value
    return data


def entry_from_json(seq: int, data: Json) -> ev.Entry:
    """The entry that `entry_to_json` wrote."""
    kind = data["type"]
    plan = _PLANS.get(kind)
    if plan is None:
        raise ValueError(f"entry {seq} is a {kind!r}, which this version does not know; upgrade Cadenza")
    found = {name: read(data[name]) if read else data[name] for name, _, _, read in plan if name in data}
    return ev.Entry(seq=seq, at=datetime.fromisoformat(data["at"]), event=_EVENTS[kind](**found))


def suspension_to_json(suspension: ev.Suspension) -> Json:
    """*suspension* as it was opened, without what happened to it since and without what is at its default."""
    data: dict[str, Json] = {
        "id": suspension.id,
        "run_id": suspension.run_id,
        "path": list(suspension.path),
        "opened_at": suspension.opened_at.isoformat(),
    }
    for name in ("key", "payload", "resume_schema", "answer_type", "code", "event", "match"):
        if (value := getattr(suspension, name)) is not None:
            data[name] = value
    for name in ("labels", "assigned", "workflow", "exclude_requester"):
        if value := getattr(suspension, name):
            data[name] = value
    if suspension.remind_at:
        data["remind_at"] = [at.isoformat() for at in suspension.remind_at]
    if (timeout := suspension.on_timeout) is not None:
        data["on_timeout"] = [timeout.do, timeout.data]
    for name in ("deadline", "due_at"):
        if (at := getattr(suspension, name)) is not None:
            data[name] = at.isoformat()
    return data


def suspension_from_json(data: Json, **since: Any) -> ev.Suspension:
    """The suspension that `suspension_to_json` wrote: open, or with the fields *since*."""
    found = {
        name: data[name]
        for name in ("key", "payload", "resume_schema", "answer_type", "code", "event", "match")
        if name in data
    }
    if "on_timeout" in data:
        found["on_timeout"] = ev.OnTimeout(do=data["on_timeout"][0], data=data["on_timeout"][1])
    for name in ("deadline", "due_at"):
        found[name] = _moment(data.get(name))
    return ev.Suspension(
        id=data["id"],
        run_id=data["run_id"],
        path=path_of(data["path"]),
        opened_at=datetime.fromisoformat(data["opened_at"]),
        labels=tuple(data.get("labels", ())),
        assigned=tuple(data.get("assigned", ())),
        workflow=data.get("workflow", ""),
        exclude_requester=data.get("exclude_requester", False),
        remind_at=tuple(datetime.fromisoformat(at) for at in data.get("remind_at", ())),
        **{**found, **since},
    )


def failure_to_json(failure: ev.Failure) -> Json:
    """*failure* as a JSON object."""
    return {
        "name": failure.name,
        "message": failure.message,
        "code": failure.code,
        "issues": [list(issue) for issue in failure.issues],
        "trace": failure.trace,
        "final": failure.final,
    }


def failure_from_json(data: Json) -> ev.Failure:
    """The failure that `failure_to_json` wrote."""
    return ev.Failure(
        name=data["name"],
        message=data["message"],
        code=data["code"],
        issues=tuple((path, message) for path, message in data["issues"]),
        trace=data["trace"],
        final=data["final"],
    )


def _span_to_json(span: ev.SpanRef | None) -> Json:
    if span is None:
        return None
    data: dict[str, Json] = {"trace_id": span.trace_id, "span_id": span.span_id, "flags": span.flags}
    if span.state:
        data["state"] = span.state
    return data


def _span_from_json(data: Json) -> ev.SpanRef | None:
    return ev.SpanRef(**data) if data is not None else None


def _given_to_json(given: ev.Given) -> Json:
    # A list of one is a value, an object a reference: a value is never mistaken for where it stands.
    if not isinstance(given, ev.Ref):
        return [given]
    data: dict[str, Json] = {"of": given.of, "path": given.path}
    if given.index:
        data["index"] = given.index
    if given.ids:
        data["ids"] = given.ids
    return data


def _given_from_json(data: Json) -> ev.Given:
    if isinstance(data, list):
        return data[0]
    return ev.Ref(
        of=data["of"], path=path_of(data["path"]), index=data.get("index", 0), ids=tuple(data.get("ids", ()))
    )


def _patch_to_json(patch: ev.Patch) -> Json:
    return {"state": patch.state, "context": patch.context}


def _patch_from_json(data: Json) -> ev.Patch:
    return ev.Patch(state=data["state"], context=data["context"])


def _isoformat(value: datetime | None) -> str | None:
    return value.isoformat() if value is not None else None


def _moment(data: str | None) -> datetime | None:
    return datetime.fromisoformat(data) if data is not None else None


def _pairs_from_json(data: Json) -> tuple[tuple[Any, ...], ...]:
    return tuple((path_of(path), *rest) for path, *rest in data)


_Write = Callable[[Any], Json] | None
_Read = Callable[[Json], Any] | None

# Field name -> how it is written and read, where it is not plain JSON. Tuples are JSON lists to the encoder.
_SPECIAL: dict[str, tuple[_Write, _Read]] = {
    "path": (None, path_of),
    "target": (None, path_of),
    "forget": (None, lambda data: tuple(map(path_of, data))),
    "skip": (None, lambda data: tuple(map(path_of, data))),
    "verdicts": (None, _pairs_from_json),
    "records": (None, _pairs_from_json),
    "read": (None, tuple),
    "resume": (None, tuple),
    "patch": (_patch_to_json, _patch_from_json),
    "error": (failure_to_json, failure_from_json),
    "span": (_span_to_json, _span_from_json),
    "suspension": (suspension_to_json, suspension_from_json),
    "until": (_isoformat, _moment),
}
_GIVEN: dict[str, str] = {
    "StepStarted": "input",
    "StepSucceeded": "output",
    "StepBailed": "output",
    "RunSucceeded": "result",
}


def _plan(kind: type[ev.Event]) -> list[tuple[str, object, _Write, _Read]]:
    plan: list[tuple[str, object, _Write, _Read]] = []
    for f in fields(kind):
        write, read = _SPECIAL.get(f.name, (None, None))
        if f.name == _GIVEN.get(kind.__name__):
            write, read = _given_to_json, _given_from_json
        default = f.default if f.default is not MISSING else object()
        plan.append((f.name, default, write, read))
    return plan


_PLANS = {name: _plan(kind) for name, kind in _EVENTS.items()}
