"""Hooks: what a program wants to be told of, and by which of its functions."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from ..history.event import Suspension
from ..history.record import RunStatus
from ..history.snapshot import Snapshot

_log = logging.getLogger("cadenza")

HookKind: TypeAlias = Literal["suspended", "reminder", "expired", "ended"]
# How long one hook may take, in seconds: whoever tells of something, and an app that closes, waits for it.
_HOOK_TIME = 30.0
KINDS: tuple[HookKind, ...] = ("suspended", "reminder", "expired", "ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a hook is told. `suspension` is set unless the run has ended, `status` is that of the run if it has."""

    kind: HookKind
    run_id: str
    workflow_id: str
    at: datetime
    suspension: Suspension | None = None
    status: RunStatus | None = None


Hook: TypeAlias = Callable[[Notice], Awaitable[object] | object]


class Hooks:
    """The functions that a program has registered, by what they want to be told of."""

    def __init__(self) -> None:
        self._hooks: dict[HookKind, list[Hook]] = {kind: [] for kind in KINDS}

    def add(self, kind: HookKind, hook: Hook) -> None:
        """Tell *hook* of each *kind*."""
        self._hooks[kind].append(hook)

    def wanted(self, kind: HookKind) -> bool:
        """Whether anybody wants to be told."""
        return bool(self._hooks[kind])

    async def call(self, notice: Notice) -> bool:
        """Call those that want to be told, each for as long as hooks may take; False where one raised or took longer."""
        return all(await asyncio.gather(*[_call(hook, notice) for hook in self._hooks[notice.kind]]))


async def _call(hook: Hook, notice: Notice) -> bool:
    limit = asyncio.timeout(_HOOK_TIME)
    try:
        async with limit:
            found = hook(notice)
            if inspect.isawaitable(found):
                await found
    except Exception:  # a hook is user code: its failure is not the run's
        if limit.expired():
            _log.warning(
                "a hook for %r of run %s took longer than %s seconds", notice.kind, notice.run_id, _HOOK_TIME
            )
        else:
            _log.exception("a hook for %r of run %s raised", notice.kind, notice.run_id)
        return False
    return True


def end_of(run_id: str, workflow_id: str, run: Snapshot, now: datetime) -> Notice:
    """What hooks are told of a run that has ended."""
    return Notice(
        kind="ended", run_id=run_id, workflow_id=workflow_id, at=run.ended_at or now, status=run.status
    )
