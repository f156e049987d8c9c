"""Finding today's code for what a graph names: steps, nested workflows, conditions, mappers, events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .code import Functions
from .graph import WaitForEvent
from .retry import Retry, retry_of
from .step import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from .graph import Graph
    from .schema import Schema
    from .workflow import Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A step as today's code has it. `workflow` is the innermost one around it; `ids` the way from the outermost."""

    step: Step[Any, Any]
    workflow: Members
    ids: tuple[str, ...]
    validate_inputs: bool
    validate_outputs: bool
    retry: Retry


class Members:
    """What a workflow is made of, by id."""

    input: Schema
    output: Schema
    validate_inputs: bool | None
    validate_outputs: bool | None
    retry: Retry

    def __init__(self, id: str) -> None:
        self.id = id
        self.members: dict[str, Step[Any, Any] | Workflow[Any, Any]] = {}
        # What events bring, by the place that waits for them.
        self.events: dict[str, Schema] = {}
        self.functions = Functions(id)
        self._code: dict[tuple[str, ...], Code | None] = {}

    @property
    def graph(self) -> Graph:
        """The shape, as data."""
        raise NotImplementedError

    def code(self, ids: tuple[str, ...]) -> Code | None:
        """The step at *ids* (`("nested", "approve")`), or None where today's code has none there."""
        if ids not in self._code:
            self._code[ids] = self._find(ids)
        return self._code[ids]

    def function(self, scope: tuple[str, ...], name: str) -> Callable[..., Any] | None:
        """The condition, mapper or duration *name* of the workflow at *scope* (() is this one), or None."""
        owner = self.nested(scope)
        return owner.functions.find(name) if owner is not None else None

    def nested(self, ids: tuple[str, ...]) -> Members | None:
        """The workflow at *ids*, or None; () is this one."""
        found: Step[Any, Any] | Members | None = self
        for id_ in ids:
            found = found.members.get(id_) if isinstance(found, Members) else None
        return found if isinstance(found, Members) else None

    def brings(self, ids: tuple[str, ...], event: str) -> list[Schema]:
        """What *event* brings to the wait at *ids*: nothing where today's code has no such wait.

        A wait that was given no id is found by the name of its event, never by its position; where several of that name
        expect different things these are all of them.
        """
        owner = self.nested(ids[:-1])
        if owner is None:
            return []
        unnamed = "@" in ids[-1]
        found: list[Schema] = []
        for place in owner.graph.places.values():
            if isinstance(place, WaitForEvent) and place.event == event and (unnamed or place.id == ids[-1]):
                schema = owner.events[place.id]
                if schema not in found:
                    found.append(schema)
        return found

    def validates(self, ids: tuple[str, ...]) -> bool:
        """Whether inputs of the workflow at *ids* are validated: the innermost setting on the way counts, else yes."""
        inputs: bool | None = True
        for depth in range(len(ids) + 1):
            owner = self.nested(ids[:depth])
            inputs = inputs if owner is None or owner.validate_inputs is None else owner.validate_inputs
        return bool(inputs)

    def _find(self, ids: tuple[str, ...]) -> Code | None:
        inputs: bool | None = True
        outputs: bool | None = False
        for depth in range(len(ids)):
            owner = self.nested(ids[:depth])
            if owner is None:
                return None
            inputs = inputs if owner.validate_inputs is None else owner.validate_inputs
            outputs = outputs if owner.validate_outputs is None else owner.validate_outputs
            member = owner.members.get(ids[depth])
            if isinstance(member, Step) and depth == len(ids) - 1:
                return Code(
                    step=member,
                    workflow=owner,
                    ids=ids,
                    validate_inputs=bool(inputs),
                    validate_outputs=bool(outputs),
                    retry=retry_of(member.retries, owner.retry),
                )
        return None

    def forget_code(self) -> None:
        """The workflow was built further: what was found may be elsewhere now."""
        self._code.clear()
