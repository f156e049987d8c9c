"""PostgreSQL for the benchmarks: as it is installed, but for 256 MB of shared buffers; every commit is synced.

`run.py` starts one server for all its programs and tells them by `CADENZA_BENCH_POSTGRES`; a program alone starts its own.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from cadenza.testing.postgres import PostgresServer

_URL = "CADENZA_BENCH_POSTGRES"
# On a disk, and not in /tmp, which is often memory: there a sync costs nothing.
_FOLDER = Path("/var/tmp")


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server, which is there for as long as the block lasts."""
    if (given := os.environ.get(_URL)) is not None:
        yield given
        return
    with PostgresServer({"shared_buffers": "256MB"}, folder=_FOLDER) as started:
        os.environ[_URL] = started.url
        try:
            yield started.url
        finally:
            del os.environ[_URL]


def make_database(url: str, name: str, *, template: str = "template0") -> str:
    """The URL of a new database, a copy of *template*; one of its name is dropped before."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)'.encode())
        connection.execute(f'create database "{name}" template "{template}"'.encode())
        # What the copy has left to write is not for those who are measured.
        connection.execute("checkpoint")
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@contextmanager
def database(url: str, *, template: str = "template0") -> Iterator[str]:
    """The URL of a database for as long as the block lasts."""
    name = f"b{os.getpid()}_{random.randbytes(4).hex()}"
    yield make_database(url, name, template=template)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)'.encode())
