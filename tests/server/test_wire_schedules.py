"""Mastra's routes of schedules, against what its server was recorded to answer (WIRE, section 10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cadenza import Cadenza
from cadenza.testing import virtual_time

from .given import pay, served

S = "/api/schedules"
START = datetime(2026, 1, 1, tzinfo=UTC)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


async def test_a_schedule_is_made_changed_paused_resumed_run_and_removed(store: str) -> None:
    async with virtual_time(START) as clock:
        app = Cadenza(store=store, workflows=[pay])
        async with served(app) as client:

            async def call(method: str, path: str = "", body: Any = None) -> Any:
                found = await client.request(method, S + path, **({} if body is None else {"json": body}))
                assert found.status_code == 200, found.text
                return found.json()

            given = {"workflowId": "pay", "cron": "0 0 1 2 *", "timezone": "Europe/Berlin", "inputData": 4}
            made = await call("POST", "", given | {"metadata": {"a": 1}, "requestContext": {"k": 1}})
            id_ = made["id"]
            assert id_.startswith("schedule_")
            assert made == {
                "id": id_,
                "workflowId": "pay",
                "cron": "0 0 1 2 *",
                "timezone": "Europe/Berlin",
                "status": "active",
                "nextFireAt": ms(datetime(2026, 1, 31, 23, tzinfo=UTC)),
                "inputData": 4,
                "requestContext": {"k": 1},
                "metadata": {"a": 1},
                "createdAt": ms(START),
                "updatedAt": ms(START),
            }
            assert await call("GET", f"/{id_}") == made
            assert await call("GET", "?workflowId=pay&status=active") == {"schedules": [made]}
            for query in ("status=paused", "workflowId=none", "agentId=a", "resourceId=r"):
                assert await call("GET", f"?{query}") == {"schedules": []}

            await clock.advance("1s")
            changed = await call("PATCH", f"/{id_}", {"cron": "0 0 2 2 *"})
            then = {"cron": "0 0 2 2 *", "nextFireAt": ms(datetime(2026, 2, 1, 23, tzinfo=UTC))}
            assert changed == made | then | {"updatedAt": ms(START + timedelta(seconds=1))}
            paused = await call("POST", f"/{id_}/pause")
            assert paused == changed | {"status": "paused"}
            assert await call("POST", f"/{id_}/pause") == paused
            assert await call("POST", f"/{id_}/resume") == changed

            run = await call("POST", f"/{id_}/run")
            at = ms(START + timedelta(seconds=1))
            assert run == {"scheduleId": id_, "claimId": f"sched_{id_}_{at}", "scheduledFireAt": at}
            await clock.settle()
            trigger = {
                "id": run["claimId"],
                "scheduleId": id_,
                "runId": run["claimId"],
                "scheduledFireAt": at,
                "actualFireAt": at,
                "outcome": "published",
                "triggerKind": "manual",
                "run": {"status": "suspended", "startedAt": at},
            }
            assert await call("GET", f"/{id_}/triggers") == {"triggers": [trigger]}
            assert await call("GET", f"/{id_}/triggers?limit=1&fromActualFireAt={at + 1}") == {"triggers": []}
            shown = await call("GET", f"/{id_}")
            assert (shown["lastFireAt"], shown["lastRunId"], shown["lastRun"]) == (
                at,
                run["claimId"],
                trigger["run"],
            )
            await clock.advance("40d")
            latest = (await call("GET", f"/{id_}/triggers"))["triggers"][0]
            assert (latest["triggerKind"], latest["scheduledFireAt"]) == ("schedule-fire", then["nextFireAt"])

            assert await call("DELETE", f"/{id_}") == {"message": "Schedule deleted"}
            gone = await client.get(f"{S}/{id_}")
            assert (gone.status_code, gone.json()) == (404, {"error": "Schedule not found"})


async def test_an_id_gets_its_prefix_and_is_taken_once() -> None:
    async with served(Cadenza(workflows=[pay])) as client:
        body = {"workflowId": "pay", "cron": "0 0 1 1 *", "id": "nightly", "inputData": 1}
        assert (await client.post(S, json=body)).json()["id"] == "schedule_nightly"
        again = await client.post(S, json=body | {"id": "schedule_nightly"})
        assert (again.status_code, again.json()) == (
            409,
            {
                "error": 'schedules.create: a schedule with id "schedule_nightly" already exists. '
                "Use update() to modify it or choose a different id."
            },
        )
        assert (await client.delete(f"{S}/nightly")).json() == {"error": "Schedule not found"}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"workflowId": "none"}, 404, 'Workflow "none" not found'),
        ({"cron": "nope"}, 400, "invalid cron expression"),
        ({"timezone": "Nowhere"}, 400, "there is no time zone"),
        ({"inputData": "x"}, 400, "Invalid input data"),
        ({"colour": "red"}, 400, "Invalid request body"),
        ({"cron": None}, 400, "Invalid request body"),
    ],
)
async def test_what_cannot_be_scheduled_is_refused(body: Any, status: int, error: str) -> None:
    """A bad cron expression is a 500 there; that is not copied, for its client would send it again."""
    async with served(Cadenza(workflows=[pay])) as client:
        found = await client.post(S, json={"workflowId": "pay", "cron": "0 0 1 1 *", "inputData": 1} | body)
        assert (found.status_code, error in found.json()["error"]) == (status, True)
        assert (await client.get(S)).json() == {"schedules": []}


async def test_what_the_program_declares_is_changed_there() -> None:
    app = Cadenza(workflows=[pay])
    app.schedule(pay, cron="0 9 * * *", input_data=1)
    async with served(app) as client:
        assert [one["id"] for one in (await client.get(S)).json()["schedules"]] == ["pay"]
        for method, body in (("PATCH", {"cron": "* * * * *"}), ("DELETE", None)):
            found = await client.request(method, f"{S}/pay", json=body)
            assert (found.status_code, "declared by app.schedule()" in found.json()["error"]) == (409, True)
        paused = await client.patch(f"{S}/pay", json={"status": "paused"})
        assert paused.json()["status"] == "paused"
