"""Retry: how often and after which pause a failed step is tried again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from ..errors import DefinitionError
from .values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """`attempts` more tries after the first.

    Before the n-th of them (from 1) a pause of `delay * backoff ** (n - 1)` seconds, at most `max_delay`.
    """

    attempts: int = 0
    delay: float = 0.0
    backoff: float = 1.0
    max_delay: float = 3600.0

    def __post_init__(self) -> None:
        numbers = (self.delay, self.backoff, self.max_delay)
        whole = isinstance(self.attempts, int) and not isinstance(self.attempts, bool)
        if not whole or self.attempts < 0 or not all(math.isfinite(n) and n >= 0 for n in numbers):
            raise DefinitionError(
                f"{self!r}: attempts is a whole number from 0, delay, backoff and max_delay are finite numbers from 0"
            )

    def pause(self, attempt: int) -> timedelta:
        """The pause before the *attempt*-th retry, from 1."""
        # The exponent is bounded: a float overflows long before anybody waits for the 1,000th try.
        return timedelta(seconds=min(self.delay * self.backoff ** min(attempt - 1, 100), self.max_delay))


NO_RETRY = Retry()


def retry_of(given: int | Retry | None, default: Retry) -> Retry:
    """*given*, where a bare number takes the pauses of *default* (Mastra: fact 7.1.2)."""
    if given is None:
        return default
    if isinstance(given, Retry):
        return given
    return Retry(attempts=given, delay=default.delay, backoff=default.backoff, max_delay=default.max_delay)


def retry_to_json(retry: Retry) -> Json:
    """*retry* as JSON; `retry_from_json` reads it."""
    return [retry.attempts, retry.delay, retry.backoff, retry.max_delay]


def retry_from_json(data: Json) -> Retry:
    """The retry that `retry_to_json` wrote."""
    attempts, delay, backoff, max_delay = data
    return Retry(attempts=attempts, delay=delay, backoff=backoff, max_delay=max_delay)
