"""What the lists of the SQL stores are asked for, as a where clause and its values, in each database's dialect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .base import Counted, RunQuery, SuspensionQuery
from .rows import micros, names_column


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a database says it: a named value, the place of a text in another, a limit that is none, and how tables are called.

    `maybe_running` are the runs among which all are that run, where no index by status has those.
    """

    value: str
    position: str
    unlimited: int | None
    prefix: str = ""
    maybe_running: str | None = None


SQLITE = Dialect(
    value=":{}",
    position="instr",
    unlimited=-1,
    maybe_running=(
        "select id from runs where lease_owner is not null "
        "union all select id from runs where status = 'running' and lease_owner is null"
    ),
)
POSTGRES = Dialect(value="%({})s", position="strpos", unlimited=None, prefix="cadenza_")


class _Conditions:
    """Conditions that a row has to meet, all of them."""

    def __init__(self, query: RunQuery | SuspensionQuery, dialect: Dialect) -> None:
        self._value = dialect.value
        self._all: list[str] = []
        limit = dialect.unlimited if query.limit is None else query.limit
        self.values: dict[str, Any] = {"limit": limit, "offset": query.offset}

    def add(self, condition: str, **values: Any) -> None:
        """*condition*, in which `{name}` stands for the value of that name."""
        self._all.append(condition.format(**{name: self._value.format(name) for name in values}))
        self.values |= values

    @property
    def where(self) -> str:
        return f" where {' and '.join(self._all)}" if self._all else ""


def on_runs(query: RunQuery, dialect: Dialect) -> tuple[str, dict[str, Any]]:
    """The where clause of a list of runs, and its values with those of the page."""
    conditions = _Conditions(query, dialect)
    for column in ("workflow", "resource"):
        if (value := getattr(query, column)) is not None:
            conditions.add(f"{column} = {{{column}}}", **{column: value})
    if query.status is not None:
        statuses = {f"status{i}": status for i, status in enumerate(query.status)}
        conditions.add(_standing(statuses, dialect.maybe_running), **statuses)
    if query.id_prefix:
        beyond = query.id_prefix + "\U0010ffff"
        conditions.add("id >= {prefix} and id < {beyond}", prefix=query.id_prefix, beyond=beyond)
    if query.created_from is not None:
        conditions.add("created_at >= {since}", since=micros(query.created_from))
    if query.created_to is not None:
        conditions.add("created_at <= {before}", before=micros(query.created_to))
    return conditions.where, conditions.values


def _standing(statuses: Mapping[str, str], maybe_running: str | None) -> str:
    """The condition that a run stands in one of *statuses*, whose values have these names."""
    among = ", ".join(f"{{{name}}}" for name in statuses)
    if not among:
        return "false"
    if maybe_running is None:
        return f"status in ({among})"
    if "running" not in statuses.values():
        return f"status in ({among}) and status <> 'running'"  # as the index says it
    if set(statuses.values()) == {"running"}:
        return f"id in ({maybe_running}) and status in ({among})"
    at_rest = f"select id from runs where status in ({among}) and status <> 'running'"
    return f"id in ({at_rest} union all {maybe_running}) and status in ({among})"


def on_suspensions(query: SuspensionQuery, dialect: Dialect) -> tuple[str, dict[str, Any]]:
    """The where clause of a list of suspension rows, and its values with those of the page."""
    conditions = _Conditions(query, dialect)
    if query.state == "open":
        conditions.add("state = 'open'")  # as the indexes say it
    elif query.state is not None:
        conditions.add("state = {state}", state=query.state)
    for column, value in (
        ("run", query.run_id),
        ("event", query.event),
        ("workflow", query.workflow),
        ("claimed_by", query.claimed_by),
    ):
        if value is not None:
            conditions.add(f"{column} = {{{column}}}", **{column: value})
    for column, value in (("labels", query.label), ("assigned", query.assignee)):
        if value is not None:
            found = f"{dialect.position}({column}, {{{column}}}) > 0"
            conditions.add(found, **{column: names_column([value])})
    if query.run_ids is not None:
        runs = {f"run{i}": run_id for i, run_id in enumerate(query.run_ids)}
        among = ", ".join(f"{{{name}}}" for name in runs)
        conditions.add(f"run in ({among})" if among else "false", **runs)
    if query.resource is not None:
        conditions.add(
            f"run in (select id from {dialect.prefix}runs where resource = {{resource}})",
            resource=query.resource,
        )
    if query.opened_to is not None:
        conditions.add("opened_at <= {opened_to}", opened_to=micros(query.opened_to))
    return conditions.where, conditions.values


def counting(where: str, dialect: Dialect) -> str:
    """The statement that counts the runs which meet *where* by workflow and status, and their open suspensions (status null)."""
    runs, suspensions = f"{dialect.prefix}runs", f"{dialect.prefix}suspensions"
    # Without a condition every run is looked at once, and no suspension need know its run.
    theirs = f" and run in (select id from {runs}{where})" if where else ""
    return (
        f"select workflow, status, count(*) from {runs}{where} group by workflow, status "
        f"union all select workflow, null, count(*) from {suspensions} where state = 'open'{theirs} group by workflow"
    )


def counted(rows: Iterable[tuple[Any, ...]]) -> dict[str, Counted]:
    """What `counting` found, by workflow."""
    runs: dict[str, dict[Any, int]] = {}
    waiting: dict[str, int] = {}
    for workflow, status, number in rows:
        if status is None:
            waiting[workflow] = number
        else:
            runs.setdefault(workflow, {})[status] = number
    return {workflow: Counted(runs=found, open=waiting.get(workflow, 0)) for workflow, found in runs.items()}
