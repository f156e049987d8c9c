"""The statements of the SQLite store, and its migrations. Migrations only go forward."""

from __future__ import annotations

# 1: the tables of design §4. Times are microseconds since 1970, UTC.
_TABLES = """
create table runs (
  id text primary key, workflow text not null, engine text not null, resource text, status text not null,
  seq integer not null default 0, fingerprint text, wake_at integer,
  lease_owner text, lease_until integer, epoch integer not null default 0,
  signals integer not null default 0, cancel_requested integer not null default 0,
  created_at integer not null, updated_at integer not null
) without rowid;
create index runs_by_time on runs (created_at desc, id);
create index runs_by_workflow on runs (workflow, created_at desc);
create index runs_by_status on runs (status, created_at desc);
create index runs_by_resource on runs (resource, created_at desc) where resource is not null;
create index runs_due on runs (wake_at) where wake_at is not null;
create table entries (run text not null, seq integer not null, payload blob not null, primary key (run, seq)) without rowid;
create table suspensions (
  id text primary key, run text not null, number integer not null, state text not null, opened blob not null,
  answer blob, actor text, run_count integer not null default 0, context blob, closed_at integer, taken integer not null default 0
) without rowid;
create index suspensions_by_run on suspensions (run, number);
create index suspensions_open on suspensions (state, number) where state = 'open';
create table graphs (fingerprint text primary key, payload blob not null) without rowid;
"""

MIGRATIONS = (_TABLES,)

_RUN = (
    "id, workflow, engine, resource, status, seq, fingerprint, wake_at, lease_owner, lease_until, epoch, signals, "
    "cancel_requested, created_at, updated_at"
)

# A new run, unless there is one with its id.
CREATE = (
    "insert into runs (id, workflow, engine, resource, status, created_at, updated_at) "
    "values (:id, :workflow, :engine, :resource, :status, :at, :at) on conflict (id) do nothing"
)
# One run's row.
ROW = f"select {_RUN} from runs where id = ?"
# The entries of a run after a number.
ENTRIES = "select seq, payload from entries where run = ? and seq > ? order by seq"
# The suspensions of a run, in the order in which they were opened.
_SUSPENSION = "opened, state, answer, actor, run_count, context, closed_at"
SUSPENSIONS = f"select {_SUSPENSION} from suspensions where run = ? order by number"
SUSPENSION = f"select {_SUSPENSION} from suspensions where id = ?"
GRAPH = "select payload from graphs where fingerprint = ?"

# Take the lease: it is free, ran out, or its owner is known to be dead.
CLAIM = (
    "update runs set lease_owner = :owner, lease_until = :until, epoch = epoch + 1 "
    "where id = :id and (lease_owner is null or lease_until <= :now or epoch = :dead) "
    "returning epoch, signals, cancel_requested"
)
# The same, where the journal still stands at a number.
CLAIM_AT = CLAIM.replace(" returning", " and seq = :expect returning")
# Move the run's head, fenced by epoch and number.
MOVE = (
    "update runs set seq = :seq, status = :status, fingerprint = :fingerprint, wake_at = :wake_at, updated_at = :at "
    "where id = :id and epoch = :epoch and seq = :expect and lease_owner is not null "
    "returning signals, cancel_requested"
)
# The same, where only the number moves: no index is touched.
MOVE_ON = (
    "update runs set seq = :seq, updated_at = :at "
    "where id = :id and epoch = :epoch and seq = :expect and lease_owner is not null "
    "returning signals, cancel_requested"
)
INSERT_ENTRY = "insert into entries (run, seq, payload) values (?, ?, ?)"
# A new suspension; its number orders those of a run.
OPEN = "insert into suspensions (id, run, number, state, opened) values (?, ?, ?, 'open', ?)"
CLOSE = "update suspensions set state = ?, closed_at = ? where id = ? and state = 'open'"
TAKE = "update suspensions set taken = 1 where id = ?"
INSERT_GRAPH = "insert into graphs (fingerprint, payload) values (?, ?) on conflict (fingerprint) do nothing"
# Give the lease back, where nothing has been put in that the driver has not seen.
RELEASE_SEEN = "update runs set lease_owner = null, lease_until = null where id = :id and epoch = :epoch and signals = :signals"
RELEASE = "update runs set lease_owner = null, lease_until = null where id = ? and epoch = ? and lease_owner is not null"
# The compare-and-set of an answer.
ANSWER = (
    "update suspensions set state = 'answered', answer = :answer, actor = :actor, run_count = :run_count, "
    "context = :context, closed_at = :at where id = :id and run = :run and state = 'open'"
)
SIGNAL = "update runs set signals = signals + 1, updated_at = ? where id = ?"
# Ask the driver to stop; once, and only of a run that has not ended.
CANCEL = (
    "update runs set cancel_requested = 1, signals = signals + 1, updated_at = :at "
    "where id = :id and cancel_requested = 0 and status not in ('success', 'failed', 'canceled')"
)
# Whether the entries that a write brings are there already.
SAME = "select payload from entries where run = ? and seq = ?"
DELETE = (
    "delete from entries where run = ?",
    "delete from suspensions where run = ?",
    "delete from runs where id = ?",
)


def find(conditions: list[str], *, limited: bool) -> str:
    """The runs that meet *conditions*, newest first."""
    where = f" where {' and '.join(conditions)}" if conditions else ""
    page = " limit :limit offset :offset" if limited else ""
    return f"select {_RUN} from runs{where} order by created_at desc, id{page}"


def count(conditions: list[str]) -> str:
    """How many runs meet *conditions*."""
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return f"select count(*) from runs{where}"
