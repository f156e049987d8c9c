"""Writes and answers of the Postgres store: one statement each, with the parts that the call needs and no others.

Every part hangs on the first one, which locks the run's row and finds out whether the call may do anything: where it may
not, the statement changes nothing and gives no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ..history.codec import entry_to_json, suspension_to_json
from ..history.record import ENDED
from ..model.graph import to_json as graph_to_json
from . import postgres_sql as sql
from .base import Answering, Write
from .packing import Packing
from .rows import claim_values, closing_values, micros, names_column, optional_micros

# Suspensions are numbered in the order of the journal, whatever the clock says; no write opens so many.
_ROWS_A_WRITE = 1_000_000

# ------------------------------------------------------------------ what a write is made of

_HEAD = ", status = %(status)s, fingerprint = %(fingerprint)s, wake_at = %(wake_at)s"
_REOPEN = ", cancel_requested = false"
_TAKE = ", lease_owner = %(owner)s, lease_until = %(until)s, epoch = r.epoch + 1"
# The lease goes back, where nothing has been put in that the writer has not seen.
_GIVE_BACK = (
    ", lease_owner = case when signals = %(signals)s then null else lease_owner end"
    ", lease_until = case when signals = %(signals)s then null else lease_until end"
    ", heard = case when signals = %(signals)s then signals else heard end"
)
_TAKE_AND_GIVE_BACK = (
    ", lease_owner = case when signals = %(signals)s then null else %(owner)s end"
    ", lease_until = case when signals = %(signals)s then null else %(until)s::bigint end"
    ", heard = case when signals = %(signals)s then signals else heard end, epoch = r.epoch + 1"
)
# The run begins and ends with one write: what has come with its claim is of no use any more.
_TAKE_AND_END = ", lease_owner = null, lease_until = null, heard = signals, epoch = r.epoch + 1"
_MOVED = "returning r.epoch, signals, cancel_requested, lease_owner is null as released"
_ENTRY = "added as (insert into cadenza_entries (run, seq, payload) select %(run)s, %(seq)s, %(payload)s from moved)"
_ENTRIES = (
    "added as (insert into cadenza_entries (run, seq, payload) select %(run)s, %(expect)s + e.n, e.payload "
    "from moved, unnest(%(payloads)s::bytea[]) with ordinality as e (payload, n))"
)
_OPENED = (
    "opened as (insert into cadenza_suspensions "
    "(run, number, id, state, opened, opened_at, workflow, labels, assigned, event, deadline, due_at, closed_at, reason) "
    "select %(run)s, %(first_number)s + o.n, o.id, o.state, o.opened, o.opened_at, o.workflow, o.labels, o.assigned, "
    "o.event, o.deadline, o.due_at, o.closed_at, o.reason from moved, unnest("
    "%(opened_ids)s::text[], %(opened_states)s::text[], %(opened)s::bytea[], %(opened_ats)s::bigint[], "
    "%(opened_workflows)s::text[], %(opened_labels)s::text[], %(opened_assigned)s::text[], %(opened_events)s::text[], "
    "%(opened_deadlines)s::bigint[], %(opened_dues)s::bigint[], %(opened_closed)s::bigint[], %(opened_reasons)s::text[]) "
    "with ordinality as o (id, state, opened, opened_at, workflow, labels, assigned, event, deadline, due_at, closed_at, "
    "reason, n))"
)
_CLOSED = (
    "closed as (update cadenza_suspensions s set state = c.state, reason = c.reason, closed_at = %(at)s "
    "from moved, unnest(%(closed_ids)s::text[], %(closed_states)s::text[], %(closed_reasons)s::text[]) "
    "as c (id, state, reason) where s.id = c.id and s.run = %(run)s and s.state = 'open')"
)
_PINNED = (
    "pinned as (insert into cadenza_graphs (fingerprint, payload) select %(graph_fingerprint)s, %(graph)s::bytea "
    "from moved on conflict (fingerprint) do nothing)"
)
# The writer holds the lease; and nothing has been put in that it has not seen.
_HOLDS = "epoch = %(epoch)s and lease_owner is not null"
_HEEDS = " and signals = %(signals)s"
_TELL = "pg_notify(%(channel)s, %(told)s)::text"


class PreparedWrite:
    """A write with everything encoded: the statement's parts and their values.

    *answered* are rows that the same statement closes in another way: one statement changes a row once.
    """

    def __init__(self, write: Write, packing: Packing, *, answered: Sequence[str] = ()) -> None:
        self.write = write
        self._answered = answered
        self._packing = packing
        self.payloads = [packing.pack(entry_to_json(entry)) for entry in write.entries]
        self.values: dict[str, Any] = {
            "run": write.run_id,
            "at": micros(write.at),
            "expect": write.expect,
            "seq": write.expect + len(write.entries),
            "epoch": write.epoch,
            "signals": write.signals,
        }
        if write.head is not None:
            self.values |= {
                "status": write.head.status,
                "fingerprint": write.head.fingerprint,
                "wake_at": optional_micros(write.head.wake_at),
            }
        if write.claim is not None:
            self.values |= claim_values(write.claim)
        self.parts = self._parts()
        self.heeds = write.heed and write.claim is None
        # Who waits for the run elsewhere waits for its rest or its end, not for each of its steps.
        self.ends = write.head is not None and write.head.status in ENDED

    def _parts(self) -> tuple[str, ...]:
        write = self.write
        parts = []
        if len(self.payloads) == 1:
            parts.append(_ENTRY)
            self.values["payload"] = self.payloads[0]
        elif self.payloads:
            parts.append(_ENTRIES)
            self.values["payloads"] = self.payloads
        if write.opened:
            parts.append(_OPENED)
            self._open()
        done = {row.id for row in write.opened}.union(self._answered)
        if closed := [row for row in write.closed if row.id not in done]:
            parts.append(_CLOSED)
            self.values |= {
                "closed_ids": [row.id for row in closed],
                "closed_states": [row.state for row in closed],
                "closed_reasons": [row.reason for row in closed],
            }
        if write.graph is not None:
            parts.append(_PINNED)
            self.values |= {
                "graph_fingerprint": write.graph.fingerprint,
                "graph": self._packing.pack(graph_to_json(write.graph)),
            }
        return tuple(parts)

    def _open(self) -> None:
        rows = self.write.opened
        # One statement cannot change a row that it makes: what is closed by the same write is made closed.
        closed = {row.id: row for row in self.write.closed}
        shut = [closed.get(row.id) for row in rows]
        self.values |= {
            "first_number": self.write.expect * _ROWS_A_WRITE,
            "opened_ids": [row.id for row in rows],
            "opened_states": [end.state if end else "open" for end in shut],
            "opened": [self._packing.pack(suspension_to_json(row)) for row in rows],
            "opened_ats": [micros(row.opened_at) for row in rows],
            "opened_workflows": [row.workflow for row in rows],
            "opened_labels": [names_column(row.labels) for row in rows],
            "opened_assigned": [names_column(row.assigned) for row in rows],
            "opened_events": [row.event for row in rows],
            "opened_deadlines": [optional_micros(row.deadline) for row in rows],
            "opened_dues": [optional_micros(row.due_at) for row in rows],
            "opened_closed": [self.values["at"] if end else None for end in shut],
            "opened_reasons": [end.reason if end else None for end in shut],
        }

    def changes(self) -> str:
        """What becomes of the run's row, after the number: head, lease."""
        write = self.write
        head = (_HEAD if write.head is not None else "") + (_REOPEN if write.reopen else "")
        if write.claim is None:
            return head + (_GIVE_BACK if write.release else "")
        if not write.release:
            return head + _TAKE
        return head + (_TAKE_AND_END if write.heed else _TAKE_AND_GIVE_BACK)

    def tells(self) -> str | None:
        """When other processes are told of the write; None: never."""
        if self.ends:
            return "true"
        return "moved.released" if self.write.release else None

    def statement(self) -> str:
        """The write alone: gives epoch, signals, cancel request, and whether the lease went back."""
        holds = sql.FREE if self.write.claim is not None else _HOLDS
        return _append(holds + (_HEEDS if self.heeds else ""), self.changes(), self.parts, self.tells())


@lru_cache(maxsize=256)
def _append(holds: str, changes: str, parts: tuple[str, ...], tells: str | None) -> str:
    moved = (
        f"moved as (update cadenza_runs r set seq = %(seq)s, updated_at = %(at)s{changes} "
        f"where id = %(run)s and seq = %(expect)s and {holds} {_MOVED})"
    )
    told = f", case when {tells} then {_TELL} end" if tells else ""
    return f"with {', '.join((moved, *parts))} select epoch, signals, cancel_requested, released{told} from moved"


# ------------------------------------------------------------------ what an answer is made of

# Answers to one run follow one another: each begins with the run's row. Whether the lease may be taken is found out here.
_RUN = "run as (select id, {takes} as takes from cadenza_runs where id = %(run)s{seen} for update)"
_AS_SEEN = " and seq = %(seen_seq)s and signals = %(seen_signals)s"
# The rows that are to be closed; the run's row is locked before they are looked at.
_OPEN = (
    "still_open as (select id from cadenza_suspensions where run = (select id from run) "
    "and id = any(%(ids)s::text[]) and state = 'open'{only} for update)"
)
_DUE = " and (deadline <= %(due)s or id = any(%(rivals)s::text[]))"
_UNCLAIMED = " and (claimed_by is null or claimed_by = %(actor)s or id = any(%(rivals)s::text[]))"
_KEPT = "kept as (select id from cadenza_events where id = %(consumes)s and (select id from run) is not null for update)"
_READY = "ready as (select id, takes from run where (select count(*) from still_open) = %(count)s{kept})"
_ANSWERED = (
    "answered as (update cadenza_suspensions s set state = %(state)s, answer = a.answer, actor = %(actor)s, via = %(via)s, "
    "key = %(key)s, reason = %(reason)s, run_count = %(run_count)s, context = %(context)s, closed_at = %(answered_at)s, "
    "call = %(call)s from ready, unnest(%(replied)s::text[], %(answers)s::bytea[]) as a (id, answer) where s.id = a.id)"
)
_RIVALS = (
    "beaten as (update cadenza_suspensions s set state = 'canceled', reason = %(rivals_reason)s, "
    "closed_at = %(answered_at)s, call = %(call)s from ready where s.id = any(%(rivals)s::text[]))"
)
_CONSUMED = "consumed as (delete from cadenza_events e using ready where e.id = %(consumes)s)"
_SIGNALLED = (
    "signalled as (update cadenza_runs r set signals = r.signals + 1, updated_at = %(answered_at)s "
    "from ready where r.id = ready.id and not ready.takes)"
)


class PreparedAnswer:
    """An answer with everything encoded. *call* marks the rows that it closes, so that it knows its own."""

    def __init__(self, answering: Answering, call: str, packing: Packing) -> None:
        self.answering = answering
        self.call = call
        self.ids = [reply.suspension_id for reply in answering.replies] + list(answering.closes)
        given = answering.write
        self.write = PreparedWrite(given, packing, answered=self.ids) if given is not None else None
        seen_seq, seen_signals = answering.expect or (None, None)
        self.values: dict[str, Any] = {
            **closing_values(answering, packing),
            "seen_seq": seen_seq,
            "seen_signals": seen_signals,
            "ids": self.ids,
            "count": len(self.ids),
            "consumes": answering.consumes,
            "rivals": list(answering.closes),
            "rivals_reason": answering.closes_reason,
            "replied": [reply.suspension_id for reply in answering.replies],
            "answers": [packing.pack(reply.data) for reply in answering.replies],
            "answered_at": micros(answering.at),
            "call": call,
        }
        if self.write is not None:
            self.values |= self.write.values

    @property
    def conditional(self) -> bool:
        """Whether it may miss, with all its rows open."""
        given = self.answering
        return (
            given.expect is not None or given.due is not None or given.unclaimed or given.consumes is not None
        )

    def statement(self) -> str:
        """All of it: gives whether the lease was taken, and what the write gives."""
        given, write = self.answering, self.write
        before = (
            _RUN.format(
                takes=f"(seq = %(expect)s and {sql.FREE})" if write else "false",
                seen=_AS_SEEN if given.expect is not None else "",
            ),
            _OPEN.format(
                only=(_DUE if given.due is not None else "") + (_UNCLAIMED if given.unclaimed else "")
            ),
            *([_KEPT] if given.consumes is not None else []),
            _READY.format(kept=" and exists (select from kept)" if given.consumes is not None else ""),
            _ANSWERED,
            *([_RIVALS] if given.closes else []),
            *([_CONSUMED] if given.consumes is not None else []),
            _SIGNALLED,
        )
        if write is None:
            return _plain(before)
        return _driving(before, write.changes(), write.parts, write.tells())


@lru_cache(maxsize=64)
def _plain(before: tuple[str, ...]) -> str:
    return f"with {', '.join(before)} select false, null, null, null, null, {_TELL} from ready"


@lru_cache(maxsize=256)
def _driving(before: tuple[str, ...], changes: str, parts: tuple[str, ...], tells: str | None) -> str:
    moved = (
        f"moved as (update cadenza_runs r set seq = %(seq)s, updated_at = %(at)s{changes} "
        f"from ready where r.id = ready.id and ready.takes {_MOVED})"
    )
    told = f"not takes or {tells}" if tells else "not takes"
    return (
        f"with {', '.join((*before, moved, *parts))} "
        "select takes, moved.epoch, moved.signals, moved.cancel_requested, moved.released, "
        f"case when {told} then {_TELL} end from ready left join moved on true"
    )
