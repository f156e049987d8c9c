"""How values travel through Temporal: as JSON whose keys keep their order, and through the store's codec.

The converter of the Temporal SDK sorts the keys of objects, and what a step gets would differ from what was given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import (
    BinaryNullPayloadConverter,
    CompositePayloadConverter,
    DataConverter,
    EncodingPayloadConverter,
    PayloadCodec,
)

from ...model.values import decode, encode
from ...store.packing import Codec


class _Json(EncodingPayloadConverter):
    @property
    def encoding(self) -> str:
        return "json/plain"

    def to_payload(self, value: Any) -> Payload | None:
        return Payload(metadata={"encoding": b"json/plain"}, data=encode(value))

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        return decode(payload.data)


class _Converter(CompositePayloadConverter):
    def __init__(self) -> None:
        super().__init__(BinaryNullPayloadConverter(), _Json())


class _Coded(PayloadCodec):
    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(metadata={"encoding": b"binary/cadenza"}, data=self._codec.encode(p.SerializeToString()))
            for p in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload.FromString(self._codec.decode(p.data))
            if p.metadata.get("encoding") == b"binary/cadenza"
            else p
            for p in payloads
        ]


def data_converter(codec: Codec | None) -> DataConverter:
    """What client, worker and replayer need: all three the same."""
    return DataConverter(
        payload_converter_class=_Converter, payload_codec=None if codec is None else _Coded(codec)
    )


def client_with(client: Client, codec: Codec | None) -> Client:
    """*client*, on the same connection, that speaks as this engine does."""
    # What the user's own workflows use stays theirs.
    config = client.config()
    config["data_converter"] = dataclasses.replace(
        data_converter(codec), failure_converter_class=client.data_converter.failure_converter_class
    )
    return Client(**config)
