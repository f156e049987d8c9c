"""`cadenza doctor`: whether all is well with what the commands need, and what can be done where it is not."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from .. import __version__
from ..errors import CadenzaError
from .out import document, one_or_many, paint, say
from .target import HERE, Where, find_target, load_app

if TYPE_CHECKING:
    from ..app import Cadenza

Target = Annotated[str | None, Parameter(name="MODULE:APP", help="The app, as --app.")]

# What each extra brings in.
EXTRAS = {"cli": "cyclopts", "encryption": "cryptography", "postgres": "psycopg"}
# A store that was written to by a clock so far ahead of ours has been written to by a machine whose clock is wrong.
_AHEAD = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `remedy` is empty where it is well."""

    about: str
    found: str
    remedy: str = ""


async def doctor(target: Target = None, /, *, where: Where = HERE) -> int:
    """Look whether all is well: python, the app, its store, the clock, and runs that need somebody. Changes nothing."""
    findings = [finding async for finding in _examine(where, target)]
    ill = [finding for finding in findings if finding.remedy]
    if where.json:
        lines = [
            {"about": f.about, "ok": not f.remedy, "found": f.found, "remedy": f.remedy or None}
            for f in findings
        ]
        document({"ok": not ill, "findings": lines})
        return 1 if ill else 0
    for finding in findings:
        word = "problem" if finding.remedy else "ok"
        remedy = f"; {finding.remedy}" if finding.remedy else ""
        say(f"{paint(word)}{' ' * (9 - len(word))}{finding.about:<10} {finding.found}{remedy}")
    return 1 if ill else 0


async def _examine(where: Where, positional: str | None) -> AsyncIterator[Finding]:
    yield Finding(about="python", found=".".join(map(str, sys.version_info[:3])))
    yield Finding(about="cadenza", found=__version__)
    there = [extra for extra, module in EXTRAS.items() if find_spec(module) is not None]
    yield Finding(about="extras", found=", ".join(there))
    try:
        target = find_target(where, positional)
        app = load_app(where, positional, code=False)
    except CadenzaError as error:
        yield Finding(about="app", found="there is none", remedy=str(error))
        return
    if target is not None:
        workflows = f"{one_or_many(len(app.workflows), 'workflow')}: {', '.join(sorted(app.workflows))}"
        yield Finding(about="app", found=f"{target.name} ({target.named_by}), {workflows}")
    async for finding in _examine_store(app):
        yield finding


async def _examine_store(app: Cadenza) -> AsyncIterator[Finding]:
    from ..store.memory import MemoryStore
    from .db import versions_of

    try:
        if isinstance(app.store, MemoryStore):
            yield Finding(
                about="store",
                found="runs are kept in memory",
                remedy="they end with their process: give the app a store, or use --store sqlite:///runs.db",
            )
            return
        found, wanted = versions_of(app)
        if found != wanted:
            there = "no tables yet" if found is None else f"version {found}, {wanted} is wanted"
            newer = found is not None and wanted is not None and found > wanted
            yield Finding(
                about="store", found=there, remedy="upgrade Cadenza" if newer else "cadenza db upgrade"
            )
            return
        await app.store.setup()
        total = (await app.list_runs(limit=0)).total
        yield Finding(
            about="store",
            found=f"reachable{f', version {found}' if found else ''}, {one_or_many(total, 'run')}",
        )
        yield await _clock(app)
        async for finding in _runs(app):
            yield finding
    except Exception as error:  # whatever a store's driver raises: that it cannot be reached is the finding
        yield Finding(
            about="store",
            found=f"{type(error).__name__}: {error}",
            remedy="is its URL right, and is it there?",
        )
    finally:
        await app.close()


async def _clock(app: Cadenza) -> Finding:
    now = app.clock.now()
    newest = (await app.list_runs(limit=1)).runs
    if newest and newest[0].created_at > now + _AHEAD:
        ahead = newest[0].created_at - now
        return Finding(
            about="clock",
            found=f"{now:%Y-%m-%d %H:%M:%S} UTC, a run was made {ahead.total_seconds():.0f}s later",
            remedy="the clock of this machine, or of another one, is wrong",
        )
    return Finding(about="clock", found=f"{now:%Y-%m-%d %H:%M:%S} UTC")


async def _runs(app: Cadenza) -> AsyncIterator[Finding]:
    for status in ("pending", "suspended"):
        total = (await app.list_runs(status=status, limit=0)).total
        yield Finding(about=status, found=one_or_many(total, "run"))
    held = (await app.list_runs(status="held", limit=0)).total
    yield Finding(
        about="held",
        found=one_or_many(held, "run"),
        remedy="today's code cannot go on with them; see cadenza runs ls --status held" if held else "",
    )
    under_way = (await app.list_runs(status="running", limit=None)).runs
    orphans = [row for row in under_way if app.engine.driver_of(row) is None]
    yield Finding(
        about="orphaned",
        found=one_or_many(len(orphans), "run"),
        remedy="their process has died; cadenza worker goes on with them" if orphans else "",
    )
