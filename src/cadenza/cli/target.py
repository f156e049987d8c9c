"""Which app a command works on, and opening it.

An app is named by `--app` (or the positional MODULE:APP of `check` and `worker`), else by `[tool.cadenza] app` in the
pyproject.toml of the current folder or of the nearest one above it that has it, else by CADENZA_APP.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import AppNotLoaded, AppNotNamed
from ..errors.data import without_password

if TYPE_CHECKING:
    from ..app import Cadenza


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Where:
    """What all commands take."""

    app: Annotated[str | None, Parameter(help="The app, or a function that makes it: module:attr.")] = None
    store: Annotated[
        str | None, Parameter(help="The URL of another store than the app's (CADENZA_STORE).")
    ] = None
    json: Annotated[bool, Parameter(help="Print JSON.")] = False
    debug: Annotated[bool, Parameter(help="Show tracebacks.")] = False

    @property
    def options(self) -> str:
        """`--app` and `--store` as they were given, but for a password, to be repeated in a command that is suggested."""
        store = without_password(self.store) if self.store else None
        given = (("--app", self.app), ("--store", store))
        return "".join(f" {name} {shlex.quote(value)}" for name, value in given if value)


HERE = Where()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The name of an app, and what named it."""

    name: str
    named_by: str


def find_target(where: Where, positional: str | None = None) -> Target | None:
    """Which app is meant; None where nothing says so."""
    if name := positional or where.app:
        return Target(name=name, named_by="MODULE:APP" if positional else "--app")
    for folder in (Path.cwd(), *Path.cwd().parents):
        if name := _of_pyproject(folder / "pyproject.toml"):
            return Target(name=name, named_by=str(folder / "pyproject.toml"))
    name = os.environ.get("CADENZA_APP")
    return Target(name=name, named_by="CADENZA_APP") if name else None


def _of_pyproject(file: Path) -> str | None:
    import tomllib

    try:
        found = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("cadenza", {}).get("app")
    except OSError:
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AppNotLoaded("?", str(file), f"it is no TOML: {error}") from error
    return found if isinstance(found, str) else None


def store_url(where: Where) -> str | None:
    """The store that was named instead of the app's."""
    return where.store or os.environ.get("CADENZA_STORE") or None


def load_app(where: Where, positional: str | None = None, *, code: bool = True) -> Cadenza:
    """The app that is meant, on the store that is meant, not opened.

    Without *code* a store that was named is enough. Raises `AppNotNamed` and `AppNotLoaded`.
    """
    from ..store.open import store_instead

    target, url = find_target(where, positional), store_url(where)
    if target is None and (code or url is None):
        raise AppNotNamed
    store_instead.set(url)
    if target is None:
        from ..app import Cadenza

        return Cadenza(store=url)
    return _load(target)


def _load(target: Target) -> Cadenza:
    from ..app import Cadenza

    def not_loaded(why: str) -> AppNotLoaded:
        return AppNotLoaded(target.name, target.named_by, why)

    module_name, colon, attribute = target.name.partition(":")
    if not (module_name and colon and attribute):
        raise not_loaded("write module:attr, such as invoices.app:app")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: object = import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
        if not isinstance(found, Cadenza) and callable(found):
            found = found()
    except ModuleNotFoundError as error:
        hint = (
            f" (looked in {Path.cwd()} first)"
            if error.name == module_name
            else f", which {module_name} imports"
        )
        raise not_loaded(f"there is no module {error.name!r}{hint}") from error
    except AttributeError as error:
        raise not_loaded(str(error)) from error
    except Exception as error:  # the module is user code: anything may come out of it
        raise not_loaded(f"{type(error).__name__}: {error}") from error
    if not isinstance(found, Cadenza):
        raise not_loaded(f"it is {type(found).__name__}, not Cadenza")
    return found


@asynccontextmanager
async def opened(
    where: Where, positional: str | None = None, *, worker: bool = False, code: bool = True
) -> AsyncIterator[Cadenza]:
    """The app that is meant, open. It drives other runs than those it is asked for only with *worker*."""
    app = load_app(where, positional, code=code)
    app.worker = worker
    async with app:
        yield app
