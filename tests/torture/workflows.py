"""The workflows that real processes run here. Each step says what it does in the side file before it does anything.

`expected` tells, without running anything, how a run of the kill test has to end.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from pydantic import BaseModel

from cadenza import Scope, StepContext, SyncStepContext, Workflow, step

from .side_file import enter, kept, leave, say

# ------------------------------------------------------------------ two processes, one question


class Approval(BaseModel):
    by: str


@step(resume_schema=Approval)
async def approve(amount: int, ctx: StepContext[Any, Approval]) -> str:
    enter(ctx, "answered" if ctx.resume_data else "")
    if ctx.resume_data is None:
        ctx.suspend({"amount": amount})
    return ctx.resume_data.by


@step
async def pay(by: str, ctx: StepContext) -> str:
    enter(ctx)
    return f"paid, approved by {by}"


payment = Workflow("payment", input=int, output=str).then(approve).then(pay).commit()

# ------------------------------------------------------------------ two questions at once

# Those who meet here are branches of one run, under way in one process at the same time.
_meetings: dict[str, asyncio.Barrier] = {}


async def _meet(run_id: str) -> None:
    async with asyncio.timeout(30):
        await _meetings.setdefault(run_id, asyncio.Barrier(2)).wait()


async def _half(meet: bool, ctx: StepContext) -> str:
    enter(ctx, "answered" if ctx.resume_data else "")
    if ctx.resume_data is None:
        ctx.suspend()
    if meet:
        await _meet(ctx.run_id)
    return str(ctx.resume_data)


@step
async def left(meet: bool, ctx: StepContext) -> str:
    return await _half(meet, ctx)


@step
async def right(meet: bool, ctx: StepContext) -> str:
    return await _half(meet, ctx)


@step
async def join(halves: dict[str, str], ctx: StepContext) -> str:
    enter(ctx)
    return f"{halves['left']} and {halves['right']}"


# The input says whether an answered half waits for the other: then both are under way together.
two_halves = Workflow("two-halves", input=bool, output=str).parallel([left, right]).then(join).commit()

# ------------------------------------------------------------------ a step that goes on when it is told

gate: list[asyncio.Event] = []  # filled by a process in which steps are to wait


async def _pass_gate() -> None:
    for event in gate:
        async with asyncio.timeout(30):
            await event.wait()


def _fee() -> int:
    return 7


@step
async def hold(amount: int, ctx: StepContext) -> int:
    enter(ctx)
    await _pass_gate()
    if amount < 0:
        return amount + await ctx.once("fee", _fee)
    return amount + 7


@step
async def after(amount: int, ctx: StepContext) -> int:
    enter(ctx)
    return amount * 2


# A negative input makes `hold` call `once` behind the gate.
gated = Workflow("gated", input=int, output=int).then(hold).then(after).commit()


# The same, with nothing behind it.
gated_end = Workflow("gated-end", input=int, output=int).then(hold).commit()


@step
async def slow(value: int, ctx: StepContext) -> str:
    enter(ctx, "answered" if ctx.resume_data else "")
    if ctx.resume_data is None:
        ctx.suspend()
    await _pass_gate()
    return str(ctx.resume_data)


@step
async def quick(value: int, ctx: StepContext) -> str:
    enter(ctx, "answered" if ctx.resume_data else "")
    if ctx.resume_data is None:
        ctx.suspend()
    return str(ctx.resume_data)


slow_and_quick = Workflow("slow-and-quick", input=int).parallel([slow, quick]).commit()

# ------------------------------------------------------------------ what is killed


def _charge(run_id: str, path: tuple[str | int, ...], key: str, amount: int) -> int:
    say("once", run_id, path, key)
    return amount + 1


async def _charge_later(run_id: str, path: tuple[str | int, ...], key: str, amount: int) -> int:
    say("once", run_id, path, key)
    await asyncio.to_thread(int)
    return amount + 1


async def _work(ctx: StepContext) -> None:
    """Be under way for a while: others move, a thread is waited for."""
    enter(ctx)
    await asyncio.to_thread(int)


@step
async def add_one(n: int, ctx: StepContext) -> int:
    await _work(ctx)
    leave(ctx)
    return n + 1


@step
def double(n: int, ctx: SyncStepContext) -> int:
    enter(ctx)
    paid = ctx.once("thread", _charge, ctx.run_id, ctx.path, "thread", n)
    kept(ctx, "thread")
    leave(ctx)
    return 2 * (paid - 1)


@step
async def charge(n: int, ctx: StepContext) -> int:
    await _work(ctx)
    first = await ctx.once("first", _charge, ctx.run_id, ctx.path, "first", n)
    kept(ctx, "first")
    second = await ctx.once("second", _charge_later, ctx.run_id, ctx.path, "second", first)
    kept(ctx, "second")
    leave(ctx)
    return second


@step
async def sign(n: int, ctx: StepContext) -> int:
    enter(ctx, "answered" if ctx.resume_data else "")
    draft = await ctx.once("draft", _charge_later, ctx.run_id, ctx.path, "draft", n)
    kept(ctx, "draft")
    if ctx.resume_data is None:
        ctx.suspend({"n": n})
    leave(ctx)
    return draft + int(ctx.resume_data)


@step
async def counsel(n: int, ctx: StepContext) -> int:
    enter(ctx)
    first = await ctx.ask(int, key="first", question=n)
    second = await ctx.ask(int, key="second", question=first)
    leave(ctx)
    return n + first + second


@step(retries=2)
async def stumble(n: int, ctx: StepContext) -> int:
    await _work(ctx)
    if ctx.retry_count == 0:
        raise ConnectionError("the line is bad")
    leave(ctx)
    return n + 1


@step
async def fall(n: int, ctx: StepContext) -> int:
    await _work(ctx)
    raise ValueError(f"{n} is too much")


@step
async def count_up(n: int, ctx: StepContext) -> int:
    await _work(ctx)
    ctx.set_state({"count": ctx.state.get("count", 0) + 1})
    leave(ctx)
    return n + 1


def far_enough(scope: Scope) -> bool:
    return int(scope.input) % 4 == 0


def as_list(scope: Scope) -> list[int]:
    return [scope.input, scope.input + 1, scope.input + 2]


def total(scope: Scope) -> int:
    return sum(scope.input)


def sum_of_branches(scope: Scope) -> int:
    return sum(scope.input.values())


def is_even(scope: Scope) -> bool:
    return bool(scope.input % 2 == 0)


def is_odd(scope: Scope) -> bool:
    return bool(scope.input % 2)


straight = (
    Workflow("straight", input=int)
    .then(add_one)
    .then(charge)
    .then(double)
    .then(stumble)
    .then(add_one.clone(id="last"))
    .commit()
)
signed = Workflow("signed", input=int).then(charge).then(sign).then(double).commit()
_inner = Workflow("inner", input=int).then(add_one).then(sign).commit()
spread = (
    Workflow("spread", input=int)
    .parallel([_inner, counsel, double])
    .map(sum_of_branches, id="sum")
    .map(as_list, id="list")
    .foreach(add_one, concurrency=2)
    .map(total, id="total")
    .commit()
)
looped = (
    Workflow("looped", input=int)
    .dountil(count_up, far_enough)
    .sleep(0.02, id="nap")
    .branch([(is_even, add_one), (is_odd, charge)])
    .map(sum_of_branches, id="sum")
    .then(double)
    .commit()
)
doomed = Workflow("doomed", input=int).then(charge).then(fall).then(add_one).commit()

KINDS: list[Workflow[Any, Any]] = [straight, signed, spread, looped, doomed]
WORKFLOWS: list[Workflow[Any, Any]] = [payment, two_halves, gated, gated_end, slow_and_quick, *KINDS]

ANSWER = 10  # to every question


def expected(kind: str, n: int) -> tuple[str, Any]:
    """The status of a run, and its result or the message of its error."""
    match kind:
        case "straight":
            return "success", 2 * (n + 1 + 2) + 1 + 1
        case "signed":
            return "success", 2 * (n + 2 + 1 + ANSWER)
        case "spread":
            inner, asked, doubled = n + 1 + 1 + ANSWER, n + 2 * ANSWER, 2 * n
            return "success", 3 * (inner + asked + doubled) + 3 + 3
        case "looped":
            return "success", 2 * (n + 4 - n % 4 + 1)
        case _:
            return "failed", f"{n + 2} is too much"


if os.environ.get("CADENZA_HOLD"):
    gate.append(asyncio.Event())
