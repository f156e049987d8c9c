"""map(): references to earlier values, as data.

A path is dotted; `"."` is the whole value. A missing last part gives no value (the key is left out); a break before the
last part, or a step without output, is `InvalidMapPath`. Source: Mastra 1.71 (`reference` facts 2.3.2 to 2.3.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ..errors import InvalidMapPath, InvalidReference
from .values import Json, isolate, plain

if TYPE_CHECKING:
    from .scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Always the same value."""

    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class FromInit:
    """A part of the input of the workflow that the map stands in."""

    path: str = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class FromContext:
    """A part of the runtime context."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FromStep:
    """A part of the output of the first of these steps that succeeded."""

    steps: tuple[str, ...]
    path: str = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class FromFunction:
    """What the function of that name gives."""

    fn: str


Source: TypeAlias = Constant | FromInit | FromContext | FromStep | FromFunction


class Values(Protocol):
    """What a map may look at."""

    def init(self) -> Json: ...
    def context(self) -> Mapping[str, Json]: ...
    def output(self, step: str) -> tuple[bool, Json]: ...


def source_of(key: str, found: object, name: Callable[[Callable[[Scope], Any]], str]) -> Source:
    """The source that a user wrote as *found*; functions get the name that *name* gives them.

    Raises `InvalidReference`.
    """
    if callable(found):
        return FromFunction(fn=name(found))
    if not isinstance(found, Mapping):
        raise InvalidReference(key, found, "is not a source")
    path = found.get("path", ".")
    if not isinstance(path, str):
        raise InvalidReference(key, found, "its path is not a dotted string")
    match [
        k
        for k in ("value", "init_data", "runtime_context_path", "request_context_path", "step", "fn")
        if k in found
    ]:
        case ["value"]:
            return Constant(value=plain(found["value"], f"map key {key}"))
        case ["init_data"]:
            return FromInit(path=path)
        case ["runtime_context_path" | "request_context_path" as which]:
            return FromContext(path=str(found[which]))
        case ["step"]:
            steps = found["step"] if isinstance(found["step"], list | tuple) else [found["step"]]
            return FromStep(steps=tuple(s if isinstance(s, str) else str(s.id) for s in steps), path=path)
        case ["fn"] if callable(found["fn"]):
            return FromFunction(fn=name(found["fn"]))
        case _:
            raise InvalidReference(key, found, "is not exactly one kind of source")


def look_up(source: Constant | FromInit | FromContext | FromStep, values: Values) -> tuple[bool, Json]:
    """Whether *source* has a value, and the value.

    Raises `InvalidMapPath`.
    """
    match source:
        case Constant(value=value):
            return True, isolate(value)
        case FromInit(path=path):
            return _follow(values.init(), path, "the workflow's input")
        case FromContext(path=path):
            context = values.context()
            return (
                (True, context[path])
                if path in context
                else _follow(dict(context), path, "the runtime context")
            )
        case FromStep(steps=steps, path=path):
            for step in steps:
                there, value = values.output(step)
                if there:
                    return _follow(value, path, f"step {step}")
            raise InvalidMapPath(path, f"step {' or '.join(steps)}, which has no output")


def _follow(value: Json, path: str, source: str) -> tuple[bool, Json]:
    if path in {".", ""}:
        return True, value
    *above, last = path.split(".")
    for part in above:
        there, value = _enter(value, part)
        if not there:
            raise InvalidMapPath(path, source)
    if not isinstance(value, dict | list):
        raise InvalidMapPath(path, source)
    return _enter(value, last)


def _enter(value: Json, part: str) -> tuple[bool, Json]:
    if isinstance(value, dict) and part in value:
        return True, value[part]
    if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
        return True, value[int(part)]
    return False, None


def source_to_json(source: Source) -> Json:
    """*source* as JSON; `source_from_json` reads it."""
    match source:
        case Constant(value=value):
            return {"value": value}
        case FromInit(path=path):
            return {"init": path}
        case FromContext(path=path):
            return {"context": path}
        case FromStep(steps=steps, path=path):
            return {"steps": list(steps), "path": path}
        case FromFunction(fn=fn):
            return {"fn": fn}


def source_from_json(data: Json) -> Source:
    """The source that `source_to_json` wrote."""
    if "value" in data:
        return Constant(value=data["value"])
    if "init" in data:
        return FromInit(path=data["init"])
    if "context" in data:
        return FromContext(path=data["context"])
    if "steps" in data:
        return FromStep(steps=tuple(data["steps"]), path=data["path"])
    return FromFunction(fn=data["fn"])
