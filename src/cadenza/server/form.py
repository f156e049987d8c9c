"""Form: a JSON Schema as fields that people fill in, and what they filled in as JSON.

Known are texts, numbers, yes or no, choices, dates, objects inside objects, and what may be missing. For anything else there is a
box for JSON. A field that is left empty is left out, so that the default of the type applies. What is right is for the
type to say, when the answer is given; here only what is no number or no JSON is found.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias

from ..errors import Issue
from ..model.values import Json
from .inline import inlined

Kind: TypeAlias = Literal[
    "text",
    "long",
    "integer",
    "number",
    "decimal",
    "bool",
    "choice",
    "date",
    "time",
    "datetime",
    "email",
    "url",
    "json",
]

_FORMATS: dict[str, Kind] = {
    "date": "date",
    "time": "time",
    "date-time": "datetime",
    "email": "email",
    "uri": "url",
    "textarea": "long",
}
_LONG = 200  # a text that may have more characters gets a box with lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. `path` leads to its value in the answer, from outside in; () is the answer itself."""

    path: tuple[str, ...]
    kind: Kind
    title: str
    description: str = ""
    required: bool = False
    nullable: bool = False
    default: Json = None
    choices: tuple[Json, ...] = ()

    @property
    def name(self) -> str:
        """Its name among what a browser sends."""
        return ".".join(("answer", *self.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Fields that make one object. `constants` are values that leave no choice, by key."""

    path: tuple[str, ...]
    title: str
    description: str = ""
    required: bool = True
    nullable: bool = False
    parts: tuple[Field | Group, ...] = ()
    constants: Mapping[str, Json]


Part: TypeAlias = Field | Group


def form_of(schema: Json) -> Part:
    """The form for answers of *schema*; None is anything."""
    return _part((), "", inlined(schema) if isinstance(schema, dict) else {}, required=True)


def fields_of(part: Part) -> Iterator[Field]:
    """All fields, in order."""
    if isinstance(part, Field):
        yield part
        return
    for inner in part.parts:
        yield from fields_of(inner)


def read_form(part: Part, given: Mapping[str, str]) -> tuple[Json, list[Issue]]:
    """The answer that *given*, what a browser sent, makes, and what is wrong with single fields."""
    issues: list[Issue] = []
    there, value = _read(part, given, issues)
    return (value if there else None), issues


# ------------------------------------------------------------------ from the schema


def _part(path: tuple[str, ...], key: str, schema: Any, *, required: bool) -> Part:
    schema = schema if isinstance(schema, dict) else {}
    schema, nullable = _not_null(schema)
    about: dict[str, Any] = {
        "path": path,
        "title": str(schema.get("title") or key.replace("_", " ") or "Your answer"),
        "description": str(schema.get("description") or ""),
        "required": required,
        "nullable": nullable,
    }
    properties = schema.get("properties")
    if (
        schema.get("type") == "object"
        and isinstance(properties, dict)
        and not schema.get("additionalProperties")
    ):
        needed = schema.get("required", [])
        constants = {name: inner["const"] for name, inner in properties.items() if "const" in inner}
        parts = tuple(
            _part((*path, name), name, inner, required=name in needed)
            for name, inner in properties.items()
            if name not in constants
        )
        return Group(**about, parts=parts, constants=constants)
    kind, choices = _kind(schema)
    return Field(**about, kind=kind, choices=choices, default=schema.get("default"))


def _not_null(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """*schema* without the null that it also allows, and whether it does."""
    options = schema.get("anyOf")
    if not isinstance(options, list):
        return schema, False
    rest = [option for option in options if option != {"type": "null"}]
    outer = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(rest) == 1 and isinstance(rest[0], dict):
        return {**rest[0], **outer}, len(options) > 1
    return {**outer, "anyOf": rest}, len(rest) < len(options)


def _kind(schema: dict[str, Any]) -> tuple[Kind, tuple[Json, ...]]:
    if isinstance(schema.get("enum"), list):
        return "choice", tuple(schema["enum"])
    if "const" in schema:
        return "choice", (schema["const"],)
    kinds = {option.get("type") for option in schema.get("anyOf", []) if isinstance(option, dict)}
    if kinds == {"number", "string"}:  # a Decimal: a text keeps what a float would lose
        return "decimal", ()
    match schema.get("type"):
        case "boolean":
            return "bool", ()
        case "integer":
            return "integer", ()
        case "number":
            return "number", ()
        case "string":
            longest = schema.get("maxLength")
            long = isinstance(longest, int) and longest > _LONG
            return _FORMATS.get(str(schema.get("format")), "long" if long else "text"), ()
        case _:
            return "json", ()


# ------------------------------------------------------------------ from the browser


def _read(part: Part, given: Mapping[str, str], issues: list[Issue]) -> tuple[bool, Json]:
    """Whether there is a value, and the value."""
    if isinstance(part, Field):
        return _read_field(part, given.get(part.name, ""), issues)
    found = {inner.path[-1]: _read(inner, given, issues) for inner in part.parts}
    value = {key: inner for key, (there, inner) in found.items() if there}
    # An object that may be missing is, where nothing was filled in.
    if not value and not part.required:
        return False, None
    if not value and part.nullable and part.parts:
        return True, None
    return True, {**part.constants, **value}


def _read_field(field: Field, text: str, issues: list[Issue]) -> tuple[bool, Json]:
    # A browser sends line breaks as two characters.
    text = text.replace("\r\n", "\n") if field.kind in {"long", "text"} else text.strip()
    if not text:
        return (True, None) if field.nullable and field.required else (False, None)
    try:
        return True, _value(field, text)
    except (ValueError, InvalidOperation, RecursionError):
        what = {"integer": "a whole number", "number": "a number", "decimal": "a number", "json": "JSON"}
        why = f"this is not {what.get(field.kind, 'one of the choices')}"
        issues.append(Issue(path=".".join(field.path), message=why))
        return True, text


def _value(field: Field, text: str) -> Json:
    """What *text* says. Raises `ValueError` where it cannot be read."""
    match field.kind:
        case "integer":
            return int(text)
        case "number" | "decimal":
            number = _number(text)
            return text if field.kind == "decimal" else number
        case "bool" | "choice":
            choices = {"yes": True, "no": False} if field.kind == "bool" else _numbered(field.choices)
            return choices[text] if text in choices else _refuse(text)
        case "datetime":
            # A browser's field knows no time zone; the page says that it means UTC.
            return text if text.endswith("Z") or "+" in text else f"{text}Z"
        case "json":
            return json.loads(text, parse_constant=_refuse)
        case "text" | "long" | "date" | "time" | "email" | "url":
            return text


def _number(text: str) -> int | float:
    number = Decimal(text)
    if not math.isfinite(float(number)):  # 1e400 too
        _refuse(text)
    whole = abs(number) < 2**53 and number == number.to_integral_value()
    return int(number) if whole else float(number)


def _numbered(choices: Sequence[Json]) -> dict[str, Json]:
    return {str(number): choice for number, choice in enumerate(choices)}


def _refuse(text: str) -> Any:
    raise ValueError(text)


def shown(value: Json) -> str:
    """*value* as people read it: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def messages(issues: Sequence[Issue], field: Field) -> list[str]:
    """What *issues* say of *field*; a union's members may stand behind its path."""
    here = ".".join(field.path)
    inside = [i for i in issues if i.path == here or (here and i.path.startswith(f"{here}."))]
    return [issue.message for issue in (inside if here else issues)]
