"""Types as people write them for Pydantic, with values, and how each is put into a form by hand.

Nothing here knows how the form reads a schema: a *plan* says which control gets what, as a person would do it.
"""

from __future__ import annotations

import functools
import itertools
import json
import operator
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from hypothesis import assume
from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel, Field, Json, SecretStr, TypeAdapter, create_model

Plan = dict[str, Any]
Filled = tuple[Any, Plan]  # a value as JSON, and how it gets into the form

NOTHING: Plan = {"do": "nothing"}
KEEP: Plan = {"do": "keep"}
ABSENT = object()
_NUMBERS = itertools.count()

# What one line can hold: a browser takes line breaks out of it.
_LETTERS = st.characters(exclude_categories=["Cs", "Cc"])
_WORDS = st.text(_LETTERS, min_size=1, max_size=12)
_KEYS = st.text("abcxyz", min_size=2, max_size=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type, and how a value of it is drawn. `word` tells it from the other members of a union.

    Values are drawn by functions: a strategy for each type would take longer to build than to use.
    """

    type: Any
    fill: Callable[[st.DrawFn], Filled] = field(repr=False)
    word: str
    hashable: bool = False
    nullable: bool = False


def _text(text: str, bad: str | None = None) -> Plan:
    plan: Plan = {"do": "text", "text": text}
    return plan if bad is None else plan | {"bad": {"do": "text", "text": bad}}


def _leaf(type_: Any, values: st.SearchStrategy[Any], word: str, bad: str | None = None) -> Kind:
    """A type whose values are typed as they are in JSON, or as its text."""

    def fill(draw: st.DrawFn) -> Filled:
        value = draw(values)
        return value, _text(value if isinstance(value, str) else json.dumps(value), bad)

    return Kind(type=type_, fill=fill, word=word, hashable=True)


def _integer(draw: st.DrawFn) -> Kind:
    least = draw(st.none() | st.integers(-1000, 1000))
    most = None if least is None else least + draw(st.integers(0, 1000))
    bad = "seven" if most is None else str(most + 1)
    return _leaf(Annotated[int, Field(ge=least, le=most)], st.integers(least, most), "int", bad)


def _choice(draw: st.DrawFn) -> Kind:
    values = draw(st.lists(_WORDS | st.integers(-9, 99), min_size=2, max_size=7, unique_by=str))

    def fill(draw: st.DrawFn) -> Filled:
        index = draw(st.sampled_from(range(len(values))))
        return values[index], {"do": "choose", "index": index}

    return Kind(type=Literal[tuple(values)], fill=fill, word="choice", hashable=True)


def _check(draw: st.DrawFn) -> Filled:
    on = draw(st.booleans())
    return on, {"do": "check", "on": on}


def _instant(draw: st.DrawFn) -> Filled:
    # June: what the clock shows is one time, and Berlin is two hours ahead.
    at = draw(st.datetimes(datetime(1990, 6, 1), datetime(1990, 6, 30))).replace(microsecond=0, second=17)  # noqa: DTZ001
    zone, suffix = draw(st.sampled_from([("local", "+02:00"), ("utc", "Z"), ("none", "")]))
    return at.isoformat() + suffix, {"do": "instant", "text": at.isoformat(), "zone": zone}


def _anything(draw: st.DrawFn) -> Filled:
    value = draw(_JSON)
    return value, _text(json.dumps(value))


def _json_text(draw: st.DrawFn) -> Filled:
    text = json.dumps(draw(st.lists(st.integers(), max_size=3)))
    return text, _text(text, "[1, 2")


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | _WORDS, st.lists, max_leaves=3
)
_TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59), st.integers(1, 59)).map(time.isoformat)
_LEAVES: list[Kind] = [
    _leaf(int, st.integers(), "int", "seven"),
    _leaf(str, _WORDS, "str"),
    _leaf(
        Annotated[str, Field(min_length=2, max_length=5)],
        st.text(_LETTERS, min_size=2, max_size=5),
        "str",
        "x",
    ),
    _leaf(Annotated[str, Field(pattern="^[a-f]+$")], st.text("abcdef", min_size=1), "str", "xyz"),
    _leaf(
        Annotated[str, Field(json_schema_extra={"format": "textarea"})],
        st.text(_LETTERS | st.just("\n"), min_size=1),
        "str",
    ),
    Kind(type=bool, fill=_check, word="bool", hashable=True),
    _leaf(float, st.floats(allow_nan=False, allow_infinity=False), "float", "much"),
    _leaf(Annotated[float, Field(gt=0, lt=10)], st.floats(0.5, 9.5), "float", "10"),
    _leaf(Decimal, st.decimals(allow_nan=False, allow_infinity=False).map(str), "decimal", "a lot"),
    _leaf(Annotated[Decimal, Field(ge=1)], st.decimals(1, 99, places=2).map(str), "decimal", "0.99"),
    _leaf(date, st.dates().map(date.isoformat), "date"),
    _leaf(time, _TIMES, "time"),
    Kind(type=datetime, fill=_instant, word="datetime"),
    _leaf(timedelta, st.sampled_from(["PT1H30M", "P3DT12H", "01:30:00"]), "duration", "soon"),
    _leaf(UUID, st.uuids().map(str), "uuid", "no uuid"),
    _leaf(AnyUrl, st.sampled_from(["https://example.com/a?b=c", "ftp://a.example/"]), "url", "nowhere"),
    _leaf(Path, st.sampled_from(["/tmp/a b", "c.txt"]), "path"),
    _leaf(bytes, _WORDS, "bytes"),
    _leaf(SecretStr, _WORDS, "secret"),
    # In Any, null is a value like others.
    Kind(type=Any, fill=_anything, word="any", nullable=True),
    Kind(type=Json[list[int]], fill=_json_text, word="json"),
]


def _one(draw: st.DrawFn) -> Kind:
    made = draw(st.sampled_from([_integer, _choice, *_LEAVES]))
    return made if isinstance(made, Kind) else made(draw)


# ------------------------------------------------------------------ types made of others


def _either(*types: Any) -> Any:
    return functools.reduce(operator.or_, types)


def _optional(kind: Kind) -> Kind:
    def fill(draw: st.DrawFn) -> Filled:
        return kind.fill(draw) if draw(st.booleans()) else (None, NOTHING)

    return Kind(type=_either(kind.type, None), fill=fill, word=kind.word, nullable=True)


def _list(kind: Kind, type_: Any, least: int = 0) -> Kind:
    def fill(draw: st.DrawFn) -> Filled:
        items = [kind.fill(draw) for _ in range(draw(st.integers(least, 3)))]
        return [value for value, _ in items], {"do": "rows", "rows": [[None, plan] for _, plan in items]}

    return Kind(type=type_, fill=fill, word="list")


def _dict(kind: Kind) -> Kind:
    def fill(draw: st.DrawFn) -> Filled:
        items = {key: kind.fill(draw) for key in draw(st.sets(st.text(_LETTERS, max_size=5), max_size=3))}
        rows = [[key, plan] for key, (_, plan) in items.items()]
        return {key: value for key, (value, _) in items.items()}, {"do": "rows", "rows": rows}

    return Kind(type=dict[str, kind.type], fill=fill, word="object")


def _tuple(kinds: list[Kind]) -> Kind:
    def fill(draw: st.DrawFn) -> Filled:
        items = [kind.fill(draw) for kind in kinds]
        parts = [[str(i), plan] for i, (_, plan) in enumerate(items)]
        return [value for value, _ in items], {"do": "parts", "parts": parts}

    type_: Any = tuple[tuple(kind.type for kind in kinds)]  # type: ignore[misc]
    return Kind(type=type_, fill=fill, word="list")


def _union(kinds: list[Kind]) -> Kind:
    def fill(draw: st.DrawFn) -> Filled:
        index = draw(st.sampled_from(range(len(kinds))))
        value, inner = kinds[index].fill(draw)
        return value, {"do": "variant", "index": index, "inner": inner}

    return Kind(type=_either(*(kind.type for kind in kinds)), fill=fill, word="union")


def _may_be_united(kinds: list[Kind]) -> bool:
    """Whether they are several, each of its own sort, so that a person can tell which of them a value is.

    `float | str` is not here: its schema is the one of a Decimal. Nor is a Decimal with one of them: Pydantic writes it once.
    """
    words = [kind.word for kind in kinds]
    blurred = any(one == "float" and other == "str" for one, other in itertools.pairwise(words))
    blurred = blurred or ("decimal" in words and bool({"float", "str"} & set(words)))
    alone = any(kind.nullable or kind.word in {"union", "json", "choice"} for kind in kinds)
    return len(set(words)) == len(words) and not blurred and not alone


def _any_kind(draw: st.DrawFn, depth: int) -> Kind:
    """A type of any sort, *depth* levels deep at most."""
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        return _one(draw)
    made: Callable[[st.DrawFn, int], Kind] = draw(
        st.sampled_from([_made, _several, _set_or_list, _several, _model, _tagged])
    )
    return made(draw, depth - 1)


def _made(draw: st.DrawFn, depth: int) -> Kind:
    kind = _any_kind(draw, depth)
    match draw(st.sampled_from(["optional", "list", "dict"])):
        case "list":
            return _list(kind, list[kind.type])
        case "dict":
            return _dict(kind)
        case _:
            return kind if kind.nullable else _optional(kind)


def _set_or_list(draw: st.DrawFn, _: int) -> Kind:
    kind = _one(draw)
    if kind.hashable and draw(st.booleans()):
        return _list(kind, set[kind.type])
    return _list(kind, Annotated[list[kind.type], Field(min_length=1, max_length=4)], 1)


def _several(draw: st.DrawFn, depth: int) -> Kind:
    kinds = [_any_kind(draw, depth) for _ in range(draw(st.integers(2, 3)))]
    return _union(kinds) if _may_be_united(kinds) else _tuple(kinds)


# ------------------------------------------------------------------ models


def _part(draw: st.DrawFn, depth: int) -> tuple[Any, Kind]:
    """One field of a model: its definition, and how it is filled in."""
    kind = _any_kind(draw, depth)
    how = draw(st.sampled_from(["required", "required", "default", "factory", "none"]))
    if how == "none" and not kind.nullable:
        kind = _optional(kind)

    def needed(draw: st.DrawFn) -> Filled:
        value, plan = kind.fill(draw)
        missable = (
            not kind.nullable and kind.word not in {"list", "object"} and not plan.keys() & {"bad", "inner"}
        )
        return value, plan | {"bad": NOTHING} if missable else plan

    def kept(draw: st.DrawFn) -> Filled:
        value, plan = kind.fill(draw)
        if draw(st.booleans()):
            return ABSENT, KEEP
        # What a default holds is there already: to keep a part of it is not to leave that part out.
        if how == "default" and _keeps(plan):
            return ABSENT, KEEP
        # Nobody can see what a factory makes: nothing filled in is nothing said.
        return (ABSENT, plan) if how == "factory" and plan is NOTHING else (value, plan)

    if how == "required" or (how == "none" and kind.word == "any"):
        return (kind.type, ...), replace(kind, fill=needed)
    value = None if how == "none" else kind.fill(draw)[0]

    def default() -> Any:
        return TypeAdapter(kind.type).validate_json(json.dumps(value), strict=True)

    definition = Field(default_factory=default) if how == "factory" else default()
    return (kind.type, definition), replace(kind, fill=kept)


def _keeps(plan: Plan) -> bool:
    inner = [part for _, part in plan.get("parts", plan.get("rows", []))]
    return plan is KEEP or any(
        _keeps(part) for part in [*inner, *([plan["inner"]] if "inner" in plan else [])]
    )


def _model(draw: st.DrawFn, depth: int, **more: Any) -> Kind:
    """A model with up to four fields."""
    keys = draw(st.lists(_KEYS, max_size=4, unique=True))
    parts = {key: _part(draw, depth) for key in keys}
    definitions: dict[str, Any] = {key: definition for key, (definition, _) in parts.items()}
    model = create_model(f"Model{next(_NUMBERS)}", **definitions, **more)

    def fill(draw: st.DrawFn) -> Filled:
        values = {key: kind.fill(draw) for key, (_, kind) in parts.items()}
        given = {key: value for key, (value, _) in values.items() if value is not ABSENT}
        return given, {"do": "parts", "parts": [[key, plan] for key, (_, plan) in values.items()]}

    return Kind(type=model, fill=fill, word="object")


def _tagged(draw: st.DrawFn, depth: int) -> Kind:
    """A union whose members have a tag of their own, some of them by default."""
    tags = draw(st.lists(_KEYS, min_size=2, max_size=5, unique=True))
    members = [_model(draw, depth, the_tag=(Literal[tag], draw(st.sampled_from([..., tag])))) for tag in tags]

    def fill(draw: st.DrawFn) -> Filled:
        index = draw(st.sampled_from(range(len(tags))))
        value, inner = members[index].fill(draw)
        return {"the_tag": tags[index], **value}, {"do": "variant", "index": index, "inner": inner}

    type_: Any = Annotated[_either(*(each.type for each in members)), Field(discriminator="the_tag")]
    return Kind(type=type_, fill=fill, word="union")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model, one of its values as JSON, and how a person puts that into the form."""

    model: type[BaseModel]
    value: Any
    plan: Plan


@st.composite
def right(draw: st.DrawFn) -> Case:
    """Values that the model takes."""
    kind = _model(draw, 2)
    value, plan = kind.fill(draw)
    return Case(model=kind.type, value=value, plan=plan)


@st.composite
def wrong(draw: st.DrawFn) -> Case:
    """Values of which one is put in wrongly; where a union has another member for it, the model may take it all the same."""
    case = draw(right())
    ways = broken(case.plan)
    assume(ways)
    return Case(model=case.model, value=None, plan=draw(st.sampled_from(ways)))


def broken(plan: Plan) -> list[Plan]:
    """*plan* with one value put in wrongly, for each value where that can be done."""
    if "bad" in plan:
        return [plan["bad"] | {"wrong": True}]
    if "inner" in plan:
        return [plan | {"inner": inner} for inner in broken(plan["inner"])]
    for name in ("parts", "rows"):
        if name in plan:
            items = plan[name]
            return [
                plan | {name: [*items[:i], [key, wrong], *items[i + 1 :]]}
                for i, (key, item) in enumerate(items)
                for wrong in broken(item)
            ]
    return []
