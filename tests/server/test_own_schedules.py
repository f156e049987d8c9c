"""Our routes of schedules."""

from __future__ import annotations

from typing import Any

from cadenza import Cadenza
from cadenza.server import Principal, api_keys
from cadenza.testing import virtual_time

from .given import pay, served

S = "/api/v1/schedules"
KEY = "acme-key-0123456789"


async def test_a_schedule_is_told_with_its_fires_paused_resumed_and_run(store: str) -> None:
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[pay])
        app.schedule(pay, cron="0 * * * *", timezone="Europe/Berlin", input_data=4, metadata={"for": "sales"})
        async with served(app) as client:
            (told,) = (await client.get(S)).json()["schedules"]
            assert told == {
                "id": "pay",
                "workflow": "pay",
                "cron": "0 * * * *",
                "timezone": "Europe/Berlin",
                "status": "active",
                "declared": True,
                "next_at": "2026-01-01T01:00:00Z",
                "last_at": None,
                "last_run_id": None,
                "last_status": None,
                "input": 4,
                "initial_state": None,
                "runtime_context": {},
                "resource_id": None,
                "metadata": {"for": "sales"},
                "created_at": "2026-01-01T00:00:00Z",
                "updated_at": "2026-01-01T00:00:00Z",
            }
            for query, expected in (("workflow=pay", 1), ("workflow=none", 0), ("status=paused", 0)):
                assert len((await client.get(f"{S}?{query}")).json()["schedules"]) == expected, query

            await clock.advance("90m")
            shown = (await client.get(f"{S}/pay")).json()
            (fire,) = shown["fires"]
            run_id = fire.pop("run_id")
            assert fire == {
                "scheduled_at": "2026-01-01T01:00:00Z",
                "at": "2026-01-01T01:00:00Z",
                "kind": "schedule",
                "error": None,
                "status": "suspended",
            }
            last = {"last_run_id": run_id, "last_status": "suspended", "last_at": "2026-01-01T01:00:00Z"}
            assert shown["schedule"].items() >= last.items()
            assert (await client.get(f"/api/v1/runs/{run_id}")).json()["run"]["schedule_id"] == "pay"

            assert (await client.post(f"{S}/pay/pause")).json()["status"] == "paused"
            await clock.advance("2h")
            begun = await client.post(f"{S}/pay/run")
            assert (begun.status_code, begun.json()["workflow"]) == (201, "pay")
            shown = (await client.get(f"{S}/pay?fires=1")).json()
            assert [(f["run_id"], f["kind"]) for f in shown["fires"]] == [(begun.json()["run_id"], "manual")]
            assert (await client.post(f"{S}/pay/resume")).json()["next_at"] == "2026-01-01T04:00:00Z"


async def test_who_sees_one_resource_sees_and_touches_its_schedules_alone(store: str) -> None:
    app = Cadenza(store=store, workflows=[pay])
    auth = api_keys({KEY: Principal(name="ann", resource_id="acme")})
    for id_, resource in (("mine", "acme"), ("theirs", "other"), ("all", None)):
        app.schedule(pay, id=id_, cron="0 0 1 1 *", input_data=1, resource_id=resource)
    async with served(app, auth=auth) as client:
        client.headers["authorization"] = f"Bearer {KEY}"
        listed = (await client.get(S)).json()["schedules"]
        assert [row["id"] for row in listed] == ["mine"]
        assert (await client.post(f"{S}/mine/run")).json()["resource_id"] == "acme"

        async def refused(method: str, path: str) -> Any:
            found = await client.request(method, f"{S}/{path}")
            return found.status_code, found.json()["code"]

        for id_ in ("theirs", "all", "none"):
            assert await refused("GET", id_) == (404, "schedule_not_found")
            for action in ("pause", "resume", "run"):
                assert await refused("POST", f"{id_}/{action}") == (404, "schedule_not_found")
        assert {row.status for row in await app.schedules.list()} == {"active"}
