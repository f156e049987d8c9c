"""The JSON Schema subset of the scenarios, as types that Pydantic reads: SCENARIO.md, section 1.2."""

from __future__ import annotations

import copy
from functools import partial
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

_UNKNOWN = PydanticCustomError("unknown_keys", "has keys that are not known")

# What is checked is dumped first, so a dump must neither drop nor change anything.
_AS_IT_IS = core_schema.plain_serializer_function_ser_schema(lambda value: value)


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
    bounds = {name: schema[key] for name, key in (("ge", "minimum"), ("le", "maximum")) if key in schema}
    match schema.get("type"):
        case "string":
            return core_schema.str_schema(min_length=schema.get("minLength"), strict=True)
        case "integer":
            return core_schema.int_schema(strict=True, **bounds)
        case "number":
            # No union of both: its issues would carry the name of a member in their path.
            number = core_schema.float_schema(strict=True, allow_inf_nan=False, **bounds)
            return core_schema.no_info_after_validator_function(_whole, number, serialization=_AS_IT_IS)
        case "boolean":
            return core_schema.bool_schema(strict=True)
        case "array":
            items = _core(schema["items"]) if "items" in schema else core_schema.any_schema()
            return core_schema.list_schema(items, strict=True)
        case "object":
            return _object(schema)
        case _:
            return core_schema.any_schema()


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value


def _object(schema: dict[str, Any]) -> CoreSchema:
    required = set(schema.get("required", ()))
    fields: dict[str, core_schema.TypedDictField] = {}
    for name, part in schema.get("properties", {}).items():
        field: CoreSchema = _core(part)
        if "default" in part:
            field = core_schema.with_default_schema(
                field, default_factory=partial(copy.deepcopy, part["default"])
            )
        needed = name in required and "default" not in part
        fields[name] = core_schema.typed_dict_field(field, required=needed)
    extra = schema.get("additionalProperties")
    inner = core_schema.typed_dict_schema(
        fields,
        extra_behavior="allow" if extra is True else "ignore",
        total=False,
        strict=True,
        serialization=_AS_IT_IS,
    )
    if extra is not False:
        return inner

    def read(value: Any, handler: core_schema.ValidatorFunctionWrapHandler) -> Any:
        return _read_known(value, handler, set(fields))

    return core_schema.no_info_wrap_validator_function(read, inner, serialization=_AS_IT_IS)


def _read_known(value: Any, handler: core_schema.ValidatorFunctionWrapHandler, known: set[str]) -> Any:
    """*value*, in which an unknown key is an issue at the object itself, beside those of the known ones."""
    unknown = isinstance(value, dict) and not value.keys() <= known
    try:
        read, issues = handler(value), []
    except ValidationError as error:
        read = None
        issues = [
            InitErrorDetails(
                type=_UNKNOWN if issue["type"] == _UNKNOWN.type else issue["type"],
                loc=issue["loc"],
                input=issue["input"],
                ctx=issue.get("ctx", {}),
            )
            for issue in error.errors(include_url=False)
        ]
    if unknown:
        issues.append(InitErrorDetails(type=_UNKNOWN, loc=(), input=value))
    if issues:
        raise ValidationError.from_exception_data("object", issues)
    return read
