"""PostgreSQL for our tests: the server that `CADENZA_TEST_POSTGRES` names (a URL), or one that is started for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from urllib.parse import quote

import psycopg

from cadenza.testing.postgres import PostgresServer


class Schemas:
    """Hands out URLs of empty schemas: each is a database as far as a store can see."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = count(1)
        self._made: list[str] = []

    def new(self) -> str:
        """The URL of a new schema."""
        name = f"cadenza test {os.getpid()}-{next(self._numbers)}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f'create schema "{name}"'.encode())
        self._made.append(name)
        sign = "&" if "?" in self._url else "?"
        path = f'-csearch_path="{name}"'.replace(" ", "\\ ")
        return f"{self._url}{sign}options={quote(path)}"

    def drop(self) -> None:
        """Drop all of them."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            while self._made:
                connection.execute(f'drop schema "{self._made.pop()}" cascade'.encode())


@contextmanager
def schemas() -> Iterator[Schemas]:
    """Schemas on a server that is there for as long as the block lasts."""
    named = os.environ.get("CADENZA_TEST_POSTGRES")
    if named is None:
        with PostgresServer() as server:
            yield Schemas(server.url)
        return
    given = Schemas(named)
    try:
        yield given
    finally:
        given.drop()
