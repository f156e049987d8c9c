"""The scope object of conditions, mappers and durations, over a run in this process. Values are copied when looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..execution.effects import Question
from ..execution.mapping import RunValues
from ..execution.world import World
from ..model.path import ids
from ..model.scope import Scope
from ..model.values import Json, isolate


class Results(Mapping[str, Json]):
    """Outputs of the steps of one workflow that succeeded, by id."""

    def __init__(self, values: RunValues, known: tuple[str, ...]) -> None:
        self._values = values
        self._known = known

    def __getitem__(self, step: str) -> Json:
        there, value = self._values.output(step)
        if not there:
            raise KeyError(step)
        return isolate(value)

    def __iter__(self) -> Iterator[str]:
        return (step for step in self._known if self._values.output(step)[0])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ScopeContext(Mapping[str, Any]):
    """The runtime context, to look at."""

    def __init__(self, context: Mapping[str, Json], secrets: Mapping[str, Any]) -> None:
        self._context = context
        self._secrets = secrets

    def __getitem__(self, key: str) -> Any:
        return self._secrets[key] if key in self._secrets else isolate(self._context[key])

    def __iter__(self) -> Iterator[str]:
        return iter({**self._context, **self._secrets})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def make_scope(question: Question, values: RunValues, world: World) -> Scope:
    """What the functions of *question* see."""
    run = question.run
    depth = len(question.scope)
    known = tuple(
        dict.fromkeys(
            str(p[depth])
            for p in [*run.records, *run.rounds]
            if len(p) > depth and p[:depth] == question.scope
        )
    )
    return Scope(
        input=isolate(question.input),
        init_data=isolate(values.init()),
        state=isolate(run.state),
        runtime_context=ScopeContext(run.context, world.secrets),
        results=Results(values, known),
        iteration=question.iteration,
        run_id=world.run_id,
        workflow_id=ids(question.scope)[-1] if question.scope else world.workflow_id,
    )
