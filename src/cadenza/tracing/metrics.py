"""Counting and timing through OpenTelemetry's API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from functools import cache
from importlib.metadata import version

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.util.types import AttributeValue

from . import attributes as at

# What a reader waits for the store to count, in seconds: its other metrics must not hang on a busy event loop.
_PATIENCE = 5.0


class Metrics:
    """The instruments of one provider."""

    def __init__(self, provider: MeterProvider) -> None:
        meter = provider.get_meter(at.SCOPE, our_version(), at.SCHEMA_URL)
        self._runs = meter.create_counter(
            at.RUNS, "{run}", "Runs that came to an end, or to rest, by that status"
        )
        self._run_duration = meter.create_histogram(
            at.RUN_DURATION, "s", "From a run's start to its end, waiting included"
        )
        self._step_duration = meter.create_histogram(at.STEP_DURATION, "s", "Attempts of steps")
        self._retries = meter.create_counter(at.STEP_RETRIES, "{retry}", "Attempts that another one followed")
        self._waited = meter.create_histogram(
            at.SUSPENSION_DURATION, "s", "From a question until its run went on with the answer"
        )

    def leg_ended(self, workflow: str, status: str, took: timedelta | None) -> None:
        """*took* is how long the whole run took, where it has ended."""
        attributes: dict[str, AttributeValue] = {at.WORKFLOW: workflow, at.RUN_STATUS: status}
        self._runs.add(1, attributes)
        if took is not None:
            self._run_duration.record(took.total_seconds(), attributes)

    def attempt_ended(
        self, workflow: str, step: str, status: str, error_type: str | None, seconds: float
    ) -> None:
        """A step was called."""
        attributes: dict[str, AttributeValue] = {
            at.WORKFLOW: workflow,
            at.STEP_ID: step,
            at.STEP_STATUS: status,
        }
        if error_type is not None:
            attributes[at.ERROR_TYPE] = error_type
        self._step_duration.record(seconds, attributes)

    def retried(self, workflow: str, step: str) -> None:
        """An attempt failed and another follows."""
        self._retries.add(1, {at.WORKFLOW: workflow, at.STEP_ID: step})

    def answered(self, workflow: str, step: str, via: str | None, waited: timedelta) -> None:
        """The run goes on with an answer."""
        attributes: dict[str, AttributeValue] = {at.WORKFLOW: workflow, at.STEP_ID: step}
        if via is not None:
            attributes[at.ANSWER_VIA] = via
        self._waited.record(waited.total_seconds(), attributes)


class OpenSuspensions:
    """The gauge of open suspensions. They are counted in the store, because a counter is wrong over several processes."""

    def __init__(self, provider: MeterProvider | None, count: Callable[[], Awaitable[int]]) -> None:
        self._count = count
        self._loop = asyncio.get_running_loop()
        self._last: int | None = None
        self._closed = False
        meter = (provider or metrics.get_meter_provider()).get_meter(at.SCOPE, our_version(), at.SCHEMA_URL)
        meter.create_observable_gauge(
            at.OPEN_SUSPENSIONS, [self._observe], "{suspension}", "Questions that wait for an answer"
        )

    def close(self) -> None:
        """Observe nothing more: the API has no way to take an instrument back."""
        self._closed = True

    def _observe(self, options: CallbackOptions) -> Iterable[Observation]:
        if self._closed:
            return []
        counting = asyncio.run_coroutine_threadsafe(self._refresh(), self._loop)
        # Readers collect in threads of their own. One that does so on the event loop gets what was last known: it cannot wait.
        if not _on(self._loop):
            counting.result(_PATIENCE)
        return [] if self._last is None else [Observation(self._last)]

    async def _refresh(self) -> None:
        self._last = await self._count()


def _on(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


@cache
def our_version() -> str:
    """The version of this package; looked up only where somebody listens."""
    return version("cadenza")


def silent(provider: object) -> bool:
    """Whether *provider* is one of the API's own, that do nothing: no SDK is configured."""
    return type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))


def current_provider() -> MeterProvider:
    """The process's provider."""
    return metrics.get_meter_provider()
