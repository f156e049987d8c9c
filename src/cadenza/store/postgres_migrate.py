"""Bringing a Postgres database up to date: numbered migrations that only go forward; `cadenza_version` says how many were made."""

from __future__ import annotations

from ..errors import StoreTooNew
from . import postgres_sql as sql
from .postgres_connections import Connection, Connections, one


async def migrate(connections: Connections) -> str:
    """Bring the tables up to date, whoever else is about to, all of it or nothing; gives the channel of their schema.

    They are in the first schema of the connection's `search_path`. Raises `StoreTooNew` where a newer Cadenza made them.
    """
    async with connections.apart(patient=True) as connection:
        (schema,) = await one(connection, sql.WHERE)
        if schema is None or await _version(connection) < len(sql.MIGRATIONS):
            async with connection.transaction():
                await connection.execute(sql.LOCK)
                await _migrate(connection)
            (schema,) = await one(connection, sql.WHERE)
        # A schema's number is short and has no odd characters, whatever its name.
        return f"cadenza_{schema}"


async def _migrate(connection: Connection) -> None:
    # Look again: while the lock was waited for, another process may have done it.
    if (await one(connection, sql.WHERE))[0] is None:
        await connection.execute(sql.MAKE_VERSION)
    for statements in sql.MIGRATIONS[await _version(connection) :]:
        await connection.execute(statements.encode())
    await connection.execute(sql.SET_VERSION, {"version": len(sql.MIGRATIONS)})


async def _version(connection: Connection) -> int:
    (found,) = await one(connection, sql.VERSION)
    if found > len(sql.MIGRATIONS):
        raise StoreTooNew(found, len(sql.MIGRATIONS))
    return int(found)
