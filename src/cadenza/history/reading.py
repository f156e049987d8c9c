"""Answers read by today's types, which may have changed since the question was asked.

The rule to keep: what somebody has said is read as a whole or not at all. A field that was renamed and has a default would
otherwise turn a "no" into the default.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from ..errors import InvalidResumeData, Issue
from ..model.schema import Schema
from ..model.values import Json


def read_answer(schema: Schema, answer: Json, asked: Json, where: str) -> Any:
    """*answer*, which was given to a question with the JSON Schema *asked* (None: anything), as an instance of today's type.

    Raises `InvalidResumeData` where the type does not fit, or would leave out a part of what was asked for and answered.
    """
    value = schema.read(answer, InvalidResumeData, where)
    if not is_same(schema, asked):
        refuse_loss(answer, schema.dump(value, where), asked, where)
    return value


def is_same(schema: Schema, asked: Json) -> bool:
    """Whether *schema* is what was asked for."""
    return schema.anything if asked is None else bool(not schema.anything and schema.describe() == asked)


def refuse_loss(given: Json, read: Json, asked: Json, where: str) -> None:
    """Raise `InvalidResumeData` where something that was asked for and *given* is not in what was *read* of it."""
    lost = list(_lost(given, read, _names(asked)))
    if lost:
        raise InvalidResumeData(
            where, [Issue(path=path, message="Today's type does not know this field") for path in lost]
        )


def _lost(given: Json, read: Json, names: AbstractSet[str] | None, path: str = "") -> Iterator[str]:
    if isinstance(given, dict) and isinstance(read, dict):
        for key, value in given.items():
            if key in read:
                yield from _lost(value, read[key], names, f"{path}{key}.")
            elif names is None or key in names:
                yield f"{path}{key}"
    elif isinstance(given, list) and isinstance(read, list):
        for i, (one, other) in enumerate(zip(given, read, strict=False)):
            yield from _lost(one, other, names, f"{path}{i}.")


def _names(asked: Json) -> AbstractSet[str] | None:
    """The names of all fields in the JSON Schema *asked*; None where any name is one."""
    if asked is None:
        return None
    names: set[str] = set()
    left: list[Json] = [asked]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            if part.get("additionalProperties"):
                return None
            properties = part.get("properties")
            names |= properties.keys() if isinstance(properties, dict) else set()
            left += part.values()
        elif isinstance(part, list):
            left += part
    return names
