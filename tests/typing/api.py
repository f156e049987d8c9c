"""What a type checker makes of a user's program.

Never run as a test of behaviour: mypy and pyright read it (`make check`). `assert_type` says what they must infer, and
each ignore says that they must complain there: both report an ignore that is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, assert_type

from pydantic import BaseModel

from cadenza import (
    BoundWorkflow,
    Cadenza,
    Canceled,
    Failed,
    Failure,
    Run,
    Scope,
    Step,
    StepContext,
    Success,
    SuspendedRun,
    Suspension,
    SyncStepContext,
    Unfinished,
    Workflow,
    WorkflowResult,
    step,
)


class Invoice(BaseModel):
    id: str
    amount: int


class Review(BaseModel):
    decision: Literal["pay", "reject"]


class Receipt(BaseModel):
    paid: bool


class Totals(BaseModel):
    total: int = 0


# ------------------------------------------------------------------ steps


@step
def load(invoice_id: str) -> Invoice:
    return Invoice(id=invoice_id, amount=1)


@step(retries=3)
async def review(invoice: Invoice, ctx: StepContext[Totals, Review]) -> Invoice:
    assert_type(ctx.resume_data, Review | None)
    assert_type(ctx.state, Totals)
    assert_type(await ctx.ask(Review, question=invoice), Review)
    assert_type(await ctx.ask(int, key="n", label=["a", "b"]), int)
    if ctx.resume_data is None:
        ctx.suspend({"amount": invoice.amount})
    # `suspend` never returns, so that the answer is there from here on.
    assert_type(ctx.resume_data, Review)
    if ctx.resume_data.decision == "reject":
        ctx.bail(Receipt(paid=False))
    return invoice


@step
async def pay(invoice: Invoice, ctx: StepContext) -> Receipt:
    assert_type(ctx.resume_data, Any | None)
    assert_type(ctx.state, Any)
    assert_type(await ctx.once("charge", charge, invoice), str)
    assert_type(await ctx.once("count", count, invoice.id, times=2), int)
    assert_type(await ctx.ask(Literal["yes", "no"]), Any)
    return Receipt(paid=True)


@step
def book(receipt: Receipt, ctx: SyncStepContext[Totals, bool]) -> int:
    assert_type(ctx.resume_data, bool | None)
    assert_type(ctx.state, Totals)
    assert_type(ctx.ask(Review), Review)
    assert_type(ctx.once("count", count, "x", times=3), int)
    return 1


@step
async def nothing() -> float:
    return 1.0


@step
async def only_context(ctx: StepContext[Totals]) -> str:
    return ctx.run_id


async def charge(invoice: Invoice) -> str:
    return invoice.id


def count(text: str, *, times: int) -> int:
    return len(text) * times


assert_type(load, Step[str, Invoice])
assert_type(review, Step[Invoice, Invoice])
assert_type(pay, Step[Invoice, Receipt])
assert_type(book, Step[Receipt, int])
assert_type(nothing, Step[Any, float])
assert_type(only_context, Step[Any, str])
assert_type(load.clone(id="again"), Step[str, Invoice])


# ------------------------------------------------------------------ chains


def is_big(scope: Scope) -> bool:
    return bool(scope.input > 10)


def to_pair(scope: Scope) -> tuple[int, str]:
    return 1, scope.run_id


pay_invoice = Workflow("pay-invoice", input=str, output=Receipt).then(load).then(review).then(pay).commit()
assert_type(pay_invoice, Workflow[str, Receipt])
assert_type(Workflow("empty", input=str), Workflow[str, str])
assert_type(Workflow("untyped"), Workflow[Any, Any])

# What does not fit is refused where it is written.
Workflow("wrong", input=int).then(load)  # type: ignore[arg-type]
Workflow("wrong", input=str).then(load).then(book)  # type: ignore[arg-type]
Workflow("wrong", input=str).then(load).then(pay_invoice)  # type: ignore[arg-type]
Workflow("wrong", input=str).then(len)  # type: ignore[arg-type]
Workflow("wrong", input=int).parallel([load])  # type: ignore[list-item]
Workflow("wrong", input=int).dowhile(load, is_big)  # type: ignore[arg-type]
Workflow("wrong", input=str).foreach(pay)  # type: ignore[arg-type]
Workflow("wrong", input=list[int]).foreach(load)  # type: ignore[arg-type]
Workflow("wrong", input=str).then(load).sleep("long")  # type: ignore[arg-type]

# A workflow is a step.
nested = Workflow("nested", input=str).then(pay_invoice).then(book).commit()
assert_type(nested, Workflow[str, int])

# A list goes through foreach as a list of what the step gives.
many = Workflow("many", input=list[str]).foreach(load, concurrency=2)
assert_type(many, Workflow[list[str], list[Invoice]])
assert_type(many.foreach(pay), Workflow[list[str], list[Receipt]])
assert_type(Workflow("flows", input=list[str]).foreach(pay_invoice), Workflow[list[str], list[Receipt]])

# Sleeps pass on what they got; loops give what their body gives.
assert_type(Workflow("s", input=str).then(load).sleep(1.5).sleep(lambda scope: 3), Workflow[str, Invoice])
assert_type(Workflow("l", input=Invoice).dountil(review, is_big), Workflow[Invoice, Invoice])

# A function that maps says what comes next; blocks and declarative maps do not.
assert_type(Workflow("m", input=str).map(to_pair), Workflow[str, tuple[int, str]])
assert_type(Workflow("m", input=str).map({"x": {"value": 1}}), Workflow[str, Any])
assert_type(Workflow("p", input=str).parallel([load, pay_invoice]), Workflow[str, Any])
assert_type(Workflow("b", input=str).branch([(is_big, load)]), Workflow[str, Any])


# ------------------------------------------------------------------ runs


async def use() -> None:
    app = Cadenza(workflows=[pay_invoice, nested, many])
    bound = app.workflow(pay_invoice)
    assert_type(bound, BoundWorkflow[str, Receipt])
    assert_type(app.workflow("pay-invoice"), BoundWorkflow[Any, Any])
    run = await bound.create_run()
    assert_type(run, Run[Receipt])
    assert_type(await pay_invoice.create_run("r1", resource_id="x"), Run[Receipt])
    assert_type(await app.get_run("r1"), Run[Any])

    result = await run.start(input_data="inv_1", initial_state=Totals(), runtime_context={"user": "ann"})
    assert_type(result, WorkflowResult[Receipt])
    assert_type(result.input, Any)
    _ = result.result  # type: ignore[union-attr]
    narrowed(result)

    if result.status == "suspended":
        result = await run.resume(step=result.suspensions[0], resume_data=Review(decision="pay"))
    await run.resume(step=[nested, pay_invoice, review], resume_data={"decision": "pay"}, wait=False)
    await run.resume(for_each_index="0")  # type: ignore[arg-type]
    await run.resume(Review(decision="pay"))  # type: ignore[call-arg]
    assert_type(await run.cancel(), bool)
    assert_type(await run.get_state(), WorkflowResult[Receipt])
    assert_type(await run.time_travel(step=review), WorkflowResult[Receipt])
    assert_type(await run.restart(), WorkflowResult[Receipt])

    stream = run.stream(input_data="inv_1")
    async for event in stream:
        assert_type(event["type"], Any)
    assert_type(await stream.result(), WorkflowResult[Receipt])


def narrowed(result: WorkflowResult[Receipt]) -> str:
    """Each status has its own fields, and no status is left over."""
    if result.status == "success":
        assert_type(result, Success[Receipt])
        return "ended well"
    if result.status == "failed":
        assert_type(result, Failed)
        assert_type(result.error, Failure)
        return result.error.message
    if result.status == "suspended":
        assert_type(result, SuspendedRun)
        assert_type(result.suspended, list[list[str]])
        assert_type(result.suspensions, list[Suspension])
        return result.suspensions[0].id
    if result.status == "canceled":
        assert_type(result, Canceled)
        return "canceled"
    assert_type(result, Unfinished)
    assert_type(result.status, Literal["pending", "running", "waiting", "held"])
    return result.status


def matched(result: WorkflowResult[Receipt]) -> Mapping[str, Any]:
    """A match over the classes is exhaustive without a default."""
    match result:
        case Success(result=value):
            return {"value": value}
        case Failed(error=error):
            return {"error": error.message}
        case SuspendedRun(suspensions=rows):
            return {"waiting": [row.path for row in rows]}
        case Canceled() | Unfinished():
            return {}


def any_run_will_do(run: Run[object]) -> str:
    return run.id


async def variance(run: Run[Receipt], loads: Step[str, Invoice]) -> None:
    """A more precise output, and a less precise input, fit."""
    any_run_will_do(run)
    wide: Step[str, BaseModel] = loads
    Workflow("w", input=str).then(wide)
    assert_type(Workflow("x", input=bool).then(counts), Workflow[bool, int])


@step
async def counts(value: int) -> int:
    return value
