"""RuntimeContext: values that go along with a run, shared by all its steps."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from ..history.snapshot import Snapshot
from ..model.values import Json, isolate, plain
from .world import World


class RuntimeContext(MutableMapping[str, Any]):
    """The runtime context as one execution sees it: what it sets is there for it at once, for others when it ends.

    Values are JSON, except those of keys that were declared secret: they stay in this process and are never kept.
    """

    __slots__ = ("_run", "_world", "changed")

    def __init__(self, run: Snapshot, world: World) -> None:
        self._run = run
        self._world = world
        self.changed: dict[str, Json] = {}

    def __getitem__(self, key: str) -> Any:
        if key in self._world.secrets:
            return self._world.secrets[key]
        return isolate(self.changed[key] if key in self.changed else self._run.context[key])

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self._world.secret_keys:
            self._world.secrets[key] = value
        else:
            self.changed[key] = plain(value, f"runtime context key {key!r}")

    def set(self, key: str, value: Any) -> None:
        """The same as `context[key] = value`."""
        self[key] = value

    def __delitem__(self, key: str) -> None:
        raise TypeError("keys of the runtime context cannot be removed; set the value to None")

    def __iter__(self) -> Iterator[str]:
        return iter({**self._run.context, **self.changed, **self._world.secrets})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        # Never the values: secrets would end in logs.
        return f"RuntimeContext({', '.join(self)})"
