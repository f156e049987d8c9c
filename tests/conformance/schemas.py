"""The JSON Schema subset of the scenarios, as types that Pydantic reads: SCENARIO.md, section 1.2."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_Serialized = core_schema.any_schema


class _Described:
    """An annotation that reads values by a schema and writes them as they are."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _core(self.schema)

    def __get_pydantic_json_schema__(self, *_: Any) -> dict[str, Any]:
        return dict(self.schema)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def type_of(schema: dict[str, Any] | None) -> Any:
    """A type that reads what *schema* allows; None for no schema."""
    return None if schema is None else Annotated[Any, _Described(schema)]


def _core(schema: dict[str, Any]) -> CoreSchema:
    if "enum" in schema:
        return core_schema.literal_schema(schema["enum"])
    kind = schema.get("type")
    bounds = {name: schema[key] for name, key in (("ge", "minimum"), ("le", "maximum")) if key in schema}
    match kind:
        case "string":
            return core_schema.str_schema(min_length=schema.get("minLength"), strict=True)
        case "integer":
            return core_schema.int_schema(strict=True, **bounds)
        case "number":
            return core_schema.union_schema(
                [
                    core_schema.int_schema(strict=True, **bounds),
                    core_schema.float_schema(strict=True, **bounds),
                ],
                mode="left_to_right",
            )
        case "boolean":
            return core_schema.bool_schema(strict=True)
        case "array":
            return core_schema.list_schema(
                _core(schema["items"]) if "items" in schema else core_schema.any_schema()
            )
        case "object":
            return _object(schema)
        case _:
            return core_schema.any_schema()


def _object(schema: dict[str, Any]) -> CoreSchema:
    required = set(schema.get("required", ()))
    fields: dict[str, core_schema.TypedDictField] = {}
    for name, part in schema.get("properties", {}).items():
        field: CoreSchema = _core(part)
        if "default" in part:
            field = core_schema.with_default_schema(field, default=part["default"])
        fields[name] = core_schema.typed_dict_field(
            field, required=name in required and "default" not in part
        )
    extra = schema.get("additionalProperties")
    known = set(fields)

    def refuse_unknown(value: Any) -> Any:
        if extra is False and isinstance(value, dict) and not value.keys() <= known:
            raise PydanticCustomError("unknown_keys", "has keys that are not known")
        return value

    inner: CoreSchema = core_schema.typed_dict_schema(
        fields, extra_behavior="allow" if extra is True else "ignore", total=False
    )
    return core_schema.no_info_before_validator_function(
        refuse_unknown,
        inner,
        serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value),
    )
