"""The expression language of the scenarios: SCENARIO.md, section 2."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any


class Thrown(Exception):
    """`@throw`, or the op `fail`."""


def evaluate(expr: Any, roots: Mapping[str, Any]) -> Any:
    """The value of *expr*; *roots* are what `$root` may name."""
    if isinstance(expr, str):
        if expr.startswith("$$"):
            return expr[1:]
        return _follow(expr[1:], roots) if expr.startswith("$") else expr
    if isinstance(expr, list):
        return [evaluate(item, roots) for item in expr]
    if isinstance(expr, dict):
        if len(expr) == 1:
            (name,) = expr
            if name.startswith("@"):
                argument = expr[name]
                listed = argument if isinstance(argument, list) else [argument]
                return _OPERATORS[name](*[evaluate(item, roots) for item in listed])
        return {key: evaluate(value, roots) for key, value in expr.items()}
    return expr


def is_true(expr: Any, roots: Mapping[str, Any]) -> bool:
    """Whether *expr* is exactly true."""
    return evaluate(expr, roots) is True


def _follow(reference: str, roots: Mapping[str, Any]) -> Any:
    root, *parts = reference.split(".")
    value = roots.get(root)
    if callable(value):
        value = value(parts.pop(0)) if parts else None
    for part in parts:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return copy.deepcopy(value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fold(operation: Any) -> Any:
    def folded(*values: Any) -> Any:
        if not all(map(_number, values)):
            return None
        total, *rest = values
        for value in rest:
            total = operation(total, value)
        return total

    return folded


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _merge(*values: Any) -> Any:
    merged: dict[str, Any] = {}
    for value in values:
        merged.update(value or {})
    return merged


def equal(one: Any, other: Any) -> bool:
    """Deep equality, in which true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def _compare(operation: Any) -> Any:
    def compared(one: Any, other: Any) -> bool:
        alike = (_number(one) and _number(other)) or (isinstance(one, str) and isinstance(other, str))
        return bool(alike and operation(one, other))

    return compared


def _throw(message: Any) -> Any:
    raise Thrown(_text(message))


_OPERATORS: dict[str, Any] = {
    "@add": _fold(lambda a, b: a + b),
    "@sub": _fold(lambda a, b: a - b),
    "@mul": _fold(lambda a, b: a * b),
    "@mod": _fold(lambda a, b: a % b),
    "@concat": lambda *values: "".join(map(_text, values)),
    "@merge": _merge,
    "@append": lambda items, *more: [*(items or []), *more],
    "@len": lambda items: len(items or []),
    "@sum": lambda items: sum(items or []),
    "@pluck": lambda items, key: [item.get(key) if isinstance(item, dict) else None for item in items or []],
    "@range": lambda n: list(range(int(n))),
    "@or_else": lambda a, b: b if a is None else a,
    "@if": lambda c, a, b: a if c is True else b,
    "@has": lambda value: value is not None,
    "@not": lambda value: value is not True,
    "@and": lambda *values: all(value is True for value in values),
    "@or": lambda *values: any(value is True for value in values),
    "@eq": equal,
    "@ne": lambda a, b: not equal(a, b),
    "@gt": _compare(lambda a, b: a > b),
    "@ge": _compare(lambda a, b: a >= b),
    "@lt": _compare(lambda a, b: a < b),
    "@le": _compare(lambda a, b: a <= b),
    "@throw": _throw,
}
