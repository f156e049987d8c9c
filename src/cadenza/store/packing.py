"""Packing: how the SQL stores keep values as bytes. A codec may change what the bytes look like: compress, encrypt.

What goes through here are all payloads: entries, questions, answers, context, events and graphs. What the stores search by is
kept as it is: ids, statuses, names of workflows, steps, labels and events, times, and who did what.
"""

from __future__ import annotations

from typing import Protocol

from ..errors import ValueUnreadable
from ..model.values import Json, decode, encode


class Codec(Protocol):
    """Turns bytes into other bytes and back. `decode` of what it cannot read raises `ValueUnreadable`."""

    def encode(self, data: bytes) -> bytes:
        """What is kept instead of *data*."""
        ...

    def decode(self, data: bytes) -> bytes:
        """What `encode` was given, also by an earlier configuration of the codec."""
        ...


class Packing:
    """Values as bytes, through a codec if there is one."""

    def __init__(self, codec: Codec | None = None) -> None:
        self._codec = codec

    def pack(self, value: Json) -> bytes:
        """*value* as it is kept."""
        data = encode(value)
        return data if self._codec is None else self._codec.encode(data)

    def unpack(self, data: bytes) -> Json:
        """The value that `pack` made *data* of.

        Raises `ValueUnreadable` where it was written with a codec that is not there.
        """
        if self._codec is not None:
            return decode(self._codec.decode(data))
        try:
            return decode(data)
        except ValueError as error:
            raise ValueUnreadable(
                "what is kept is no JSON: it was written through a codec; give it to the app, codec=..."
            ) from error

    def same(self, one: bytes, other: bytes) -> bool:
        """Whether both are of one value: a codec may give other bytes each time."""
        return one == other or (self._codec is not None and self.unpack(one) == self.unpack(other))
