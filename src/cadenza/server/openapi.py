"""OpenAPI 3.1, made of the same routes that are served."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..model.values import Json
from .inline import inlined
from .reading import adapter_of
from .route import Face, Route

_COMPONENTS = "#/components/schemas/{model}"
_NAMED = re.compile(r"\{(\w+)(?::\w+)?\}")


def openapi(faces: Iterable[Face]) -> dict[str, Json]:
    """The document that describes *faces*."""
    paths: dict[str, dict[str, Json]] = {}
    schemas: dict[str, Json] = {}
    for face in faces:
        for route in face.routes:
            if route.documented:
                path = _NAMED.sub(r"{\1}", f"{face.prefix}{route.path}")
                paths.setdefault(path, {})[route.method.lower()] = _operation(face, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cadenza", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def describe_route(face: Face, route: Route[Any, Any]) -> dict[str, Json]:
    """The OpenAPI operation of *route* alone, its schemas inside it."""
    schemas: dict[str, Json] = {}
    operation = _operation(face, route, schemas)
    found: dict[str, Json] = inlined(operation, schemas)
    return found


def _operation(face: Face, route: Route[Any, Any], schemas: dict[str, Json]) -> Json:
    operation: dict[str, Json] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-zA-Z0-9]+', '_', face.prefix + route.path)}",
        "tags": list(route.tags),
        "x-scope": route.scope,
        "parameters": [*_in_path(route.path), *_in_query(route, schemas)],
        "responses": {str(route.status): _answer(route, schemas), **_refusals(face, route)},
    }
    if route.body is not None:
        content = {"application/json": {"schema": _schema(route.body, "validation", schemas)}}
        operation["requestBody"] = {"required": False, "content": content}
    return operation


def _in_path(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _NAMED.findall(path)
    ]


def _in_query(route: Route[Any, Any], schemas: dict[str, Json]) -> list[Json]:
    if route.query is None:
        return []
    described = _schema(route.query, "validation", schemas, inline=True)
    required = described.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in described.get("properties", {}).items()
    ]


def _answer(route: Route[Any, Any], schemas: dict[str, Json]) -> Json:
    schema: Json = {} if route.answer is None else _schema(route.answer, "serialization", schemas)
    return {"description": "Done", "content": {route.media: {"schema": schema}}}


def _refusals(face: Face, route: Route[Any, Any]) -> Mapping[str, Json]:
    found: dict[str, list[str]] = {}
    if route.scope is not None:
        found = {"401": ["unauthenticated"]}
        if route.scope != "any":
            found["403"] = ["forbidden"]
    if route.query is not None or route.body is not None:
        found["400"] = ["invalid_query" if route.body is None else "invalid_body"]
    if route.body is not None:
        found["413"] = ["body_too_large"]
    for error in route.errors:
        found.setdefault(str(face.status(error)), []).append(error.code)
    return {
        status: {
            "description": ", ".join(codes),
            "content": {face.error_media: {"schema": face.error_schema}},
        }
        for status, codes in sorted(found.items())
    }


def _schema(type_: Any, mode: Any, schemas: dict[str, Json], *, inline: bool = False) -> Json:
    """The JSON Schema of *type_*: a model by its name, into *schemas*; with *inline* the model itself."""
    described = adapter_of(type_).json_schema(mode=mode, by_alias=True, ref_template=_COMPONENTS)
    schemas.update(described.pop("$defs", {}))
    name = described.get("title")
    if inline or described.get("type") != "object" or name is None:
        return described
    schemas[name] = described
    return {"$ref": _COMPONENTS.format(model=name)}
