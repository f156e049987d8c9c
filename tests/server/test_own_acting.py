"""Our routes that make a run do something: start, cancel, restart, time travel."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.server import Principal, api_keys
from cadenza.testing import virtual_time

from .given import Review, asked, pay, served

V1 = "/api/v1"
KEY = "acme-key-0123456789"
HEADERS = {"authorization": f"Bearer {KEY}"}
ACME = api_keys({KEY: Principal(name="ann", resource_id="acme")})


class Line(BaseModel):
    amount: int


class Order(BaseModel):
    lines: list[Line]


@step
async def total(order: Order) -> int:
    return sum(line.amount for line in order.lines)


@step
async def double(value: int) -> int:
    return value * 2


shop = Workflow("shop", input=Order, output=int, state=dict[str, int]).then(total).then(double).commit()


async def test_a_run_is_started_and_told(store: str) -> None:
    async with virtual_time():
        app = Cadenza(store=store, workflows=[shop, pay])
        async with served(app) as client:
            url = f"{V1}/workflows/shop/runs"
            body = {"input": {"lines": [{"amount": 2}]}, "run_id": "one", "resource_id": "acme", "wait": True}
            found = await client.post(url, json=body | {"initial_state": {"n": 1}, "actor": "ada"})
            assert found.status_code == 201, found.text
            told = found.json()
            assert (told["run_id"], told["workflow"], told["status"], told["resource_id"]) == (
                "one",
                "shop",
                "success",
                "acme",
            )
            assert (await client.get(f"{V1}/runs/one")).json()["result"] == 4
            again = await client.post(url, json=body)
            assert (again.status_code, again.json()["code"]) == (409, "run_already_started")
            other = await client.post(f"{V1}/workflows/pay/runs", json={"input": 1, "run_id": "one"})
            assert (other.status_code, other.json()["code"]) == (404, "wrong_workflow")
            # Who does not wait is told as soon as the start is durable.
            found = await client.post(f"{V1}/workflows/pay/runs", json={"input": 1})
            run_id = found.json()["run_id"]
            result: Any = await app.engine.settled(pay, run_id)
            assert (found.status_code, result.status) == (201, "suspended")
            missing = await client.post(f"{V1}/workflows/none/runs", json={"input": 1})
            assert (missing.status_code, missing.json()["code"]) == (404, "unknown_workflow")


async def test_a_pending_run_is_started_by_its_id(store: str) -> None:
    app = Cadenza(store=store, workflows=[shop])
    async with served(app) as client:
        await app.workflow(shop).create_run("later")
        body = {"input": {"lines": []}, "run_id": "later", "wait": True}
        told = (await client.post(f"{V1}/workflows/shop/runs", json=body)).json()
        assert (told["run_id"], told["status"]) == ("later", "success")


async def test_wrong_input_is_told_by_its_paths_and_leaves_no_run(store: str) -> None:
    app = Cadenza(store=store, workflows=[shop])
    async with served(app) as client:
        url = f"{V1}/workflows/shop/runs"
        found = await client.post(url, json={"input": {"lines": [{"amount": 1}, {"amount": "x"}, {}]}})
        told = found.json()
        assert (found.status_code, told["code"]) == (422, "invalid_input")
        assert [issue["path"] for issue in told["issues"]] == ["lines.1.amount", "lines.2.amount"]
        state = {"input": {"lines": []}, "initial_state": {"n": "x"}}
        found = await client.post(url, json=state)
        assert (found.status_code, found.json()["code"]) == (422, "invalid_state")
        assert [issue["path"] for issue in found.json()["issues"]] == ["n"]
        assert (await client.get(f"{V1}/runs")).json()["total"] == 0


async def test_who_sees_one_resource_starts_and_touches_its_runs_alone(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    async with served(app, auth=ACME) as client:
        client.headers.update(HEADERS)
        url = f"{V1}/workflows/pay/runs"
        told = (await client.post(url, json={"input": 1, "wait": True})).json()
        assert told["resource_id"] == "acme"
        refused = await client.post(url, json={"input": 1, "resource_id": "other"})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        refused = await client.post(url, json={"input": 1, "actor": "bob"})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_that_actor")
        theirs, _ = await asked(app, resource_id="other")
        assert (await client.post(url, json={"input": 1, "run_id": theirs})).status_code == 404
        for action, body in (("cancel", None), ("restart", {}), ("time-travel", {"step": "review"})):
            found = await client.post(f"{V1}/runs/{theirs}/{action}", json=body)
            assert (found.status_code, found.json()["code"]) == (404, "run_not_found"), action
        assert (await app.store.row(theirs)).status == "suspended"  # type: ignore[union-attr]


async def test_a_run_is_canceled_once(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    async with served(app) as client:
        run_id, question = await asked(app)
        found = await client.post(f"{V1}/runs/{run_id}/cancel")
        assert (found.status_code, found.json()["status"]) == (200, "canceled")
        assert (await client.get(f"{V1}/inbox/{question}")).json()["state"] == "canceled"
        again = await client.post(f"{V1}/runs/{run_id}/cancel")
        assert (again.status_code, again.json()["code"]) == (409, "run_ended")
        assert "it is canceled" in again.json()["detail"]


async def test_a_run_whose_process_has_died_is_restarted(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    begun, go = asyncio.Event(), asyncio.Event()

    @step
    async def slow(value: int, ctx: StepContext) -> int:
        begun.set()
        await go.wait()
        return value

    flow = Workflow("flow", input=int, output=int).then(slow).commit()
    dead = Cadenza(store=store, workflows=[flow], worker=False)
    await dead.workflow(flow).create_run("r")
    run = await dead.get_run("r")
    starting = asyncio.ensure_future(run.start(input_data=1))
    async with asyncio.timeout(5):
        await begun.wait()
    async with served(Cadenza(store=store, workflows=[flow], worker=False)) as client:
        alive = await client.post(f"{V1}/runs/r/restart", json={})
        assert (alive.status_code, alive.json()["code"]) == (409, "run_alive")
        dead.engine.die()
        await asyncio.gather(starting, return_exceptions=True)
        go.set()
        found = await client.post(f"{V1}/runs/r/restart", json={"wait": True})
        assert (found.status_code, found.json()["status"]) == (200, "success")
        ended = await client.post(f"{V1}/runs/r/restart", json={})
        assert (ended.status_code, ended.json()["code"]) == (409, "run_not_active")
    await dead.close()


async def test_a_run_goes_back_to_a_step(store: str) -> None:
    app = Cadenza(store=store, workflows=[shop, pay])
    async with served(app) as client:
        body = {"input": {"lines": [{"amount": 2}]}, "run_id": "one", "wait": True}
        await client.post(f"{V1}/workflows/shop/runs", json=body)
        url = f"{V1}/runs/one/time-travel"
        told = await client.post(url, json={"step": "double", "input": 10, "wait": True})
        assert (told.status_code, told.json()["status"]) == (200, "success"), told.text
        assert (await client.get(f"{V1}/runs/one")).json()["result"] == 20
        context = {"total": {"payload": {}, "output": 7}}
        await client.post(url, json={"step": "double", "context": context, "wait": True})
        assert (await client.get(f"{V1}/runs/one")).json()["result"] == 14
        wrong = await client.post(url, json={"step": "none"})
        assert (wrong.status_code, wrong.json()["code"]) == (409, "time_travel_target")
        assert "there is no such step" in wrong.json()["detail"]
        wrong = await client.post(url, json={"step": "double", "input": "x"})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_step_input")
        assert wrong.json()["issues"][0]["path"] == ""
        # An answer can be brought along.
        run_id, _ = await asked(app)
        answer = Review(decision="pay").model_dump()
        await client.post(f"{V1}/runs/{run_id}/time-travel", json={"step": "review", "wait": True})
        (question,) = (await client.get(f"{V1}/inbox?run_id={run_id}")).json()["items"]
        done = await client.post(f"{V1}/inbox/{question['id']}/answer", json={"data": answer, "wait": True})
        assert done.json()["status"] == "success"
