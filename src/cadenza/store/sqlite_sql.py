"""The statements of the SQLite store, and its migrations. Migrations only go forward."""

from __future__ import annotations

from functools import cache

# 1: the tables of design §4. Times are microseconds since 1970, UTC.
_TABLES = """
create table runs (
  id text primary key, workflow text not null, engine text not null, resource text, status text not null,
  seq integer not null default 0, fingerprint text, wake_at integer,
  lease_owner text, lease_until integer, epoch integer not null default 0,
  signals integer not null default 0, heard integer not null default 0, cancel_requested integer not null default 0,
  created_at integer not null, updated_at integer not null
) without rowid;
create index runs_by_time on runs (created_at desc, id);
create index runs_by_workflow on runs (workflow, created_at desc);
create index runs_by_status on runs (status, created_at desc);
create index runs_by_resource on runs (resource, created_at desc) where resource is not null;
create index runs_due on runs (wake_at) where wake_at is not null and lease_owner is null;
create index runs_led on runs (lease_owner, lease_until) where lease_owner is not null;
create index runs_left on runs (status) where status = 'running' and lease_owner is null;
create index runs_unheard on runs (signals) where signals > heard and lease_owner is null;
create table entries (run text not null, seq integer not null, payload blob not null, primary key (run, seq)) without rowid;
create table suspensions (
  id text primary key, run text not null, number integer not null, state text not null, opened blob not null,
  opened_at integer not null, workflow text not null, labels text, assigned text, event text,
  deadline integer, due_at integer, told integer not null default 0, claimed_by text, claimed_at integer,
  answer blob, actor text, via text, key text, reason text, run_count integer not null default 0, context blob,
  closed_at integer, taken integer not null default 0
) without rowid;
create index suspensions_by_run on suspensions (run, number);
create index suspensions_by_time on suspensions (opened_at, id);
create index suspensions_open on suspensions (opened_at, id) where state = 'open';
create index suspensions_due on suspensions (due_at, id) where state = 'open' and due_at is not null;
create index suspensions_by_event on suspensions (event, opened_at) where state = 'open' and event is not null;
create table events (
  id text primary key, name text not null, at integer not null, until integer not null, payload blob not null
) without rowid;
create index events_by_name on events (name, at);
create index events_by_end on events (until);
create table graphs (fingerprint text primary key, payload blob not null) without rowid;
"""

# 2: schedules, and when they fired.
_SCHEDULES = """
create table schedules (
  id text primary key, workflow text not null, declared integer not null, due_at integer,
  created_at integer not null, version integer not null, payload blob not null
) without rowid;
create index schedules_by_time on schedules (created_at, id);
create index schedules_by_workflow on schedules (workflow, created_at, id);
create index schedules_due on schedules (due_at, id) where due_at is not null;
create table fires (
  schedule text not null, run text not null, at integer not null, payload blob not null, primary key (schedule, run)
) without rowid;
create index fires_by_time on fires (schedule, at, run);
"""

# 3: rows whose deadline has closed them are due until somebody was told; those from before are taken to have been.
_UNTOLD = """
update suspensions set due_at = null where state = 'expired';
drop index suspensions_due;
create index suspensions_due on suspensions (due_at, id) where state in ('open', 'expired') and due_at is not null;
"""

# 4: a run changes to `running` and back with each leg. Those that run are few, and stand in indexes of their own.
_RUNNING_APART = """
drop index runs_by_status;
create index runs_by_status on runs (status, created_at desc) where status <> 'running';
"""

MIGRATIONS = (_TABLES, _SCHEDULES, _UNTOLD, _RUNNING_APART)

_RUN = (
    "id, workflow, engine, resource, status, seq, fingerprint, wake_at, lease_owner, lease_until, epoch, signals, "
    "heard, cancel_requested, created_at, updated_at"
)

# A new run, unless there is one with its id.
CREATE = (
    "insert into runs (id, workflow, engine, resource, status, created_at, updated_at) "
    "values (:id, :workflow, :engine, :resource, :status, :at, :at) on conflict (id) do nothing"
)
# One run's row.
ROW = f"select {_RUN} from runs where id = ?"
# The entries of a run after a number, so many.
ENTRIES = "select seq, payload from entries where run = ? and seq > ? order by seq limit ?"
# The suspensions of a run, in the order in which they were opened.
_SUSPENSION = (
    "opened, state, deadline, due_at, told, claimed_by, claimed_at, answer, actor, via, key, reason, run_count, context, "
    "closed_at"
)
SUSPENSIONS = f"select {_SUSPENSION} from suspensions where run = ? order by number"
SUSPENSION = f"select {_SUSPENSION} from suspensions where id = ?"
GRAPH = "select payload from graphs where fingerprint = ?"

# Take the lease: it is free, ran out, or its owner is known to be dead.
_FREE = "(lease_owner is null or lease_until <= :now or epoch = :dead)"
CLAIM = (
    "update runs set lease_owner = :owner, lease_until = :until, epoch = epoch + 1 "
    f"where id = :id and {_FREE} and status not in ('success', 'failed', 'canceled') "
    "returning epoch, signals, cancel_requested"
)


@cache
def move(*, claim: bool, head: bool, release: bool, heed: bool, reopen: bool = False) -> str:
    """Move the run's number on, fenced by epoch and number; one statement for all that a write does to the run's row.

    With *claim* the lease is taken with it; with *release* it is given back, where nothing has been put in that the driver has
    not seen; with *heed* nothing is done where something has; with *claim* too, which has heard of nothing, it is given back
    all the same. Without *head* only the number moves, and no index is touched.
    """
    changes = ["seq = :seq", "updated_at = :at"]
    if head:
        changes += ["status = :status", "fingerprint = :fingerprint", "wake_at = :wake_at"]
    if reopen:
        changes.append("cancel_requested = 0")
    owner, until = "lease_owner", "lease_until"
    if claim:
        owner, until = ":owner", ":until"
        changes.append("epoch = epoch + 1")
    if release and heed and claim:
        owner = until = "null"
        changes.append("heard = signals")
    elif release:
        owner, until = (f"case when signals = :signals then null else {kept} end" for kept in (owner, until))
        changes.append("heard = case when signals = :signals then signals else heard end")
    if claim or release:
        changes += [f"lease_owner = {owner}", f"lease_until = {until}"]
    fence = _FREE if claim else "epoch = :epoch and lease_owner is not null"
    if heed and not claim:
        fence += " and signals = :signals"
    # The owner itself: SQLite 3.40 says 0 to "lease_owner is null" here even where it returns null for the column.
    return (
        f"update runs set {', '.join(changes)} where id = :id and seq = :expect and {fence} "
        "returning epoch, signals, cancel_requested, lease_owner"
    )


INSERT_ENTRY = "insert into entries (run, seq, payload) values (?, ?, ?)"
# A new suspension; its number orders those of a run.
OPEN = (
    "insert into suspensions (id, run, number, state, opened, opened_at, workflow, labels, assigned, event, deadline, due_at) "
    "values (?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?)"
)
CLOSE = "update suspensions set state = ?, closed_at = ?, reason = ? where id = ? and state = 'open'"
INSERT_GRAPH = "insert into graphs (fingerprint, payload) values (?, ?) on conflict (fingerprint) do nothing"
RELEASE = "update runs set lease_owner = null, lease_until = null where id = ? and epoch = ? and lease_owner is not null"
# The compare-and-set of an answer, or of what else closes a row.
ANSWER = (
    "update suspensions set state = :state, answer = :answer, actor = :actor, via = :via, key = :key, reason = :reason, "
    "run_count = :run_count, context = :context, closed_at = :at "
    "where id = :id and run = :run and state = 'open' and (:due is null or deadline <= :due) "
    "and (not :unclaimed or claimed_by is null or claimed_by = :actor)"
)
# Rivals of what is answered.
CLOSE_RIVAL = "update suspensions set state = 'canceled', reason = ?, closed_at = ? where id = ? and run = ? and state = 'open'"
# Whether a run stands where somebody saw it.
AS_SEEN = "select 1 from runs where id = ? and seq = ? and signals = ?"
SIGNAL = "update runs set signals = signals + 1, updated_at = ? where id = ?"
TOUCH = "update runs set updated_at = max(updated_at, ?) where id = ?"
# Ask the driver to stop; once, and only of a run that has not ended.
CANCEL = (
    "update runs set cancel_requested = 1, signals = signals + 1, updated_at = :at "
    "where id = :id and cancel_requested = 0 and status not in ('success', 'failed', 'canceled')"
)


# Runs in a list of JSON.
_SKIPPED = "not in (select value from json_each(:skip))"


def claim_due(workflows: int, dead: int, live: int) -> str:
    """Take the leases of runs that need a driver: led by nobody who lives, left under way, unheard, or due."""
    # The plus keeps SQLite from the index of workflows, which has every run there ever was; without statistics it would be taken.
    named, gone, alive = _named("workflow", workflows), _named("dead", dead), _named("live", live)
    return (
        "update runs set lease_owner = :owner, lease_until = :until, epoch = epoch + 1 where id in ("
        "select id from runs where id in ("
        f"select id from runs where lease_owner is not null and lease_until <= :now and lease_owner not in ({alive}) "
        f"union all select id from runs where lease_owner in ({gone}) "
        "union all select id from runs where lease_owner is null and status = 'running' "
        "union all select id from runs where lease_owner is null and signals > heard "
        "union all select id from runs where lease_owner is null and wake_at <= :now"
        f") and engine = :engine and +workflow in ({named}) "
        f"and status not in ('pending', 'held', 'success', 'failed', 'canceled') and id {_SKIPPED} "
        "order by coalesce(wake_at, updated_at), id limit :limit) "
        "returning id, epoch, signals, cancel_requested"
    )


def due(workflows: int) -> str:
    """The rows that are due, of runs of one engine and so many workflows."""
    return (
        f"select s.id, s.run {_open(workflows)} and s.due_at <= :now and s.run {_SKIPPED} "
        "order by s.due_at, s.id limit :limit"
    )


def next_due(workflows: int) -> str:
    """When the first timer of such a run, or row of one, is due that is not yet; with a plus as in `claim_due`."""
    return (
        "select min(at) from ("
        "select min(wake_at) as at from runs where wake_at > :now and lease_owner is null "
        f"and engine = :engine and +workflow in ({_named('workflow', workflows)}) "
        f"union all select * from (select s.due_at {_open(workflows)} and s.due_at > :now order by s.due_at limit 1))"
    )


def _open(workflows: int) -> str:
    # "cross" has SQLite walk the rows by when they are due, and look up their runs.
    return (
        "from suspensions s cross join runs r on r.id = s.run where s.state in ('open', 'expired') and s.due_at is not null "
        f"and r.engine = :engine and r.workflow in ({_named('workflow', workflows)})"
    )


def _named(name: str, count: int) -> str:
    return ", ".join(f":{name}{i}" for i in range(count))


RENEW = "update runs set lease_until = ? where lease_owner = ? returning id"
OWNERS = "select distinct lease_owner from runs where lease_owner is not null order by lease_owner"
# What time brings.
PUT_OFF = "update suspensions set due_at = ?, told = ? where id = ? and state in ('open', 'expired') and due_at is ?"
SET_CLAIMANT = "update suspensions set claimed_by = ?, claimed_at = ? where id = ? and state = 'open' and claimed_by is ?"
EXTEND = "update suspensions set deadline = ?, due_at = ? where id = ? and state = 'open'"
# Events that are kept.
KEEP = "insert into events (id, name, at, until, payload) values (?, ?, ?, ?, ?) on conflict (id) do nothing"
KEPT = "select payload from events where name = ? and until > ? order by at, id"
DROP = "delete from events where id = ?"
# Whether the entries that a write brings are there already.
SAME = "select payload from entries where run = ? and seq = ?"
DELETE = (
    "delete from entries where run = ?",
    "delete from suspensions where run = ?",
    "delete from runs where id = ?",
)


def find(where: str) -> str:
    """The runs that meet *where*, newest first."""
    return f"select {_RUN} from runs{where} order by created_at desc, id limit :limit offset :offset"


def recent() -> str:
    """Runs that were written to lately: there is no index for it, the table itself is walked."""
    return f"select {_RUN} from runs where updated_at >= ?"


def count(where: str) -> str:
    """How many runs meet *where*."""
    return f"select count(*) from runs{where}"


def suspensions(where: str) -> str:
    """Suspension rows that meet *where*, oldest first."""
    return f"select {_SUSPENSION} from suspensions{where} order by opened_at, id limit :limit offset :offset"


def signals(runs: int) -> str:
    """What was put in for so many runs."""
    return f"select id, signals from runs where id in ({', '.join('?' * runs)})"


def count_suspensions(where: str) -> str:
    """How many suspension rows meet *where*."""
    return f"select count(*) from suspensions{where}"


def prune(statuses: int) -> str:
    """Runs in one of so many statuses that are old, and that nobody drives."""
    return (
        f"select id from runs where status in ({', '.join('?' * statuses)}) and status <> 'running' and created_at < ? "
        "and updated_at < ? and lease_owner is null limit ?"
    )


PRUNE_EVENTS = "delete from events where until < ?"
