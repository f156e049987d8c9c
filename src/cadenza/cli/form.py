"""Asking a person for an answer, field by field, from the JSON Schema of the question.

What the schema says of a field is a help for typing only; whether the answer will do is for the library to say, and what it
finds wrong is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InvalidJson
from .given import parse_json
from .out import ask, hint

if TYPE_CHECKING:
    from ..errors import Issue
    from ..model.values import Json

_WORDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "yes/no",
    "string": "text",
    "null": "null",
    "array": "list",
    "object": "object",
}
_YES, _NO = {"yes", "y", "true"}, {"no", "n", "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing to be asked for. `path` is empty for the whole answer; `kinds` are JSON types, all of them where it is empty."""

    path: tuple[str, ...]
    required: bool
    title: str
    choices: tuple[Json, ...]
    kinds: tuple[str, ...]
    format: str
    has_default: bool
    default: Json

    @property
    def optional(self) -> bool:
        """Whether nothing need be typed."""
        return self.has_default or not self.required


class Form:
    """The fields of one answer, and what was typed so far."""

    def __init__(self, schema: Json) -> None:
        self.fields = list(fields_of(schema if isinstance(schema, dict) else {}))
        self._typed: dict[tuple[str, ...], Json] = {}

    def fill(self, issues: Sequence[Issue] = ()) -> Json:
        """Ask for all fields, or with *issues* for those that they are about; the answer."""
        wrong = [field for field in self.fields if any(_about(issue.path, field) for issue in issues)]
        for issue in issues:
            hint(f"  ! {issue.path or 'the answer'}: {issue.message}")
        for field in wrong or self.fields:
            self._typed.pop(field.path, None)
            found = _ask_for(field)
            if found is not None:
                self._typed[field.path] = found[0]
        return self._answer()

    def _answer(self) -> Json:
        if () in self._typed:
            return self._typed[()]
        answer: dict[str, Json] = {}
        for path, value in self._typed.items():
            inside = answer
            for part in path[:-1]:
                inside = inside.setdefault(part, {})
            inside[path[-1]] = value
        return None if len(self.fields) == 1 and not self.fields[0].path else answer


def fields_of(schema: Mapping[str, Json]) -> Iterator[Field]:
    """What to ask for: of an object its properties, of required objects inside it theirs, anything else as a whole."""
    yield from _fields((), schema, schema.get("$defs", {}), required=True)


def _fields(
    path: tuple[str, ...], schema: Mapping[str, Json], definitions: Mapping[str, Json], *, required: bool
) -> Iterator[Field]:
    found = _followed(schema, definitions)
    properties = found.get("properties")
    # A schema that refers to itself ends where something in it is optional.
    if properties and required and "default" not in found and len(path) < 8:
        for name, inner in properties.items():
            needed = name in found.get("required", ())
            yield from _fields((*path, name), inner, definitions, required=needed)
        return
    options = [
        _followed(option, definitions) for option in found.get("anyOf") or found.get("oneOf") or [found]
    ]
    kinds = [kind for option in options for kind in _listed(option.get("type"))]
    some_say_nothing = any(
        "type" not in option and "enum" not in option and "const" not in option for option in options
    )
    yield Field(
        path=path,
        required=required,
        title=str(found.get("description") or ""),
        choices=tuple(choice for option in options for choice in _choices(option)),
        kinds=() if some_say_nothing else tuple(dict.fromkeys(kinds)),
        format=next((str(option["format"]) for option in options if "format" in option), ""),
        has_default="default" in found,
        default=found.get("default"),
    )


def _followed(schema: Mapping[str, Json], definitions: Mapping[str, Json]) -> dict[str, Json]:
    """*schema* with what it refers to filled in; its own words win."""
    found = dict(schema)
    for _ in range(8):
        inner = found.pop("allOf", [None])[0] if len(found.get("allOf", ())) == 1 else None
        if "$ref" in found:
            inner = definitions.get(str(found.pop("$ref")).rpartition("/")[2])
        if not isinstance(inner, dict):
            break
        found = {**inner, **found}
    return found


def _choices(schema: Mapping[str, Json]) -> list[Json]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def _listed(kind: Json) -> list[str]:
    return [kind] if isinstance(kind, str) else list(kind or ())


def _about(issue: str, field: Field) -> bool:
    place = ".".join(field.path)
    return not place or issue == place or issue.startswith(f"{place}.")


def _ask_for(field: Field) -> tuple[Json] | None:
    """What was typed for *field*; None where it is to be left out."""
    name = ".".join(field.path) or "answer"
    if field.title:
        hint(f"  {name}: {field.title}")
    while True:
        typed = ask(f"  {name} ({_expected(field)}): ")
        if not typed and field.optional:
            return None
        try:
            return (understood(typed, field),)
        except ValueError as error:
            hint(f"  ! {error}")


def _expected(field: Field) -> str:
    if field.choices:
        words = "/".join(_shown(choice) for choice in field.choices)
    else:
        words = " or ".join(_WORDS[kind] for kind in field.kinds if kind != "null") or "JSON"
        if field.format:
            words = field.format
        elif {"array", "object"} & set(field.kinds):
            words += " as JSON"
    if field.default is not None:
        return f"{words}; Enter: {_shown(field.default)}"
    return f"{words}; Enter: leave it out" if field.optional else words


def _shown(value: Json) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def understood(typed: str, field: Field) -> Json:
    """What *typed* means as a value of *field*.

    Raises `ValueError`, which says what is expected.
    """
    if field.choices:
        return _chosen(typed, field.choices)
    kinds = set(field.kinds)
    if "boolean" in kinds and typed.lower() in _YES | _NO:
        return typed.lower() in _YES
    if kinds and kinds <= {"string", "null"}:
        return _text(typed, kinds)
    try:
        value = parse_json(typed, "this")
    except InvalidJson as error:
        if "string" in kinds:
            return _text(typed, kinds)
        if kinds & {"array", "object"} or not kinds:
            raise ValueError(str(error)) from error
        value = typed
    if kinds and _kind_of(value) not in kinds and not (_kind_of(value) == "integer" and "number" in kinds):
        if "string" in kinds:
            return typed
        raise ValueError(
            "a " + " or ".join(_WORDS[kind] for kind in field.kinds if kind != "null") + " is expected"
        )
    return value


def _chosen(typed: str, choices: Sequence[Json]) -> Json:
    for choice in choices:
        words = {_shown(choice)}
        if isinstance(choice, bool):
            words = _YES if choice else _NO
        if typed in words:
            return choice
    raise ValueError(f"one of these: {', '.join(_shown(choice) for choice in choices)}")


def _text(typed: str, kinds: set[str]) -> Json:
    if typed == "null" and "null" in kinds:
        return None
    if not typed:
        raise ValueError('something is needed; "" is the empty text')
    return json.loads(typed) if typed == '""' else typed


def _kind_of(value: Json) -> str:
    for kind, type_ in (
        ("boolean", bool),
        ("integer", int),
        ("number", float),
        ("string", str),
        ("array", list),
    ):
        if isinstance(value, type_):
            return kind
    return "null" if value is None else "object"


def sketch(schema: Json) -> Json:
    """An answer that fits *schema*, or nearly: what to put into a command that is suggested."""
    form: dict[str, Json] = {}
    for field in fields_of(schema if isinstance(schema, dict) else {}):
        if not field.path:
            return _example(field)
        if field.required:
            inside = form
            for part in field.path[:-1]:
                inside = inside.setdefault(part, {})
            inside[field.path[-1]] = _example(field)
    return form


def _example(field: Field) -> Json:
    if field.choices:
        return field.choices[0]
    if field.has_default:
        return field.default
    blanks = {"string": "…", "integer": 0, "number": 0, "boolean": True, "array": [], "object": {}}
    return next((blanks[kind] for kind in field.kinds if kind in blanks), None)
