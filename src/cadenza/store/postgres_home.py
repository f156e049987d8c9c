"""Where the Postgres store is at home: on each event loop that uses it, with connections and a listener of that loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ..errors import StoreClosed
from .postgres_connections import Connections, connect_info
from .postgres_listen import Listener
from .postgres_migrate import migrate


@dataclass(slots=True)
class _Home:
    connections: Connections
    listener: Listener | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def leave(self) -> None:
        if self.listener is not None:
            await self.listener.close()
        await self.connections.close()


class Homes:
    """The homes of one store; each is opened when it is first needed."""

    def __init__(self, url: str, *, pool_size: int | None, patience: float | None) -> None:
        self._url, self._size, self._patience = connect_info(url, pool_size=pool_size, patience=patience)
        self._homes: dict[asyncio.AbstractEventLoop, _Home] = {}
        self._closed = False

    async def open(self) -> tuple[Connections, Listener]:
        """What the running loop has, with the tables up to date.

        Raises `StoreClosed`, `StoreUnavailable`, `StoreTooNew`.
        """
        if self._closed:
            raise StoreClosed
        home = self._here()
        if home.listener is None:
            async with home.opening:
                if home.listener is None:
                    channel = await migrate(home.connections)
                    home.listener = Listener(home.connections, channel)
        return home.connections, home.listener

    def _here(self) -> _Home:
        here = asyncio.get_running_loop()
        home = self._homes.get(here)
        if home is None:
            # Connections are of no use when their loop has ended.
            for loop in [loop for loop in list(self._homes) if loop.is_closed()]:
                if (gone := self._homes.pop(loop, None)) is not None:
                    gone.connections.drop()
            home = _Home(Connections(self._url, size=self._size, patience=self._patience))
            self._homes[here] = home
        return home

    async def close(self) -> None:
        """Let what is under way be done, and close, on every loop; from now on `open` raises `StoreClosed`."""
        self._closed = True
        homes, self._homes = self._homes, {}
        for loop, home in homes.items():
            if loop is asyncio.get_running_loop():
                await home.leave()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(home.leave(), loop))
            else:
                home.connections.drop()
