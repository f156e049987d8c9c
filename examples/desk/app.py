"""A desk with things to decide: five small workflows to look at in the studio.

    cd examples/desk && cadenza dev app:app        # the studio, at http://127.0.0.1:8000
    cadenza run ratings -i '["espresso", "chair"]' --app app:app --store sqlite:///.cadenza/dev.db

`fill.py` puts a few runs there.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from cadenza import FAIL, Cadenza, StepContext, Workflow, step

LongText = Annotated[str, Field(json_schema_extra={"format": "textarea"})]

# ------------------------------------------------------------------ expense: one person decides


class Line(BaseModel):
    item: str
    amount: Decimal = Field(gt=0, decimal_places=2)


class Expense(BaseModel):
    employee: str = Field(description="Who spent it.", examples=["Mara Lindqvist"])
    purpose: LongText
    date: datetime.date
    lines: list[Line] = Field(min_length=1)


class Review(BaseModel):
    decision: Literal["approve", "reject", "ask back"]
    comment: LongText | None = Field(default=None, description="The employee sees this.")


class Claim(BaseModel):
    employee: str
    purpose: str
    total: Decimal


@step(description="Adds up the lines.")
async def total(expense: Expense) -> Claim:
    return Claim(
        employee=expense.employee,
        purpose=expense.purpose,
        total=sum((x.amount for x in expense.lines), Decimal()),
    )


@step(description="A manager looks at it.")
async def review(claim: Claim, ctx: StepContext) -> str:
    answer = await ctx.ask(
        Review,
        question={
            "question": f"**{claim.employee}** asks for **{claim.total} EUR** back.",
            "purpose": claim.purpose,
            "policy": "Receipts above 50 EUR, no alcohol: [travel policy](https://policy.example/travel).",
        },
        label="finance",
        deadline="3d",
        on_timeout=Review(decision="ask back", comment="Nobody looked at it in time."),
    )
    return answer.decision


@step
async def pay(decision: str) -> str:
    return "paid"


@step
async def reject(decision: str) -> str:
    return f"not paid: {decision}"


expense = (
    Workflow("expense", input=Expense, description="Pays back what people spent, once a manager has seen it.")
    .then(total)
    .then(review)
    .branch([(lambda s: s.input == "approve", pay), (lambda s: s.input != "approve", reject)])
    .commit()
)

# ------------------------------------------------------------------ order: two people, side by side


class Shipment(BaseModel):
    carrier: Literal["DHL", "UPS", "FedEx", "GLS", "Hermes"]
    parcels: int = Field(ge=1, le=20)
    pickup: datetime.datetime


@step
async def pick(order: str, ctx: StepContext) -> str:
    complete = await ctx.ask(bool, question=f"Is everything for **{order}** on the pallet?")
    return "complete" if complete else "incomplete"


@step
async def ship(order: str, ctx: StepContext) -> str:
    shipment = await ctx.ask(Shipment, question=f"Ship {order}.", deadline="20h", on_timeout=FAIL)
    return shipment.carrier


@step
async def inform(order: str) -> str:
    return "mail sent"


@step
async def close(results: dict[str, Any]) -> str:
    return "closed"


order = (
    Workflow("order", input=str, description="Picks, ships and tells the customer.")
    .parallel([pick, ship, inform])
    .then(close)
    .commit()
)

# ------------------------------------------------------------------ ratings: one question for each item


class Score(BaseModel):
    score: int = Field(ge=0, le=10)


@step
async def rate(item: str, ctx: StepContext) -> int:
    return (await ctx.ask(Score, question=f"How good is *{item}*?")).score


ratings = (
    Workflow("ratings", input=list[str], output=list[int], description="Asks for a score for each item.")
    .foreach(rate, concurrency=5)
    .commit()
)

# ------------------------------------------------------------------ payout: a nested workflow that fails


@step(retries=2)
async def ask_bank(amount: int, ctx: StepContext) -> int:
    if ctx.retry_count < 1:
        raise ConnectionError("the bank does not answer")
    return amount


@step
async def transfer(amount: int) -> int:
    if amount > 1000:
        raise ValueError(f"{amount} EUR is above the limit of 1000 EUR")
    return amount


transfers = Workflow("transfers", input=int, output=int).then(ask_bank).then(transfer).commit()
payout = (
    Workflow("payout", input=int, output=int, description="Pays out up to 1000 EUR; more fails.")
    .then(transfers)
    .commit()
)

# ------------------------------------------------------------------ report: a loop, then a night's sleep


@step
async def collect(pages: int) -> int:
    return pages + 1


@step
async def send(pages: int) -> str:
    return f"{pages} pages sent"


report = (
    Workflow("report", input=int, output=str, description="Collects pages, sleeps for ten hours, then sends.")
    .dowhile(collect, lambda s: s.input < 4)
    .sleep(36_000)
    .then(send)
    .commit()
)

app = Cadenza(workflows=[expense, order, ratings, payout, report])
app.schedule(report, cron="0 6 * * 1-5", timezone="Europe/Berlin", id="morning-report", input_data=0)
