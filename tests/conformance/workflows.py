"""A scenario's workflow, built of Cadenza's parts: SCENARIO.md, sections 1.1 and 3."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cadenza import Retry, Scope, Step, StepContext, Workflow
from cadenza.model.values import isolate

from .language import Thrown, evaluate, is_true, text
from .schemas import type_of


@dataclass
class Watch:
    """What the runner sees of the steps: it lives outside the app, over all its deaths."""

    calls: Counter[str] = field(default_factory=Counter)
    begun: list[str] = field(default_factory=list)
    entered: list[tuple[str | int, ...]] = field(default_factory=list)
    moving: Counter[str] = field(default_factory=Counter)
    peaks: Counter[str] = field(default_factory=Counter)
    cancel: Callable[[], Awaitable[Any]] | None = None
    crashed: asyncio.Event = field(default_factory=asyncio.Event)
    dead: bool = False
    # How many times as long as the scenario says a delay takes.
    pace: float = 1

    def enter(self, path: str) -> int:
        """A step begins."""
        self.calls[path] += 1
        self.begun.append(f"{path}:{self.calls[path]}")
        self.moving[path] += 1
        self.peaks[path] = max(self.peaks[path], self.moving[path])
        self.peaks["*"] = max(self.peaks["*"], self.moving.total())
        return self.calls[path]

    def leave(self, path: str) -> None:
        """A step ends."""
        self.moving[path] -= 1


class Builder:
    """Builds the workflow of one scenario, anew for each process."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.steps: dict[tuple[str, ...], Any] = {}

    def build(self, spec: dict[str, Any], id_: str = "wf", scope: tuple[str, ...] = ()) -> Workflow[Any, Any]:
        """The workflow that *spec* describes; errors of its definition are raised."""
        retry = spec.get("retryConfig", {})
        workflow: Any = Workflow(
            id_,
            input=type_of(spec.get("input")),
            state=type_of(spec.get("state")),
            retries=Retry(attempts=retry.get("attempts", 0), delay=retry.get("delay", 0) / 1000),
            validate_inputs=spec.get("validateInputs"),
        )
        made: dict[str, Any] = {}

        def member(name: str) -> Any:
            if name not in made:
                made[name] = self._member(spec["steps"][name], name, scope)
                self.steps[*scope, name] = made[name]
            return made[name]

        for number, entry in enumerate(spec["graph"]):
            workflow = self._add(workflow, entry, number, member)
        return workflow.commit() if spec.get("commit", True) else workflow

    def _member(self, spec: dict[str, Any], name: str, scope: tuple[str, ...]) -> Any:
        if "workflow" in spec:
            return self.build(spec["workflow"], name, (*scope, name))
        return Step(
            self._function(spec.get("do", []), ".".join((*scope, name))),
            id=name,
            retries=spec.get("retries"),
            input_schema=type_of(spec.get("input")),
            resume_schema=type_of(spec.get("resume")),
            suspend_schema=type_of(spec.get("suspend")),
            state_schema=type_of(spec.get("state")),
        )

    def _add(self, workflow: Any, entry: Any, number: int, member: Callable[[str], Any]) -> Any:  # noqa: C901  a table
        if isinstance(entry, str):
            return workflow.then(member(entry))
        id_ = entry.get("id")
        match entry:
            case {"parallel": names}:
                return workflow.parallel([member(name) for name in names])
            case {"branch": branches}:
                return workflow.branch(
                    [
                        (_function(cond, f"if_{number}_{i}"), member(name))
                        for i, (cond, name) in enumerate(branches)
                    ]
                )
            case {"dowhile": name, "cond": cond}:
                return workflow.dowhile(member(name), _function(cond, f"while_{number}"))
            case {"dountil": name, "cond": cond}:
                return workflow.dountil(member(name), _function(cond, f"until_{number}"))
            case {"foreach": name}:
                return workflow.foreach(member(name), concurrency=entry.get("concurrency", 1))
            case {"sleep": int() | float() as ms}:
                return workflow.sleep(ms / 1000, id=id_)
            case {"sleep": expr}:
                return workflow.sleep(_milliseconds(expr, f"sleep_{number}"), id=id_)
            case {"sleep_until": ms}:
                return workflow.sleep_until(_moment(ms, f"until_{number}"), id=id_)
            case {"map": sources}:
                return workflow.map(
                    {key: _source(s, f"map_{number}_{key}") for key, s in sources.items()}, id=id_
                )
            case {"map_fn": expr}:
                return workflow.map(_function(expr, f"map_{number}"), id=id_)
        raise ValueError(f"no such graph entry: {entry}")

    def _function(
        self, program: list[dict[str, Any]], path: str
    ) -> Callable[[Any, StepContext], Awaitable[Any]]:
        watch = self._watch
        named = json.dumps(program)

        async def step(value: Any, ctx: StepContext) -> Any:
            calls = watch.enter(path)
            watch.entered.append(ctx.path)
            try:
                roots = _roots(value, ctx, calls)
                if "$init" in named:
                    roots["init"] = await ctx.get_init_data()
                if "$state" in named:
                    roots["state"] = _state(ctx)
                return await _run(program, roots, ctx, watch, looks_back="$steps" in named)
            finally:
                watch.leave(path)

        return step


def _roots(value: Any, ctx: StepContext, calls: int) -> dict[str, Any]:
    return {
        "input": value,
        "ctx": lambda key: ctx.runtime_context.get(key),
        "resume": ctx.resume_data,
        "suspended": ctx.suspend_data,
        "retry": ctx.retry_count,
        "calls": calls,
    }


def _state(ctx: StepContext) -> Any:
    # A step that declares its part of the state sees that part alone; `$state` is all of it.
    declared = not ctx._execution.code.step.state.anything
    return isolate(ctx._execution.call.run.state) if declared else ctx.state


async def _results(ctx: StepContext) -> dict[str, Any]:
    places = ctx._execution.code.workflow.graph.places
    return {id_: await ctx.get_step_result(id_) for id_ in places}


async def _run(  # noqa: C901  a table
    program: list[dict[str, Any]], roots: dict[str, Any], ctx: StepContext, watch: Watch, *, looks_back: bool
) -> Any:
    for op in program:
        if looks_back:  # anew: a sibling may have ended during the last op
            roots["steps"] = (await _results(ctx)).get
        if ("when" in op and not is_true(op["when"], roots)) or (
            "unless" in op and is_true(op["unless"], roots)
        ):
            continue
        match {key: value for key, value in op.items() if key not in {"when", "unless"}}:
            case {"return": expr}:
                return evaluate(expr, roots)
            case {"return_nothing": True}:
                return None
            case {"fail": expr}:
                raise Thrown(text(evaluate(expr, roots)))
            case {"suspend": expr, **options}:
                label = evaluate(options.get("label"), roots)
                ctx.suspend(evaluate(expr, roots), label=label)
            case {"bail": expr}:
                ctx.bail(evaluate(expr, roots))
            case {"set_state": expr}:
                ctx.set_state(evaluate(expr, roots))
            case {"set_context": pairs}:
                for key, expr in pairs.items():
                    ctx.runtime_context[key] = evaluate(expr, roots)
            case {"emit": expr}:
                await ctx.writer.write(evaluate(expr, roots))
            case {"delay": ms}:
                await asyncio.sleep(watch.pace * ms / 1000)  # noqa: TID251  the scenario says so
            case {"cancel": True}:
                assert watch.cancel is not None
                await watch.cancel()
            case {"abort": True}:
                ctx.abort()
            case {"crash": True}:
                watch.crashed.set()
                await asyncio.get_running_loop().create_future()
            case unknown:
                raise ValueError(f"no such op: {unknown}")
    return roots["input"]


def _function(expr: Any, name: str) -> Callable[[Scope], Any]:
    def function(scope: Scope) -> Any:
        return evaluate(
            expr,
            {
                "input": scope.input,
                "init": scope.init_data,
                "steps": scope.results.get,
                "state": scope.state,
                "ctx": scope.runtime_context.get,
                "iteration": scope.iteration,
            },
        )

    function.__name__ = name
    return function


def _milliseconds(expr: Any, name: str) -> Callable[[Scope], Any]:
    inner = _function(expr, name)

    def seconds(scope: Scope) -> float:
        return float(inner(scope)) / 1000

    seconds.__name__ = name
    return seconds


def _moment(ms: float, name: str) -> Callable[[Scope], datetime]:
    def moment(_: Scope) -> datetime:
        return datetime.now(UTC) + timedelta(milliseconds=ms)

    moment.__name__ = name
    return moment


def _source(source: dict[str, Any], name: str) -> Any:
    match source:
        case {"value": value}:
            return {"value": value}
        case {"init": path}:
            return {"init_data": True, "path": path}
        case {"context": path}:
            return {"runtime_context_path": path}
        case {"fn": expr}:
            return _function(expr, name)
        case {"step": step, **rest}:
            return {"step": step, "path": rest.get("path", ".")}
    raise ValueError(f"no such source: {source}")
