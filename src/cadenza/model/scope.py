"""Scope: what conditions, mappers and durations see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a condition, mapper or duration sees. All values are JSON and copies: changing them changes nothing.

    `input`: what the place gets (in a loop's condition: the last output of its body). `results`: outputs of the steps of
    this workflow that succeeded, by id; `results.get(id)` of one that did not is None. `iteration`: rounds done, in a
    loop's condition; else 0.
    """

    input: Any
    init_data: Any
    state: dict[str, Json]
    runtime_context: Mapping[str, Any]
    results: Mapping[str, Json]
    iteration: int
    run_id: str
    workflow_id: str
