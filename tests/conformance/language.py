"""The expression language of the scenarios: SCENARIO.md, section 2. It is total: only `@throw` raises."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from typing import Any


class Thrown(Exception):
    """`@throw`, or the op `fail`."""


def evaluate(expr: Any, roots: Mapping[str, Any]) -> Any:
    """The value of *expr*; *roots* are what `$root` may name: values, or functions of the first part after the root."""
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
                return _OPERATORS[name]([evaluate(item, roots) for item in listed])
        return {key: evaluate(value, roots) for key, value in expr.items()}
    return expr


def is_true(expr: Any, roots: Mapping[str, Any]) -> bool:
    """Whether *expr* is exactly true."""
    return evaluate(expr, roots) is True


def text(value: Any) -> str:
    """A string itself, anything else as compact JSON, in which 1.0 is 1."""
    return (
        value
        if isinstance(value, str)
        else json.dumps(_whole(value), separators=(",", ":"), ensure_ascii=False)
    )


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


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


# --------------------------------------------------------------------------- operators: functions of the list of arguments


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _arg(args: list[Any], at: int) -> Any:
    return args[at] if at < len(args) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _fold(operation: Callable[[Any, Any], Any]) -> Callable[[list[Any]], Any]:
    def folded(args: list[Any]) -> Any:
        if not args or not all(map(_number, args)):
            return None
        total, *rest = args
        try:
            for value in rest:
                total = operation(total, value)
        except (ZeroDivisionError, OverflowError):
            return None
        return total if math.isfinite(total) else None

    return folded


def _modulo(one: Any, other: Any) -> Any:
    # The sign is that of the dividend, as where the corpus was recorded.
    rest = abs(one) % abs(other)
    return -rest if one < 0 else rest


def _merge(args: list[Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for value in args:
        merged |= value if isinstance(value, dict) else {}
    return merged


def _pluck(args: list[Any]) -> list[Any]:
    key = _arg(args, 1)
    return [item.get(key) if isinstance(item, dict) else None for item in _list(_arg(args, 0))]


def _range(args: list[Any]) -> list[int]:
    n = _arg(args, 0)
    return list(range(math.ceil(n))) if _number(n) else []


def equal(one: Any, other: Any) -> bool:
    """Deep equality, in which true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def _compare(operation: Callable[[Any, Any], Any]) -> Callable[[list[Any]], bool]:
    def compared(args: list[Any]) -> bool:
        one, other = _arg(args, 0), _arg(args, 1)
        if isinstance(one, str) and isinstance(other, str):
            # By UTF-16 units, as where the corpus was recorded.
            return bool(
                operation(
                    one.encode("utf-16-be", "surrogatepass"), other.encode("utf-16-be", "surrogatepass")
                )
            )
        return bool(_number(one) and _number(other) and operation(one, other))

    return compared


def _throw(args: list[Any]) -> Any:
    raise Thrown(text(_arg(args, 0)))


_sum = _fold(lambda a, b: a + b)

_OPERATORS: dict[str, Callable[[list[Any]], Any]] = {
    "@add": _sum,
    "@sub": _fold(lambda a, b: a - b),
    "@mul": _fold(lambda a, b: a * b),
    "@mod": _fold(_modulo),
    "@concat": lambda args: "".join(map(text, args)),
    "@merge": _merge,
    "@append": lambda args: [*_list(_arg(args, 0)), *args[1:]],
    "@len": lambda args: len(_list(_arg(args, 0))),
    "@sum": lambda args: _sum([0, *_list(_arg(args, 0))]),
    "@pluck": _pluck,
    "@range": _range,
    "@or_else": lambda args: _arg(args, 1) if _arg(args, 0) is None else args[0],
    "@if": lambda args: _arg(args, 1) if _arg(args, 0) is True else _arg(args, 2),
    "@has": lambda args: _arg(args, 0) is not None,
    "@not": lambda args: _arg(args, 0) is not True,
    "@and": lambda args: all(value is True for value in args),
    "@or": lambda args: any(value is True for value in args),
    "@eq": lambda args: equal(_arg(args, 0), _arg(args, 1)),
    "@ne": lambda args: not equal(_arg(args, 0), _arg(args, 1)),
    "@gt": _compare(lambda a, b: a > b),
    "@ge": _compare(lambda a, b: a >= b),
    "@lt": _compare(lambda a, b: a < b),
    "@le": _compare(lambda a, b: a <= b),
    "@throw": _throw,
}
