"""A run's entries as Mastra's stream events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ...history import event as ev
from ...history.narrate import Narrator
from ...history.snapshot import Snapshot
from ...model.graph import Foreach, Graph, Loop, Place, Sleep, SleepUntil, inside
from ...model.path import Path, ids
from ...model.values import Json, isolate
from .results import millis, wire_status

_USAGE: Json = {
    "inputTokens": 0,
    "outputTokens": 0,
    "totalTokens": 0,
    "cachedInputTokens": 0,
    "cacheCreationInputTokens": 0,
    "reasoningTokens": 0,
}
_ENDS = {ev.RunSucceeded: "success", ev.RunFailed: "failed", ev.RunCanceled: "canceled"}


class WireNarrator:
    """Tells one run to one listener.

    With *legs* each rest is told as the end of a stream, and what follows as the start of the next: that is how a late
    listener sees a run that was resumed.
    """

    def __init__(self, run_id: str, snapshot: Snapshot, graph: Graph, *, legs: bool) -> None:
        self._run_id = run_id
        self._inner = Narrator(run_id, snapshot)
        self._graph = graph
        self._legs = legs
        self._resting: str | None = None
        # In this leg: containers that were answered inside, and items that asked.
        self._answered: set[Path] = set()
        self._asked: set[Path] = set()

    @property
    def seq(self) -> int:
        """The number of the last entry that was told."""
        return self._inner.seq

    def begin(self, _: str) -> Json:
        """The first event of each stream."""
        return self._event("workflow-start", {"workflowId": self._graph.workflow})

    def finish(self, status: str) -> Json:
        """The last event of each stream."""
        payload: dict[str, Json] = {
            "workflowStatus": wire_status(status),
            "metadata": {},
            "output": {"usage": _USAGE},
        }
        if status == "success":
            payload["finalWorkflowResult"] = isolate(self._inner.snapshot.result)
        return self._event("workflow-finish", payload)

    def refused(self, error: Exception, message: str) -> Json:
        """The last event of a stream whose request was refused."""
        payload = self.finish("failed")["payload"]
        failed = {"error": {"message": message, "name": type(error).__name__}, "errorMessage": message}
        return self._event("workflow-finish", {**payload, "metadata": failed})

    def chunk(self, path: Path, chunk: Json) -> Json:
        """What a step wrote."""
        told = self._inner.chunk(path, chunk)
        if not isinstance(told, dict) or "run_id" not in told:
            return told  # an event of its own
        payload = {
            "stepName": told["payload"]["id"],
            "output": told["payload"]["output"],
            "runId": self._run_id,
        }
        return {**self._event("workflow-step-output", payload), "from": "USER"}

    def tell(self, entry: ev.Entry) -> list[Json]:
        """The events of *entry*, which has to be the next one."""
        if entry.seq <= self.seq:
            return []
        events = []
        if self._resting is not None and isinstance(entry.event, ev.RunResumed | ev.RunRewound):
            if self._legs:
                events = [self.finish(self._resting), self.begin("")]
            self._inner.leg()
        self._resting = self._rests(entry.event)
        bailed = isinstance(entry.event, ev.StepBailed)
        told = [found for event in self._inner.tell(entry) if (found := self._told(event, bailed=bailed))]
        match entry.event:
            case ev.StepSuspended(path=path):
                told += self._item(path)
            case ev.StepAnswered(path=path):
                self._answered |= {path[:depth] for depth in range(1, len(path))}
            case ev.RunSuspended(until=None):
                told = [*self._still_waiting(), *told]
            case _:
                pass
        return [*events, *told]

    def _still_waiting(self) -> list[Json]:
        """Each foreach that went on in this leg and rests again because of items that were asked before it."""
        asked = {event_path[:-1] for event_path in self._asked}
        found = []
        for path in sorted(self._answered - asked, key=len):
            record = self._inner.snapshot.records.get(path)
            if record is None or record.ended or not isinstance(_place(self._graph, _name(path)), Foreach):
                continue
            given = {"id": _name(path), "status": "suspended", "suspend_payload": None, "suspended_at": None}
            payload = {"stepName": given["id"], "id": given["id"], "status": "suspended"}
            ended = self._ended("workflow-step-suspended", given)
            found.append(self._event("workflow-step-suspended", {**payload, **ended}))
        self._answered.clear()
        self._asked.clear()
        return found

    def _rests(self, event: ev.Event) -> str | None:
        if isinstance(event, ev.RunSuspended):
            return "suspended" if event.until is None else None
        return _ENDS.get(type(event))

    def _told(self, event: Json, *, bailed: bool) -> Json:
        kind, given = event["type"], event["payload"]
        if "id" not in given:
            return self._event(kind, {})
        place = _place(self._graph, given["id"])
        waits = isinstance(place, Sleep | SleepUntil)
        if waits and kind == "workflow-step-start":
            return None
        payload: dict[str, Json] = {"stepName": given["id"], "id": given["id"]}
        if kind == "workflow-step-progress":
            return self._event(kind, {**payload, **_progress(given)})
        short = (
            waits or (isinstance(place, Foreach) and "iteration" not in given)
        ) and kind != "workflow-step-start"
        if not (waits or isinstance(place, Foreach)):
            payload["stepCallId"] = self._call_id(given)
        payload |= {"status": "bailed" if bailed else given["status"]}
        if not short or kind == "workflow-step-waiting":
            payload |= self._begun(given, place)
        return self._event(kind, {**payload, **self._ended(kind, given)})

    def _begun(self, given: Json, place: Place | None) -> Json:
        told = {"payload": given["payload"], "startedAt": _millis(given["started_at"])}
        if "resumed_at" in given:
            told |= {"resumePayload": given["resume_payload"], "resumedAt": _millis(given["resumed_at"])}
        else:
            told |= self._resumed_inside(given["id"])
        if isinstance(place, Loop) and "iteration" in given:
            told["metadata"] = {"iterationCount": given["iteration"] + 1}
        return told

    def _resumed_inside(self, name: str) -> Json:
        """What a container was last answered."""
        parts = tuple(name.split("."))
        records = [
            record
            for path, record in self._inner.snapshot.records.items()
            if record.resumed_at is not None and len(path) > len(parts) and ids(path)[: len(parts)] == parts
        ]
        last = max(records, key=lambda record: record.resumed_seq, default=None)
        if last is None or last.resumed_at is None:
            return {}
        return {"resumePayload": isolate(last.resume_payload), "resumedAt": millis(last.resumed_at)}

    def _ended(self, kind: str, given: Json) -> Json:
        told: dict[str, Json] = {}
        if kind == "workflow-step-suspended":
            payload, at, meta = self._question(given)
            told = {"suspendPayload": payload, "suspendedAt": at}
            if meta and isinstance(payload, dict):
                told["suspendPayload"] = {**payload, "__workflow_meta": meta}
        if kind == "workflow-step-result":
            if "error" in given:
                told["error"] = {"message": given["error"]["message"], "name": given["error"]["name"]}
            else:
                told["output"] = given["output"]
            told["endedAt"] = _millis(given["ended_at"])
        return told

    def _question(self, given: Json) -> tuple[Json, int | None, Json]:
        """What is asked at a place, since when, and where inside it, if it is a container."""
        parts = tuple(given["id"].split("."))
        for row in sorted(self._inner.snapshot.open.values(), key=lambda row: _numbers(row.path)):
            inner = ids(row.path)
            if inner != parts and inner[: len(parts)] == parts:
                meta = {"runId": self._run_id, "path": list(inner[len(parts) :])}
                return isolate(row.payload), millis(row.opened_at), meta
            if inner == parts and any(isinstance(part, int) for part in row.path):
                return isolate(row.payload), millis(row.opened_at), {}
        return given["suspend_payload"], _millis(given["suspended_at"]), {}

    def _item(self, path: Path) -> list[Json]:
        """An item of a foreach that waits now."""
        around = self._inner.snapshot.records.get(path[:-1])
        if not isinstance(path[-1], int) or around is None:
            return []
        self._asked.add(path)
        items = around.payload if isinstance(around.payload, list) else []
        name = _name(path)
        done = [self._inner.snapshot.records.get((*path[:-1], i)) for i in range(len(items))]
        payload = {
            "stepName": name,
            "id": name,
            "completedCount": sum(1 for record in done if record is not None and record.ended),
            "totalCount": len(items),
            "currentIndex": path[-1],
            "iterationStatus": "suspended",
        }
        return [self._event("workflow-step-progress", payload)]

    def _call_id(self, given: Json) -> str:
        """The same for the start and the end of one call of a step, and no other."""
        when = given.get("resumed_at") or given["started_at"]
        return str(uuid5(NAMESPACE_URL, f"{self._run_id}/{given['id']}/{given.get('iteration')}/{when}"))

    def _event(self, kind: str, payload: Json) -> Json:
        return {"type": kind, "runId": self._run_id, "from": "WORKFLOW", "payload": payload}


def _progress(given: Json) -> Json:
    told = {
        "completedCount": given["completed_count"],
        "totalCount": given["total_count"],
        "currentIndex": given["current_index"],
        "iterationStatus": given["iteration_status"],
    }
    return (
        {**told, "iterationOutput": given["iteration_output"]}
        if told["iterationStatus"] == "success"
        else told
    )


def _place(graph: Graph, name: str) -> Place | None:
    here: Graph | None = graph
    place: Place | None = None
    for part in name.split("."):
        place = here.places.get(part) if here is not None else None
        here = inside(place) if place is not None else None
    return place


def _name(path: Path) -> str:
    return ".".join(ids(path))


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(part for part in path if isinstance(part, int))


def _millis(given: Any) -> int | None:
    return millis(datetime.fromisoformat(given)) if given is not None else None
