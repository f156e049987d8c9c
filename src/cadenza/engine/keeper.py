"""Keeper: while runs are under way in this process, renews their leases and hears what other processes have put in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from ..clock import Clock
from ..store.base import Store
from .drive import Drive
from .lease import LEASE

_log = logging.getLogger("cadenza")

# How long, in seconds, it waits for news at the most, and at the least.
_PATIENCE = 1.0
_LOOK = 0.05


class Keeper:
    """Looks after the *drives* of one owner, for as long as there are any."""

    def __init__(self, store: Store, clock: Clock, owner: str, drives: Mapping[str, Drive]) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._drives = drives
        self._task: asyncio.Task[None] | None = None

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The task that looks, where there is one."""
        return [self._task] if self._task is not None else []

    def start(self) -> None:
        """Look from now on, if it is not looked already."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self.keep(), name="cadenza keeper")

    async def keep(self) -> None:
        """While runs are under way here: keep their leases, and look for what other processes have put in."""
        renewed = self._clock.now()
        doubted: set[str] = set()
        while self._drives:
            try:
                await self._store.changed(_PATIENCE)
                # Real time, whatever the clock says: other processes do not live in this one's virtual time.
                await asyncio.sleep(_LOOK)  # noqa: TID251
                await self._hear()
                if self._clock.now() - renewed >= LEASE / 3:
                    renewed = self._clock.now()
                    doubted = await self.renew(doubted)
            except Exception:  # the store is away: the drives find out for themselves, this goes on looking
                _log.exception("cannot look after the leases of %s", self._owner)
                await asyncio.sleep(_PATIENCE)  # noqa: TID251

    async def _hear(self) -> None:
        drives = {run_id: drive for run_id, drive in self._drives.items() if drive.holding}
        if drives:
            signals = await self._store.signals(list(drives))
            for run_id, drive in drives.items():
                if signals.get(run_id, drive.signals) != drive.signals:
                    await drive.poke()

    async def renew(self, doubted: set[str]) -> set[str]:
        """Renew the leases; those held for no drive are given back when they are seen so a second time."""
        held = set(await self._store.renew(self._owner, self._clock.now() + LEASE))
        idle = held - self._drives.keys()
        for run_id in idle & doubted:
            row = await self._store.row(run_id)
            if row is not None and row.lease is not None and row.lease.owner == self._owner:
                await self._store.release(run_id, row.lease.epoch)
        return idle
