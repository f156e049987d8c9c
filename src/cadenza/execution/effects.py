"""What the interpreter may ask of the world. Each engine brings its own `Effects`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from ..history.event import Failure, Patch, Suspension
from ..history.record import StepRecord
from ..history.snapshot import Snapshot
from ..model.path import Path
from ..model.values import Json


@dataclass(frozen=True, slots=True)
class Call:
    """One logical execution of a step: the place, what is known of it, and of the run."""

    path: Path
    record: StepRecord
    run: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call of conditions, mappers or durations: functions `names` of the workflow at `scope`, with one scope object."""

    scope: Path
    path: Path
    names: Sequence[str]
    input: Json
    iteration: int
    run: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The step returned. `read` is the input as the step's type read it, where that differs."""

    output: Json
    patch: Patch
    read: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bailed:
    """The step called `bail`."""

    output: Json
    patch: Patch
    read: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """The step called `suspend` or `ask`."""

    suspension: Suspension
    patch: Patch
    read: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The step raised, and no retry is left."""

    error: Failure
    read: tuple[Json, ...] = ()


Outcome: TypeAlias = Done | Bailed | Suspended | Failed


class Effects(Protocol):
    """The world as one run sees it."""

    @property
    def canceled(self) -> bool:
        """Whether the run is to stop: nothing further starts."""
        ...

    def now(self) -> datetime:
        """The present moment."""
        ...

    async def execute(self, call: Call) -> Outcome:
        """One logical execution of a step, retries included. Everything noted is durable before."""
        ...

    async def enter(self, path: Path, value: Json, run: Snapshot) -> Done | Failed:
        """*value* as the input type of the nested workflow at *path* reads it."""
        ...

    async def evaluate(self, question: Question) -> list[Json] | Failure:
        """What the functions gave, as JSON, in order; or the first failure."""
        ...

    def known_answer(self, suspension: Suspension) -> Suspension | None:
        """The row of *suspension* if its answer is there already."""
        ...

    async def answered(self, suspension: Suspension) -> Suspension | None:
        """The row with its answer, when it comes; None when the run is to stop."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Return at *when*, or when the run is to stop."""
        ...

    def at_rest(self) -> None:
        """No branch moves now. Where a branch waits, `Dropped` may be raised in it from here on."""
        ...
