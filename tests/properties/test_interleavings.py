"""Several processes at one run, whose calls of the store come in any order, as a seed says.

The storm (`tests/torture`) does this with real processes and real kills; what needs two calls in an order that hardly ever comes
is found here. Whatever was accepted is heard, nothing is done after its end is known, and without a worker, a restart or a second
answer every run that has its answers ends.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeAlias, get_args

import pytest

from cadenza import Cadenza, CadenzaError, Retry, Run, StepContext, Workflow, step
from cadenza.engine import lease, owner
from cadenza.engine.local import LocalEngine
from cadenza.history import event as ev
from cadenza.history.event import Suspension
from cadenza.history.record import ENDED
from cadenza.history.snapshot import fold
from cadenza.model.workflow import Durability
from cadenza.store.base import Store
from cadenza.store.memory import MemoryStore
from cadenza.store.open import open_store
from cadenza.testing import kill

from .jitter import CALLS, Jittered, pause

_LONG = os.environ.get("CADENZA_TORTURE") == "long"
_SEEDS = 4000 if _LONG else 400
# Each test plays hundreds of runs, and each of these is bounded by itself.
pytestmark = pytest.mark.timeout(3600 if _LONG else 300)
# How long, in seconds, a run may take to its end once it has every answer. Long, as machines may be busy.
_BOUND = 20
_AT_ONCE = 50
# The processes live, or some die, and people take up what was left, or workers do, or leases run out under those who hold them.
Mode: TypeAlias = Literal["living", "crashing", "working", "robbed"]


class World:
    """One seed: a run, the stores of those who are at it, and what its steps see."""

    def __init__(self, seed: int, stores: Sequence[Store], mode: Mode, durability: Durability) -> None:
        self.random = Random(seed)
        self.mode = mode
        self.durability: Durability = durability
        self.run_id = f"{mode}-{durability}-{seed}"
        self.store = stores[0]
        slow = self.random.choice([None, None, "load", "append", "answer", *CALLS])
        self.stores: list[Any] = [Jittered(store, self.random, slow) for store in stores]
        self.accepted: dict[str, int] = {}
        # How often each place was entered after the journal had its end.
        self.late: Counter[tuple[str | int, ...]] = Counter()
        self.canceled = self.tries_to_cancel = False

    async def enter(self, ctx: StepContext) -> None:
        """The first line of every step."""
        await pause(self.random)
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
            await pause(world.random)
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

    def __init__(self, world: World, store: Any) -> None:
        self._world = world
        self._store = store
        self._flows = workflows(world)
        self.app = self._new_app()

    def _new_app(self) -> Cadenza:
        return Cadenza(store=self._store, workflows=self._flows, durability=self._world.durability)

    async def come_up(self) -> None:
        """Begin, and look after the runs where that is done by workers."""
        if self._world.mode == "working":
            await self.app.__aenter__()

    async def asked(self) -> list[Suspension]:
        """What is asked now."""
        items = (await self.app.inbox.list(limit=None)).items
        return [item for item in items if item.run_id == self._world.run_id]

    async def run(self) -> Run[Any]:
        """The run."""
        return await self.app.get_run(self._world.run_id)

    async def act(self) -> None:
        """Do something, which may be refused."""
        mode = self._world.mode
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
            self.crash: 0.5 * (mode in {"crashing", "working"}),
        }
        with suppress(CadenzaError):
            await self._world.random.choices(list(actions), list(actions.values()))[0]()

    async def answer(self) -> None:
        """Answer an open question."""
        world = self._world
        items = [item for item in await self.asked() if item.event is None]
        if not items:
            return
        chosen = world.random.choice(items)
        given = world.random.randrange(1000)
        await self.app.inbox.answer(chosen.id, given, wait=world.random.random() < 0.3)
        assert chosen.id not in world.accepted, "answered twice"
        world.accepted[chosen.id] = given

    async def send(self) -> None:
        """Send what the run may wait for; it is kept where it does not yet."""
        await self.app.send_event("news", 7, run_id=self._world.run_id, keep=True)

    async def restart(self) -> None:
        """Take up the run, if it seems to be left."""
        await (await self.run()).restart()

    async def cancel(self) -> None:
        """Cancel the run."""
        run = await self.run()
        self._world.tries_to_cancel = True
        if await run.cancel():
            self._world.canceled = True

    async def withdraw(self) -> None:
        """Withdraw a question."""
        items = await self.asked()
        if items:
            await self.app.inbox.cancel(self._world.random.choice(items).id)

    async def expire(self) -> None:
        """Let happen what follows a deadline that has passed."""
        assert isinstance(self.app.engine, LocalEngine)
        now = self.app.clock.now()
        for item in await self.asked():
            if item.deadline is not None and item.deadline <= now:
                await self.app.engine.expire(self._flows[0], item)

    async def travel(self) -> None:
        """Go back to the race."""
        await (await self.run()).time_travel(step="race")

    async def crash(self) -> None:
        """Die, and come up again."""
        dead, self.app = self.app, self._new_app()
        kill(dead)
        await self.come_up()


async def play(seed: int, stores: Sequence[Store], mode: Mode, durability: Durability) -> None:
    """One seed."""
    world = World(seed, stores, mode, durability)
    actors = [Actor(world, store) for store in world.stores]
    for actor in actors:
        await actor.come_up()
    run = await actors[0].app.workflow("flow").create_run(world.run_id)

    async def begin() -> None:
        try:
            await run.start(input_data=world.random.randrange(10), wait=False)
        except CadenzaError:
            # It was canceled before it had begun, or the process died.
            if mode == "living" and not world.tries_to_cancel:
                raise

    async def busy(actor: Actor) -> None:
        for _ in range(world.random.randrange(8)):
            await actor.act()
            await pause(world.random)

    try:
        async with asyncio.timeout(_BOUND):
            await asyncio.gather(begin(), *[busy(actor) for actor in actors for _ in range(2)])
            await finish(world, actors[0])
        await judge(world)
    finally:
        for actor in actors:
            await actor.app.close()


async def finish(world: World, actor: Actor) -> None:
    """Answer what is still asked until the run has ended; nothing else."""
    while True:
        row = await world.store.row(world.run_id)
        assert row is not None
        if row.status in ENDED:
            return
        for item in await actor.asked():
            with suppress(CadenzaError):
                if item.event is not None:
                    await actor.app.send_event(item.event, 7, run_id=world.run_id)
                else:
                    await actor.app.inbox.answer(item.id, 5, wait=False)
        if world.mode != "living":  # its process died, maybe before it had begun
            run = await actor.run()
            with suppress(CadenzaError):
                if row.status == "pending":
                    await run.start(input_data=1, wait=False)
                elif world.mode != "working":
                    await run.restart()
        await world.store.wait(world.run_id, row, 0.1)


async def judge(world: World) -> None:
    """Hold the journal against what people were told."""
    stored = await world.store.load(world.run_id)
    assert stored is not None
    assert fold(stored.entries).status == stored.run.status
    assert stored.run.lease is None
    # Who was robbed of the lease may not know it yet, and cannot keep what comes of it.
    if world.mode != "robbed":
        assert not world.late
    assert [entry.seq for entry in stored.entries] == list(range(1, len(stored.entries) + 1))
    heard: dict[str, list[Any]] = {}
    for entry in stored.entries:
        if isinstance(entry.event, ev.StepAnswered):
            heard.setdefault(entry.event.suspension_id, []).append(entry.event.data)
    assert all(len(answers) == 1 for answers in heard.values())
    traveled = any(isinstance(entry.event, ev.RunRewound) for entry in stored.entries)
    rows = {row.id: row for row in stored.suspensions}
    assert all(row.state != "open" for row in rows.values())
    for id_, answer in world.accepted.items():
        assert rows[id_].answer == answer
        # What was answered while others travel back may be forgotten; so is an earlier wish to stop.
        assert heard.get(id_) == [answer] or stored.run.status in {"canceled", "failed"} or traveled
    if world.canceled and not traveled:
        assert stored.run.status == "canceled"


async def play_all(
    seeds: range, stores: Callable[[], Sequence[Store]], mode: Mode, durability: Durability, *, at_once: int
) -> None:
    """All *seeds*, so many at once; raises what the first one with a fault raised."""
    for first in seeds[::at_once]:
        some = range(first, min(first + at_once, seeds.stop))
        plays = [play(seed, stores(), mode, durability) for seed in some]
        for seed, fault in zip(some, await asyncio.gather(*plays, return_exceptions=True), strict=True):
            if fault is not None:
                raise AssertionError(f"seed {seed}: {fault!r}") from fault


async def send_some(seed: int, stores: Sequence[Store]) -> None:
    """Three waits in a row, and up to three events that are sent while the run is under way: each satisfies one wait."""
    random = Random(seed)
    flow = Workflow("waits", input=int)
    for name in ("one", "two", "three"):
        flow = flow.wait_for_event("news", schema=int, id=name)
    slow = random.choice([None, *CALLS])
    apps = [
        Cadenza(store=Jittered(store, random, slow), workflows=[flow.commit()], worker=False)
        for store in stores
    ]
    run_id = f"waits-{seed}"
    run = await apps[0].workflow("waits").create_run(run_id)

    async def send(value: int) -> None:
        await pause(random, random.choice([0, 1, 4]))
        await random.choice(apps).send_event("news", value, run_id=run_id, keep=True)

    sent = range(random.randrange(1, 4))
    async with asyncio.timeout(_BOUND):
        await asyncio.gather(run.start(input_data=0, wait=False), *map(send, sent))
        while True:
            stored = await stores[0].load(run_id)
            assert stored is not None
            heard = [entry.event.data for entry in stored.entries if isinstance(entry.event, ev.StepAnswered)]
            rests = stored.run.status in ENDED | {"suspended"} and stored.run.lease is None
            if rests and len(heard) >= len(sent):
                break
            await stores[0].wait(run_id, stored.run, 0.1)
    assert sorted(heard) == list(sent)
    assert stored.run.status == ("success" if len(sent) == 3 else "suspended")
    assert [e for e in await stores[0].kept_events("news", apps[0].clock.now()) if e.run_id == run_id] == []
    for app in apps:
        await app.close()


@asynccontextmanager
async def three_at(url: str) -> AsyncIterator[Sequence[Store]]:
    """A store for each of three processes; in memory they share one."""
    stores = [open_store(url)] * 3 if url == "memory://" else [open_store(url) for _ in range(3)]
    for store in stores:
        await store.setup()
    try:
        yield stores
    finally:
        for store in stores:
            await store.close()


async def test_each_event_satisfies_one_wait(store: str) -> None:
    async with three_at(store) as stores:
        for seed in range(_SEEDS if store == "memory://" else _SEEDS // 10):
            try:
                await send_some(seed, stores)
            except (AssertionError, TimeoutError) as fault:
                raise AssertionError(f"seed {seed}: {fault!r}") from fault


def of_memory() -> Sequence[Store]:
    """A new memory store, which all share."""
    return [MemoryStore()] * 3


@pytest.fixture(params=get_args(Mode))
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Mode:
    """Each mode in turn."""
    chosen: Mode = request.param
    if chosen == "robbed":
        # Leases run out at once, and each process is on a machine of its own.
        monkeypatch.setattr(lease, "LEASE", timedelta(milliseconds=1))
        monkeypatch.setattr(owner, "is_here", lambda _: False)
    return chosen


@pytest.mark.parametrize("durability", get_args(Durability))
async def test_whatever_the_order_of_calls_what_was_accepted_is_heard_and_the_run_ends(
    mode: Mode, durability: Durability
) -> None:
    # Some wait at times, a worker for its next look, say: many such runs wait side by side.
    at_once = _AT_ONCE if mode in {"working", "robbed"} else 1
    await play_all(range(_SEEDS), of_memory, mode, durability, at_once=at_once)


@pytest.mark.parametrize("durability", get_args(Durability))
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_so_it_is_in_a_database(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, mode: Mode, durability: Durability
) -> None:
    url = (
        request.getfixturevalue("postgres").new() if kind == "postgres" else f"sqlite:///{tmp_path / 'r.db'}"
    )
    async with three_at(url) as stores:
        await play_all(range(_SEEDS // 10), lambda: stores, mode, durability, at_once=10)
