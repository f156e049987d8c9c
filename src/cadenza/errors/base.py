"""The base of every error, and how their messages list names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class CadenzaError(Exception):
    """The base of every error here."""

    code: ClassVar[str] = "cadenza_error"

    def __init_subclass__(cls) -> None:
        # `StepNotSuspended` -> `step_not_suspended`: one word for one thing, in every language that reads it.
        cls.code = "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("_")


class NonRetryableError(Exception):
    """Raise it (or a subclass) in a step to fail the step at once, whatever retries are left."""


def listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "(none)"


def waiting_list(waiting: Sequence[str]) -> str:
    return f"these are: {listed(waiting)}" if waiting else "nothing of this run is"
