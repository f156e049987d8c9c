"""What may stand between a store and its PostgreSQL: a line that breaks, and a pooler that lends connections by transaction."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

_SSL_REQUESTS = {80877103, 80877104}
_READY = b"Z\x00\x00\x00\x05I"


def _address(url: str) -> tuple[str, int]:
    found = re.search(r"@([^:/]+):(\d+)", url)
    assert found is not None
    return found[1], int(found[2])


def _through(url: str, server: asyncio.Server) -> str:
    host, port = _address(url)
    return url.replace(f"@{host}:{port}", f"@127.0.0.1:{server.sockets[0].getsockname()[1]}")


class Line:
    """A line to the server. `cut_after_next`: it breaks once the next statement is done, before anybody hears of it."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.url = ""
        self.cut_after_next = False
        self.cuts = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(self._host, self._port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(reader, server_writer))
                group.create_task(self._down(server_reader, writer))
        except* ConnectionError:
            pass
        finally:
            await _shut(server_writer)

    async def _up(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            server.write(data)
            await server.drain()
        raise ConnectionError

    async def _down(self, server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = b""
        while data := await server.read(65536):
            if not self.cut_after_next:
                writer.write(data)
                await writer.drain()
                continue
            answer += data
            if answer.endswith(_READY):
                self.cut_after_next = False
                self.cuts += 1
                break
        raise ConnectionError


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    """A line to the server of *url*."""
    line = Line(*_address(url))
    async with _serving(line.carry) as server:
        line.url = _through(url, server)
        yield line


@asynccontextmanager
async def _serving(
    carry: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[asyncio.Server]:
    tasks: set[asyncio.Future[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await carry(reader, writer)
        finally:
            await _shut(writer)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task := asyncio.ensure_future(serve(reader, writer)))
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Lent:
    """A connection of the pooler to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.greeting = b""

    async def until_ready(self) -> AsyncIterator[bytes]:
        """Its messages, up to the one that says that no transaction is open."""
        message = b""
        while message != _READY:
            head = await self.reader.readexactly(5)
            message = head + await self.reader.readexactly(int.from_bytes(head[1:], "big") - 4)
            yield message


class _Pooler:
    def __init__(self, host: str, port: int, connections: int) -> None:
        self._host, self._port, self._connections = host, port, connections
        self._free: asyncio.Queue[_Lent] = asyncio.Queue()
        self.opened: list[_Lent] = []

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._greet(reader, writer)
            while (data := await reader.read(65536)) and data[:1] != b"X":
                lent = await self._free.get()
                lent.writer.write(data)
                forward = asyncio.ensure_future(_forward(reader, lent.writer))
                async for message in lent.until_ready():
                    writer.write(message)
                forward.cancel()
                await asyncio.gather(forward, return_exceptions=True)
                self._free.put_nowait(lent)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            size = await reader.readexactly(4)
            startup = await reader.readexactly(int.from_bytes(size, "big") - 4)
            if int.from_bytes(startup[:4], "big") not in _SSL_REQUESTS:
                break
            writer.write(b"N")
        while len(self.opened) < self._connections:
            lent = _Lent(*await asyncio.open_connection(self._host, self._port))
            self.opened.append(lent)
            lent.writer.write(size + startup)
            lent.greeting = b"".join([message async for message in lent.until_ready()])
            self._free.put_nowait(lent)
        writer.write(self.opened[0].greeting)


@asynccontextmanager
async def pooler_to(url: str, connections: int = 3) -> AsyncIterator[str]:
    """The URL of a pooler in transaction mode: each transaction goes through the next of a few connections in turn."""
    pooler = _Pooler(*_address(url), connections)
    async with _serving(pooler.carry) as server:
        yield _through(url, server)
    await _shut(*[lent.writer for lent in pooler.opened])


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What belongs to a transaction that has begun."""
    while data := await reader.read(65536):
        writer.write(data)


async def _shut(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
