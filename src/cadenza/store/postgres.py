"""The Postgres store: any number of processes on any number of machines.

What can be one statement is one, and so a transaction without a second round trip; answers to a run follow one another, by
the lock on its row. A statement that broke off is made again where its connection went; what it may have done already is
recognised. Payloads are the same UTF-8 JSON as on SQLite, as bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from ..errors import RunConflict, RunNotFound, StoreClosed
from ..history.codec import entry_from_json
from ..history.event import Entry, Suspension
from ..history.record import RunStatus
from ..model.graph import Graph
from ..model.graph import from_json as graph_from_json
from . import postgres_find as finding
from . import postgres_sql as sql
from .again import receipt_of, told_again
from .base import (
    Accepted,
    Answering,
    AnswerOutcome,
    Claim,
    Claimed,
    Counted,
    Missed,
    Page,
    Presence,
    Receipt,
    Refused,
    RunQuery,
    RunRow,
    Stored,
    Wanted,
    Write,
)
from .conditions import counted
from .packing import Codec, Packing
from .postgres_home import Homes
from .postgres_schedules import PostgresSchedules
from .postgres_write import PreparedAnswer, PreparedWrite
from .rows import (
    claim_values,
    micros,
    new_run_values,
    run_of,
    suspension_of,
)

_RUN_COLUMNS = len(sql.RUN.split(","))
# How often an answer looks again, where rows were opened between its statement and the look at why it failed.
_LOOKS = 5


class PostgresStore(PostgresSchedules):
    """Runs in the database at *url*, in the first schema of its `search_path`.

    At most *pool_size* connections are open, and one that listens; while the database is away, calls are tried for *patience*
    seconds. Both can stand in the URL. Payloads go through *codec*.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int | None = None,
        patience: float | None = None,
        codec: Codec | None = None,
    ) -> None:
        super().__init__(Homes(url, pool_size=pool_size, patience=patience), Packing(codec))

    # ------------------------------------------------------------------ opening and closing

    async def setup(self) -> None:
        """Connect, and bring the tables up to date."""
        await self._homes.open()

    async def close(self) -> None:
        """Finish what was begun and close."""
        await self._homes.close()

    # ------------------------------------------------------------------ reading

    async def load(self, run_id: str) -> Stored | None:
        """The run, its entries and suspension rows, as of one moment."""
        found = await self._read(sql.LOAD, run=run_id)
        if not found:
            return None
        row = found[0]
        payloads, *columns = row[_RUN_COLUMNS:]
        # No row at all is null to `array_agg`.
        suspensions = zip(*columns, strict=True) if columns[0] is not None else ()
        return Stored(
            run=run_of(row[:_RUN_COLUMNS]),
            entries=[
                entry_from_json(seq, self._packing.unpack(payload))
                for seq, payload in enumerate(payloads or (), 1)
            ],
            suspensions=[suspension_of(suspension, self._packing) for suspension in suspensions],
        )

    async def row(self, run_id: str) -> RunRow | None:
        """The run's row alone."""
        found = await self._read(sql.ROW, run=run_id)
        return run_of(found[0]) if found else None

    async def entries(self, run_id: str, *, after: int = 0, limit: int | None = None) -> Sequence[Entry]:
        """The entries with a number above *after*, in order."""
        found = await self._read(sql.ENTRIES, run=run_id, after=after, limit=limit)
        return [entry_from_json(seq, self._packing.unpack(payload)) for seq, payload in found]

    async def suspension(self, suspension_id: str) -> Suspension | None:
        """One suspension's row."""
        found = await self._read(sql.ONE_SUSPENSION, id=suspension_id)
        return suspension_of(found[0], self._packing) if found else None

    async def graph(self, fingerprint: str) -> Graph | None:
        """A pinned graph."""
        found = await self._read(sql.GRAPH, fingerprint=fingerprint)
        return graph_from_json(self._packing.unpack(found[0][0])) if found else None

    async def find(self, query: RunQuery) -> Page:
        """The runs that match."""
        statement, values = finding.find(query)
        found = await self._read(statement, **values)
        rows = [run_of(row[1:]) for row in found if row[1] is not None]
        return Page(runs=rows, total=found[0][0] if found else 0)

    async def counts(self, query: RunQuery) -> Mapping[str, Counted]:
        """How the runs that match stand, by workflow."""
        statement, values = finding.counts(query)
        return counted(await self._read(statement, **values))

    async def recent(self, since: datetime) -> Sequence[RunRow]:
        """The runs that were last written to at *since* or later."""
        return [run_of(row) for row in await self._read(finding.recent(), since=micros(since))]

    # ------------------------------------------------------------------ writing

    async def create(self, run: RunRow) -> Presence:
        """Keep *run* as `pending`, or leave the one with its id as it is and say "there"."""
        made, unsure = await self._write(sql.CREATE, new_run_values(run), run.id)
        if made or (unsure and await self.row(run.id) == run):
            return "created"
        return "there"

    async def append(self, write: Write) -> Receipt:
        """Make *write*."""
        prepared = PreparedWrite(write, self._packing)
        found, unsure = await self._write(prepared.statement(), prepared.values, write.run_id)
        if found:
            return _receipt(found[0])
        receipt = await self._written(prepared, unsure=unsure)
        if receipt is None:
            raise RunConflict(write.run_id)
        return receipt

    async def _written(self, prepared: PreparedWrite, *, unsure: bool) -> Receipt | None:
        """The receipt of a write that is there already, and whose writer drives the run or gave the lease back with it."""
        write = prepared.write
        row = await self._get(write.run_id)
        if prepared.payloads:
            last = write.expect + len(prepared.payloads)
            found = await self._read(sql.ENTRIES, run=write.run_id, after=write.expect, limit=None)
            kept = [payload for seq, payload in found if seq <= last]
            there = len(kept) == len(prepared.payloads) and all(
                map(self._packing.same, kept, prepared.payloads)
            )
        else:
            # It only gave the lease back, and may just have done so.
            there = unsure and row.seq == write.expect and row.lease is None and row.heard == write.signals
        return told_again(write, row, there=there)

    async def _get(self, run_id: str) -> RunRow:
        row = await self.row(run_id)
        if row is None:
            raise RunNotFound(run_id)
        return row

    async def claim(self, run_id: str, claim: Claim) -> Receipt | None:
        """Take the lease, or None where somebody else holds it."""
        values = {"run": run_id, **claim_values(claim)}
        found, unsure = await self._write(sql.CLAIM, values, run_id)
        if found:
            return _receipt((*found[0], False))
        row = await self._get(run_id)
        if (
            unsure
            and row.lease is not None
            and (row.lease.owner, row.lease.until) == (claim.owner, claim.until)
        ):
            return receipt_of(row)
        return None

    async def claim_due(self, wanted: Wanted) -> Sequence[Claimed]:
        """Take the leases of runs that need a driver."""
        values = {
            "engine": wanted.engine,
            "workflows": list(wanted.workflows),
            "owner": wanted.owner,
            "now": micros(wanted.now),
            "until": micros(wanted.until),
            "dead": list(wanted.dead),
            "live": list(wanted.live),
            "skip": list(wanted.skip),
            "limit": wanted.limit,
        }
        found, unsure = await self._write(sql.CLAIM_DUE, values)
        if unsure:
            # With those that an attempt of which nothing was heard has taken.
            found = await self._read(sql.CLAIMED, owner=wanted.owner, until=values["until"])
        _, listener = await self._homes.open()
        for run_id, *_ in found:
            listener.wake(run_id)
        return [Claimed(run_id=id_, receipt=_receipt((*rest, False))) for id_, *rest in found]

    async def renew(self, owner: str, until: datetime) -> Sequence[str]:
        """Let all leases of *owner* last until then."""
        found, _ = await self._write(sql.RENEW, {"owner": owner, "until": micros(until)})
        return [run_id for (run_id,) in found]

    async def owners(self) -> Sequence[str]:
        """Who holds leases now, each once."""
        return [owner for (owner,) in await self._read(sql.OWNERS)]

    async def release(self, run_id: str, epoch: int) -> None:
        """Give the lease back, if it is still held with *epoch*."""
        await self._write(sql.RELEASE, {"run": run_id, "epoch": epoch}, run_id)

    async def answer(self, answering: Answering) -> AnswerOutcome:
        """Compare and set the suspension rows."""
        prepared = PreparedAnswer(answering, secrets.token_hex(8), self._packing)
        statement = prepared.statement()
        for _ in range(_LOOKS):
            found, unsure = await self._write(statement, prepared.values, answering.run_id)
            if found:
                took, *receipt, _ = found[0]
                return Accepted(receipt=_receipt(receipt) if took else None)
            outcome = await self._refusal(prepared, unsure=unsure)
            if outcome is not None:
                return outcome
        return Missed()

    async def _refusal(self, prepared: PreparedAnswer, *, unsure: bool) -> AnswerOutcome | None:
        """Why an answer was not taken, or that it was; None where it would be taken now."""
        await self._get(prepared.answering.run_id)
        rows = await self._read(sql.NAMED, run=prepared.answering.run_id, ids=prepared.ids)
        if unsure and rows and all(call == prepared.call for _, call, *_ in rows):
            written = await self._written(prepared.write, unsure=False) if prepared.write else None
            return Accepted(receipt=written)
        found = {id_: suspension_of(tuple(row), self._packing) for id_, _, *row in rows}
        shut = [found[id_] for id_ in prepared.ids if id_ in found and found[id_].state != "open"]
        if shut or len(found) < len(prepared.ids):
            return Refused(rows=shut)
        return Missed() if prepared.conditional else None

    async def request_cancel(self, run_id: str, at: datetime) -> bool:
        """Note that the run is to stop, for its driver to see."""
        found, unsure = await self._write(sql.CANCEL, {"run": run_id, "at": micros(at)}, run_id)
        if found:
            return True
        row = await self._get(run_id)
        return unsure and row.cancel_requested and row.updated_at == at

    async def touch(self, run_id: str, at: datetime) -> None:
        """Let the run count as written to at *at*."""
        await self._write(sql.TOUCH, {"run": run_id, "at": micros(at)}, run_id)

    async def prune(self, before: datetime, statuses: Sequence[RunStatus], limit: int) -> int:
        """Remove runs in one of *statuses* that were last written to before then."""
        values = {"before": micros(before), "statuses": list(statuses), "limit": limit}
        found, _ = await self._write(sql.PRUNE, values)
        return int(found[0][0])

    async def delete(self, run_id: str) -> bool:
        """Remove the run with its entries and suspensions; False where there is none."""
        found, unsure = await self._write(sql.DELETE, {"run": run_id}, run_id)
        return bool(found) or unsure

    # ------------------------------------------------------------------ waiting

    async def wait(self, run_id: str, seen: RunRow, timeout: float) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when the run's row may differ from *seen*, or after *timeout* seconds."""
        _, listener = await self._homes.open()

        async def differs() -> bool:
            return await self.row(run_id) != seen

        with suppress(StoreClosed):
            await listener.wait(run_id, differs, timeout)

    async def signals(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        """What has been put in for these runs."""
        return dict(await self._read(sql.SIGNALS, ids=list(run_ids)))

    async def changed(self, timeout: float, *, soon: bool = True) -> None:  # noqa: ASYNC109  a bound, not a failure
        """Return when another process may have written, or after *timeout* seconds."""
        _, listener = await self._homes.open()
        await listener.changed(timeout)


def _receipt(row: Sequence[Any]) -> Receipt:
    epoch, signals, cancel_requested, released, *_ = row
    return Receipt(epoch=epoch, signals=signals, cancel_requested=cancel_requested, released=released)
