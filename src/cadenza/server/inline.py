"""JSON Schemas without references, for readers that follow none: Mastra Studio's forms, and documents of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.values import Json


def inlined(schema: Json, definitions: Mapping[str, Json] | None = None) -> Json:
    """*schema* with what each `$ref` names in its place.

    They are looked up by their last part, in *definitions* or the schema's own `$defs`. Where a definition holds itself, the
    inner one becomes `{}`: anything.
    """
    if not isinstance(schema, dict):
        return schema
    known = schema.get("$defs", {}) if definitions is None else definitions
    return _inlined(schema, known, ())


def _inlined(part: Json, known: Mapping[str, Json], around: tuple[str, ...]) -> Json:
    if isinstance(part, list):
        return [_inlined(item, known, around) for item in part]
    if not isinstance(part, dict):
        return part
    rest = {key: _inlined(item, known, around) for key, item in part.items() if key not in {"$ref", "$defs"}}
    if not isinstance(part.get("$ref"), str):
        # A property may be called `$ref`.
        return rest if "$ref" not in part else {**rest, "$ref": _inlined(part["$ref"], known, around)}
    name: str = part["$ref"].rpartition("/")[2]
    if name in around or name not in known:
        return rest
    # What stands beside a reference says more of this place: its title, its default.
    found: dict[str, Any] = _inlined(known[name], known, (*around, name))
    return {**found, **rest}
