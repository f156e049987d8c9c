"""Names for the functions that a graph refers to.

A function is found again by the id that was given, by its name, or by a fingerprint of its code; never by its position.
"""

from __future__ import annotations

from ast import parse, unparse
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from linecache import getline
from types import CodeType
from typing import Any

from ..errors import AmbiguousCode, DefinitionError

# A text for people is cut here.
_LONGEST = 120
_SCALARS = (str, int, float, bool, bytes, type(None))


class Functions:
    """The functions of one workflow by name."""

    def __init__(self, workflow: str) -> None:
        self._workflow = workflow
        self._found: dict[str, Callable[..., Any]] = {}

    def add(self, fn: Callable[..., Any], given: str | None = None) -> str:
        """The name under which *fn* will be found.

        Raises `AmbiguousCode` where another function has it.
        """
        name = given or name_of(fn)
        known = self._found.setdefault(name, fn)
        if known is not fn and not (fingerprint(known) == fingerprint(fn) and _tells_all(fn)):
            raise AmbiguousCode(self._workflow, name)
        self._found[name] = fn
        return name

    def find(self, name: str) -> Callable[..., Any] | None:
        """The function of that name, or None."""
        return self._found.get(name)


def name_of(fn: Callable[..., Any]) -> str:
    """The name of a named function, else a fingerprint of its code."""
    if isinstance(fn, partial):
        return f"{name_of(fn.func)}:{sha256(repr((fn.args, fn.keywords)).encode()).hexdigest()[:12]}"
    name = getattr(fn, "__name__", None)
    if name is None:
        raise DefinitionError(
            f"{fn!r} has no name by which a stored run could find it again; use a function, or give an id"
        )
    return name if name != "<lambda>" else f"lambda:{fingerprint(fn)}"


def fingerprint(fn: Callable[..., Any]) -> str:
    """What tells the code of *fn* from other code, and its closure from other closures: 12 hex digits.

    It is that of the byte code, which a new minor version of Python changes: give an id to what must outlive that.
    """
    code = getattr(fn, "__code__", None)
    if not isinstance(code, CodeType):
        return sha256(f"{type(fn).__module__}.{type(fn).__qualname__}{id(fn)}".encode()).hexdigest()[:12]
    cells = [_cell(cell) for cell in getattr(fn, "__closure__", None) or ()]
    defaults = [_scalar(value) for value in _defaults(fn)]
    return sha256(repr((_code(code), cells, defaults)).encode()).hexdigest()[:12]


def made_of(fn: Callable[..., Any]) -> str:
    """What a step consists of, as "name:fingerprint"; a part that nothing tells (a lambda's name) is empty."""
    name = getattr(fn, "__name__", "")
    code = fingerprint(fn) if isinstance(getattr(fn, "__code__", None), CodeType) else ""
    return f"{name if name != '<lambda>' else ''}:{code}"


def text_of(fn: Callable[..., Any]) -> str:
    """*fn* for people: its name; of a lambda what it computes, as far as its source can be read, else what `name_of` says."""
    name = name_of(fn)
    code = getattr(fn, "__code__", None)
    if not name.startswith("lambda:") or not isinstance(code, CodeType):
        return name
    places = [place for place in code.co_positions() if all(part is not None for part in place) and place[3]]
    if not places:
        return name
    first, begin = min((line or 0, column or 0) for line, _, column, _ in places)
    last, end = max((line or 0, column or 0) for _, line, _, column in places)
    lines = [getline(code.co_filename, number).encode() for number in range(first, last + 1)]
    # Columns count bytes.
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][begin:]
    source = b"".join(lines).decode(errors="replace").strip()
    if not source:  # there is no such file
        return name
    try:
        text = unparse(parse(f"({source})", mode="eval"))
    except (SyntaxError, ValueError):  # it is another by now
        return name
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _defaults(fn: Callable[..., Any]) -> list[object]:
    named = getattr(fn, "__kwdefaults__", None) or {}
    return [*(getattr(fn, "__defaults__", None) or ()), *named.items()]


def _tells_all(fn: Callable[..., Any]) -> bool:
    """Whether the fingerprint shows everything that *fn* was made with: it closes over plain values only."""
    try:
        values = [cell.cell_contents for cell in getattr(fn, "__closure__", None) or ()]
    except ValueError:  # not filled yet
        return False
    return all(isinstance(value, (*_SCALARS, tuple)) for value in [*values, *_defaults(fn)])


def _code(code: CodeType) -> tuple[object, ...]:
    constants = [_code(const) if isinstance(const, CodeType) else repr(const) for const in code.co_consts]
    return (code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars)


def _cell(cell: Any) -> str:
    try:
        return _scalar(cell.cell_contents)
    except ValueError:  # not filled yet
        return "?"


def _scalar(value: object) -> str:
    return repr(value) if isinstance(value, (*_SCALARS, tuple)) else type(value).__qualname__
