"""What those who stream or watch a run are told: its entries, as events of the steps that they know.

Source: Mastra's stream events, in snake case.
"""

from __future__ import annotations

from typing import Any

from ..model.path import Path, ids, within
from ..model.values import Json, isolate
from . import event as ev
from .record import StepRecord
from .snapshot import Snapshot


class Narrator:
    """Tells the entries of one run. It folds them along, so it must see all of them, or start from their snapshot."""

    def __init__(self, run_id: str, snapshot: Snapshot) -> None:
        self._run_id = run_id
        self._run = snapshot
        self._begun: set[Path] = set()
        self._asked: list[Path] = []

    @property
    def snapshot(self) -> Snapshot:
        """The run, as far as it was told."""
        return self._run

    @property
    def seq(self) -> int:
        """The number of the last entry that was told."""
        return self._run.seq

    def leg(self) -> None:
        """A new leg begins: containers begin again."""
        self._begun.clear()

    def begin(self, workflow_id: str) -> Json:
        """The first event of a stream."""
        return self._event("workflow-start", {"workflow_id": workflow_id})

    def finish(self, status: str) -> Json:
        """The last event of a stream."""
        return self._event("workflow-finish", {"workflow_status": status})

    def chunk(self, path: Path, chunk: Json) -> Json:
        """What a step wrote."""
        if "custom" in chunk and isinstance(custom := chunk["custom"]["output"], dict):
            return custom
        output = chunk["output"] if "output" in chunk else chunk["custom"]["output"]
        payload = {"id": _name(path), "step_name": ids(path)[-1], "output": output}
        return {"type": "workflow-step-output", "run_id": self._run_id, "from": "USER", "payload": payload}

    def tell(self, entry: ev.Entry) -> list[Json]:  # noqa: C901  one case a kind
        """The events of *entry*, which has to be the next one; those that were told before are skipped."""
        if entry.seq <= self._run.seq:
            return []
        self._run.apply(entry)
        match entry.event:
            case ev.StepStarted(path=path):
                # A nested workflow whose type reads its input as something else is noted a second time.
                told = path in self._begun
                self._begun.add(path)
                return [] if told or self._is_item(path) else [self._started(path)]
            case ev.StepRetried(path=path):
                self._begun = {begun for begun in self._begun if begun == path or not within(begun, path)}
            case ev.StepAnswered(path=path):
                return self._resumed(path)
            case ev.StepSucceeded(path=path) | ev.StepBailed(path=path) | ev.StepFailed(path=path):
                return [self._progress(path) if self._is_item(path) else self._ended(path)]
            case ev.StepSuspended(path=path):
                self._asked.append(path)
                return [] if self._is_item(path) else [self._suspended(path)]
            case ev.StepWaiting(path=path):
                return [self._event("workflow-step-waiting", self._payload(path, status="waiting"))]
            case ev.RunSuspended():
                return self._rest()
            case ev.RunResumed():
                self.leg()
            case ev.RunCanceled():
                return [self._event("workflow-canceled", {})]
            case _:
                pass
        return []

    def _is_item(self, path: Path) -> bool:
        return isinstance(path[-1], int) and path[:-1] in self._run.records

    def _containers(self, path: Path) -> list[Path]:
        """What is around *path*, outermost first, that people see as a step: nested workflows and foreach."""
        around = [path[:depth] for depth in range(1, len(path))]
        return [p for p in around if p in self._run.records and not self._is_item(p)]

    def _resumed(self, path: Path) -> list[Json]:
        events = []
        for around in self._containers(path):
            if around not in self._begun:
                self._begun.add(around)
                events.append(self._started(around))
        return events if self._is_item(path) else [*events, self._started(path)]

    def _rest(self) -> list[Json]:
        around = {p for path in self._asked for p in self._containers(path)}
        self._asked.clear()
        return [self._suspended(path) for path in sorted(around, key=lambda p: (-len(p), _name(p)))]

    def _started(self, path: Path) -> Json:
        return self._event("workflow-step-start", self._payload(path, status="running"))

    def _suspended(self, path: Path) -> Json:
        record = self._run.records[path]
        extra = {
            "suspend_payload": isolate(record.suspend_payload),
            "suspended_at": _iso(record.suspended_at),
        }
        return self._event("workflow-step-suspended", self._payload(path, status="suspended") | extra)

    def _ended(self, path: Path) -> Json:
        record = self._run.records[path]
        end: dict[str, Json] = {"ended_at": _iso(record.ended_at)}
        if record.error is not None and record.status == "failed":
            end["error"] = {
                "name": record.error.name,
                "message": record.error.message,
                "code": record.error.code,
            }
        else:
            end["output"] = isolate(record.output)
        return self._event("workflow-step-result", self._payload(path, status=record.status) | end)

    def _progress(self, path: Path) -> Json:
        around, record = self._run.records[path[:-1]], self._run.records[path]
        items = around.payload if isinstance(around.payload, list) else []
        done = sum(1 for i in range(len(items)) if self._has_ended((*path[:-1], i)))
        payload = {
            "id": _name(path),
            "step_name": ids(path)[-1],
            "completed_count": done,
            "total_count": len(items),
            "current_index": path[-1],
            "iteration_status": record.status,
            "iteration_output": isolate(record.output),
        }
        return self._event("workflow-step-progress", payload)

    def _has_ended(self, path: Path) -> bool:
        record = self._run.records.get(path)
        return record is not None and record.ended

    def _payload(self, path: Path, *, status: str) -> dict[str, Json]:
        record: StepRecord = self._run.records[path]
        payload: dict[str, Any] = {
            "id": _name(path),
            "step_name": ids(path)[-1],
            "payload": isolate(record.payload),
            "started_at": _iso(record.started_at),
            "status": status,
        }
        if record.resumed_seq:
            payload |= {
                "resume_payload": isolate(record.resume_payload),
                "resumed_at": _iso(record.resumed_at),
            }
        if isinstance(path[-1], int):
            payload["iteration"] = path[-1]
        return payload

    def _event(self, kind: str, payload: dict[str, Json]) -> Json:
        return {"type": kind, "run_id": self._run_id, "from": "WORKFLOW", "payload": payload}


def _name(path: Path) -> str:
    return ".".join(ids(path))


def _iso(at: Any) -> str | None:
    return at.isoformat() if at is not None else None
