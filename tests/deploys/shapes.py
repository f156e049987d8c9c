"""The two halves of the table: how a question can be open, and what a deploy can change.

A version of the code is built anew by functions, as another process would have it. `Code` says how it differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import BaseModel

from cadenza import Scope, Step, StepContext, Workflow, step


class Review(BaseModel):
    decision: Literal["pay", "reject"]


class Wider(BaseModel):
    decision: Literal["pay", "reject", "defer"]
    note: str = ""


class Narrower(BaseModel):
    decision: Literal["pay"]


class Renamed(BaseModel):
    verdict: Literal["pay", "reject"] = "pay"  # what it would be if nobody had been asked


@dataclass(frozen=True, slots=True)
class Code:
    """One version of the code. `edits` are applied to the list of what comes after one another around the question."""

    answer: type[Any] = Review
    ids: Mapping[str, str] = field(default_factory=dict)
    before: bool = False
    between: bool = False
    after: bool = False
    without: frozenset[str] = frozenset()
    swapped: bool = False
    condition: Callable[[Scope], Any] = lambda s: s.input["decision"] == "pay"
    mapper: Callable[[Scope], Any] = lambda s: {**s.input, "mapped": 1}
    shifted: bool = False
    calls: list[Any] = field(default_factory=list)


def steps(code: Code) -> dict[str, Step[Any, Any]]:
    """The steps of this version, by the names that this file has for them."""
    calls = code.calls

    def decision(answer: Any) -> str:
        return str(getattr(answer, "decision", None) or answer.verdict)

    async def load(value: Any) -> Any:
        calls.append("load")
        return {"invoice": value}

    async def ask(value: Any, ctx: StepContext) -> Any:
        answer = await ctx.ask(code.answer, question={"of": value}, key="review")
        calls.append(("ask", decision(answer)))
        return {"decision": decision(answer)}

    async def suspend(value: Any, ctx: StepContext[Any, Any]) -> Any:
        if ctx.resume_data is None:
            ctx.suspend({"of": value})
        calls.append(("ask", decision(ctx.resume_data)))
        return {"decision": decision(ctx.resume_data)}

    async def pay(value: Any) -> Any:
        calls.append("pay")
        return {**value, "paid": True}

    async def file(value: Any) -> Any:
        calls.append("file")
        return value if isinstance(value, dict) else {"value": value}

    async def extra(value: Any) -> Any:
        calls.append("extra")
        return value

    named = {"load": load, "ask": ask, "suspend": suspend, "pay": pay, "file": file, "extra": extra}
    made = {name: step(id=code.ids.get(name, name))(fn) for name, fn in named.items()}
    made["suspend"] = step(id=code.ids.get("suspend", "suspend"), resume_schema=code.answer)(suspend)
    return made


def chain(code: Code, asking: Callable[[Workflow[Any, Any], Any], Workflow[Any, Any]]) -> Workflow[Any, Any]:
    """load, the question, an unnamed map, and the payment where the answer was "pay"; with the changes of *code*."""
    made = steps(code)
    flow: Workflow[Any, Any] = Workflow("invoices")
    if code.before:
        flow.then(made["extra"])
    if code.shifted:
        flow.map(lambda s: s.input)
    if "load" not in code.without:
        flow.then(made["load"])
    pay = [(code.condition, made["pay"])]
    if code.swapped:
        # Paying comes before asking: a place counted by its number would be the wrong one now.
        flow.map(lambda _: {"decision": "pay"}).branch(pay)
    if "question" not in code.without:
        asking(flow, made)
    if code.between:
        flow.then(made["extra"].clone(id="between"))
    flow.map(lambda s: s.input if "decision" in s.input else next(iter(s.input.values())), id="answer")
    flow.map(code.mapper)
    if not code.swapped and "pay" not in code.without:
        flow.branch(pay)
    if "file" not in code.without:
        flow.then(made["file"])
    if code.after:
        flow.then(made["extra"].clone(id="after"))
    return flow.commit()


def _plain(name: str) -> Callable[[Workflow[Any, Any], Any], Workflow[Any, Any]]:
    return lambda flow, made: flow.then(made[name])


def _parallel(flow: Workflow[Any, Any], made: Any) -> Workflow[Any, Any]:
    return flow.parallel([made["ask"], made["extra"].clone(id="beside")])


def _foreach(flow: Workflow[Any, Any], made: Any) -> Workflow[Any, Any]:
    return (
        flow.map(lambda s: [s.input], id="items").foreach(made["ask"]).map(lambda s: s.input[0], id="first")
    )


def _loop(flow: Workflow[Any, Any], made: Any) -> Workflow[Any, Any]:
    return flow.dountil(made["ask"], lambda s: s.input["decision"] in {"pay", "reject"}, id="settled")


def _nested(flow: Workflow[Any, Any], made: Any) -> Workflow[Any, Any]:
    inner: Workflow[Any, Any] = Workflow("inner")
    return flow.then(inner.then(made["file"].clone(id="prepare")).then(made["ask"]).commit())


SHAPES: dict[str, Callable[[Workflow[Any, Any], Any], Workflow[Any, Any]]] = {
    "plain": _plain("ask"),
    "suspend": _plain("suspend"),
    "parallel": _parallel,
    "foreach": _foreach,
    "loop": _loop,
    "nested": _nested,
}

# Where the question stands in each shape, without the numbers of rounds and items.
PLACES = {
    "plain": "ask",
    "suspend": "suspend",
    "parallel": "ask",
    "foreach": "ask",
    "loop": "ask",
    "nested": "inner.ask",
}


def build(shape: str, code: Code, calls: list[Any]) -> Workflow[Any, Any]:
    """The workflow of this shape and version; what its steps do is put into *calls*."""
    return chain(replace(code, calls=calls), SHAPES[shape])
