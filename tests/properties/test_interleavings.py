"""Several processes at one run, whose calls of the store come in any order: seeded interleavings, thousands of them in a second's time.

The storm (`tests/torture`) does this with real processes and real kills; what needs two calls in an order that hardly ever comes
is found here. Whatever was accepted is heard, nothing is done after its end is known, and without a worker, a restart or a second
answer every run that has its answers ends.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any, Literal, TypeAlias, get_args

import pytest

from cadenza import Cadenza, CadenzaError, Retry, StepContext, Workflow, step
from cadenza.engine.local import LocalEngine
from cadenza.history import event as ev
from cadenza.history.record import ENDED
from cadenza.history.snapshot import fold
from cadenza.model.workflow import Durability
from cadenza.store.memory import MemoryStore
from cadenza.testing import kill

_SEEDS = 4000 if os.environ.get("CADENZA_TORTURE") == "long" else 400
# How long, in seconds, a run may take to its end once it has every answer. Long, as machines may be busy.
_BOUND = 20
_AT_ONCE = 50
# So many turns of the loop a call of the store, or a step, may take.
_TURNS = (0, 0, 0, 1, 2, 3, 5, 9, 20)
_CALLS = (
    *("create", "load", "row", "append", "claim", "release", "answer", "request_cancel", "renew"),
    *("suspension", "suspensions", "keep_event", "kept_events", "drop_event", "graph"),
    *("claim_due", "due", "put_off"),
)


# The processes live, or some die, and people take up what was left, or workers do.
Mode: TypeAlias = Literal["living", "crashing", "working"]


class Jittered(MemoryStore):
    """A memory store, between whose calls others get their turns as *random* says. One kind of call may be slow."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random
        self._slow = random.choice([None, None, "load", "append", "answer", *_CALLS])

    async def close(self) -> None:
        """Stay, as a database does when one of its users goes."""

    async def pause(self, call: str | None = None) -> None:
        """Let others have some turns."""
        slow = call is not None and call == self._slow
        for _ in range(self._random.choice(_TURNS) * (8 if slow else 1)):
            await asyncio.sleep(0)  # noqa: TID251  a turn of the loop, no time


def _jittered(name: str) -> Callable[..., Awaitable[Any]]:
    plain = getattr(MemoryStore, name)

    async def call(store: Jittered, *given: Any, **named: Any) -> Any:
        await store.pause(name)
        found = await plain(store, *given, **named)
        await store.pause(name)
        return found

    return call


for _name in _CALLS:
    setattr(Jittered, _name, _jittered(_name))


class World:
    """What the steps of one seed do, as they see it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.store = Jittered(self.random)
        self.accepted: dict[str, int] = {}
        # How often each place was entered after the journal had its end.
        self.late: Counter[tuple[str | int, ...]] = Counter()
        self.canceled = self.tries_to_cancel = self.traveled = False

    async def enter(self, ctx: StepContext) -> None:
        """The first line of every step."""
        await self.store.pause()
        record = fold(await self.store.entries(ctx.run_id)).records.get(ctx.path)
        if record is not None and record.ended:
            self.late[ctx.path] += 1


def workflows(world: World) -> tuple[Workflow[int, Any], ...]:
    """A workflow with everything that may come at once."""

    async def ask(value: int, ctx: StepContext) -> int:
        await world.enter(ctx)
        if world.random.random() < 0.3:
            return value + await ctx.ask(int, deadline=world.random.choice([0.0001, 0.002]), on_timeout=1)
        return value + await ctx.ask(int)

    one, two, three, item, first = (step(id=name)(ask) for name in ("one", "two", "three", "item", "first"))

    @step(retries=Retry(attempts=2, delay=0))
    async def flaky(value: int, ctx: StepContext) -> int:
        await world.enter(ctx)
        if ctx.retry_count < value % 2:
            raise OSError("away")
        return value

    @step
    async def paid(value: int, ctx: StepContext) -> int:
        await world.enter(ctx)

        async def pay() -> int:
            await world.store.pause()
            return 1

        return value + await ctx.once("pay", pay)

    inner = Workflow("inner", input=int).then(two).sleep(0.001, id="nap").then(paid).commit()
    race = Workflow("race", input=int).parallel([one, three], first_answer_wins=True).commit()
    news = Workflow("news", input=int).wait_for_event("news", schema=int, id="wait").commit()
    flow = (
        Workflow("flow", input=int)
        .then(first)
        .parallel([inner, race, flaky, news])
        .map(lambda scope: [1, 2, 3], id="items")
        .foreach(item, concurrency=2)
        .commit()
    )
    return flow, inner, race, news


class Actor:
    """One process, and the people in it."""

    def __init__(self, world: World, durability: Durability) -> None:
        self._world = world
        self._flows = workflows(world)
        self._durability = durability
        self._works = False
        self.app = self._new_app()

    def _new_app(self) -> Cadenza:
        return Cadenza(store=self._world.store, workflows=self._flows, durability=self._durability)

    async def act(self, mode: Mode) -> None:
        """Do something, which may be refused."""
        # What a worker does is left to it.
        by_hand = mode != "working"
        actions: dict[Callable[[], Awaitable[None]], float] = {
            self.answer: 10,
            self.send: 2,
            self.expire: 3 * by_hand,
            self.restart: 1 * by_hand,
            self.cancel: 0.1,
            self.withdraw: 0.1,
            self.travel: 0.1,
            self.crash: 0.5 * (mode != "living"),
        }
        with suppress(CadenzaError):
            await self._world.random.choices(list(actions), list(actions.values()))[0]()

    async def answer(self) -> None:
        """Answer an open question."""
        world = self._world
        items = [item for item in (await self.app.inbox.list()).items if item.event is None]
        if not items:
            return
        chosen = world.random.choice(items)
        given = world.random.randrange(1000)
        await self.app.inbox.answer(chosen.id, given, wait=world.random.random() < 0.3)
        assert chosen.id not in world.accepted, "answered twice"
        world.accepted[chosen.id] = given

    async def send(self) -> None:
        """Send what the run may wait for; it is kept where it does not yet."""
        await self.app.send_event("news", 7, run_id="r", keep=True)

    async def restart(self) -> None:
        """Take up the run, if it seems to be left."""
        await (await self.app.get_run("r")).restart()

    async def cancel(self) -> None:
        """Cancel the run."""
        run = await self.app.get_run("r")
        self._world.tries_to_cancel = True
        if await run.cancel():
            self._world.canceled = True

    async def withdraw(self) -> None:
        """Withdraw a question."""
        items = (await self.app.inbox.list()).items
        if items:
            await self.app.inbox.cancel(self._world.random.choice(items).id)

    async def expire(self) -> None:
        """Let happen what follows a deadline that has passed."""
        assert isinstance(self.app.engine, LocalEngine)
        now = self.app.clock.now()
        for item in (await self.app.inbox.list()).items:
            if item.deadline is not None and item.deadline <= now:
                await self.app.engine.expire(self._flows[0], item)

    async def travel(self) -> None:
        """Go back to the race."""
        await (await self.app.get_run("r")).time_travel(step="race")
        self._world.traveled = True

    async def crash(self) -> None:
        """Die, and come up again."""
        dead, self.app = self.app, self._new_app()
        kill(dead)
        if self._works:
            await self.app.__aenter__()

    async def work(self) -> None:
        """Let a worker look after the runs from now on."""
        self._works = True
        await self.app.__aenter__()


async def play(seed: int, *, mode: Mode, durability: Durability) -> None:
    """One seed."""
    world = World(seed)
    actors = [Actor(world, durability) for _ in range(3)]
    if mode == "working":
        for actor in actors:
            await actor.work()
    run = await actors[0].app.workflow(actors[0]._flows[0]).create_run("r")

    async def begin() -> None:
        try:
            await run.start(input_data=world.random.randrange(10), wait=False)
        except CadenzaError:
            # It was canceled before it had begun, or the process died.
            if mode == "living" and not world.tries_to_cancel:
                raise

    async def busy(actor: Actor) -> None:
        for _ in range(world.random.randrange(8)):
            await actor.act(mode)
            await world.store.pause()

    async with asyncio.timeout(_BOUND):
        await asyncio.gather(begin(), *[busy(actor) for actor in actors for _ in range(2)])
        await finish(actors[0].app, mode)
    await judge(world, actors)
    for actor in actors:
        await actor.app.close()


async def finish(app: Cadenza, mode: Mode) -> None:
    """Answer what is still asked until the run has ended; nothing else."""
    while True:
        row = await app.store.row("r")
        assert row is not None
        if row.status in ENDED:
            return
        for item in (await app.inbox.list()).items:
            with suppress(CadenzaError):
                if item.event is not None:
                    await app.send_event(item.event, 7, run_id="r")
                else:
                    await app.inbox.answer(item.id, 5, wait=False)
        if mode != "living":  # its process died, maybe before it had begun
            run = await app.get_run("r")
            with suppress(CadenzaError):
                if row.status == "pending":
                    await run.start(input_data=1, wait=False)
                elif mode == "crashing":
                    await run.restart()
        await app.store.wait("r", row, 0.1)


async def judge(world: World, actors: list[Actor]) -> None:
    """Hold the journal against what people were told."""
    stored = await world.store.load("r")
    assert stored is not None
    assert fold(stored.entries).status == stored.run.status
    assert stored.run.lease is None
    assert not world.late
    assert [entry.seq for entry in stored.entries] == list(range(1, len(stored.entries) + 1))
    heard: dict[str, list[Any]] = {}
    for entry in stored.entries:
        if isinstance(entry.event, ev.StepAnswered):
            heard.setdefault(entry.event.suspension_id, []).append(entry.event.data)
    assert all(len(answers) == 1 for answers in heard.values())
    rows = {row.id: row for row in stored.suspensions}
    assert all(row.state != "open" for row in rows.values())
    for id_, answer in world.accepted.items():
        assert rows[id_].answer == answer
        # What was answered while others travel back may be forgotten; so is an earlier wish to stop.
        assert heard.get(id_) == [answer] or stored.run.status in {"canceled", "failed"} or world.traveled
    if world.canceled and not world.traveled:
        assert stored.run.status == "canceled"


@pytest.mark.parametrize("durability", get_args(Durability))
@pytest.mark.parametrize("mode", get_args(Mode))
async def test_whatever_the_order_of_calls_what_was_accepted_is_heard_and_the_run_ends(
    mode: Mode, durability: Durability
) -> None:
    # A worker waits at times for its next look: many such runs wait side by side.
    at_once = _AT_ONCE if mode == "working" else 1
    for first in range(0, _SEEDS, at_once):
        seeds = range(first, first + at_once)
        plays = [play(seed, mode=mode, durability=durability) for seed in seeds]
        for seed, fault in zip(seeds, await asyncio.gather(*plays, return_exceptions=True), strict=True):
            if fault is not None:
                raise AssertionError(f"seed {seed}: {fault!r}") from fault
