"""What travels between client, workflow and activities, as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from ...errors import Issue, ValueTooLarge
from ...execution.effects import Again, Bailed, Done, Failed, Outcome, Suspended
from ...history import event as ev
from ...history.codec import (
    entry_from_json,
    entry_to_json,
    failure_from_json,
    failure_to_json,
    suspension_from_json,
    suspension_to_json,
)
from ...history.resume import ResumeRequest
from ...model.path import from_json as path_of
from ...model.values import Json, encode
from ...store.base import Answering, Reply

# Names that histories hold: they never change.
WORKFLOW = "cadenza"
STEP = "cadenza.step"
MIRROR = "cadenza.mirror"
OFFER = "cadenza.offer"
ASK = "cadenza.ask"

# Temporal refuses a payload of more than 2 MB; what is around a value has to fit in too.
LARGEST = 1_900_000
# So much at most goes along with the call of a step, or into one look at the mirror.
BATCH = 400_000


def carried(value: Json, where: str) -> Json:
    """*value*, if Temporal carries it.

    Raises `ValueTooLarge`.
    """
    size = size_of(value)
    if size > LARGEST:
        says = f"{size:,} bytes, where Temporal carries {LARGEST:,}; keep large values elsewhere and pass references"
        raise ValueTooLarge(where, [Issue(path="", message=says)])
    return value


def size_of(value: Json) -> int:
    """How many bytes *value* has on its way."""
    return len(encode(value))


# ------------------------------------------------------------------ events


def event_to_json(event: ev.Event, at: datetime) -> Json:
    """One event that is yet to be numbered."""
    return entry_to_json(ev.Entry(seq=0, at=at, event=event))


def event_from_json(data: Json) -> ev.Event:
    """The event that `event_to_json` wrote."""
    return entry_from_json(0, data).event


# ------------------------------------------------------------------ outcomes of a step


def outcome_to_json(outcome: Outcome | Again, pause: timedelta = timedelta()) -> Json:
    """What a step came to; of `Again` the *pause* before the next try."""
    match outcome:
        case Done(output=output, patch=patch, read=read):
            return {"kind": "done", "output": output, **_rest(patch, read)}
        case Bailed(output=output, patch=patch, read=read):
            return {"kind": "bailed", "output": output, **_rest(patch, read)}
        case Suspended(suspension=suspension, patch=patch, read=read):
            return {
                "kind": "suspended",
                "suspension": suspension_to_json(suspension),
                **_rest(patch, read),
            }
        case Failed(error=error, read=read):
            return {"kind": "failed", "error": failure_to_json(error), "read": list(read)}
        case Again(error=error, attempt=attempt):
            return {
                "kind": "again",
                "error": failure_to_json(error),
                "attempt": attempt,
                "pause": pause.total_seconds(),
            }


def outcome_from_json(data: Json, now: datetime) -> Outcome | Again:
    """The outcome that `outcome_to_json` wrote, heard of *now*."""
    read = tuple(data.get("read", ()))
    match data["kind"]:
        case "done":
            return Done(output=data["output"], patch=_patch(data), read=read)
        case "bailed":
            return Bailed(output=data["output"], patch=_patch(data), read=read)
        case "suspended":
            return Suspended(
                suspension=suspension_from_json(data["suspension"]), patch=_patch(data), read=read
            )
        case "again":
            until = now + timedelta(seconds=data["pause"])
            return Again(error=failure_from_json(data["error"]), attempt=data["attempt"], until=until)
        case _:
            return Failed(error=failure_from_json(data["error"]), read=read)


def _rest(patch: ev.Patch, read: tuple[Json, ...]) -> dict[str, Json]:
    rest: dict[str, Json] = {"read": list(read)} if read else {}
    if patch is not ev.NO_PATCH:
        rest["patch"] = [dict(patch.state), dict(patch.context)]
    return rest


def _patch(data: Json) -> ev.Patch:
    return ev.Patch(state=data["patch"][0], context=data["patch"][1]) if "patch" in data else ev.NO_PATCH


# ------------------------------------------------------------------ what is mirrored


@dataclass(slots=True, kw_only=True)
class Part:
    """Some entries with what they do to the run's row and to suspension rows: written together or not at all."""

    first: int
    entries: list[Json]
    head: Json
    closed: list[Json]
    graph: Json = None

    def to_json(self) -> Json:
        """For an activity."""
        return {
            "first": self.first,
            "entries": self.entries,
            "head": self.head,
            "closed": self.closed,
            **({"graph": self.graph} if self.graph is not None else {}),
        }


def answering_to_json(answering: Answering) -> Json:
    """An answer that a workflow has taken, for the store."""
    data: dict[str, Json] = {"replies": [[r.suspension_id, r.data] for r in answering.replies]}
    for name in ("actor", "run_count", "state", "via", "idempotency_key", "reason", "closes_reason"):
        data[name] = getattr(answering, name)
    return data | {
        "context": dict(answering.context),
        "closes": list(answering.closes),
        "at": answering.at.isoformat(),
    }


def answering_from_json(run_id: str, data: Json) -> Answering:
    """The answer that `answering_to_json` wrote."""
    found: dict[str, Any] = dict(data)
    found["replies"] = [Reply(suspension_id=id_, data=value) for id_, value in data["replies"]]
    found["at"] = datetime.fromisoformat(data["at"])
    return Answering(run_id=run_id, **found)


# ------------------------------------------------------------------ wishes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An answer on its way to a run. `replies` holds data that was checked already, by suspension id."""

    request: ResumeRequest
    data: Json
    context: dict[str, Json]
    run_count: int = 0
    actor: str | None = None
    via: str = "resume"
    idempotency_key: str | None = None
    wait: bool = True
    replies: dict[str, Json] | None = None
    # The span of the leg that it begins: of who asks, never of the workflow.
    span: ev.SpanRef | None = None

    def to_json(self) -> Json:
        """For an update."""
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        if (span := data.pop("span")) is not None:
            data["span"] = asdict(span)
        data["request"] = {name: getattr(self.request, name) for name in ResumeRequest.__slots__}
        return data


def wish_from_json(data: Json) -> Wish:
    """The wish that `Wish.to_json` wrote."""
    request = dict(data["request"])
    if request["step"] is not None:
        request["step"] = path_of(request["step"])
    span = ev.SpanRef(**data["span"]) if "span" in data else None
    return Wish(**{**data, "request": ResumeRequest(**request), "span": span})


def kept_wish(suspension_id: str, found: Json) -> Wish:
    """The wish of a kept event that was found for a wait."""
    request = ResumeRequest(suspension_id=suspension_id)
    return Wish(request=request, data=found["data"], context={}, actor=found["actor"], via=found["via"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """A question that is to be closed without an answer."""

    suspension_id: str
    state: Literal["expired", "canceled"]
    reason: str | None = None
    actor: str | None = None
    via: str
