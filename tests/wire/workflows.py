"""The workflows that the recorded exchanges were made with, in Python."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from cadenza import Scope, StepContext, Workflow, step

# JSON knows one kind of number; an int stays one, so that 90 + 10 is sent as 100.
Number = int | float


class Order(BaseModel):
    orderId: str  # noqa: N815  the recorded exchanges say so
    amount: Number


class Prepared(BaseModel):
    orderId: str  # noqa: N815
    total: Number


class Reason(BaseModel):
    reason: str
    total: Number


class Approval(BaseModel):
    approved: bool
    approver: str


class Approved(Prepared, Approval):
    pass


class Finished(BaseModel):
    orderId: str  # noqa: N815
    status: Literal["confirmed", "rejected"]
    total: Number
    approvedBy: str  # noqa: N815


@step(description="Adds the shipping fee")
async def prepare(order: Order) -> Prepared:
    return Prepared(orderId=order.orderId, total=order.amount + 10)


@step(suspend_schema=Reason, description="")
async def approve(order: Prepared, ctx: StepContext[Any, Approval]) -> Approved:
    answer = ctx.resume_data
    if answer is None:
        ctx.suspend(Reason(reason="needs approval", total=order.total))
    return Approved(**order.model_dump(), **answer.model_dump())


@step(id="finish")
async def finish_order(order: Approved) -> Finished:
    status: Literal["confirmed", "rejected"] = "confirmed" if order.approved else "rejected"
    return Finished(orderId=order.orderId, status=status, total=order.total, approvedBy=order.approver)


order_approval = (
    Workflow(
        "order-approval", input=Order, output=Finished, description="Sequential workflow with one approval"
    )
    .then(prepare)
    .then(approve)
    .then(finish_order)
    .commit()
)


class Doc(BaseModel):
    doc: str


class Asked(BaseModel):
    team: str
    doc: str


class Ok(BaseModel):
    ok: bool


class Reviews(BaseModel):
    legal: Ok
    finance: Ok


class Verdict(BaseModel):
    approved: bool


async def _review(doc: Doc, ctx: StepContext[Any, Ok]) -> Ok:
    if ctx.resume_data is None:
        ctx.suspend(Asked(team=str(ctx.path[-1]), doc=doc.doc))
    return ctx.resume_data


legal = step(id="legal", suspend_schema=Asked)(_review)
finance = step(id="finance", suspend_schema=Asked)(_review)


@step
async def merge(reviews: Reviews) -> Verdict:
    return Verdict(approved=reviews.legal.ok and reviews.finance.ok)


parallel_review = (
    Workflow("parallel-review", input=Doc, output=Verdict).parallel([legal, finance]).then(merge).commit()
)


class Name(BaseModel):
    name: str


class Question(BaseModel):
    question: str


class Answer(BaseModel):
    answer: str


class Answered(BaseModel):
    name: str
    answer: str


class Stamped(Answered):
    stamped: bool


class Summary(BaseModel):
    summary: str


@step(id="open")
async def open_(name: Name) -> Name:
    return Name(name=name.name.upper())


@step(suspend_schema=Question)
async def ask(name: Name, ctx: StepContext[Any, Answer]) -> Answered:
    if ctx.resume_data is None:
        ctx.suspend(Question(question=f"Hello {name.name}?"))
    return Answered(name=name.name, answer=ctx.resume_data.answer)


@step
async def stamp(answered: Answered) -> Stamped:
    return Stamped(name=answered.name, answer=answered.answer, stamped=True)


@step
async def close(stamped: Stamped) -> Summary:
    return Summary(summary=f"{stamped.name}:{stamped.answer}:{str(stamped.stamped).lower()}")


nested_inner = Workflow("nested-inner", input=Name, output=Stamped).then(ask).then(stamp).commit()
nested_parent = (
    Workflow("nested-parent", input=Name, output=Summary).then(open_).then(nested_inner).then(close).commit()
)


class Items(BaseModel):
    items: list[str]


class Item(BaseModel):
    item: str


class Decision(BaseModel):
    approved: bool


class Decided(Item, Decision):
    pass


class Results(BaseModel):
    results: list[str]


@step
async def expand(items: Items) -> list[Item]:
    return [Item(item=item) for item in items.items]


@step(id="approve-item", suspend_schema=Item)
async def approve_item(item: Item, ctx: StepContext[Any, Decision]) -> Decided:
    if ctx.resume_data is None:
        ctx.suspend(item)
    return Decided(item=item.item, approved=ctx.resume_data.approved)


@step
async def collect(decided: list[Decided]) -> Results:
    return Results(results=[f"{one.item}={str(one.approved).lower()}" for one in decided])


def _foreach(id_: str, concurrency: int) -> Workflow[Any, Any]:
    return (
        Workflow(id_, input=Items, output=Results)
        .then(expand)
        .foreach(approve_item, concurrency=concurrency)
        .then(collect)
        .commit()
    )


foreach_approval = _foreach("foreach-approval", 3)
foreach_serial = _foreach("foreach-serial", 1)


class Value(BaseModel):
    value: Number


class Total(BaseModel):
    total: Number


@step(id="add-one")
async def add_one(value: Value) -> Value:
    return Value(value=value.value + 1)


@step
async def big(value: Value) -> Value:
    return Value(value=value.value * 100)


@step
async def small(value: Value) -> Value:
    return Value(value=value.value * 2)


@step
async def grow(value: Value) -> Value:
    return Value(value=value.value + 5)


@step
async def square(number: Number) -> Number:
    return number * number


@step(id="sum")
async def sum_(numbers: list[Number]) -> Total:
    return Total(total=sum(numbers))


def is_big(scope: Scope) -> bool:
    return bool(scope.input["value"] >= 10)


def is_small(scope: Scope) -> bool:
    return not is_big(scope)


def big_enough(scope: Scope) -> bool:
    return bool(scope.input["value"] >= 20)


def pick(scope: Scope) -> Any:
    taken = scope.input.get("big") or scope.input.get("small") or {"value": 0}
    return {"value": taken["value"]}


def to_list(scope: Scope) -> list[Any]:
    return [scope.input["value"], 1, 2]


control_flow = (
    Workflow("control-flow", input=Value, output=Total)
    .then(add_one)
    .branch([(is_big, big), (is_small, small)])
    .map(pick, id="pick")
    .dountil(grow, big_enough)
    .sleep(0.02)
    .map(to_list, id="to-list")
    .foreach(square)
    .then(sum_)
    .commit()
)


class Cause(BaseModel):
    reason: str


@step
async def first(cause: Cause) -> Cause:
    return cause


@step
async def boom(cause: Cause) -> Ok:
    raise RuntimeError(f"boom: {cause.reason}")


failing = Workflow("failing", input=Cause, output=Ok).then(first).then(boom).commit()


class Millis(BaseModel):
    ms: Number


class Waited(BaseModel):
    waited: Number


class Done(BaseModel):
    done: bool


@step
async def wait(millis: Millis, ctx: StepContext) -> Waited:
    try:
        async with asyncio.timeout(millis.ms / 1000):
            await ctx.abort_signal.wait()
    except TimeoutError:
        pass
    return Waited(waited=millis.ms)


@step
async def after(_: Waited) -> Done:
    return Done(done=True)


slow = Workflow("slow", input=Millis, output=Done).then(wait).then(after).commit()


class State(BaseModel):
    count: Number
    log: list[str]


class By(BaseModel):
    by: Number


class Count(BaseModel):
    count: Number


class Go(BaseModel):
    go: bool


@step(state_schema=State)
async def bump(by: By, ctx: StepContext) -> By:
    state = _state(ctx)
    ctx.set_state({"count": state.count + by.by, "log": [*state.log, "bump"]})
    return by


@step(suspend_schema=Count, state_schema=State)
async def pause(by: By, ctx: StepContext[Any, Go]) -> By:
    state = _state(ctx)
    if ctx.resume_data is None:
        ctx.suspend(Count(count=state.count))
    ctx.set_state({"count": state.count * 2, "log": [*state.log, "pause"]})
    return by


@step(state_schema=State)
async def report(_: By, ctx: StepContext) -> State:
    return _state(ctx)


def _state(ctx: StepContext[Any, Any]) -> State:
    return TypeAdapter(State).validate_python(ctx.state, from_attributes=True)


stateful = (
    Workflow("stateful", input=By, output=State, state=State).then(bump).then(pause).then(report).commit()
)


class Topic(BaseModel):
    topic: str


class Ask(BaseModel):
    ask: str
    first: str | None = None


class Answers(BaseModel):
    answers: list[str]


@step(id="ask-twice", suspend_schema=Ask)
async def ask_twice(_: Topic, ctx: StepContext[Any, Answer]) -> Answers:
    if ctx.resume_data is None:
        ctx.suspend({"ask": "first"})
    before = ctx.suspend_data.first
    if before is None:
        ctx.suspend(Ask(ask="second", first=ctx.resume_data.answer))
    return Answers(answers=[before, ctx.resume_data.answer])


multi_suspend = Workflow("multi-suspend", input=Topic, output=Answers).then(ask_twice).commit()


class N(BaseModel):
    n: Number


@step
async def emit(n: N, ctx: StepContext) -> N:
    for i in range(1, int(n.n) + 1):
        await ctx.writer.write({"type": "progress", "i": i, "text": f"é-{i}"})
    return n


writer_events = Workflow("writer-events", input=N, output=N).then(emit).commit()


class Bail(BaseModel):
    bail: bool


class Via(BaseModel):
    via: str


@step
async def maybe(bail: Bail, ctx: StepContext) -> Via:
    if bail.bail:
        ctx.bail(Via(via="bail"))
    return Via(via="step")


@step
async def tail(via: Via) -> Via:
    return Via(via=f"{via.via}+tail")


bail_out = Workflow("bail-out", input=Bail, output=Via).then(maybe).then(tail).commit()


class FailTimes(BaseModel):
    failTimes: Number  # noqa: N815


class Attempts(BaseModel):
    attempts: Number


@step(retries=2)
async def flaky(given: FailTimes, ctx: StepContext) -> Attempts:
    if ctx.retry_count < given.failTimes:
        raise RuntimeError(f"flaky {ctx.retry_count}")
    return Attempts(attempts=ctx.retry_count + 1)


retrying = Workflow("retrying", input=FailTimes, output=Attempts).then(flaky).commit()


class Nothing(BaseModel):
    pass


class Tenant(BaseModel):
    tenant: str


@step
async def echo(_: Nothing, ctx: StepContext) -> Tenant:
    return Tenant(tenant=ctx.request_context.get("tenant", "none"))


context_echo = Workflow("context-echo", input=Nothing, output=Tenant).then(echo).commit()


class X(BaseModel):
    x: str


@step
async def same(x: X) -> X:
    return x


keyed_echo = Workflow("keyed-echo", input=X, output=X).then(same).commit()


class Add(BaseModel):
    add: int


@step
async def before(n: N) -> N:
    return n


@step(id="on-go")
async def on_go(pair: dict[str, Any]) -> N:
    return N(n=pair["n"] + pair["add"])


def with_event(scope: Scope) -> Any:
    return {"n": scope.init_data["n"], "add": scope.input["add"]}


wait_event = (
    Workflow("wait-event", input=N, output=N)
    .then(before)
    .wait_for_event("go", schema=Add, id="go")
    .map(with_event, id="with-event")
    .then(on_go)
    .commit()
)

WORKFLOWS: list[Workflow[Any, Any]] = [
    order_approval,
    parallel_review,
    nested_parent,
    foreach_approval,
    foreach_serial,
    control_flow,
    failing,
    slow,
    stateful,
    multi_suspend,
    writer_events,
    bail_out,
    retrying,
    context_echo,
    keyed_echo,
    wait_event,
]
ALIASES = {"keyedEcho": "keyed-echo"}
