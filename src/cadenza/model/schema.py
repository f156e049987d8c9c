"""Schema: a type at the border of a step. The only file (with `values`) that knows Pydantic.

Reading is strict in Pydantic's JSON mode: "yes" is no bool and "1" no int, but "2026-01-01" is a date, because JSON
has no dates. 1.0 is an integer, as in JSON Schema.
"""

from __future__ import annotations

from typing import Any, get_args, get_origin, is_typeddict

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import PydanticSerializationError

from ..errors import DefinitionError, InvalidData, Issue, ValueNotKept
from .values import Json, decode, encode, isolate, plain

_known: dict[object, Schema] = {}


class Schema:
    """A type that values are read as and dumped by. Equal types share one schema."""

    __slots__ = ("_any_keys", "_dump", "_fields", "_read", "_schema", "adapter", "anything", "type")

    def __init__(self, type_: Any) -> None:
        self.type = type_
        self.anything = type_ is Any or type_ is object
        self._schema: Json = None
        self._fields: frozenset[str] | None = None
        self._any_keys = type_ is dict or (get_origin(type_) is dict and get_args(type_)[0] in (str, Any))
        if is_typeddict(get_origin(type_) or type_):
            keys: frozenset[str] = getattr(get_origin(type_) or type_, "__required_keys__", frozenset())
            self._fields = keys
        try:
            self.adapter: TypeAdapter[Any] = TypeAdapter(type_)
        except (PydanticSchemaGenerationError, PydanticUserError) as error:
            raise DefinitionError(
                f"{name_of(type_)} cannot be a schema: values between steps are JSON, use a Pydantic model, a dataclass, "
                f"a TypedDict or plain types; Pydantic says: {error}"
            ) from error
        self._read = self.adapter.validator.validate_json
        # Not straight to bytes: there NaN would become null without a word.
        self._dump = self.adapter.serializer.to_python

    @staticmethod
    def of(type_: Any) -> Schema:
        """The schema of *type_*: anything that Pydantic knows."""
        if isinstance(type_, Schema):
            return type_
        try:
            found = _known.get(type_)
        except TypeError:  # unhashable, such as Annotated[int, {...}]
            return Schema(type_)
        if found is None:
            found = _known[type_] = Schema(type_)
        return found

    def read(self, value: Json, error: type[InvalidData], where: str) -> Any:
        """*value* as an instance of the type; for `Any` a copy.

        Raises *error* with all issues.
        """
        if self.anything:
            return isolate(value)
        try:
            return self._read(encode(value), strict=True, by_alias=True, by_name=True)
        except ValidationError as invalid:
            mended = _integers(value, invalid)
        try:
            return self._read(encode(mended), strict=True, by_alias=True, by_name=True)
        except ValidationError as invalid:
            raise error(where, _issues(invalid)) from None

    def read_back(self, value: Json, where: str) -> Any:
        """*value*, which this schema dumped, read back; where the type cannot read its own dump the JSON itself."""
        try:
            return self.read(value, InvalidData, where)
        except InvalidData:
            return isolate(value)

    def dump(self, value: object, where: str) -> Json:
        """*value* as plain JSON, shaped by the type where it fits, else by its runtime type.

        Raises `ValueNotKept` with the path of what JSON cannot hold.
        """
        if self.anything or not self._shapes(value):
            return plain(value, where)
        try:
            return _checked(
                self._dump(value, mode="json", warnings="error", round_trip=True, by_alias=False), where
            )
        except (PydanticSerializationError, ValueError, RecursionError):
            return plain(value, where)

    def _shapes(self, value: object) -> bool:
        """Whether dumping *value* by the type loses nothing that the type does not know."""
        if type(value) is not dict:
            return True
        # A serializer leaves out what a TypedDict does not have, and makes text of every key.
        return self._fields <= value.keys() if self._fields is not None else not self._any_keys

    def check(self, value: object, error: type[InvalidData], where: str) -> Json:
        """*value*, which comes from outside, as the JSON of what it was read as: defaults filled in, unknown keys dropped."""
        try:
            given = plain(value, where)
        except ValueNotKept:
            given = self.dump(value, where)  # an object that only this type knows how to dump
        return given if self.anything else self.dump(self.read(given, error, where), where)

    def describe(self) -> Json:
        """The JSON Schema of what is accepted."""
        if self._schema is None:
            try:
                self._schema = self.adapter.json_schema(by_alias=False)
            except PydanticInvalidForJsonSchema:
                self._schema = {}
        return self._schema

    def __repr__(self) -> str:
        return f"Schema({name_of(self.type)})"


ANYTHING = Schema(Any)


def _checked(dumped: Any, where: str) -> Json:
    """What a serializer gave, as a copy, if JSON can hold it.

    Raises `ValueNotKept`.
    """
    data = encode(dumped)
    # Only where the letters stand can there be one; that is cheaper than looking at every number.
    if b"NaN" in data or b"Infinity" in data:
        return plain(dumped, where)
    return decode(data)


def name_of(type_: Any) -> str:
    """A type as people read it."""
    return type_.__qualname__ if isinstance(type_, type) else str(type_).replace("typing.", "")


def disjoint(given: Schema, wanted: Schema) -> bool:
    """Whether no JSON value of *given* can be read as *wanted*; only what is certain counts."""
    if given.anything or wanted.anything or given.type is wanted.type:
        return False
    one, other = _kinds(given.describe()), _kinds(wanted.describe())
    return bool(one and other and not (one & other))


def _kinds(schema: Json) -> frozenset[str]:
    """The JSON types that *schema* surely keeps to; empty where it is not certain."""
    if not isinstance(schema, dict):
        return frozenset()
    if "$ref" in schema:
        return frozenset()
    if isinstance(options := schema.get("anyOf") or schema.get("oneOf"), list):
        kinds = [_kinds(option) for option in options]
        return frozenset().union(*kinds) if all(kinds) else frozenset()
    kind = schema.get("type")
    # An integer is a number; a string may be the text of nearly anything (Decimal, datetime), but never an object.
    return frozenset({"integer": ["number"]}.get(kind, [kind])) if isinstance(kind, str) else frozenset()


def _integers(value: Json, invalid: ValidationError) -> Json:
    """*value* with 1.0 put as 1 wherever an integer was missed."""
    value = isolate(value)
    for issue in invalid.errors(include_url=False, include_context=False):
        found = issue["input"]
        if issue["type"] == "int_type" and isinstance(found, float) and found.is_integer():
            value = _put(value, issue["loc"], found)
    return value


def _put(value: Json, loc: tuple[int | str, ...], found: float) -> Json:
    if value == found and isinstance(value, float):
        return int(found)
    for i, part in enumerate(loc):
        # A union puts the names of its members into the location; those are not there in the value.
        known: Any = (
            value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        )
        if part in known:
            inner: Any = value
            inner[part] = _put(inner[part], loc[i + 1 :], found)
            break
    return value


def _issues(invalid: ValidationError) -> list[Issue]:
    return [
        Issue(path=".".join(str(part) for part in issue["loc"]), message=issue["msg"])
        for issue in invalid.errors(include_url=False, include_context=False, include_input=False)
    ]
