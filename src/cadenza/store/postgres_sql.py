"""The statements of the Postgres store, and its migrations. Migrations only go forward.

One statement is one transaction, so that nothing depends on the connection that it comes through. What is put together
per call stands in `postgres_write.py` and `postgres_find.py`.
"""

from __future__ import annotations

# 1: the tables of design §4. Times are microseconds since 1970, UTC. Ids are ordered by their bytes, as everywhere else;
# room is left in the pages of runs, so that moving one's number touches no index.
_TABLES = """
create table cadenza_runs (
  id text collate "C" primary key, workflow text not null, engine text not null, resource text, status text not null,
  seq bigint not null default 0, fingerprint text, wake_at bigint,
  lease_owner text collate "C", lease_until bigint, epoch bigint not null default 0,
  signals bigint not null default 0, heard bigint not null default 0, cancel_requested boolean not null default false,
  created_at bigint not null, updated_at bigint not null
) with (fillfactor = 70);
create index cadenza_runs_by_time on cadenza_runs (created_at desc, id);
create index cadenza_runs_by_workflow on cadenza_runs (workflow, created_at desc, id);
create index cadenza_runs_by_status on cadenza_runs (status, created_at desc, id);
create index cadenza_runs_by_resource on cadenza_runs (resource, created_at desc, id) where resource is not null;
create index cadenza_runs_due on cadenza_runs (wake_at) where wake_at is not null and lease_owner is null;
create index cadenza_runs_led on cadenza_runs (lease_owner, lease_until) where lease_owner is not null;
create index cadenza_runs_left on cadenza_runs (status) where status = 'running' and lease_owner is null;
create index cadenza_runs_unheard on cadenza_runs (signals) where signals > heard and lease_owner is null;
create table cadenza_entries (
  run text collate "C" not null, seq bigint not null, payload bytea not null, primary key (run, seq)
);
create table cadenza_suspensions (
  id text collate "C" primary key, run text collate "C" not null, number bigint not null, state text not null,
  opened bytea not null, opened_at bigint not null, workflow text not null, labels text, assigned text, event text,
  deadline bigint, due_at bigint, told bigint not null default 0, claimed_by text, claimed_at bigint,
  answer bytea, actor text, via text, key text, reason text, run_count bigint not null default 0, context bytea,
  closed_at bigint, call text
);
create index cadenza_suspensions_by_run on cadenza_suspensions (run, number);
create index cadenza_suspensions_by_time on cadenza_suspensions (opened_at, id);
create index cadenza_suspensions_open on cadenza_suspensions (opened_at, id) where state = 'open';
create index cadenza_suspensions_due on cadenza_suspensions (due_at, id) where state = 'open' and due_at is not null;
create index cadenza_suspensions_by_event on cadenza_suspensions (event, opened_at, id) where event is not null;
create table cadenza_events (
  id text collate "C" primary key, name text not null, at bigint not null, until bigint not null, payload bytea not null
);
create index cadenza_events_by_name on cadenza_events (name, at, id);
create index cadenza_events_by_end on cadenza_events (until);
create table cadenza_graphs (fingerprint text collate "C" primary key, payload bytea not null);
"""

# 2: schedules, and when they fired.
_SCHEDULES = """
create table cadenza_schedules (
  id text collate "C" primary key, workflow text not null, declared boolean not null, due_at bigint,
  created_at bigint not null, version bigint not null, payload bytea not null, call text
);
create index cadenza_schedules_by_time on cadenza_schedules (created_at, id);
create index cadenza_schedules_by_workflow on cadenza_schedules (workflow, created_at, id);
create index cadenza_schedules_due on cadenza_schedules (due_at, id) where due_at is not null;
create table cadenza_fires (
  schedule text collate "C" not null, run text collate "C" not null, at bigint not null, payload bytea not null,
  primary key (schedule, run)
);
create index cadenza_fires_by_time on cadenza_fires (schedule, at, run);
"""

# 3: rows whose deadline has closed them are due until somebody was told; those from before are taken to have been.
_UNTOLD = """
update cadenza_suspensions set due_at = null where state = 'expired';
drop index cadenza_suspensions_due;
create index cadenza_suspensions_due on cadenza_suspensions (due_at, id)
  where state in ('open', 'expired') and due_at is not null;
"""

MIGRATIONS = (_TABLES, _SCHEDULES, _UNTOLD)

# The schema that holds the tables, if they are there.
WHERE = "select (select relnamespace::bigint from pg_class where oid = to_regclass('cadenza_version'))"
VERSION = "select version from cadenza_version"
# Those who migrate at once wait for one another until the transaction ends. The number is the word "cadenza".
LOCK = "select pg_advisory_xact_lock(27973106520717921)"
MAKE_VERSION = (
    "create table cadenza_version (version bigint not null); insert into cadenza_version values (0)"
)
SET_VERSION = "update cadenza_version set version = %(version)s"

RUN = (
    "id, workflow, engine, resource, status, seq, fingerprint, wake_at, lease_owner, lease_until, epoch, signals, "
    "heard, cancel_requested, created_at, updated_at"
)
SUSPENSION = (
    "opened, state, deadline, due_at, told, claimed_by, claimed_at, answer, actor, via, key, reason, run_count, context, "
    "closed_at"
)

# A new run, unless there is one with its id.
CREATE = (
    "insert into cadenza_runs (id, workflow, engine, resource, status, created_at, updated_at) "
    "values (%(id)s, %(workflow)s, %(engine)s, %(resource)s, %(status)s, %(at)s, %(at)s) "
    "on conflict (id) do nothing returning id"
)
# One run's row.
ROW = f"select {RUN} from cadenza_runs where id = %(run)s"
# A run with its entries and suspensions, as of one moment: the rows of each as columns, in order.
LOAD = (
    f"select {RUN}, entries.*, rows.* from cadenza_runs r "
    "cross join lateral (select array_agg(payload) from "
    "(select payload from cadenza_entries where run = r.id order by seq) e) entries "
    f"cross join lateral (select {', '.join(f'array_agg({name})' for name in SUSPENSION.split(', '))} from "
    f"(select {SUSPENSION} from cadenza_suspensions where run = r.id order by number) s) rows "
    "where r.id = %(run)s"
)
# The entries of a run after a number, so many; null: all.
ENTRIES = (
    "select seq, payload from cadenza_entries where run = %(run)s and seq > %(after)s order by seq "
    "limit %(limit)s::bigint"
)
# One suspension, and those that an answer names.
ONE_SUSPENSION = f"select {SUSPENSION} from cadenza_suspensions where id = %(id)s"
NAMED = f"select id, call, {SUSPENSION} from cadenza_suspensions where run = %(run)s and id = any(%(ids)s::text[])"
GRAPH = "select payload from cadenza_graphs where fingerprint = %(fingerprint)s"
# What was put in for these runs.
SIGNALS = "select id, signals from cadenza_runs where id = any(%(ids)s::text[])"

# Whom a claim may take the lease from: nobody, one whose time is over, one that is known to be dead.
FREE = "(lease_owner is null or lease_until <= %(now)s or epoch = %(dead)s)"
# Take the lease.
CLAIM = (
    "update cadenza_runs set lease_owner = %(owner)s, lease_until = %(until)s, epoch = epoch + 1 "
    f"where id = %(run)s and {FREE} and status not in ('success', 'failed', 'canceled') "
    "returning epoch, signals, cancel_requested"
)
# Take the leases of runs that need a driver: led by nobody who lives, left under way, unheard, or due. Each of the five
# is an index of its own. What somebody else is taking at this moment is skipped.
CLAIM_DUE = """
with wanted as (
  select id from cadenza_runs
  where (
    (lease_owner is not null and lease_until <= %(now)s and lease_owner <> all(%(live)s::text[]))
    or lease_owner = any(%(dead)s::text[])
    or (lease_owner is null and status = 'running')
    or (lease_owner is null and signals > heard)
    or (lease_owner is null and wake_at <= %(now)s)
  )
  and engine = %(engine)s and workflow = any(%(workflows)s::text[])
  and status not in ('pending', 'held', 'success', 'failed', 'canceled') and id <> all(%(skip)s::text[])
  order by coalesce(wake_at, updated_at), id limit %(limit)s
  for update skip locked
)
update cadenza_runs r set lease_owner = %(owner)s, lease_until = %(until)s, epoch = epoch + 1
from wanted where r.id = wanted.id returning r.id, epoch, signals, cancel_requested
"""
# What a claim of several took that ended without a word.
CLAIMED = (
    "select id, epoch, signals, cancel_requested from cadenza_runs "
    "where lease_owner = %(owner)s and lease_until = %(until)s"
)
RENEW = "update cadenza_runs set lease_until = %(until)s where lease_owner = %(owner)s returning id"
OWNERS = "select distinct lease_owner from cadenza_runs where lease_owner is not null order by lease_owner"
# Give the lease back. Who waits for it in another process is told.
RELEASE = (
    "with freed as (update cadenza_runs set lease_owner = null, lease_until = null "
    "where id = %(run)s and epoch = %(epoch)s and lease_owner is not null returning id) "
    "select pg_notify(%(channel)s, %(told)s) from freed"
)
# Ask the driver to stop; once, and only of a run that has not ended.
CANCEL = (
    "with asked as (update cadenza_runs set cancel_requested = true, signals = signals + 1, updated_at = %(at)s "
    "where id = %(run)s and not cancel_requested and status not in ('success', 'failed', 'canceled') returning id) "
    "select pg_notify(%(channel)s, %(told)s) from asked"
)
TOUCH = (
    "with touched as (update cadenza_runs set updated_at = greatest(updated_at, %(at)s) where id = %(run)s returning id) "
    "select pg_notify(%(channel)s, %(told)s) from touched"
)
DELETE = (
    "with gone as (delete from cadenza_runs where id = %(run)s returning id), "
    "entries as (delete from cadenza_entries where run = %(run)s), "
    "rows as (delete from cadenza_suspensions where run = %(run)s) "
    "select pg_notify(%(channel)s, %(told)s) from gone"
)
# Remove old runs that nobody drives, with all that is theirs, and events that nobody took in time.
PRUNE = """
with old as (
  select id from cadenza_runs where status = any(%(statuses)s::text[]) and created_at < %(before)s
  and updated_at < %(before)s and lease_owner is null limit %(limit)s for update skip locked
),
gone as (delete from cadenza_runs where id in (select id from old)),
entries as (delete from cadenza_entries where run in (select id from old)),
rows as (delete from cadenza_suspensions where run in (select id from old)),
events as (delete from cadenza_events where until < %(before)s)
select count(*) from old
"""

# What time brings: rows of the runs of one engine and some workflows, whose turn has come.
_CONCERNS = "engine = %(engine)s and workflow = any(%(workflows)s)"
_OPEN = (
    f"from cadenza_suspensions s join (select id as run from cadenza_runs where {_CONCERNS}) runs using (run) "
    "where s.state in ('open', 'expired') and s.due_at is not null"
)
DUE = (
    f"select s.id, s.run {_OPEN} and s.due_at <= %(now)s and s.run <> all(%(skip)s::text[]) "
    "order by s.due_at, s.id limit %(limit)s"
)
PUT_OFF = (
    "update cadenza_suspensions set due_at = %(due_at)s, told = %(told_of)s, call = %(call)s "
    "where id = %(id)s and state in ('open', 'expired') and due_at is not distinct from %(seen)s::bigint returning id"
)
SET_CLAIMANT = (
    "update cadenza_suspensions set claimed_by = %(claimant)s, claimed_at = %(at)s, call = %(call)s "
    "where id = %(id)s and state = 'open' and claimed_by is not distinct from %(seen)s::text returning id"
)
EXTEND = (
    "with changed as (update cadenza_suspensions set deadline = %(deadline)s, due_at = %(due_at)s "
    "where id = %(id)s and state = 'open' returning run) "
    "select pg_notify(%(channel)s, %(told)s) from changed"
)
# Whether it was this call that changed a row last.
CALLED = "select id from cadenza_suspensions where id = %(id)s and call = %(call)s"
NEXT_DUE = (
    "select min(at) from ("
    "select min(wake_at) as at from cadenza_runs "
    f"where wake_at is not null and wake_at > %(now)s and lease_owner is null and {_CONCERNS} "
    f"union all (select s.due_at {_OPEN} and s.due_at > %(now)s order by s.due_at, s.id limit 1)) times"
)

# Events that are kept.
KEEP = (
    "insert into cadenza_events (id, name, at, until, payload) "
    "values (%(id)s, %(name)s, %(at)s, %(until)s, %(payload)s) on conflict (id) do nothing"
)
KEPT = "select payload from cadenza_events where name = %(name)s and until > %(now)s order by at, id"
DROP = "delete from cadenza_events where id = %(id)s returning id"

# Schedules. `call` tells a statement that was made again after its connection broke whether it was made before.
ADD_SCHEDULE = (
    "insert into cadenza_schedules (id, workflow, declared, due_at, created_at, version, payload, call) "
    "values (%(id)s, %(workflow)s, %(declared)s, %(due_at)s, %(created_at)s, %(version)s, %(payload)s, %(call)s) "
    "on conflict (id) do nothing returning id"
)
SCHEDULE = "select payload from cadenza_schedules where id = %(id)s"
SCHEDULE_CALLED = "select 1 from cadenza_schedules where id = %(id)s and call = %(call)s"
SCHEDULES = "select payload from cadenza_schedules order by created_at, id"
SCHEDULES_OF = "select payload from cadenza_schedules where workflow = %(workflow)s order by created_at, id"
# The compare-and-set of whatever changes a schedule.
CHANGE_SCHEDULE = (
    "update cadenza_schedules set workflow = %(workflow)s, due_at = %(due_at)s, declared = %(declared)s, "
    "version = %(version)s, payload = %(payload)s, call = %(call)s "
    "where id = %(id)s and version = %(version)s - 1 returning id"
)
# The same, with a fire.
CHANGE_AND_FIRE = (
    f"with changed as ({CHANGE_SCHEDULE}), fired as ("
    "insert into cadenza_fires (schedule, run, at, payload) "
    "select %(schedule)s, %(run)s, %(at)s, %(fire)s from changed on conflict (schedule, run) do nothing) "
    "select id from changed"
)
DELETE_SCHEDULE = (
    "with gone as (delete from cadenza_schedules where id = %(id)s returning id), "
    "fires as (delete from cadenza_fires where schedule = %(id)s) select id from gone"
)
_CONCERNED = "workflow = any(%(workflows)s::text[]) and (not declared or id = any(%(declared)s::text[]))"
DUE_SCHEDULES = (
    f"select payload from cadenza_schedules where due_at is not null and due_at <= %(now)s and {_CONCERNED} "
    "order by due_at, id limit %(limit)s"
)
NEXT_SCHEDULE = f"select min(due_at) from cadenza_schedules where due_at is not null and due_at > %(now)s and {_CONCERNED}"
FIRES = (
    "select payload from cadenza_fires where schedule = %(schedule)s and at >= %(since)s and at <= %(until)s "
    "order by at desc, run desc limit %(limit)s"
)

# Tell whoever listens.
NOTIFY = "select pg_notify(%(channel)s, %(told)s)"
