"""What a declarative map gives: the interpreter works it out itself, no user code is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..history.snapshot import Snapshot
from ..model.mapping import FromFunction, Source, look_up
from ..model.path import Path
from ..model.values import Json, isolate


class RunValues:
    """The values of one workflow of a run: what maps, conditions and `get_step_result` look at."""

    def __init__(self, run: Snapshot, scope: Path) -> None:
        self._run = run
        self._scope = scope

    def init(self) -> Json:
        """The input of the workflow."""
        return self._run.records[self._scope].payload if self._scope else self._run.input

    def context(self) -> Mapping[str, Json]:
        """The runtime context."""
        return self._run.context

    def output(self, step: str) -> tuple[bool, Json]:
        """Whether the step succeeded, and what it gave."""
        record = self._run.record((*self._scope, step))
        return (True, record.output) if record is not None and record.status == "success" else (False, None)


def map_values(
    sources: Sequence[tuple[str, Source]], called: Sequence[Json], run: Snapshot, scope: Path
) -> Json:
    """The object that *sources* give; *called* are the values of their functions, in order.

    Raises `InvalidMapPath`.
    """
    values = RunValues(run, scope)
    results = iter(called)
    output: dict[str, Json] = {}
    for key, source in sources:
        there, value = (True, next(results)) if isinstance(source, FromFunction) else look_up(source, values)
        if there:
            output[key] = isolate(value)
    return output
