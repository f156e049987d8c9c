"""The workflows that the tests in a browser run; `serve.py` serves them as a process of its own."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from cadenza import FAIL, Cadenza, StepContext, Workflow, step


class Order(BaseModel):
    customer: str = Field(min_length=3)
    amount: int = Field(gt=0, multiple_of=5, description="In euros.")


class Approval(BaseModel):
    verdict: Literal["approve", "reject"]
    note: str | None = None


class Amount(BaseModel):
    amount: int = Field(ge=1)
    reason: str


@step
async def check(order: Order) -> int:
    return order.amount


@step
async def approve(amount: int, ctx: StepContext) -> str:
    answer = await ctx.ask(Approval, question=f"Pay **{amount} EUR**?", label="money")
    return f"{answer.verdict}: {answer.note or 'no note'}"


@step
async def correct(amount: int, ctx: StepContext) -> str:
    answer = await ctx.ask(Amount, question="Which amount is right?")
    return f"{answer.amount} because {answer.reason}"


@step
async def stamp(amount: int, ctx: StepContext) -> str:
    return "stamped" if await ctx.ask(bool, question="Stamp it?") else "not stamped"


@step
async def join(both: dict[str, Any]) -> str:
    return ", ".join(both.values())


@step
async def rate(item: str, ctx: StepContext) -> int:
    return int(await ctx.ask(int, question=f"How good is {item}?"))


@step
async def hurry(seconds: int, ctx: StepContext) -> str:
    return await ctx.ask(str, question="Quick!", deadline=seconds, on_timeout="nobody came")


@step
async def strict(seconds: int, ctx: StepContext) -> str:
    return await ctx.ask(str, question="Quick, or it fails!", deadline=seconds, on_timeout=FAIL)


@step
async def halve(value: int) -> int:
    if value % 2:
        raise ValueError(f"expected an even number, found {value}")
    return value // 2


@step
async def plus(value: int) -> int:
    return value + 1


def long(id_: str, steps: int) -> Workflow[Any, Any]:
    built = Workflow(id_, input=int)
    for number in range(steps):
        built = built.then(plus.clone(id=f"step-{number}"))
    return built.commit()


pay = (
    Workflow("pay", input=Order, output=str, description="Checks, then asks.")
    .then(check)
    .then(approve)
    .commit()
)
correction = Workflow("correction", input=int, output=str).then(correct).commit()
inner = Workflow("inner", input=int).parallel([approve, stamp]).then(join).commit()
outer = Workflow("outer", input=int, output=str).then(inner).commit()
ratings = Workflow("ratings", input=list[str]).foreach(rate, concurrency=5).commit()
crowd = Workflow("crowd", input=list[str]).foreach(rate, concurrency=300).commit()
quick = Workflow("quick", input=int).then(hurry).commit()
tight = Workflow("tight", input=int).then(strict).commit()
sums = Workflow("sums", input=int).then(plus).then(plus.clone(id="again")).commit()
shaky = Workflow("shaky", input=int).then(halve).commit()
wide = long("wide", 200)


def make(store: str) -> Cadenza:
    app = Cadenza(
        store=store, workflows=[pay, correction, outer, ratings, crowd, quick, tight, sums, shaky, wide]
    )
    app.schedule(sums, cron="0 6 * * *", id="every-morning", input_data=1)
    return app
