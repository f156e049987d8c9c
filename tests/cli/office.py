"""The app that the tests of the command line work on."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Literal

from pydantic import BaseModel, Field

from cadenza import Cadenza, StepContext, Workflow, step


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    number: int


class Review(BaseModel):
    decision: Literal["pay", "reject"]
    note: str = ""


class Long(BaseModel):
    """Every sort of field that a form has to ask for."""

    name: str = Field(min_length=3, description="As it stands on the bill.")
    count: int
    price: float = 1.5
    sure: bool
    color: Color
    on: date | None = None
    address: Address
    tags: list[str]
    note: str | None = None


@step
async def load(amount: int) -> int:
    return amount


@step
async def review(amount: int, ctx: StepContext) -> str:
    answer = await ctx.ask(Review, question={"amount": amount, "for": "ACME"}, label="money", deadline="3d")
    return f"{answer.decision}: {amount} EUR"


@step
async def form(amount: int, ctx: StepContext) -> dict[str, object]:
    return (await ctx.ask(Long, question="Fill this in, please")).model_dump(mode="json")


@step
async def legal(amount: int, ctx: StepContext) -> str:
    return (await ctx.ask(Review, question="May we?", assign="lena")).decision


@step
async def fail(amount: int) -> int:
    raise ValueError(f"{amount} is too much")


@step
async def give_up(amount: int, ctx: StepContext) -> int:
    return ctx.abort()


payment = (
    Workflow("payment", input=int, output=str, description="Pay a bill.").then(load).then(review).commit()
)
double = Workflow("double", input=int).parallel([review, legal]).commit()
filled = Workflow("filled", input=int).then(form).commit()
broken = Workflow("broken", input=int).then(load).then(fail).commit()
quick = Workflow("quick", input=int, output=int).then(load).commit()
given_up = Workflow("given-up", input=int).then(give_up).commit()
order = Workflow("order", input=int).then(load).wait_for_event("paid", schema=int).commit()

WORKFLOWS = [payment, double, filled, broken, quick, given_up, order]


def make() -> Cadenza:
    return Cadenza(store="sqlite:///runs.db", workflows=WORKFLOWS)


def clockwork() -> Cadenza:
    """The same with a schedule of its own, which does not fire while tests run."""
    app = make()
    app.schedule(quick, cron="30 4 29 2 *", timezone="Europe/Berlin", input_data=5, id="leap")
    return app


in_memory = Cadenza(workflows=WORKFLOWS)
