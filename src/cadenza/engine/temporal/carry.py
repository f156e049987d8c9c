"""A run as one JSON value, to go on with it in another execution.

A value that stands in several places is written once, so that the size grows with what a run holds, not with how often it
passed it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any

from ...history.codec import failure_from_json, failure_to_json, suspension_from_json, suspension_to_json
from ...history.event import Suspension
from ...history.record import StepRecord
from ...history.snapshot import Snapshot
from ...model.path import Path
from ...model.path import from_json as path_of
from ...model.values import Json

_VALUES = {"payload", "output", "suspend_payload", "resume_payload", "suspend_data"}
_SCALARS = (str, int, float, bool, type(None))
_SINCE = ("state", "actor", "via", "idempotency_key", "reason", "run_count", "told", "claimed_by")
_PLAIN = ("seq", "status", "fingerprint", "rewinds", "held", "requester", "deaths", "taken_up_seq")
_TIMES = ("wake_at", "started_at", "ended_at")
# Spans are made in activities, which read the store.
NOT_CARRIED = frozenset({"span", "trace"})


class _Pool:
    """Values, each once: the same object, or an equal scalar, has the same number."""

    def __init__(self) -> None:
        self.values: list[Json] = []
        self._numbers: dict[object, int] = {}

    def put(self, value: Json) -> int:
        key: object = (type(value), value) if isinstance(value, _SCALARS) else id(value)
        number = self._numbers.setdefault(key, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number

    def put_all(self, table: Mapping[Any, Json]) -> list[Json]:
        return [[key, self.put(value)] for key, value in table.items()]


def carry(run: Snapshot, rows: Iterable[Suspension]) -> Json:
    """*run* with all its suspension *rows*, as JSON; `taken_from` reads it."""
    pool = _Pool()
    data: dict[str, Json] = {name: getattr(run, name) for name in _PLAIN}
    data |= {name: _iso(getattr(run, name)) for name in _TIMES}
    data |= {name: pool.put(getattr(run, name)) for name in ("input", "result")}
    data |= {name: pool.put_all(getattr(run, name)) for name in ("state", "context", "inputs", "resumes")}
    data["error"] = failure_to_json(run.error) if run.error is not None else None
    data["verdicts"] = list(run.verdicts.items())
    data["rounds"] = list(run.rounds.items())
    data["skipped"] = sorted(run.skipped, key=str)
    for name in ("answers", "remembered"):
        data[name] = [[path, pool.put_all(table)] for path, table in getattr(run, name).items()]
    data["open"] = list(run.open)
    # What most runs do not have is left out: their size stays as it was.
    if run.asked:
        data["asked"] = [
            [path, [[key, row.id] for key, row in table.items()]] for path, table in run.asked.items()
        ]
    if run.crashed:
        data["crashed"] = True
    data["rows"] = [_row_to_json(row, pool) for row in rows]
    data["records"] = [_record_to_json(record, pool) for record in run.records.values()]
    data["values"] = pool.values
    return data


def taken_from(data: Json) -> tuple[Snapshot, dict[str, Suspension]]:
    """The run and its suspension rows, by id, that `carry` wrote."""
    values = data["values"]
    rows = {row.id: row for row in (_row_from_json(row, values) for row in data["rows"])}
    opened = {row.id: suspension_from_json(suspension_to_json(row)) for row in rows.values()}
    run = Snapshot(**{name: data[name] for name in _PLAIN})
    for name in _TIMES:
        setattr(run, name, _moment(data[name]))
    run.input, run.result = values[data["input"]], values[data["result"]]
    run.state = {key: values[i] for key, i in data["state"]}
    run.context = {key: values[i] for key, i in data["context"]}
    run.inputs = {path_of(path): values[i] for path, i in data["inputs"]}
    run.resumes = {path_of(path): values[i] for path, i in data["resumes"]}
    run.error = failure_from_json(data["error"]) if data["error"] is not None else None
    run.verdicts = {path_of(path): verdict for path, verdict in data["verdicts"]}
    run.rounds = {path_of(path): number for path, number in data["rounds"]}
    run.skipped = {path_of(path) for path in data["skipped"]}
    run.answers = _tables(data["answers"], values)
    run.remembered = _tables(data["remembered"], values)
    run.open = {id_: opened[id_] for id_ in data["open"]}
    run.asked = {
        path_of(path): {key: opened[id_] for key, id_ in table} for path, table in data.get("asked", ())
    }
    run.crashed = data.get("crashed", False)
    for record in data["records"]:
        found = _record_from_json(record, values, opened)
        run.records[found.path] = found
    return run, rows


def _tables(data: Json, values: list[Json]) -> dict[Path, dict[str, Json]]:
    return {path_of(path): {key: values[i] for key, i in table} for path, table in data}


def _record_to_json(record: StepRecord, pool: _Pool) -> Json:
    data: dict[str, Json] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if field.default is not MISSING and value == field.default and type(value) is type(field.default):
            continue
        if field.name in _VALUES:
            value = pool.put(value)
        elif field.name == "resume_data":
            value = [pool.put(item) for item in value]
        elif field.name == "error":
            value = failure_to_json(value)
        elif isinstance(value, Suspension):
            value = value.id
        data[field.name] = _iso(value)
    return data


def _record_from_json(data: Json, values: list[Json], opened: Mapping[str, Suspension]) -> StepRecord:
    found = dict(data)
    for name, value in data.items():
        if name in _VALUES:
            found[name] = values[value]
        elif name.endswith("_at"):
            found[name] = _moment(value)
    found["path"] = path_of(data["path"])
    found["resume_data"] = tuple(values[i] for i in data.get("resume_data", ()))
    if "error" in data:
        found["error"] = failure_from_json(data["error"])
    if "suspension" in data:
        found["suspension"] = opened[data["suspension"]]
    return StepRecord(**found)


def _row_to_json(row: Suspension, pool: _Pool) -> Json:
    data = suspension_to_json(row)
    if "payload" in data:
        data["payload"] = pool.put(row.payload)
    since = {name: getattr(row, name) for name in _SINCE}
    since |= {"claimed_at": _iso(row.claimed_at), "closed_at": _iso(row.closed_at)}
    return [data, since, pool.put(row.answer), pool.put_all(row.context)]


def _row_from_json(data: Json, values: list[Json]) -> Suspension:
    opened, since, answer, context = data
    if "payload" in opened:
        opened = {**opened, "payload": values[opened["payload"]]}
    times = {name: _moment(since[name]) for name in ("claimed_at", "closed_at")}
    context = {key: values[i] for key, i in context}
    return suspension_from_json(opened, **{**since, **times}, answer=values[answer], context=context)


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value is not None else None
