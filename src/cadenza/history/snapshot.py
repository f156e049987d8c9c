"""The journal, folded: what is known of a run.

`apply` alone changes a snapshot; what each event does is in `apply.py`. Everything here is a function of the entries, in their order: no clock, no graph, no
code. Records refer to values and never copy them; whoever hands them to users copies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ..model.path import ROOT, Path
from ..model.values import Json
from . import event as ev
from .apply import APPLY
from .record import RunStatus, StepRecord


@dataclass(slots=True)
class Snapshot:
    """A run, as its journal tells it.

    `span` is that of the last leg that was traced, `trace` the first one of its trace: what later legs go on from.
    """

    seq: int = 0
    status: RunStatus = "pending"
    fingerprint: str | None = None
    input: Json = None
    state: dict[str, Json] = field(default_factory=dict)
    context: dict[str, Json] = field(default_factory=dict)
    result: Json = None
    error: ev.Failure | None = None
    records: dict[Path, StepRecord] = field(default_factory=dict)
    verdicts: dict[Path, bool] = field(default_factory=dict)
    rounds: dict[Path, int] = field(default_factory=dict)
    answers: dict[Path, dict[str, Json]] = field(default_factory=dict)
    # The last question of each key that was answered at a place; the key of `suspend` is None.
    asked: dict[Path, dict[str | None, ev.Suspension]] = field(default_factory=dict)
    remembered: dict[Path, dict[str, Json]] = field(default_factory=dict)
    inputs: dict[Path, Json] = field(default_factory=dict)
    resumes: dict[Path, Json] = field(default_factory=dict)
    skipped: set[Path] = field(default_factory=set)
    open: dict[str, ev.Suspension] = field(default_factory=dict)
    span: ev.SpanRef | None = None
    trace: ev.SpanRef | None = None
    rewinds: int = 0
    held: str | None = None
    crashed: bool = False
    requester: str | None = None
    deaths: int = 0
    taken_up_seq: int = 0
    wake_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def apply(self, entry: ev.Entry) -> None:
        """Take *entry* in. It has to be the next one."""
        if entry.seq != self.seq + 1:
            raise ValueError(f"entry {entry.seq} cannot follow entry {self.seq}: the journal has a gap")
        self.seq = entry.seq
        APPLY[type(entry.event)](self, entry.event, entry)

    def record(self, path: Path) -> StepRecord | None:
        """The record at *path*; of a loop, that of its last round."""
        found = self.records.get(path)
        if found is None and path in self.rounds:
            found = self.records.get((*path, self.rounds[path]))
        return found

    def value(self, given: ev.Given) -> Json:
        """What *given* stands for."""
        if not isinstance(given, ev.Ref):
            return given
        match given.of:
            case "output":
                return self.records[given.path].output
            case "input":
                return self.input if given.path == ROOT else self.records[given.path].payload
            case "item":
                return self.records[given.path].payload[given.index]
            case "answer":
                return self.records[given.path].resume_payload
            case "block":
                found = {id_: self.record((*given.path, id_)) for id_ in given.ids}
                return {id_: record.output for id_, record in found.items() if record is not None}
            case "list":
                return [self.records[*given.path, i].output for i in range(given.index)]


def fold(entries: Iterable[ev.Entry]) -> Snapshot:
    """The snapshot that *entries* (from 1, in order) tell."""
    snapshot = Snapshot()
    for entry in entries:
        snapshot.apply(entry)
    return snapshot
