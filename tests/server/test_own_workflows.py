"""Our routes: who asks, the workflows, and how their runs stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from cadenza import Cadenza, Retry, StepContext, Workflow, step
from cadenza.server import Principal, api_keys
from cadenza.testing import virtual_time

from .given import asked, pay, served

V1 = "/api/v1"
ADA, ACME = "ada-key-0123456789", "acme-key-0123456789"


def by(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class Order(BaseModel):
    total: int


@step(retries=2, description="Ask whether to pay", suspend_schema=str)
async def approve(order: Order, ctx: StepContext[Any, bool]) -> int:
    return order.total


@step
async def note(value: Any) -> Any:
    return value


inner = Workflow("inner", input=Order, output=int, description="The inside").then(approve).commit()
shop = (
    Workflow("shop", input=Order, description="Sell things", state=Order, retries=Retry(attempts=1))
    .then(inner)
    .map(lambda scope: scope.input, id="m")
    .then(note)
    .wait_for_event("paid", schema=Literal["cash", "card"], id="paying")
    .commit()
)


async def test_whoever_is_let_in_learns_who_they_are(store: str) -> None:
    app = Cadenza(store=store)
    async with served(app) as client:
        assert (await client.get(f"{V1}/me")).json() == {
            "name": None,
            "scopes": ["read", "start", "resume", "admin"],
            "resource_id": None,
            "auth": False,
            "trace_url": None,
        }
    auth = api_keys(
        {
            ADA: Principal(name="ada", scopes=frozenset({"resume"}), resource_id="acme"),
            ACME: Principal(name=None, scopes=frozenset({"admin"})),
        }
    )
    async with served(Cadenza(store=store), auth=auth) as client:
        assert (await client.get(f"{V1}/me")).status_code == 401
        assert (await client.get(f"{V1}/me", headers=by(ADA))).json() == {
            "name": "ada",
            "scopes": ["resume"],
            "resource_id": "acme",
            "auth": True,
            "trace_url": None,
        }
        # Who may do everything is told everything.
        assert (await client.get(f"{V1}/me", headers=by(ACME))).json()["scopes"] == [
            "read",
            "start",
            "resume",
            "admin",
        ]


async def test_workflows_are_told_with_how_their_runs_stand(store: str) -> None:
    app = Cadenza(store=store, workflows=[shop, pay])
    async with served(app) as client:
        await asked(app)
        await asked(app)
        await app.workflow(shop).create_run()
        told = (await client.get(f"{V1}/workflows")).json()
        assert told == {
            "workflows": [
                {"id": "shop", "description": "Sell things", "steps": 2, "runs": {"pending": 1}, "open": 0},
                {"id": "pay", "description": "", "steps": 1, "runs": {"suspended": 2}, "open": 2},
            ]
        }


async def test_a_workflow_is_told_with_its_graph_and_its_steps(store: str) -> None:
    app = Cadenza(store=store, workflows=[shop])
    async with served(app) as client:
        told = (await client.get(f"{V1}/workflows/shop")).json()
        order = {
            "properties": {"total": {"title": "Total", "type": "integer"}},
            "required": ["total"],
            "title": "Order",
            "type": "object",
        }
        nothing = {"suspend_schema": None, "resume_schema": None, "input_schema": None, "output_schema": None}
        assert told == {
            "id": "shop",
            "description": "Sell things",
            "input_schema": order,
            "result_schema": None,
            "state_schema": order,
            "graph": [
                {"kind": "workflow", "id": "inner", "graph": [{"kind": "step", "id": "approve"}]},
                {"kind": "map", "id": "m"},
                {"kind": "step", "id": "note"},
                {"kind": "event", "id": "paying", "event": "paid"},
            ],
            "steps": {
                "inner": nothing
                | {
                    "kind": "workflow",
                    "description": "The inside",
                    "input_schema": order,
                    "output_schema": {"type": "integer"},
                    "retries": 1,
                },
                "inner.approve": {
                    "kind": "step",
                    "description": "Ask whether to pay",
                    "input_schema": order,
                    "output_schema": {"type": "integer"},
                    "suspend_schema": {"type": "string"},
                    "resume_schema": {"type": "boolean"},
                    "retries": 2,
                },
                "note": nothing | {"kind": "step", "description": "", "retries": 1},
                "paying": nothing
                | {
                    "kind": "event",
                    "description": "",
                    "resume_schema": {"enum": ["cash", "card"], "type": "string"},
                    "retries": 0,
                },
            },
            "runs": {},
            "open": 0,
        }
        missing = await client.get(f"{V1}/workflows/none")
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown_workflow")


async def test_runs_are_counted_as_they_are_listed(store: str) -> None:
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[pay, shop])
        async with served(app) as client:
            run_id, _ = await asked(app, resource_id="acme")
            await clock.advance("1s")
            await asked(app)
            await app.workflow(shop).create_run("later")
            for query, expected in (
                ("", ({"suspended": 2, "pending": 1}, 2)),
                ("?workflow=pay", ({"suspended": 2}, 2)),
                ("?workflow=none", ({}, 0)),
                ("?resource_id=acme", ({"suspended": 1}, 1)),
                (f"?id_prefix={run_id[:-4]}", ({"suspended": 1}, 1)),
                ("?created_from=2026-01-01T00:00:01Z", ({"suspended": 1, "pending": 1}, 1)),
                ("?created_to=2026-01-01T00:00:00Z", ({"suspended": 1}, 1)),
            ):
                told = (await client.get(f"{V1}/counts{query}")).json()
                assert (told["runs"], told["open"]) == expected, query
            assert (await client.get(f"{V1}/counts?status=failed")).status_code == 400


async def test_who_sees_one_resource_counts_its_runs_alone(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    auth = api_keys({ACME: Principal(name="a", resource_id="acme"), ADA: Principal(name="ada")})
    async with served(app, auth=auth) as client:
        await asked(app, resource_id="acme")
        await asked(app, resource_id="other")
        for key, expected in ((ACME, 1), (ADA, 2)):
            listed = (await client.get(f"{V1}/workflows", headers=by(key))).json()["workflows"][0]
            shown = (await client.get(f"{V1}/workflows/pay", headers=by(key))).json()
            counted = (await client.get(f"{V1}/counts", headers=by(key))).json()
            for told in (listed, shown, counted):
                assert (told["runs"], told["open"]) == ({"suspended": expected}, expected)
        other = (await client.get(f"{V1}/counts?resource_id=other", headers=by(ACME))).json()
        assert other == {"runs": {}, "open": 0}


async def test_questions_that_todays_code_cannot_go_on_with_are_told(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    async with Cadenza(store=store, workflows=[pay, shop]) as app:
        run_id, question = await asked(app, resource_id="acme")
        await app.workflow(shop).create_run()
    auth = api_keys({ACME: Principal(name="a", resource_id="other"), ADA: Principal(name="ada")})
    async with served(Cadenza(store=store, workflows=[pay, shop]), auth=auth) as client:
        told = (await client.get(f"{V1}/workflows/pay/fit", headers=by(ADA))).json()
        assert told == {"fits": 1, "held": [], "held_count": 0, "restricted": [], "restricted_count": 0}
        told = (await client.get(f"{V1}/workflows/pay/fit", headers=by(ACME))).json()
        assert told["fits"] == 0
    renamed = Workflow("pay", input=int).then(note).commit()
    async with served(Cadenza(store=store, workflows=[renamed], worker=False)) as client:
        told = (await client.get(f"{V1}/workflows/pay/fit")).json()
        (held,) = told["held"]
        reason = held.pop("reason")
        assert held == {"run_id": run_id, "suspension_id": question, "step": "review"}
        assert "no step at review" in reason
        assert (told["fits"], told["held_count"]) == (0, 1)
        assert (await client.get(f"{V1}/workflows/shop/fit")).status_code == 404


async def test_the_inputs_of_former_runs_are_told_each_once(store: str) -> None:
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[pay, shop])
        auth = api_keys({ACME: Principal(name="a", resource_id="acme"), ADA: Principal(name="ada")})
        async with served(app, auth=auth) as client:
            runs = []
            for value, resource in ((1, "acme"), (2, None), (1, None), (3, "acme")):
                runs.append((await asked(app, value, resource_id=resource))[0])
                await clock.advance("1s")
            await app.workflow(pay).create_run()  # it has no input yet
            await app.workflow(shop).create_run()

            async def inputs(path: str = "", key: str = ADA) -> list[Any]:
                found = await client.get(f"{V1}/workflows/pay/inputs{path}", headers=by(key))
                return [(told["input"], told["run_id"]) for told in found.json()["inputs"]]

            assert await inputs() == [(3, runs[3]), (1, runs[2]), (2, runs[1])]
            assert await inputs("?limit=2") == [(3, runs[3]), (1, runs[2])]
            assert await inputs("?limit=0") == []
            assert await inputs(key=ACME) == [(3, runs[3]), (1, runs[0])]
            assert (await client.get(f"{V1}/workflows/none/inputs", headers=by(ADA))).status_code == 404
