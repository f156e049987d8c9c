"""Rows of the SQL stores as values, and back. Times are microseconds since 1970."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ..history.codec import suspension_from_json
from ..history.event import Suspension
from ..model.values import Json
from .base import Answering, Claim, KeptEvent, Lease, RunRow
from .packing import Packing
from .schedule_rows import Schedule, schedule_to_json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# No run has this epoch.
_NO_EPOCH = -1


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
        heard,
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
        wake_at=optional_moment(wake_at),
        lease=Lease(owner=owner, until=moment(until), epoch=epoch) if owner is not None else None,
        epoch=epoch,
        signals=signals,
        heard=heard,
        cancel_requested=bool(cancel),
        created_at=moment(times[0]),
        updated_at=moment(times[1]),
    )


def suspension_of(row: tuple[Any, ...], packing: Packing) -> Suspension:
    opened, state, deadline, due_at, told, claimed_by, claimed_at, *closing = row
    answer, actor, via, key, reason, run_count, context, closed_at = closing
    return suspension_from_json(
        packing.unpack(opened),
        state=state,
        deadline=optional_moment(deadline),
        due_at=optional_moment(due_at),
        told=told,
        claimed_by=claimed_by,
        claimed_at=optional_moment(claimed_at),
        answer=packing.unpack(answer) if answer is not None else None,
        actor=actor,
        via=via,
        idempotency_key=key,
        reason=reason,
        run_count=run_count,
        context=packing.unpack(context) if context is not None else {},
        closed_at=optional_moment(closed_at),
    )


def new_run_values(run: RunRow) -> dict[str, Any]:
    """The columns of a run that is created."""
    return {
        "id": run.id,
        "workflow": run.workflow,
        "engine": run.engine,
        "resource": run.resource,
        "status": run.status,
        "at": micros(run.created_at),
    }


def claim_values(claim: Claim) -> dict[str, Any]:
    """By which values a lease is asked for."""
    return {
        "owner": claim.owner,
        "now": micros(claim.now),
        "until": micros(claim.until),
        "dead": _NO_EPOCH if claim.dead is None else claim.dead,
    }


def closing_values(answering: Answering, packing: Packing) -> dict[str, Any]:
    """The columns of the rows that an answer closes, all but the data; and what is a condition on them."""
    return {
        "run": answering.run_id,
        "state": answering.state,
        "actor": answering.actor,
        "via": answering.via,
        "key": answering.idempotency_key,
        "reason": answering.reason,
        "run_count": answering.run_count,
        "context": packing.pack(dict(answering.context)) if answering.context else None,
        "due": optional_micros(answering.due),
        "unclaimed": answering.unclaimed,
    }


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def optional_moment(micros: int | None) -> datetime | None:
    return moment(micros) if micros is not None else None


def optional_micros(at: datetime | None) -> int | None:
    return micros(at) if at is not None else None


def names_column(names: Sequence[str]) -> str | None:
    """Names as one text in which each can be found: between line breaks, which no name has."""
    return f"\n{chr(10).join(names)}\n" if names else None


def event_to_json(event: KeptEvent) -> Json:
    return {
        "id": event.id,
        "name": event.name,
        "data": event.data,
        "at": event.at.isoformat(),
        "until": event.until.isoformat(),
        "run_id": event.run_id,
        "match": event.match,
        "actor": event.actor,
    }


def event_from_json(data: Json) -> KeptEvent:
    at, until = datetime.fromisoformat(data["at"]), datetime.fromisoformat(data["until"])
    return KeptEvent(**{**data, "at": at, "until": until})


def schedule_values(schedule: Schedule, packing: Packing) -> dict[str, Any]:
    """The columns of a schedule. Those beside the payload are what is asked by."""
    return {
        "id": schedule.id,
        "workflow": schedule.workflow,
        "declared": schedule.declared,
        "due_at": optional_micros(schedule.due_at),
        "created_at": micros(schedule.created_at),
        "version": schedule.version,
        "payload": packing.pack(schedule_to_json(schedule)),
    }


def fires_asked(
    schedule_id: str, since: datetime | None, until: datetime | None, limit: int
) -> dict[str, Any]:
    """The values that a list of a schedule's fires is asked by."""
    return {
        "schedule": schedule_id,
        "since": -(2**63) if since is None else micros(since),
        "until": 2**63 - 1 if until is None else micros(until),
        "limit": limit,
    }
