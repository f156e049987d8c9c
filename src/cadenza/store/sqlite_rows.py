"""Rows of the SQLite store as values, and back. Times are microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ..history.codec import suspension_from_json
from ..history.event import Suspension
from ..model.values import Json, decode
from .base import Lease, RunQuery, RunRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def conditions_of(query: RunQuery) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    for column in ("workflow", "resource"):
        if (value := getattr(query, column)) is not None:
            conditions.append(f"{column} = :{column}")
            values[column] = value
    if query.status is not None:
        names = [f"status{i}" for i in range(len(query.status))]
        conditions.append(f"status in ({', '.join(f':{name}' for name in names)})")
        values |= dict(zip(names, query.status, strict=True))
    if query.id_prefix:
        conditions.append("id >= :prefix and id < :beyond")
        values |= {"prefix": query.id_prefix, "beyond": query.id_prefix + "\U0010ffff"}
    for name, bound, sign in (("since", query.created_from, ">="), ("before", query.created_to, "<=")):
        if bound is not None:
            conditions.append(f"created_at {sign} :{name}")
            values[name] = micros(bound)
    return conditions, values


def run_of(row: tuple[Any, ...]) -> RunRow:
    (
        id_,
        workflow,
        engine,
        resource,
        status,
        seq,
        fingerprint,
        wake_at,
        owner,
        until,
        epoch,
        signals,
        cancel,
        *times,
    ) = row
    return RunRow(
        id=id_,
        workflow=workflow,
        engine=engine,
        resource=resource,
        status=status,
        seq=seq,
        fingerprint=fingerprint,
        wake_at=moment(wake_at) if wake_at is not None else None,
        lease=Lease(owner=owner, until=moment(until), epoch=epoch) if owner is not None else None,
        epoch=epoch,
        signals=signals,
        cancel_requested=bool(cancel),
        created_at=moment(times[0]),
        updated_at=moment(times[1]),
    )


def suspension_of(row: tuple[Any, ...]) -> Suspension:
    opened, state, answer, actor, run_count, context, closed_at = row
    return suspension_from_json(
        decode(opened),
        state=state,
        answer=_optional(answer),
        actor=actor,
        run_count=run_count,
        context=_optional(context) or {},
        closed_at=moment(closed_at) if closed_at is not None else None,
    )


def _optional(data: bytes | None) -> Json:
    return decode(data) if data is not None else None


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
