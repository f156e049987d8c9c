"""Waiting for a run on Temporal: until it has ended or waits for people only, whichever execution it is in."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from temporalio.client import Client

from ...errors import AppClosed, RunHeld, StoreBehind
from ...history.resume import first_rest_after
from ...history.snapshot import Snapshot, fold
from ...model.values import Json
from ...model.workflow import Workflow
from ...store.base import RunRow
from ...tracing.leg import Leg, Telemetry, leg_of
from ...tracing.options import Asked
from .calls import Calls, Gone, MustSendAgain
from .mirror import Mirror, NotYet
from .reading import MirrorReading

# How long, in seconds, a waiter waits for news of a run before it looks again, and for the mirror to have it.
_LOOK = 1.0
_PATIENCE = 30.0


async def seen(leg: Leg, doing: Awaitable[Snapshot]) -> Snapshot:
    """What *doing* gives, with which *leg* ends."""
    try:
        found = await doing
    except BaseException as error:
        leg.end(error)
        raise
    leg.end(None, found)
    return found


class Waiting(MirrorReading):
    """Waits for runs."""

    client: Client | None
    task_queue: str
    mirror: Mirror
    telemetry: Telemetry

    def leg(self, workflow: Workflow[Any, Any], row: RunRow, run: Snapshot, asked: Asked) -> Leg:
        """The leg that a call begins: seen here, where it is waited for, and never by the workflow, which is replayed."""
        return leg_of(self.telemetry, workflow, row, run, asked)

    async def settled_by(self, run_id: str, report: Json) -> Snapshot:
        """The run as *report* has it, or when it has ended or waits for people only."""
        while report.get("moved"):
            await self.take_in(run_id, report)
            report = await self.rest_of(run_id, after=report.get("seq", 0))
        await self.take_in(run_id, report)
        found = fold(entry for entry in await self.store.entries(run_id) if entry.seq <= report["seq"])
        if report["status"] == "held":
            # A report that was made of the store's row does not say why.
            raise RunHeld(run_id, report["held"] or found.held or "")
        return found

    async def settled(self, workflow: Workflow[Any, Any], run_id: str) -> Snapshot:
        """The run when it has ended or waits for people only, whichever worker goes on with it."""
        row = await self.row(run_id)
        if row.status not in {"running", "waiting"}:
            return await self.settled_by(
                run_id, {"seq": row.seq, "status": row.status, "held": None, "parts": []}
            )
        return await self.settled_by(run_id, await self.rest_of(run_id, after=row.seq))

    async def rest_of(self, run_id: str, *, after: int) -> Json:
        """How the run stands at its next rest, beyond entry *after*."""
        row = await self.row(run_id)
        try:
            report = await self.calls.update(run_id, "rest", data=False)
        except Gone:
            return await self.last_words(run_id, after=after)
        except MustSendAgain:  # many wait there already: those of the store are as many as there are
            await self.store.wait(run_id, row, _LOOK)
            return {"moved": True, "seq": after, "parts": []}
        if report.get("moved"):
            await self.store.wait(run_id, row, _LOOK / 10)
        return report

    async def last_words(self, run_id: str, *, after: int = 0) -> Json:
        """What a run whose workflow takes no more calls came to, as the store has it, soon: beyond entry *after*."""
        row = await self.row(run_id)
        for _ in range(int(_PATIENCE)):
            if row.status not in {"running", "waiting"} and row.seq >= after:
                break
            await self.store.wait(run_id, row, _LOOK)
            row = await self.row(run_id)
        return {"seq": row.seq, "status": row.status, "held": None, "parts": []}

    async def take_in(self, run_id: str, report: Json) -> None:
        """See that the store has what *report* says: it may come here before the worker has written it.

        Raises `StoreBehind`.
        """
        if "seq" not in report:
            return
        try:
            await self.mirror.apply(run_id, report["parts"], need=report["seq"], patience=_PATIENCE)
        except NotYet:
            row = await self.row(run_id)
            raise StoreBehind(run_id, found=row.seq, wanted=report["seq"]) from None

    async def outcome(self, run_id: str, report: Json) -> Snapshot:
        """The run when it first had ended or waited for people only after the answers that *report* names."""
        ids = set(report["ids"])
        while True:
            await self.take_in(run_id, report)
            found = first_rest_after(await self.store.entries(run_id), ids)
            if found is not None and found.status == "held":
                raise RunHeld(run_id, found.held or "")
            if found is not None:
                return found
            if not report.get("moved"):
                return await self.snapshot(
                    run_id
                )  # the answer was taken, and nothing came of it: the run was over
            report = await self.rest_of(run_id, after=report["seq"])

    @property
    def calls(self) -> Calls:
        """Calls to runs; raises `AppClosed` after `close`."""
        if self.client is None:
            raise AppClosed
        return Calls(self.client, self.task_queue)
