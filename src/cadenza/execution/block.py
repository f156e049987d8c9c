"""Blocks: parallel and branch, and the race of those in which the first answer wins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..history import event as ev
from ..model.graph import Branch, Nested, Parallel, Single
from ..model.path import Path, within
from .end import STOP, Bail, End, Fail, Flow, Stop, worst
from .fan import Fan, Token

if TYPE_CHECKING:
    from .interpreter import Interpreter


async def parallel(walk: Interpreter, node: Parallel, scope: Path, flow: Flow, token: Token) -> End:
    """Walk all members at once."""
    if not node.first_answer_wins:
        return await _block(walk, node.children, node.children, scope, flow, token)
    race = Race(walk, [(*scope, child.id) for child in node.children])
    walk.races.append(race)
    try:
        return await race.run(node, scope, flow, token)
    finally:
        walk.races.remove(race)


async def branch(walk: Interpreter, node: Branch, scope: Path, flow: Flow, token: Token) -> End:
    """Walk the members whose condition is true at once."""
    chosen = await _choose(walk, node, scope, flow)
    if isinstance(chosen, Fail | Stop):
        return chosen
    return await _block(walk, chosen, node.children, scope, flow, token)


async def _choose(
    walk: Interpreter, node: Branch, scope: Path, flow: Flow
) -> list[Single | Nested] | Fail | Stop:
    run = walk.run
    paths = [(*scope, child.id) for child in node.children]
    missing = [i for i, path in enumerate(paths) if path not in run.verdicts and path not in run.skipped]
    if missing:
        if walk.stopped(paths[0]):
            return STOP
        names = [node.conditions[i] for i in missing]
        found = await walk.ask(scope, paths[missing[0]], names, flow.value)
        if isinstance(found, ev.Failure):
            return Fail(found)
        for i, verdict in zip(missing, found, strict=True):
            walk.journal.note(ev.Evaluated(path=paths[i], verdict=bool(verdict)))
    return [child for child, path in zip(node.children, paths, strict=True) if run.verdicts.get(path)]


async def _block(
    walk: Interpreter,
    chosen: Sequence[Single | Nested],
    children: Sequence[Single | Nested],
    scope: Path,
    flow: Flow,
    token: Token,
) -> End:
    ends: dict[str, End] = {}
    if len(chosen) == 1:
        only = chosen[0]
        ends[only.id] = await walk.body(only, (*scope, only.id), flow, token)
    elif chosen:
        fan = Fan(token, walk.journal.commit)

        async def child_of(child: Single | Nested, own: Token) -> None:
            end = ends[child.id] = await walk.body(child, (*scope, child.id), flow, own)
            fan.broken = fan.broken or isinstance(end, Fail | Bail)

        # Noted at once: all of them have begun in the journal, whatever becomes of the first.
        for child in chosen:
            walk.begin((*scope, child.id), flow)
        for child in chosen:
            fan.start(partial(child_of, child))
        await fan.wait()
    broken = worst([ends[child.id] for child in children if child.id in ends])
    return broken if broken is not None else _outputs(walk, [c.id for c in children if c.id in ends], scope)


def _outputs(walk: Interpreter, ids: Sequence[str], scope: Path) -> Flow:
    """What a block gives: {id: output} of its members *ids*."""
    ref = ev.Ref(of="block", path=scope, ids=tuple(id_ for id_ in ids if (*scope, id_) in walk.run.records))
    return Flow(walk.run.value(ref), ref)


class Race:
    """A block in which the first answer wins: whose member was answered first goes on, the others end where they are.

    The store lets only one of them be answered; here the losers learn of it.
    """

    def __init__(self, walk: Interpreter, paths: list[Path]) -> None:
        self._walk = walk
        self._paths = paths
        self._winner: Path | None = None

    def concerns(self, path: Path) -> bool:
        """Whether *path* is in one of the members."""
        return any(within(path, member) for member in self._paths)

    def has_lost(self, path: Path) -> bool:
        """Whether *path* is in a member that has lost."""
        return self._winner is not None and self.concerns(path) and not within(path, self._winner)

    def won_at(self, path: Path) -> None:
        """The place at *path* was answered: what waits or sleeps in the other members goes on, to its end."""
        if self._winner is None:
            self._winner = next(member for member in self._paths if within(path, member))
            for member in self._paths:
                if member != self._winner:
                    self._walk.effects.give_up(member)

    async def run(self, node: Parallel, scope: Path, flow: Flow, token: Token) -> End:
        """Walk the members that have not lost."""
        walk = self._walk
        ends: dict[str, End] = {}
        fan = Fan(token, walk.journal.commit)

        async def child_of(child: Single | Nested, own: Token) -> None:
            path = (*scope, child.id)
            end = await walk.body(child, path, flow, own)
            if self.has_lost(path) and not self._has_ended(path):
                self._cancel(path)
            elif not self.has_lost(path) or isinstance(end, Flow):
                ends[child.id] = end
                fan.broken = fan.broken or isinstance(end, Fail | Bail)

        for child in node.children:
            walk.begin((*scope, child.id), flow)
        self._look_back()
        for child in node.children:
            path = (*scope, child.id)
            if not self.has_lost(path) or self._has_ended(path):
                if not self._was_canceled(path):
                    fan.start(partial(child_of, child))
            else:
                self._cancel(path)
        await fan.wait()
        broken = worst([ends[child.id] for child in node.children if child.id in ends])
        return (
            broken
            if broken is not None
            else _outputs(walk, [c.id for c in node.children if c.id in ends], scope)
        )

    def _look_back(self) -> None:
        """See whether an earlier leg has had an answer already."""
        run = self._walk.run
        for member in self._paths:
            answered = any(record.resumed_seq for path, record in run.records.items() if within(path, member))
            if answered and not self._was_canceled(member):
                self._winner = member
                return

    def _has_ended(self, path: Path) -> bool:
        record = self._walk.run.records.get(path)
        return record is not None and record.ended

    def _was_canceled(self, path: Path) -> bool:
        record = self._walk.run.records.get(path)
        return record is not None and record.status == "canceled"

    def _cancel(self, path: Path) -> None:
        if path in self._walk.run.records and self._winner is not None:
            reason = f"{self._winner[-1]} was answered first"
            self._walk.journal.note(ev.StepCanceled(path=path, reason=reason))
