"""Values between steps are JSON, and this file is the border.

Nothing is tagged: a `Decimal` becomes its text, a model its fields, and the type of whoever reads it makes it one again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from ..errors import Issue, ValueNotKept, ValueTooLarge

if TYPE_CHECKING:
    Json: TypeAlias = (
        Any  # str | int | float | bool | None | list[Json] | dict[str, Json], which mypy cannot follow
    )
else:
    Json = Any

_SCALARS = (str, int, bool, type(None))


def encode(value: Json) -> bytes:
    """*value* as UTF-8 JSON, keys in insertion order, without spaces. Integers of any size."""
    return to_json(value)


def decode(data: bytes) -> Json:
    """The value in *data*."""
    return from_json(data)


def isolate(value: Json) -> Json:
    """A copy of *value* that shares nothing with it."""
    kind = type(value)
    if kind in _SCALARS or kind is float:
        return value
    return from_json(to_json(value))


def limited(value: Json, limit: int, what: str, where: str) -> Json:
    """*value*, if its JSON has at most *limit* bytes; *what* it is, and *where*.

    Raises `ValueTooLarge`.
    """
    size = len(to_json(value)) if value else 0
    if size > limit:
        says = f"{size:,} bytes of JSON, where {limit:,} are allowed; keep it elsewhere and pass a reference, or raise value_limit="
        raise ValueTooLarge(f"{what} {where}", [Issue(path="", message=says)])
    return value


def plain(value: object, where: str) -> Json:
    """*value* as JSON by its runtime type, a copy that shares nothing with it.

    Raises `ValueNotKept` with the path of the first value that JSON cannot hold: NaN, infinities, non-string keys, lone
    surrogates, cycles, objects that Pydantic cannot dump.
    """
    return _plain(value, "", where, 0)


# Deeper than this is a cycle, or will not be read back by a parser: jiter stops at 200.
_DEEPEST = 190


def _plain(value: object, path: str, where: str, depth: int) -> Json:
    if depth > _DEEPEST:
        raise ValueNotKept(where, [Issue(path=path, message="nested too deeply, or a cycle")])
    kind = type(value)
    if kind is str:
        _check_text(value, path, where)
        return value
    if kind is int or kind is bool or value is None:
        return value
    if kind is float:
        if not math.isfinite(value):  # type: ignore[arg-type]  # mypy does not narrow on `type(value) is float`
            raise ValueNotKept(where, [Issue(path=path, message=f"{value} is no JSON number")])
        return value
    if kind is dict or isinstance(value, Mapping):
        return {
            _key(key, path, where): _plain(item, f"{path}.{key}" if path else str(key), where, depth + 1)
            for key, item in value.items()  # type: ignore[attr-defined]  # the same
        }
    if isinstance(value, list | tuple):
        return [_plain(v, f"{path}.{i}" if path else str(i), where, depth + 1) for i, v in enumerate(value)]
    try:
        dumped = to_jsonable_python(value, by_alias=False, round_trip=True)
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise ValueNotKept(where, [Issue(path=path, message=f"{kind.__qualname__}: {error}")]) from error
    return _plain(dumped, path, where, depth + 1)


def _key(key: object, path: str, where: str) -> str:
    if not isinstance(key, str):
        raise ValueNotKept(
            where, [Issue(path=path, message=f"the key {key!r} is {type(key).__qualname__}, not str")]
        )
    _check_text(key, path, where)
    return str(key)


def _check_text(text: object, path: str, where: str) -> None:
    assert isinstance(text, str)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueNotKept(where, [Issue(path=path, message="text with a lone surrogate")]) from None
