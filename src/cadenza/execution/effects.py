"""What the interpreter may ask of the world. Each engine brings its own `Effects`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from ..history.event import Failure, Patch, Suspension
from ..history.record import StepRecord
from ..history.snapshot import Snapshot
from ..model.graph import WaitForEvent
from ..model.path import Path
from ..model.value import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The step raised, and is to be tried for the *attempt*-th time more at `until`."""

    error: Failure
    attempt: int
    until: datetime


Outcome: TypeAlias = Done | Bailed | Suspended | Failed


First: TypeAlias = Callable[[], Awaitable[None]] | None


class Effects(Protocol):
    """The world as one run sees it."""

    @property
    def canceled(self) -> bool:
        """Whether the run is to stop: nothing further starts."""
        ...

    def now(self) -> datetime:
        """The present moment."""
        ...

    async def execute(self, call: Call) -> Outcome | Again:
        """One attempt of a step. Everything noted is durable before."""
        ...

    async def enter(self, path: Path, value: Json, run: Snapshot) -> Done | Failed:
        """*value* as the input type of the nested workflow at *path* reads it."""
        ...

    async def evaluate(self, question: Question) -> list[Json] | Failure:
        """What the functions gave, as JSON, in order; or the first failure."""
        ...

    async def question(self, node: WaitForEvent, path: Path, match: Json) -> Suspension:
        """A new suspension that waits for the event of *node*."""
        ...

    async def offer(self, suspension: Suspension) -> None:
        """*suspension*, which is durable, waits for an event: give it one that was kept, where one fits."""
        ...

    def known_answer(self, suspension: Suspension) -> Suspension | None:
        """The row of *suspension* if it is closed already."""
        ...

    async def answered(self, suspension: Suspension, first: First) -> Suspension | None:
        """The row, when it is closed; None when the run is to stop, or the path is given up.

        That this is waited for is known before *first* is awaited.
        """
        ...

    async def sleep_until(self, when: datetime, path: Path, first: First) -> None:
        """Sleep at *path*: return at *when*, when the run is to stop, or when the path is given up.

        That this is slept for is known before *first* is awaited.
        """
        ...

    def give_up(self, path: Path) -> None:
        """Let what waits or sleeps at and below *path* go on at once, without what it waits for."""
        ...

    def at_rest(self) -> None:
        """No branch moves now. Where a branch waits, `Dropped` may be raised in it from here on."""
        ...
