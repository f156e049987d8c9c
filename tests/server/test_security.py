"""Who may come in: credentials and scopes on every route, pages of other origins, names of hosts, headers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import jwt
import pytest
from starlette.requests import Request

from cadenza import Cadenza
from cadenza import errors as err
from cadenza.engine.base import Starting
from cadenza.engine.checking import begin_of
from cadenza.history.event import Entry
from cadenza.server import (
    LOOPBACK_HOSTS,
    Principal,
    api_keys,
    check_address,
    create_app,
    first_of,
    json_web_tokens,
)
from cadenza.server.app import faces
from cadenza.server.principal import SCOPES, Scope
from cadenza.store.base import Claim, Head, Write

from .given import SECRET, URL, asked, calling, pay, served

KEYS = {f"{scope}-key-0123456789": Principal(name=scope, scopes=frozenset({scope})) for scope in SCOPES}
ROUTES = [
    pytest.param(
        route.method, face.prefix + route.path, route.scope, id=f"{route.method} {face.prefix}{route.path}"
    )
    for face in faces()
    for route in face.routes
    if route.path != "/changes"  # it has no end: see test_changes.py
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_every_route_lets_in_its_scope_and_nobody_else(
    method: str, path: str, scope: Scope | Literal["any"] | None
) -> None:
    app = create_app(Cadenza(workflows=[pay]), auth=api_keys(KEYS))
    url = path.replace("{token}", "x")
    while "{" in url:
        url = url[: url.index("{")] + "x" + url[url.index("}") + 1 :]
    async with calling(app) as client:
        for key in ("", "wrong-key-0123456789", *KEYS):
            headers = {"authorization": f"Bearer {key}"} if key else {}
            found = await client.request(method, url, headers=headers)
            if scope is None:
                assert found.status_code not in {401, 403}, key
            elif key not in KEYS:
                assert (found.status_code, "uthenti" in found.text) == (401, True)
            elif scope == "any" or KEYS[key].may(scope):
                assert found.status_code not in {401, 403}, (key, found.text)
            else:
                assert found.status_code == 403, key


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"authorization": "Bearer read-key-0123456789"}, "read"),
        ({"authorization": "bearer   read-key-0123456789"}, "read"),
        ({"x_api_key": "read-key-0123456789"}, "read"),
        ({"authorization": "Basic read-key-0123456789"}, None),
        ({"authorization": "Bearer read-key-012345678"}, None),
        ({"authorization": "Bearer READ-KEY-0123456789"}, None),
        ({"authorization": "Bearer"}, None),
        ({"x_api_key": ""}, None),
        ({}, None),
    ],
)
def test_a_key_is_known_by_its_exact_text(headers: dict[str, str], expected: str | None) -> None:
    found: Any = api_keys(KEYS)(request(**headers))
    assert (found and found.name) == expected


def test_keys_that_can_be_guessed_are_refused() -> None:
    with pytest.raises(err.WeakSecret, match="an API key needs at least 16 characters"):
        api_keys({"short": Principal(name="x")})
    with pytest.raises(err.WeakSecret):
        json_web_tokens("short", algorithms=["HS256"])
    for algorithms in ([], ["none"], ["HS256", "NONE"]):
        with pytest.raises(ValueError, match="algorithms"):
            json_web_tokens(SECRET, algorithms=algorithms)


NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)
OLD = "an older secret that nobody can guess"


@pytest.mark.parametrize(
    ("claims", "key", "algorithm", "expected"),
    [
        pytest.param({"scope": "read resume"}, SECRET, "HS256", {"read", "resume"}, id="words"),
        pytest.param({"scope": ["start", "fly"]}, SECRET, "HS256", {"start"}, id="list"),
        pytest.param({}, SECRET, "HS256", set(), id="no scope"),
        pytest.param({"scope": {"admin": 1}}, SECRET, "HS256", set(), id="odd scope"),
        pytest.param({"scope": "read"}, OLD, "HS256", {"read"}, id="old key"),
        pytest.param({"exp": None}, SECRET, "HS256", None, id="no exp"),
        pytest.param({"sub": None}, SECRET, "HS256", None, id="no sub"),
        pytest.param({"sub": 7}, SECRET, "HS256", None, id="odd sub"),
        pytest.param({"exp": NOW - timedelta(hours=1)}, SECRET, "HS256", None, id="expired"),
        pytest.param({"nbf": LATER}, SECRET, "HS256", None, id="not yet"),
        pytest.param({"aud": "other"}, SECRET, "HS256", None, id="other audience"),
        pytest.param({}, SECRET, "HS512", None, id="other algorithm"),
        pytest.param({}, None, "none", None, id="none"),
        pytest.param({}, "some other secret that nobody can guess", "HS256", None, id="other key"),
    ],
)
def test_a_token_needs_to_say_who_and_until_when(
    claims: dict[str, Any], key: Any, algorithm: str, expected: set[str] | None
) -> None:
    given = {"sub": "ada", "exp": LATER, "aud": "cadenza"} | claims
    given = {name: value for name, value in given.items() if value is not None}
    token = jwt.encode(given, key or "", algorithm=algorithm) if claims.get("sub") != 7 else _odd(given)
    way = json_web_tokens(SECRET, OLD, algorithms=["HS256"], audience="cadenza")
    found: Any = way(request(authorization=f"Bearer {token}"))
    assert (found and (found.name, set(found.scopes))) == (None if expected is None else ("ada", expected))


def _odd(claims: dict[str, Any]) -> str:
    """PyJWT does not make such a token."""
    data = {
        name: value.timestamp() if isinstance(value, datetime) else value for name, value in claims.items()
    }
    return jwt.PyJWS().encode(json.dumps(data).encode(), SECRET, algorithm="HS256")


def test_a_token_without_its_resource_lets_nobody_in() -> None:
    way = json_web_tokens(SECRET, algorithms=["HS256"], resource_claim="tenant")
    for tenant, expected in (("acme", "acme"), (None, None), (7, None)):
        claims = {"sub": "ada", "exp": LATER, "tenant": tenant}
        token = jwt.encode({k: v for k, v in claims.items() if v is not None}, SECRET, algorithm="HS256")
        found: Any = way(request(authorization=f"Bearer {token}"))
        assert (found and found.resource_id) == expected


async def test_of_several_ways_the_first_that_knows_somebody_counts() -> None:
    async def cookie(asked: Request) -> Principal | None:
        return Principal(name="ada") if asked.cookies.get("who") == "ada" else None

    way = first_of(api_keys(KEYS), cookie)

    async def name(**headers: str) -> str | None:
        found: Any = await way(request(**headers))  # type: ignore[misc]
        return found and found.name

    assert await name(x_api_key="read-key-0123456789", cookie="who=ada") == "read"
    assert await name(cookie="who=ada") == "ada"
    assert await name(cookie="who=bob") is None


@pytest.mark.parametrize(
    ("host", "open_to_all"),
    [
        ("127.0.0.1", False),
        ("127.8.9.1", False),
        ("::1", False),
        ("[::1]", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("", True),
        ("192.168.1.5", True),
        ("localhost.evil.example", True),
        ("flows.example", True),
    ],
)
def test_without_auth_a_server_listens_on_loopback_alone(host: str, open_to_all: bool) -> None:
    if open_to_all:
        with pytest.raises(err.NobodyChecked, match="without auth"):
            check_address(host, None)
    else:
        check_address(host, None)
    check_address(host, api_keys(KEYS))


SAME = {"sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        (SAME, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": URL}, True),
        ({**SAME, "origin": "null"}, True),
        ({"origin": "https://studio.example", "sec-fetch-site": "cross-site"}, True),
        ({"origin": "http://localhost:3000", "sec-fetch-site": "cross-site"}, True),
        ({"origin": "http://localhost.evil.example", "sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "nonsense"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://flows.test:8080"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "https://studio.example.evil.example"}, False),
    ],
)
async def test_pages_of_other_origins_change_nothing(headers: dict[str, str], passes: bool) -> None:
    app = Cadenza(workflows=[pay])
    async with served(app, origins=["https://studio.example"], studio=True) as client:
        _, question = await asked(app)
        found = await client.post(
            f"/api/v1/inbox/{question}/answer", json={"data": {"decision": "pay"}}, headers=headers
        )
        state = (await app.inbox.get(question)).state
        assert (found.status_code, state) == ((200, "answered") if passes else (403, "open"))
        # To look is allowed; without CORS the page cannot read what it gets.
        assert (await client.get("/api/v1/inbox", headers=headers)).status_code == 200


async def test_cors_is_off_unless_an_origin_is_named() -> None:
    preflight = {"origin": "https://studio.example", "access-control-request-method": "POST"}
    async with calling(create_app(Cadenza())) as client:
        found = await client.options("/api/v1/inbox", headers=preflight)
        assert found.status_code == 405
        assert not [name for name in found.headers if name.startswith("access-control")]
    async with calling(create_app(Cadenza(), origins=["https://studio.example"])) as client:
        found = await client.options("/api/v1/inbox", headers=preflight)
        assert found.status_code == 200
        assert found.headers["access-control-allow-origin"] == "https://studio.example"
        other = await client.options("/api/v1/inbox", headers=preflight | {"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:4111", 200),
        ("127.0.0.1:80", 200),
        ("[::1]:80", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:80", 421),
        ("", 421),
    ],
)
async def test_a_server_that_is_told_its_names_answers_to_no_other(host: str, status: int) -> None:
    async with calling(create_app(Cadenza(), hosts=LOOPBACK_HOSTS)) as client:
        found = await client.get("/api/v1/health", headers={"host": host})
        assert found.status_code == status


async def test_every_answer_has_the_headers_that_keep_browsers_careful() -> None:
    async with calling(create_app(Cadenza(), hosts=["flows.test"])) as client:
        answers = [
            await client.get("/api/v1/health"),
            await client.get("/nowhere"),
            await client.get("/api/v1/runs/none"),
            await client.get("/api/v1/health", headers={"host": "evil.example"}),
        ]
        for found in answers:
            assert found.headers["x-content-type-options"] == "nosniff"
            assert found.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert found.headers["cache-control"] == "no-store"
            assert found.headers["referrer-policy"] == "same-origin"


async def test_who_sees_one_resource_sees_nothing_of_others() -> None:
    key = "tenant-key-0123456789"
    auth = api_keys({key: Principal(name="ada", resource_id="acme")})
    app = Cadenza(workflows=[pay])
    async with served(app, auth=auth) as client:
        client.headers["x-api-key"] = key
        mine, my_question = await asked(app, 1, resource_id="acme")
        for options in ({"resource_id": "other"}, {}):
            run, question = await asked(app, 2, **options)
            for path in (f"runs/{run}", f"runs/{run}/explain", f"runs/{run}/events", f"inbox/{question}"):
                assert (await client.get(f"/api/v1/{path}")).status_code == 404, path
            for action in ("answer", "claim", "release", "cancel"):
                found = await client.post(f"/api/v1/inbox/{question}/{action}", json={})
                assert (found.status_code, found.json()["code"]) == (404, "suspension_not_found")
            assert (await client.post("/api/v1/events", json={"name": "e", "run_id": run})).status_code == 404
        assert (await client.post("/api/v1/events", json={"name": "e", "match": {}})).status_code == 403

        runs = (await client.get("/api/v1/runs?resource_id=other")).json()
        assert ([run["run_id"] for run in runs["runs"]], runs["total"]) == ([mine], 1)
        inbox = (await client.get("/api/v1/inbox?limit=1")).json()
        assert ([item["id"] for item in inbox["items"]], inbox["total"]) == ([my_question], 1)


@pytest.mark.parametrize("origin", ["http://[", "http://\u2100.test", "//", "\x00"])
async def test_an_origin_that_is_no_address_is_one_of_somebody_else(origin: str) -> None:
    """It was a 500: what cannot be read was an error of ours."""
    async with calling(create_app(Cadenza(workflows=[pay]))) as client:
        found = await client.post("/api/v1/events", headers={b"origin": origin.encode()}, json={})
        assert (found.status_code, found.json()["code"]) == (403, "cross_site")


async def test_who_sees_one_resource_restarts_the_runs_of_that_alone() -> None:
    """Runs whose process died: all of the workflow were taken up, whoever asked."""
    async with Cadenza(workflows=[pay], worker=False) as app:
        now = app.clock.now()
        begun, _ = begin_of(pay, Starting(input=1, state=None), frozenset())
        for resource in ("ada", "bob"):
            await app.engine.create(pay, resource, resource)
            entry = Entry(seq=1, at=now, event=begun)
            head = Head(status="running", fingerprint=pay.graph.fingerprint, wake_at=None)
            dead = Claim(owner="elsewhere:1::0123abcd", now=now, until=now - timedelta(hours=1))
            await app.store.append(
                Write(run_id=resource, at=now, expect=0, entries=[entry], head=head, claim=dead)
            )
        orphan = await app.store.row("bob")
        auth = api_keys({"ada-key-0123456789": Principal(name="ada", resource_id="ada")})
        async with calling(create_app(app, auth=auth), authorization="Bearer ada-key-0123456789") as client:
            found = await client.post("/api/workflows/pay/restart-all-active-workflow-runs", json={})
            assert found.status_code == 200
        assert (await app.engine.settled(pay, "ada")).status == "suspended"
        assert await app.store.row("bob") == orphan
