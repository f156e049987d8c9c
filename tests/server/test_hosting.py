"""How the server is hosted: alone, mounted, inside FastAPI, for Mastra Studio; and what it refuses."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.testclient import TestClient

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.errors import ServeError
from cadenza.integrations.fastapi import router
from cadenza.model.schema import Schema
from cadenza.server import Principal, create_app
from cadenza.server.run import Serving, application, serve
from cadenza.server.wire.schemas import schema_text


class Approval(BaseModel):
    ok: bool


@step(resume_schema=Approval)
async def approve(number: int, ctx: StepContext) -> int:
    if ctx.resume_data is None:
        ctx.suspend({"number": number})
    return number if ctx.resume_data.ok else 0


@step
async def nap(number: int) -> int:
    return number


approval = Workflow("approval", input=int, output=int).then(approve).commit()
sleeper = Workflow("sleeper", input=int, output=int).sleep(0.05).then(nap).commit()


def make(store: str = "memory://") -> Cadenza:
    return Cadenza(store=store, workflows=[approval, sleeper])


def start(client: TestClient, prefix: str = "", workflow: str = "approval") -> Any:
    return client.post(f"{prefix}/api/workflows/{workflow}/start-async", json={"inputData": 3}).json()


def test_a_mounted_server_opens_its_store_by_itself(tmp_path: Path) -> None:
    """The lifespan of what is mounted does not run."""
    app = Starlette(routes=[Mount("/flows", create_app(make(f"sqlite:///{tmp_path / 'runs.db'}")))])
    with TestClient(app) as client:
        found = start(client, "/flows")
        assert found["status"] == "suspended"
        path = f"/flows/api/workflows/approval/resume-async?runId={found['runId']}"
        assert client.post(path, json={"resumeData": {"ok": True}}).json()["result"] == 3


def test_the_lifespan_runs_the_worker() -> None:
    cadenza = make()
    with TestClient(create_app(cadenza)) as client:
        assert start(client, workflow="sleeper")["result"] == 3
    assert cadenza.store is not None


def test_the_routes_inside_fastapi_stand_in_its_own_document() -> None:
    api = FastAPI()
    api.include_router(router(make()))
    with TestClient(api) as client:
        assert start(client)["status"] == "suspended"
        refused = client.post("/api/workflows/approval/start", json={})
        assert (refused.status_code, refused.json()["error"]) == (400, "Invalid query parameters")
        document = client.get("/openapi.json").json()
    operation = document["paths"]["/api/workflows/{workflow_id}/start-async"]["post"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["workflow_id", "runId"]
    assert "$ref" not in json.dumps(operation["requestBody"])
    begun = document["paths"]["/api/v1/workflows/{id}/runs"]["post"]["responses"]
    assert {"201", "422"} <= begun.keys()
    assert "200" not in begun


def test_the_routes_inside_fastapi_refuse_pages_of_other_origins() -> None:
    """An application that is not ours may let anything through: the routes look themselves."""
    api = FastAPI()
    api.include_router(router(make(), origins=["https://studio.example"]), prefix="/flows")
    with TestClient(api) as client:
        path = "/flows/api/workflows/approval/start-async"
        for headers, status in (
            ({"sec-fetch-site": "cross-site"}, 403),
            ({"sec-fetch-site": "same-site"}, 403),
            ({"origin": "https://evil.example"}, 403),
            ({"origin": "null"}, 403),
            ({"origin": "https://studio.example", "sec-fetch-site": "cross-site"}, 200),
            ({"origin": "http://testserver", "sec-fetch-site": "same-origin"}, 200),
            ({}, 200),
        ):
            found = client.post(path, json={"inputData": 3}, headers=headers)
            assert found.status_code == status, (headers, found.text)
            assert found.headers["x-content-type-options"] == "nosniff"
            assert found.headers["cache-control"] == "no-store"
        refused = client.post("/flows/api/v1/inbox/any/claim", headers={"sec-fetch-site": "cross-site"})
        assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
        assert (
            client.get("/flows/api/workflows", headers={"origin": "https://evil.example"}).status_code == 200
        )


def test_the_routes_inside_fastapi_answer_to_their_names_alone() -> None:
    api = FastAPI()
    api.include_router(router(make(), hosts=["flows.example"]))
    with TestClient(api) as client:
        assert client.get("/api/workflows").status_code == 421
        assert client.get("/api/workflows", headers={"host": "flows.example:8000"}).status_code == 200


def test_openapi_is_served() -> None:
    with TestClient(create_app(make())) as client:
        document = client.get("/api/openapi.json").json()
        assert document["openapi"] == "3.1.0"
        assert "/api/workflows/{workflow_id}/resume-async" in document["paths"]
        assert client.get("/health").json() == {"success": True}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/workflows/"),
        ("GET", "/api/nothing"),
        ("GET", "/api/workflows/approval/start-async"),
    ],
)
def test_no_such_route_is_a_404_in_words(method: str, path: str) -> None:
    with TestClient(create_app(make())) as client:
        found = client.request(method, path, follow_redirects=False)
    assert (found.status_code, found.text) == (404, "404 Not Found")


def test_studio_gets_its_answers_and_pages_on_this_machine_may_call() -> None:
    with TestClient(create_app(make(), studio=True)) as client:
        asked = {"origin": "http://localhost:3000"}
        found = client.get("/api/auth/capabilities", headers=asked)
        assert found.json() == {"enabled": False, "login": None}
        assert found.headers["access-control-allow-origin"] == "http://localhost:3000"
        assert found.headers["access-control-allow-credentials"] == "true"
        ahead = {
            **asked,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-mastra-client-type,x-mastra-dev-playground",
        }
        assert client.options("/api/workflows", headers=ahead).status_code == 200
        other = client.get("/api/auth/capabilities", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


def test_studio_finds_the_server_where_it_looks_first() -> None:
    """`mastra studio` asks for `/`, across origins, and shows its settings instead of workflows unless that is a 200."""
    asked = {"origin": "http://localhost:3000"}
    with TestClient(create_app(make(), studio=True)) as client:
        found = client.get("/", headers=asked)
    assert (found.status_code, found.headers["access-control-allow-origin"]) == (200, "http://localhost:3000")
    with TestClient(create_app(make(), studio=True, ui=False)) as client:
        assert client.get("/").json() == {"success": True}


def test_without_studio_no_page_of_another_origin_may_call() -> None:
    with TestClient(create_app(make())) as client:
        assert client.get("/api/auth/capabilities").status_code == 404
        found = client.get("/api/workflows", headers={"origin": "http://localhost:3000"})
        assert "access-control-allow-origin" not in found.headers


async def by_header(request: Request) -> Principal:
    return Principal(name=request.headers["x-name"], resource_id=request.headers["x-name"])


def test_who_is_bound_to_a_resource_sees_the_runs_of_that_alone() -> None:
    with TestClient(create_app(make(), auth=by_header)) as client:
        ada, bob = {"x-name": "ada"}, {"x-name": "bob"}
        path = "/api/workflows/approval"
        body = {"inputData": 1, "resourceId": "bob"}
        run = client.post(f"{path}/start-async", json=body, headers=ada).json()["runId"]
        assert client.get(f"{path}/runs/{run}", headers=ada).json()["resourceId"] == "ada"
        refused = client.get(f"{path}/runs/{run}", headers=bob)
        assert refused.status_code == 403
        assert refused.json() == {"error": "Access denied: workflow run belongs to a different resource"}
        assert client.get(f"{path}/runs", headers=bob).json() == {"runs": [], "total": 0}
        assert client.get(f"{path}/runs", headers=ada).json()["total"] == 1


class Money(BaseModel):
    amount: Decimal
    note: str | None = None
    parts: list[Money] = []


def test_schemas_are_sent_without_references_and_nullable_flattened() -> None:
    text = schema_text(Schema.of(Money))
    assert text is not None
    found = json.loads(text)["json"]
    assert found["properties"]["amount"]["type"] == "number"
    assert found["properties"]["note"] == {"title": "Note", "type": "string"}
    assert "$ref" not in text
    assert "anyOf" not in text


def test_serving_others_than_this_machine_needs_auth() -> None:
    with pytest.raises(ServeError, match=r"refusing to listen on '0\.0\.0\.0' without auth"):
        serve(Serving(target="shop:app", host="0.0.0.0"))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nothing", "names nothing"),
        ("cadenza_no_such:app", "there is no module"),
        ("json:app", "json has no 'app'"),
        ("json:dumps", "Cadenza"),
        ("json:__name__", "expected a Cadenza"),
    ],
)
def test_what_cannot_be_served_is_said(target: str, said: str) -> None:
    with pytest.raises((ServeError, TypeError), match=said if target != "json:dumps" else "argument"):
        application(Serving(target=target))
