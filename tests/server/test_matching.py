"""Names that hold a slash are one part of a path, as whoever encoded them meant."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from cadenza import Cadenza
from cadenza.integrations.fastapi import router
from cadenza.server import create_app
from cadenza.testing import virtual_time

from .given import asked, calling, pay, served


@pytest.mark.parametrize("run_id", ["orders/71", "/", "a/b?c#d", "50%", "%2F", "Übung/1"])
async def test_a_run_is_found_by_whatever_it_is_named(store: str, run_id: str) -> None:
    async with virtual_time():
        app = Cadenza(store=store, workflows=[pay])
        async with served(app) as client:
            await (await app.workflow(pay).create_run(run_id)).start(input_data=1)
            path = quote(run_id, safe="")
            assert (await client.get(f"/api/v1/runs/{path}")).json()["run"]["run_id"] == run_id
            assert (await client.post(f"/api/v1/runs/{path}/cancel", json={})).status_code == 200
            wire = await client.get(f"/api/workflows/pay/runs/{path}")
            assert wire.status_code == 200, wire.text


async def test_a_slash_that_parts_is_none_that_is_encoded(store: str) -> None:
    async with virtual_time():
        app = Cadenza(store=store, workflows=[pay])
        async with served(app) as client:
            run_id, _ = await asked(app, 1)
            assert (await client.get(f"/api/v1%2Fruns/{run_id}")).status_code == 404
            assert (await client.get(f"/api/v1/runs/{run_id}%2Frecords")).status_code == 404
            assert (await client.get(f"/api/v1/runs/{run_id}/records")).status_code == 200


@pytest.mark.parametrize("host", ["mounted", "fastapi"])
async def test_in_another_application_too(store: str, host: str) -> None:
    async with virtual_time():
        app = Cadenza(store=store, workflows=[pay])
        outer: ASGIApp
        if host == "mounted":
            outer = Starlette(routes=[Mount("/flows", create_app(app))])
        else:
            outer = FastAPI()
            outer.include_router(router(app), prefix="/flows")
        async with app, calling(outer) as client:
            await (await app.workflow(pay).create_run("orders/71")).start(input_data=1)
            answer = await client.get("/flows/api/v1/runs/orders%2F71")
            assert answer.json()["run"]["run_id"] == "orders/71"
