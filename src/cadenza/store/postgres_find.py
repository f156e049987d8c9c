"""Lists of the Postgres store: the statements for what is asked for, and their values."""

from __future__ import annotations

from typing import Any

from . import postgres_sql as sql
from .base import RunQuery, SuspensionQuery
from .rows import micros, names_column


def find(query: RunQuery) -> tuple[str, dict[str, Any]]:
    """The runs that match, newest first, each with the number of all: a row of nulls where the page is empty."""
    conditions: list[str] = []
    values: dict[str, Any] = {"limit": query.limit, "offset": query.offset}
    for column in ("workflow", "resource"):
        if (value := getattr(query, column)) is not None:
            conditions.append(f"{column} = %({column})s")
            values[column] = value
    if query.status is not None and len(query.status) == 1:
        conditions.append("status = %(status)s")  # then its index gives the order too
        values["status"] = query.status[0]
    elif query.status is not None:
        conditions.append("status = any(%(statuses)s::text[])")
        values["statuses"] = list(query.status)
    if query.id_prefix:
        conditions.append("id >= %(prefix)s and id < %(beyond)s")
        values |= {"prefix": query.id_prefix, "beyond": query.id_prefix + "\U0010ffff"}
    for name, bound, sign in (("since", query.created_from, ">="), ("before", query.created_to, "<=")):
        if bound is not None:
            conditions.append(f"created_at {sign} %({name})s")
            values[name] = micros(bound)
    where = _where(conditions)
    page = f"select {sql.RUN} from cadenza_runs{where} order by created_at desc, id limit %(limit)s offset %(offset)s"
    statement = (
        f"select (select count(*) from cadenza_runs{where}), page.* from (select) as always "
        f"left join ({page}) as page on true order by page.created_at desc, page.id"
    )
    return statement, values


def suspensions(query: SuspensionQuery) -> tuple[str, dict[str, Any]]:
    """The suspension rows that match, oldest first."""
    where, values = _on_suspensions(query)
    statement = (
        f"select {sql.SUSPENSION} from cadenza_suspensions{where} "
        "order by opened_at, id limit %(limit)s offset %(offset)s"
    )
    return statement, values


def count_suspensions(query: SuspensionQuery) -> tuple[str, dict[str, Any]]:
    """How many suspension rows match, whatever the page."""
    where, values = _on_suspensions(query)
    return f"select count(*) from cadenza_suspensions{where}", values


def _on_suspensions(query: SuspensionQuery) -> tuple[str, dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {"limit": query.limit, "offset": query.offset}
    if query.state == "open":
        conditions.append("state = 'open'")  # as the index says it
    elif query.state is not None:
        conditions.append("state = %(state)s")
        values["state"] = query.state
    for column, value in (("run", query.run_id), ("event", query.event), ("workflow", query.workflow)):
        if value is not None:
            conditions.append(f"{column} = %({column})s")
            values[column] = value
    for column, value in (("labels", query.label), ("assigned", query.assignee)):
        if value is not None:
            conditions.append(f"strpos({column}, %({column})s) > 0")
            values[column] = names_column([value])
    if query.opened_to is not None:
        conditions.append("opened_at <= %(opened_to)s")
        values["opened_to"] = micros(query.opened_to)
    return _where(conditions), values


def _where(conditions: list[str]) -> str:
    return f" where {' and '.join(conditions)}" if conditions else ""
