"""`cadenza db`: the store itself, its tables and what is kept too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from ..errors import InvalidOption
from .given import length
from .out import document, one_or_many, paint, say
from .runs import Status
from .target import HERE, Where, load_app, opened

if TYPE_CHECKING:
    from ..app import Cadenza

db = App(name="db", help="Bring the store up to date, and remove what is kept too long.")


@db.command
async def upgrade(*, where: Where = HERE) -> None:
    """Bring the tables of the store up to date; again does nothing."""
    before = versions_of(load_app(where, code=False))
    async with opened(where, code=False) as app:
        after = versions_of(app)
    if where.json:
        document({"before": before[0], "after": after[0], "wanted": after[1]})
    elif before == after:
        say("the store is up to date")
    else:
        say(f"brought the store from version {before[0] or 0} to {after[0]}")


@db.command
def status(*, where: Where = HERE) -> int:
    """Say which version the tables have, and which this Cadenza wants. Changes nothing."""
    found, wanted = versions_of(load_app(where, code=False))
    good = found == wanted
    if where.json:
        document({"found": found, "wanted": wanted, "up_to_date": good})
    elif wanted is None:
        say("this store does not say which version it has; cadenza db upgrade brings it up to date")
    elif good:
        say(f"{paint('ok')}: the store has version {found}")
    else:
        there = "has no tables yet" if found is None else f"has version {found}"
        todo = "upgrade Cadenza" if (found or 0) > (wanted or 0) else "cadenza db upgrade"
        say(f"{paint('problem')}: the store {there}, this Cadenza wants {wanted}; {todo}")
    return 0 if good else 1


def versions_of(app: Cadenza) -> tuple[int | None, int | None]:
    """The version of the store's tables, None where there are none, and the one that is wanted; both None where it is unknown."""
    from ..store.migrate import versions
    from ..store.sqlite import SqliteStore

    return versions(app.store.path) if isinstance(app.store, SqliteStore) else (None, None)


@db.command
async def prune(
    *,
    older_than: Annotated[str, Parameter(help="Those last written to so long ago: 90d.")],
    status: Annotated[
        list[Status] | None,
        Parameter(help="Runs with this status; may be given several times. Else all that have ended."),
    ] = None,
    where: Where = HERE,
) -> None:
    """Remove runs that ended long ago, with their journals and questions."""
    span = length(older_than, "--older-than")
    unfit = {"pending", "running", "waiting"} & set(status or ())
    if unfit:
        raise InvalidOption("--status", f"{', '.join(sorted(unfit))} runs are not over; cancel them first")
    async with opened(where, code=False) as app:
        removed = await (app.prune(span, status=status) if status else app.prune(span))
    if where.json:
        document({"removed": removed})
    else:
        say(f"removed {one_or_many(removed, 'run')}")
