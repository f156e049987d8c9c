"""What is given to a command beside names: JSON, and moments."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import Parameter

from ..errors import InvalidDuration, InvalidJson, InvalidOption, Unreadable

if TYPE_CHECKING:
    from ..model.values import Json

JSON_HELP = "JSON, @file, or - for the standard input."
Actor = Annotated[str | None, Parameter(help="Who does it; without it CADENZA_ACTOR, else your login name.")]


def read_json(given: str, option: str) -> Json:
    """The value that *given* means: JSON, `@file`, or `-` for the standard input.

    Raises `InvalidJson` with line and column, and `Unreadable`.
    """
    text, where = given, option
    try:
        if given == "-":
            text, where = sys.stdin.read(), f"{option} (standard input)"
        elif given.startswith("@"):
            where = f"{option} {given}"
            text = Path(given[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unreadable(where, why) from error
    return parse_json(text, where)


def parse_json(text: str, where: str) -> Json:
    """The value in *text*.

    Raises `InvalidJson`.
    """

    def refuse(constant: str) -> NoReturn:
        raise InvalidJson(where, f"{constant} is no JSON number")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        hint = ""
        if text.strip() and text.strip()[0].isalpha():
            hint = f"; a text needs quotes of its own: '{json.dumps(text.strip()[:40], ensure_ascii=False)}'"
        raise InvalidJson(where, f"line {error.lineno}, column {error.colno}: {error.msg}{hint}") from error


def who(actor: str | None) -> str | None:
    """Who acts: as given, else CADENZA_ACTOR, else the login name, where there is one."""
    if actor or (actor := os.environ.get("CADENZA_ACTOR")):
        return actor
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None


def moment(given: str, option: str, now: datetime, *, back: bool) -> datetime:
    """A moment: so long from *now* (`"3d"`; *back* in time or ahead), or an ISO date or time, local where it has no zone.

    Raises `InvalidOption`.
    """
    try:
        span = length(given, option)
    except InvalidOption as no_duration:
        try:
            found = datetime.fromisoformat(given)
        except ValueError:
            raise no_duration from None
        try:
            return found.astimezone(UTC)
        except OverflowError:
            raise InvalidOption(option, f"in UTC there is no moment {given}") from None
    return now - span if back else now + span


def length(given: str, option: str) -> timedelta:
    """A duration, as `"90d"` or `"1h 30m"`.

    Raises `InvalidOption`.
    """
    from ..model.duration import duration_of

    try:
        return duration_of(given)
    except InvalidDuration as error:
        raise InvalidOption(option, str(error)) from error
