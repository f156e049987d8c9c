"""Errors as data."""

from __future__ import annotations

import traceback
from datetime import timedelta

from ..errors import CadenzaError, InvalidData, NonRetryableError
from ..history.event import Failure
from ..model.retry import Retry

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


def pause_after(error: Failure, retry: Retry, attempt: int) -> timedelta | None:
    """The pause before retry number *attempt*, which *error* calls for; None where there is none."""
    # What Cadenza itself refused would be refused again.
    if error.code is not None or error.final or attempt > retry.attempts:
        return None
    return retry.pause(attempt)


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
