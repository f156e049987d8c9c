"""Which suspensions compete: those of other members of a block in which the first answer wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..model.graph import Graph, inside
from ..model.path import Path, within
from .closing import closing, was_closed
from .event import StepAnswered, Suspension
from .snapshot import Snapshot


def rivals_of(path: Path, rows: Iterable[Suspension], graph: Graph) -> list[Suspension]:
    """Those of *rows* that lose when the place at *path* is answered."""
    members = _rival_members(path, graph)
    return [row for row in rows if any(within(row.path, member) for member in members)]


def has_won(row: Suspension) -> bool:
    """Whether *row* was closed by an answer, also one that followed its deadline.

    Where a question was withdrawn, or its deadline fails its step or bails, nobody was faster: its rivals end with their block.
    """
    return was_closed(row) and isinstance(closing(row), StepAnswered)


def winner_over(path: Path, rows: Sequence[Suspension], snapshot: Snapshot, graph: Graph) -> Path | None:
    """The member that was answered before *path* could be, or None where *path* is still in the race."""
    for member in _rival_members(path, graph):
        heard = any(record.resumed_seq for at, record in snapshot.records.items() if within(at, member))
        unheard = any(row.id in snapshot.open and has_won(row) for row in rows if within(row.path, member))
        if heard or unheard:
            return member
    return None


def _rival_members(path: Path, graph: Graph) -> list[Path]:
    """The other members of each such block around *path*."""
    members: list[Path] = []
    here: Graph | None = graph
    for depth, part in enumerate(path):
        if isinstance(part, int) or here is None:
            continue
        for block in here.races:
            ids = [child.id for child in block.children]
            if part in ids:
                members += [(*path[:depth], id_) for id_ in ids if id_ != part]
        place = here.places.get(part)
        here = inside(place) if place is not None else None
    return members
