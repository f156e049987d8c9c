"""The items of a foreach: which may begin, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..history import event as ev
from ..model.graph import Foreach
from ..model.path import Path, within
from ..model.values import Json
from .end import STOP, Bail, End, Fail, Flow, worst
from .fan import Fan, Motion, Token

if TYPE_CHECKING:
    from .interpreter import Interpreter


class Items:
    """The items of one foreach.

    They start in order, at most `concurrency` moving at once. Once one has parked for people, no further one starts until one
    that was answered has finished; those chosen to start together are all begun. An answered one moves at once.
    """

    def __init__(self, walk: Interpreter, node: Foreach, items: list[Json], path: Path, token: Token) -> None:
        self._walk = walk
        self._node = node
        self._items = items
        self._path = path
        self._ends: dict[int, End] = {}
        self._fan = Fan(token, walk.journal.commit)
        self._next = 0
        self._blocked = False
        # Items that an earlier leg left waiting: their walks only have to find their way back to where they wait.
        self._asleep: set[int] = set()

    async def run(self) -> list[End]:
        """The ends of all items that were begun, in their order."""
        self._take_up()
        self._fill(0)
        if len(self._ends) < self._next:
            await self._fan.wait()
        if len(self._ends) < len(self._items) and worst(list(self._ends.values())) is None:
            return [*self._ends.values(), STOP]
        return [self._ends[i] for i in sorted(self._ends)]

    def _take_up(self) -> None:
        """Begin again what an earlier leg has begun, whatever the concurrency."""
        run = self._walk.run
        depth = len(self._path)
        begun = [path[depth] for path in run.records if len(path) == depth + 1 and within(path, self._path)]
        if not begun:
            return
        parked: dict[int, int] = {}
        for path, record in run.records.items():
            if len(path) > depth and record.suspended_seq and within(path, self._path):
                item = path[depth]
                assert isinstance(item, int)
                parked[item] = max(parked.get(item, 0), record.suspended_seq)
        finished = [run.records[*self._path, item].ended_seq for item in parked]
        self._blocked = max(parked.values(), default=0) > max(finished, default=0)
        self._next = max(i for i in begun if isinstance(i, int)) + 1
        for item in range(self._next):
            known = run.records.get((*self._path, item))
            if known is None:  # forgotten by a time travel into it
                self._begin(item)
            elif known.ended:
                self._ends[item] = self._walk.ended(known)
            else:
                if self._waits((*self._path, item)):
                    self._asleep.add(item)
                self._begin(item, parked=item in parked)
        self._fan.broken = any(isinstance(end, Fail | Bail) for end in self._ends.values())

    def _waits(self, path: Path) -> bool:
        """Whether everything that is under way in the item at *path* waits for people."""
        run = self._walk.run
        known = self._walk.effects.known_answer
        waiting = [s.path for s in run.open.values() if within(s.path, path) and known(s) is None]
        return bool(waiting) and not any(
            record.status == "running" and not any(within(place, record.path) for place in waiting)
            for record in run.records.values()
            if within(record.path, path)
        )

    def _fill(self, leaving: int) -> None:
        """Begin items while there is room; *leaving* of those that move are about to be gone."""
        while (
            self._next < len(self._items)
            and self._fan.busy - len(self._asleep) - leaving < self._node.concurrency
            and not (self._blocked or self._fan.broken or self._walk.stopped(self._path))
        ):
            # Noted at once, so that those chosen together are begun together in the journal too, whatever happens next.
            self._walk.begin((*self._path, self._next), self._flow(self._next))
            self._begin(self._next)
            self._next += 1

    def _begin(self, item: int, *, parked: bool = False) -> None:
        self._fan.start(self._item, index=item, parked=parked)

    def _flow(self, item: int) -> Flow:
        return Flow(self._items[item], ev.Ref(of="item", path=self._path, index=item))

    async def _item(self, token: Token) -> None:
        path = (*self._path, token.index)
        own = Token(_Watch(self, token))
        end = self._ends[token.index] = await self._walk.body(
            self._node.body, path, self._flow(token.index), own
        )
        self._asleep.discard(token.index)
        if isinstance(end, Fail | Bail):
            self._fan.broken = True
        if token.parked:
            self._blocked = False
        self._fill(1)

    def moved(self, item: int, motion: Motion) -> None:
        """An item moves, sleeps, or waits for people."""
        if motion == "waiting":
            self._blocked = True
        self._asleep.discard(item)


class _Watch:
    """Tells the foreach when an item parks, and passes every move on to the item's token."""

    def __init__(self, items: Items, token: Token) -> None:
        self._items = items
        self._token = token

    def moved(self, token: Token, old: Motion) -> None:
        self._items.moved(self._token.index, token.motion)
        self._token.become(token.motion)
