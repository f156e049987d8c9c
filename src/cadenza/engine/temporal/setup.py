"""What a namespace of Temporal needs to be told once: the search attributes that runs set."""

from __future__ import annotations

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client

ATTRIBUTES = ("CadenzaStatus",)


async def set_up(client: Client) -> list[str]:
    """Register the search attributes in the namespace of *client*; the names of those that were not there yet.

    Temporal Cloud takes them by its own interface only. `TemporalEngine(..., searchable=True)` then sets them.
    """
    service, namespace = client.operator_service, client.namespace
    known = await service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    missing = [name for name in ATTRIBUTES if name not in known.custom_attributes]
    if missing:
        kind = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        await service.add_search_attributes(
            AddSearchAttributesRequest(namespace=namespace, search_attributes=dict.fromkeys(missing, kind))
        )
    return missing
