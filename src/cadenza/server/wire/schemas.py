"""Schemas as Mastra's client and Studio read them: a string that holds superjson of a JSON Schema without references."""

from __future__ import annotations

from ...model.schema import Schema
from ...model.values import Json, encode
from ..inline import inlined


def schema_text(schema: Schema) -> str | None:
    """*schema* as that string; None where anything goes."""
    return None if schema.anything else encode({"json": flat(schema.describe())}).decode()


def flat(schema: Json) -> Json:
    """*schema* with references put in their place and choices of one thing or nothing made that thing.

    Studio's forms have no field for `anyOf`. A `Decimal` is a number or a text there: the number is kept; so it is
    for `int | float`.
    """
    return _flat(inlined(schema))


def _flat(part: Json) -> Json:
    if isinstance(part, list):
        return [_flat(item) for item in part]
    if not isinstance(part, dict):
        return part
    found = {key: _flat(item) for key, item in part.items()}
    options = found.get("anyOf")
    if not isinstance(options, list):
        return found
    kept = [option for option in options if option != {"type": "null"}]
    kinds = [option.get("type") if isinstance(option, dict) else None for option in kept]
    if kinds == ["number", "string"]:
        kept = kept[:1]
    if sorted(map(str, kinds)) == ["integer", "number"]:
        kept = [{"type": "number"}]
    if len(kept) != 1 or not isinstance(kept[0], dict):
        return found
    rest = {key: item for key, item in found.items() if key != "anyOf"}
    if len(kept) < len(options) and rest.get("default", "") is None:
        del rest["default"]
    return {**kept[0], **rest}
