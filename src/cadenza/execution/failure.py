"""Errors as data."""

from __future__ import annotations

import traceback

from ..errors import CadenzaError, InvalidData, NonRetryableError
from ..history.event import Failure

# Enough to find the line; a deep recursion must not fill the journal.
_FRAMES = 20


def failure_of(error: BaseException, *, final: bool = False) -> Failure:
    """*error* as data; with *final* no retry may follow. `code` is set where it is one of Cadenza's own."""
    code = error.code if isinstance(error, CadenzaError) else None
    issues = (
        tuple((issue.path, issue.message) for issue in error.issues) if isinstance(error, InvalidData) else ()
    )
    trace = None if code else "".join(traceback.format_exception(error, limit=-_FRAMES))
    return Failure(
        name=type(error).__qualname__,
        message=str(error),
        code=code,
        issues=issues,
        trace=_clean(trace) if trace else None,
        final=final or isinstance(error, NonRetryableError),
    )


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
