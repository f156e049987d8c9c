"""Lists of the Postgres store: the statements for what is asked for, and their values."""

from __future__ import annotations

from typing import Any

from . import postgres_sql as sql
from .base import RunQuery, SuspensionQuery
from .conditions import POSTGRES, counting, on_runs, on_suspensions


def find(query: RunQuery) -> tuple[str, dict[str, Any]]:
    """The runs that match, newest first, each with the number of all: a row of nulls where the page is empty."""
    where, values = on_runs(query, POSTGRES)
    page = f"select {sql.RUN} from cadenza_runs{where} order by created_at desc, id limit %(limit)s offset %(offset)s"
    statement = (
        f"select (select count(*) from cadenza_runs{where}), page.* from (select) as always "
        f"left join ({page}) as page on true order by page.created_at desc, page.id"
    )
    return statement, values


def counts(query: RunQuery) -> tuple[str, dict[str, Any]]:
    """How many of the runs that match stand how, by workflow, and their open suspensions."""
    where, values = on_runs(query, POSTGRES)
    return counting(where, POSTGRES), values


def recent() -> str:
    """Runs that were written to lately: there is no index for it, the table itself is walked."""
    return f"select {sql.RUN} from cadenza_runs where updated_at >= %(since)s"


def suspensions(query: SuspensionQuery) -> tuple[str, dict[str, Any]]:
    """The suspension rows that match, oldest first."""
    where, values = on_suspensions(query, POSTGRES)
    statement = (
        f"select {sql.SUSPENSION} from cadenza_suspensions{where} "
        "order by opened_at, id limit %(limit)s offset %(offset)s"
    )
    return statement, values


def count_suspensions(query: SuspensionQuery) -> tuple[str, dict[str, Any]]:
    """How many suspension rows match, whatever the page."""
    where, values = on_suspensions(query, POSTGRES)
    return f"select count(*) from cadenza_suspensions{where}", values
