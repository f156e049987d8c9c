"""TracingContext: the span that a step runs in, as the step sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import Span


class TracingContext(Mapping[str, Any]):
    """`current_span`, as an attribute or a key. Where nothing is traced it is a span that does nothing."""

    __slots__ = ("current_span",)

    def __init__(self, current_span: Span) -> None:
        self.current_span = current_span

    def __getitem__(self, key: str) -> Any:
        if key != "current_span":
            raise KeyError(key)
        return self.current_span

    def __iter__(self) -> Iterator[str]:
        return iter(("current_span",))

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return f"TracingContext(current_span={self.current_span!r})"
