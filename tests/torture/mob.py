"""One of the processes of the storm: starts runs, answers, cancels and restarts at random until it is killed.

`python -m tests.torture.mob NAME STORE SEED`. What it was told, and what its steps do, it appends to the side file, each line
with the time.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from random import Random
from typing import Any

from cadenza import Cadenza, Retry, StepContext, SyncStepContext, Workflow, step
from cadenza.errors import CadenzaError
from cadenza.execution.effects import Call
from cadenza.execution.end import End, Flow
from cadenza.execution.fan import Token
from cadenza.execution.interpreter import Interpreter
from cadenza.model.path import Path

from .side_file import say


def note(what: str, run: str, path: tuple[str | int, ...] = (), detail: str = "") -> None:
    """Append a line with the time, in nanoseconds since 1970."""
    say(what, run, path, f"{time.time_ns()} {detail}")


@step
async def load(value: int, ctx: StepContext) -> int:
    note("enter", ctx.run_id, ctx.path)
    return value


async def ask(value: int, ctx: StepContext) -> int:
    note("enter", ctx.run_id, ctx.path)
    token = await ctx.ask(str, question={"value": value})
    note("took", ctx.run_id, ctx.path, token)
    return value


review, one, two, three, item = (step(id=name)(ask) for name in ("review", "one", "two", "three", "item"))


def transfer(run_id: str) -> str:
    note("paid", run_id)
    return run_id


@step
def pay(value: int, ctx: SyncStepContext) -> int:
    note("enter", ctx.run_id, ctx.path)
    ctx.once("transfer", transfer, ctx.run_id)
    return value


@step(retries=Retry(attempts=5, delay=0.01))
async def flaky(value: int, ctx: StepContext) -> int:
    note("enter", ctx.run_id, ctx.path)
    if ctx.retry_count < value % 3:
        raise OSError("away")
    return value


@step
async def end(value: Any, ctx: StepContext) -> str:
    note("enter", ctx.run_id, ctx.path)
    return "done"


inner = Workflow("inner", input=int).then(two).sleep(0.02, id="nap").then(load.clone(id="again")).commit()
race = Workflow("race", input=int).parallel([one, three], first_answer_wins=True).commit()
flow = (
    Workflow("flow", input=int)
    .then(load)
    .then(review)
    .then(pay)
    .parallel([inner, race, flaky])
    .map(lambda scope: [scope.init_data, scope.init_data + 1], id="items")
    .foreach(item, concurrency=2)
    .then(end)
    .commit()
)


class Mob:
    """A crowd of people, and the process that they are in."""

    def __init__(self, name: str, app: Cadenza, random: Random) -> None:
        self._name = name
        self._app = app
        self._random = random
        self._begun = 0

    async def riot(self) -> None:
        """Do one thing after another, for ever."""
        while True:
            action = self._random.choices(
                [self.start, self.answer, self.cancel, self.restart], weights=[2, 10, 0.3, 1]
            )[0]
            try:
                await action()
            except CadenzaError as error:
                note("refused", "", detail=error.code)

    async def start(self) -> None:
        """Begin a run, unless so many are open that nobody keeps up."""
        if (await self._app.inbox.list(limit=1)).total > 60:
            return
        self._begun += 1
        run = await self._app.workflow(flow).create_run(f"{self._name}-{os.getpid()}-{self._begun}")
        note("begun", run.id)
        await run.start(input_data=self._random.randrange(100), wait=self._random.random() < 0.5)

    async def answer(self) -> None:
        """Answer an open question, as two people at times."""
        items = (await self._app.inbox.list(limit=50)).items
        if not items:
            return
        row = self._random.choice(items)
        people = [self._one_answer(row.id, row.run_id) for _ in range(self._random.choice([1, 1, 2, 3]))]
        for found in await asyncio.gather(*people, return_exceptions=True):
            if isinstance(found, CadenzaError):
                note("refused", row.run_id, detail=found.code)
            elif isinstance(found, BaseException):
                raise found

    async def _one_answer(self, suspension_id: str, run_id: str) -> None:
        token = f"{self._random.getrandbits(64):016x}"
        note("offered", run_id, detail=f"{suspension_id} {token}")
        wait = self._random.random() < 0.3
        await self._app.inbox.answer(suspension_id, token, actor=self._name, wait=wait)
        note("accepted", run_id, detail=f"{suspension_id} {token}")

    async def cancel(self) -> None:
        """Cancel some run."""
        runs = (await self._app.list_runs(status=["running", "suspended", "waiting"], limit=20)).runs
        if runs:
            run = await self._app.get_run(self._random.choice(runs).id)
            if await run.cancel():
                note("canceled", run.id)

    async def restart(self) -> None:
        """Take up a run that seems to be left."""
        runs = (await self._app.list_runs(status="running", limit=20)).runs
        if runs:
            await (await self._app.get_run(self._random.choice(runs).id)).restart()


def plant() -> None:
    """The planted fault: a step whose end is in the journal is called again by a later leg."""
    single = Interpreter._single

    async def forgetful(walk: Interpreter, path: Path, flow: Flow, token: Token) -> End:
        record = walk.run.records.get(path)
        if path == ("load",) and record is not None and record.ended:
            await walk.effects.execute(Call(path, record, walk.run))
        return await single(walk, path, flow, token)

    Interpreter._single = forgetful  # type: ignore[method-assign]


async def main(name: str, store: str, seed: str) -> None:
    """Riot until killed; a store that is away for a while is waited for."""
    if os.environ.get("CADENZA_PLANT"):
        plant()
    async with Cadenza(store=store, workflows=[flow, inner, race]) as app:
        mob = Mob(name, app, Random(seed))
        note("up", "")
        await asyncio.gather(*[mob.riot() for _ in range(4)])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
