"""Cadenza: typed workflows that wait for people.

The public names are listed in `public.py`, which is loaded with the first of them that is asked for: the command line
answers `--help` without.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .public import *  # noqa: F403  its __all__ is what is meant

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    public = import_module(".public", __name__)
    if name in public.__all__:
        return getattr(public, name)
    # Loading them has loaded most modules too: `cadenza.errors` works without an import of its own.
    if name == "__all__":
        return public.__all__
    if name in globals():
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
