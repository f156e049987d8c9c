"""Our routes: runs, the inbox, events, and errors as problems with a stable code."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cadenza import Cadenza, Workflow, step
from cadenza.server import Principal, api_keys, create_app
from cadenza.server.app import faces
from cadenza.testing import virtual_time

from .given import asked, calling, pay, served

V1 = "/api/v1"
KEY = "ada-key-0123456789"


async def test_runs_are_listed_and_one_is_told_in_whole(store: str) -> None:
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[pay])
        async with served(app) as client:
            run_id, question = await asked(app, 1, resource_id="acme")
            await clock.advance("1s")
            pending = await app.workflow(pay).create_run("later")
            listed = (await client.get(f"{V1}/runs")).json()
            assert ([run["run_id"] for run in listed["runs"]], listed["total"]) == ([pending.id, run_id], 2)
            assert listed["runs"][1] == {
                "run_id": run_id,
                "workflow": "pay",
                "status": "suspended",
                "resource_id": "acme",
                "created_at": "2026-01-01T00:00:00Z",
                "updated_at": "2026-01-01T00:00:00Z",
                "wake_at": None,
                "waiting_on": ["review"],
                "open": 1,
                "schedule_id": None,
            }
            for query, expected in (
                ("status=suspended", 1),
                ("workflow=none", 0),
                ("resource_id=acme&id_prefix=" + run_id[:4], 1),
                ("created_from=2026-01-01T00:00:01Z", 1),
                ("limit=0", 2),
            ):
                assert (await client.get(f"{V1}/runs?{query}")).json()["total"] == expected, query

            told = (await client.get(f"{V1}/runs/{run_id}")).json()
            assert (told["run"], told["input"], told["result"], told["error"]) == (
                listed["runs"][1],
                1,
                None,
                None,
            )
            assert (told["trace_id"], told["reason"]) == (None, None)
            assert told["steps"]["review"]["status"] == "suspended"
            assert [found["id"] for found in told["questions"]] == [question]

            why = (await client.get(f"{V1}/runs/{run_id}/explain")).json()
            assert "review waits for an answer" in why["text"]
            assert why["explanation"]["questions"][0]["suspension_id"] == question


async def test_a_question_is_told_with_the_schema_of_its_answer(store: str) -> None:
    async with virtual_time():
        app = Cadenza(store=store, workflows=[pay])
        async with served(app) as client:
            run_id, question = await asked(app)
            (listed,) = (await client.get(f"{V1}/inbox?label=item-1")).json()["items"]
            found = (await client.get(f"{V1}/inbox/{question}")).json()
            assert found == listed
            schema = found.pop("answer_schema")
            assert schema["properties"]["decision"]["enum"] == ["pay", "reject"]
            assert found == {
                "id": question,
                "run_id": run_id,
                "workflow": "pay",
                "step": "review",
                "key": "Review",
                "labels": ["item-1"],
                "question": {"supplier": "<b>ACME</b>", "value": 1},
                "event": None,
                "assigned": [],
                "claimed_by": None,
                "claimed_at": None,
                "opened_at": "2026-01-01T00:00:00Z",
                "deadline": None,
                "on_timeout": {"kind": None, "answer": None},
                "remind_at": [],
                "exclude_requester": False,
                "state": "open",
                "answer": None,
                "actor": None,
                "via": None,
                "reason": None,
                "closed_at": None,
            }
            for query in (
                "workflow=none",
                "status=answered",
                "assignee=ada",
                "older_than=1h",
                "event=e",
                "claimed_by=x",
                "resource_id=x",
            ):
                assert (await client.get(f"{V1}/inbox?{query}")).json() == {"items": [], "total": 0}


async def test_an_answer_records_who_and_by_which_door(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    auth = api_keys({KEY: Principal(name="ada")})
    async with served(app, auth=auth) as client:
        client.headers["authorization"] = f"Bearer {KEY}"
        run_id, question = await asked(app)
        url = f"{V1}/inbox/{question}/answer"
        data = {"data": {"decision": "pay"}}
        assert (await client.post(url, json=data | {"actor": "bob"})).json()["code"] == "not_that_actor"
        checked = await client.post(url, json=data | {"dry_run": True})
        assert (checked.status_code, checked.json()["status"]) == (200, "suspended")
        done = await client.post(url, json=data | {"wait": True, "actor": "ada"})
        assert done.json() == {"run_id": run_id, "status": "success", "result": "pay  None"}
        (closing,) = await app.inbox.history(run_id)
        assert (closing.actor, closing.via, closing.data) == (
            "ada",
            "http",
            {"decision": "pay", "note": "", "amount": None},
        )


async def test_errors_are_problems_that_say_what_can_be_done(store: str) -> None:
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[pay])
        async with served(app, body_limit=10_000) as client:
            _, one = await asked(app)
            _, two = await asked(app)
            _, three = await asked(app)

            async def problem(path: str, body: Any = None, **headers: str) -> dict[str, Any]:
                send: Any = {} if body is None else {"json": body}
                found = await client.request(
                    "GET" if body is None else "POST", V1 + path, headers=headers, **send
                )
                assert found.headers["content-type"] == "application/problem+json"
                told: dict[str, Any] = found.json()
                assert told["status"] == found.status_code
                return told

            async def answer(id_: str, data: Any = None, **headers: str) -> dict[str, Any]:
                return await problem(f"/inbox/{id_}/answer", {"data": data or {"decision": "pay"}}, **headers)

            def said(told: dict[str, Any], *keys: str) -> tuple[Any, ...]:
                return (told["status"], told["code"], *[told.get(key) for key in keys])

            assert said(await problem("/runs/none"), "run_id") == (404, "run_not_found", "none")
            assert said(await problem("/inbox/none")) == (404, "suspension_not_found")
            assert said(await answer("none")) == (404, "suspension_not_found")
            invalid = await answer(one, {"decision": "perhaps", "amount": 0})
            assert said(invalid) == (422, "invalid_resume_data")
            assert [issue["path"] for issue in invalid["issues"]] == ["decision", "amount"]

            await app.inbox.answer(one, {"decision": "pay"}, actor="bob")
            assert said(await answer(one), "actor", "at", "suspension_id", "step") == (
                409,
                "already_answered",
                "bob",
                clock.now().isoformat(),
                one,
                "review",
            )
            await app.inbox.cancel(two, "no longer needed")
            assert said(await answer(two), "reason") == (410, "suspension_canceled", "no longer needed")
            await app.inbox.claim(three, "bob")
            assert said(await answer(three), "claimed_by") == (409, "already_claimed", "bob")
            assert said(await problem(f"/inbox/{three}/claim", {"actor": "ada"})) == (409, "already_claimed")
            assert said(await problem(f"/inbox/{three}/release", {"actor": "ada"})) == (
                409,
                "already_claimed",
            )
            assert said(await problem(f"/inbox/{three}/claim", {})) == (422, "actor_missing")
            assert said(await problem(f"/inbox/{three}/extend", {"deadline": "soon"})) == (
                422,
                "invalid_duration",
            )
            for deadline in ("2026-02-01T09:00:00", "2026-99-01", 3600, None, "3" * 60):
                told = await problem(f"/inbox/{three}/extend", {"deadline": deadline})
                assert said(told) == (400, "invalid_body"), deadline
            assert said(await problem(f"/inbox/{three}/extend", {"deadline": "3600"})) == (
                422,
                "invalid_duration",
            )
            assert said(await problem(f"/inbox/{three}/extend", {})) == (400, "invalid_body")
            assert said(await problem("/events", {"name": "e"})) == (400, "no_event_target")
            assert said(await problem("/runs?limit=-1")) == (400, "invalid_query")
            assert said(await problem("/runs?colour=red")) == (400, "invalid_query")
            assert said(await problem("/inbox?older_than=long")) == (422, "invalid_duration")
            assert said(await answer(three, {"note": "x" * 10_000})) == (413, "body_too_large")
            wrong = {"idempotency-key": "x" * 300}
            assert said(await answer(three, **wrong)) == (400, "invalid_idempotency_key")


async def test_a_run_that_todays_code_cannot_continue_is_held(tmp_path: Any) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"

    @step
    async def other(value: int) -> int:
        return value

    async with Cadenza(store=store, workflows=[pay]) as app:
        run_id, question = await asked(app)
    renamed = Workflow("pay", input=int).then(other).commit()
    async with served(Cadenza(store=store, workflows=[renamed])) as client:
        found = await client.post(f"{V1}/inbox/{question}/answer", json={"data": {"decision": "pay"}})
        assert (found.status_code, found.json()["code"], found.json()["run_id"]) == (423, "run_held", run_id)
        assert "no step at review" in found.json()["reason"]


async def test_the_same_idempotency_key_gets_the_same_outcome(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    async with served(app) as client:
        _, question = await asked(app)
        url, key = f"{V1}/inbox/{question}/answer", {"idempotency-key": "k1"}
        body = {"data": {"decision": "pay"}, "wait": True}
        answers = await asyncio.gather(*[client.post(url, json=body, headers=key) for _ in range(10)])
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        other = await client.post(url, json={"data": {"decision": "reject"}}, headers=key)
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
        unnamed = await client.post(url, json=body)
        assert (unnamed.status_code, unnamed.json()["code"]) == (409, "already_answered")


async def test_of_many_answers_at_once_one_is_taken(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    async with served(app) as client:
        run_id, question = await asked(app)
        url = f"{V1}/inbox/{question}/answer"
        found = await asyncio.gather(
            *[
                client.post(url, json={"data": {"decision": "pay", "note": name}, "actor": name})
                for name in map(str, range(20))
            ]
        )
        codes = [answer.status_code for answer in found]
        assert (codes.count(200), codes.count(409)) == (1, 19)
        (closing,) = await app.inbox.history(run_id)
        assert closing.actor == str(codes.index(200))
        assert {answer.json()["actor"] for answer in found if answer.status_code == 409} == {closing.actor}


async def test_a_question_is_claimed_released_extended_and_canceled(store: str) -> None:
    async with virtual_time():
        app = Cadenza(store=store, workflows=[pay])
        async with served(app) as client:
            run_id, question = await asked(app)

            async def act(action: str, **body: Any) -> dict[str, Any]:
                found = await client.post(f"{V1}/inbox/{question}/{action}", json=body)
                assert found.status_code == 200, found.text
                told: dict[str, Any] = found.json()
                return told

            assert (await act("claim", actor="ada"))["claimed_by"] == "ada"
            assert (await act("claim", actor="ada"))["claimed_by"] == "ada"
            assert (await act("release", actor="ada"))["claimed_by"] is None
            await act("claim", actor="ada")
            assert (await act("release"))["claimed_by"] is None  # who may do everything takes it away
            assert (await act("extend", deadline="3d"))["deadline"] == "2026-01-04T00:00:00Z"
            moved = await act("extend", deadline="2026-02-01T00:00:00+01:00")
            assert moved["deadline"] == "2026-01-31T23:00:00Z"
            gone = await act("cancel", reason="a mistake", actor="bob")
            assert (gone["state"], gone["reason"], gone["actor"], gone["via"]) == (
                "canceled",
                "a mistake",
                "bob",
                "http",
            )
            result: Any = await app.engine.settled(pay, run_id)
            assert result.status == "failed"


async def test_an_event_reaches_the_runs_that_wait_for_it(store: str) -> None:
    flow = (
        Workflow("flow", input=int)
        .wait_for_event("paid", match=lambda scope: {"order": scope.input})
        .commit()
    )
    app = Cadenza(store=store, workflows=[flow])
    async with served(app) as client:
        runs = []
        for order in (1, 2):
            run = await app.workflow(flow).create_run()
            await run.start(input_data=order)
            runs.append(run.id)
        found = await client.post(
            f"{V1}/events", json={"name": "paid", "data": {"sum": 5}, "match": {"order": 2}}
        )
        assert found.json() == {"run_ids": [runs[1]]}
        found = await client.post(f"{V1}/events", json={"name": "paid", "run_id": runs[0], "actor": "bank"})
        assert found.json() == {"run_ids": [runs[0]]}
        (closing,) = await app.inbox.history(runs[0])
        assert (closing.actor, closing.via) == ("bank", "event")


async def test_health_asks_for_nothing_and_ready_for_the_store(tmp_path: Any) -> None:
    app = Cadenza(store=f"sqlite:///{tmp_path / 'runs.db'}")
    async with calling(create_app(app, auth=api_keys({}))) as client:
        for path in ("health", "ready"):
            found = await client.get(f"{V1}/{path}")
            assert (found.status_code, found.json()) == (200, {"status": "ok"})
        await app.close()
        assert (await client.get(f"{V1}/health")).status_code == 200
        found = await client.get(f"{V1}/ready")
        assert (found.status_code, found.json()["code"]) == (503, "not_ready")


async def test_openapi_describes_every_route() -> None:
    async with calling(create_app(Cadenza())) as client:
        document = (await client.get("/api/openapi.json")).json()
    described = {(method.upper(), path) for path, found in document["paths"].items() for method in found}
    ours = {
        (route.method, face.prefix + route.path)
        for face in faces()
        for route in face.routes
        if route.documented
    }
    assert described == ours
    answer = document["paths"][f"{V1}/inbox/{{id}}/answer"]["post"]
    assert set(answer["responses"]) == {"200", "400", "401", "403", "404", "409", "410", "413", "422", "423"}
    assert answer["x-scope"] == "resume"


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
async def test_a_moment_that_is_none_in_utc_is_refused(store: str, moment: str) -> None:
    """It was a 500: beyond the first and the last year there is no calendar."""
    app = Cadenza(store=store, workflows=[pay])
    async with served(app) as client:
        _, question = await asked(app)
        before = await app.inbox.get(question)
        found = await client.post(f"/api/v1/inbox/{question}/extend", json={"deadline": moment})
        assert (found.status_code, found.json()["code"]) == (400, "invalid_body"), found.text
        assert await app.inbox.get(question) == before
        for path, name in (
            ("/api/v1/runs", "created_from"),
            ("/api/v1/runs", "created_to"),
            ("/api/workflows/pay/runs", "fromDate"),
            ("/api/workflows/pay/runs", "toDate"),
        ):
            found = await client.get(path, params={name: moment})
            assert found.status_code == 400, (path, name, found.text)
