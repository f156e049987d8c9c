"""Refusal: a request that the server itself refuses, before any run is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Issue


class Refusal(Exception):
    """Why a request is refused. `code` is stable; `issues` say what is wrong with its data, by dotted path."""

    def __init__(self, status: int, code: str, message: str, issues: Sequence[Issue] = ()) -> None:
        self.status, self.code, self.message, self.issues = status, code, message, list(issues)
        super().__init__(message)
