"""The frame of the server: routes as data, who may call them, what is read, how errors look."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from cadenza import Cadenza
from cadenza.errors import InvalidResumeData, Issue, RunNotFound
from cadenza.server import Principal, problem
from cadenza.server.app import starlette_routes
from cadenza.server.endpoint import Host
from cadenza.server.openapi import openapi
from cadenza.server.principal import Auth
from cadenza.server.route import Call, Face, Route


class Wanted(BaseModel):
    limit: int = Field(default=10, ge=1)


class Given(BaseModel):
    name: str
    amount: int = 0


class Told(BaseModel):
    name: str
    limit: int
    actor: str | None


async def tell(call: Call[Wanted, Given]) -> Told:
    return Told(name=call.body.name, limit=call.query.limit, actor=call.principal.name)


async def lose(call: Call[None, None]) -> Response:
    raise RunNotFound(call.path["run_id"])


async def refuse(_: Call[None, None]) -> Response:
    raise InvalidResumeData("step review", [Issue(path="lines.0.amount", message="too small")])


async def break_down(_: Call[None, None]) -> Response:
    raise RuntimeError("a secret of ours")


FACE = Face(
    prefix="/api/v1",
    refuse=problem.refuse,
    status=problem.status,
    error_media=problem.MEDIA,
    error_schema=problem.SCHEMA,
    routes=[
        Route(
            method="POST",
            path="/tell",
            handler=tell,
            scope="start",
            summary="Tell",
            query=Wanted,
            body=Given,
            answer=Told,
        ),
        Route(
            method="GET",
            path="/runs/{run_id}",
            handler=lose,
            scope="read",
            summary="Lose",
            errors=(RunNotFound,),
        ),
        Route(method="GET", path="/refuse", handler=refuse, scope="read", summary="Refuse"),
        Route(method="GET", path="/break", handler=break_down, scope="admin", summary="Break"),
    ],
)


def client(auth: Auth | None = None, body_limit: int = 100) -> TestClient:
    host = Host(cadenza=Cadenza(), auth=auth, body_limit=body_limit)
    return TestClient(Starlette(routes=starlette_routes(host, [FACE])), raise_server_exceptions=False)


def test_a_handler_gets_what_its_route_names_and_its_answer_is_sent() -> None:
    found = client().post("/api/v1/tell?limit=3&limit=4", json={"name": "Ada", "unknown": 1})
    assert found.status_code == 200
    assert found.json() == {"name": "Ada", "limit": 4, "actor": None}


@pytest.mark.parametrize(
    ("path", "body", "path_of_issue"),
    [
        ("/api/v1/tell?limit=0", b'{"name": "Ada"}', "limit"),
        ("/api/v1/tell", b'{"name": 1}', "name"),
        ("/api/v1/tell", b"", "name"),
        ("/api/v1/tell", b"{", "body"),
        ("/api/v1/tell", b'{"name": NaN}', "body"),
        ("/api/v1/tell", b'{"name": "\\ud800"}', "body"),
        ("/api/v1/tell", b"[" * 10_000, "body"),
        ("/api/v1/tell", b"[]", "root"),
    ],
    ids=["query", "type", "nothing", "no-json", "nan", "surrogate", "deep", "no-object"],
)
def test_what_does_not_fit_is_refused_with_its_path(path: str, body: bytes, path_of_issue: str) -> None:
    headers = {"content-type": "application/json"}
    found = client(body_limit=20_000).post(path, content=body, headers=headers)
    assert found.status_code == 400
    assert found.headers["content-type"] == "application/problem+json"
    assert [issue["path"] for issue in found.json()["issues"]] == [path_of_issue]


def test_a_body_that_does_not_call_itself_json_counts_as_none() -> None:
    found = client().post("/api/v1/tell", content=b'{"name": "Ada"}', headers={"content-type": "text/plain"})
    assert found.json()["issues"] == [{"path": "name", "message": "Field required"}]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_the_limit_is_refused(chunked: bool) -> None:
    body = b'{"name": "' + b"x" * 200 + b'"}'
    content: Any = iter([body[:50], body[50:]]) if chunked else body
    found = client().post("/api/v1/tell", content=content, headers={"content-type": "application/json"})
    assert (found.status_code, found.json()["code"]) == (413, "body_too_large")


def test_errors_of_runs_are_problems_with_a_stable_code() -> None:
    found = client().get("/api/v1/runs/r-1")
    assert found.status_code == 404
    assert found.json() == {
        "type": "urn:cadenza:error:run_not_found",
        "title": "run not found",
        "status": 404,
        "code": "run_not_found",
        "detail": "there is no run 'r-1' in this store; runs are made by create_run()",
        "run_id": "r-1",
    }


def test_invalid_data_is_a_problem_with_a_path_per_field() -> None:
    found = client().get("/api/v1/refuse")
    assert found.status_code == 422
    assert found.json()["issues"] == [{"path": "lines.0.amount", "message": "too small"}]


def test_a_fault_of_ours_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    found = client().get("/api/v1/break")
    assert (found.status_code, found.json()["code"]) == (500, "internal_error")
    assert "secret" not in found.text
    assert "a secret of ours" in caplog.text


async def by_header(request: Request) -> Principal | None:
    name = request.headers.get("x-name")
    return Principal(name=name, scopes=frozenset({"start"})) if name else None


def test_who_is_not_known_is_refused_and_who_lacks_the_scope_too() -> None:
    asked = client(by_header)
    assert asked.post("/api/v1/tell", json={"name": "x"}).status_code == 401
    told = asked.post("/api/v1/tell", json={"name": "x"}, headers={"x-name": "ada"})
    assert told.json()["actor"] == "ada"
    refused = asked.get("/api/v1/refuse", headers={"x-name": "ada"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_openapi_describes_the_routes() -> None:
    document = openapi([FACE])
    assert document["openapi"] == "3.1.0"
    told = document["paths"]["/api/v1/tell"]["post"]
    assert told["parameters"] == [
        {
            "name": "limit",
            "in": "query",
            "required": False,
            "schema": {"default": 10, "minimum": 1, "title": "Limit", "type": "integer"},
        }
    ]
    assert told["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Given"
    }
    assert sorted(told["responses"]) == ["200", "400", "401", "403", "413"]
    assert set(document["components"]["schemas"]) == {"Given", "Told"}
    assert (
        document["paths"]["/api/v1/runs/{run_id}"]["get"]["responses"]["404"]["description"]
        == "run_not_found"
    )


def test_without_the_extra_the_import_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['starlette'] = None\n"
        "from cadenza.errors import ExtraMissing\n"
        "try:\n    import cadenza.server\nexcept ExtraMissing as error:\n    print(error)\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == (
        "cadenza.server needs packages that are not installed: pip install 'cadenza[server]'\n"
    )
