"""Our routes of runs: where one has been, and what it waits for."""

from __future__ import annotations

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.testing import virtual_time

from .given import asked, pay, served

V1 = "/api/v1"


async def test_the_places_of_a_run_are_told_with_their_times(store: str) -> None:
    async with virtual_time() as clock:
        app = Cadenza(store=store, workflows=[pay])
        async with served(app) as client:
            run_id, question = await asked(app)
            await clock.advance("1m")
            await app.inbox.answer(question, {"decision": "pay"}, actor="ada")
            told = (await client.get(f"{V1}/runs/{run_id}/records")).json()
            begun, ended = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"
            spans = [
                {"kind": "run", "from": begun, "to": begun},
                {"kind": "wait", "from": begun, "to": ended},
                {"kind": "run", "from": ended, "to": ended},
            ]
            record = {
                "path": "review",
                "place": ["review"],
                "status": "success",
                "input": 1,
                "output": "pay  None",
                "error": None,
                "attempts": 1,
                "suspension_id": question,
                "wake_at": None,
                "question": {"supplier": "<b>ACME</b>", "value": 1},
                "answer": {"decision": "pay", "note": "", "amount": None},
                "actor": "ada",
                "started_at": begun,
                "ended_at": ended,
                "spans": spans,
            }
            assert told == {"status": "success", "spans": spans, "records": [record]}
            bare = (await client.get(f"{V1}/runs/{run_id}/records?values=false")).json()
            nothing = dict.fromkeys(("input", "output", "question", "answer"))
            assert bare == {"status": "success", "spans": spans, "records": [record | nothing]}
            assert (await client.get(f"{V1}/runs/none/records")).status_code == 404


async def test_what_follows_a_deadline_is_told(store: str) -> None:
    @step
    async def ask(value: int, ctx: StepContext) -> int:
        return await ctx.ask(
            int, deadline="3d", on_timeout=5, remind_after=["1d"], exclude_requester=True, question=value
        )

    flow = (
        Workflow("flow", input=int, output=list[int])
        .map(lambda _: [1, 2])
        .foreach(ask, concurrency=2)
        .commit()
    )
    async with virtual_time():
        app = Cadenza(store=store, workflows=[flow])
        async with served(app) as client:
            run = await app.workflow(flow).create_run("sched_nightly_17")
            await run.start(input_data=1)
            (first, _) = (await client.get(f"{V1}/inbox")).json()["items"]
            assert first["on_timeout"] == {"kind": "answer", "answer": 5}
            assert (first["remind_at"], first["deadline"]) == (
                ["2026-01-02T00:00:00Z"],
                "2026-01-04T00:00:00Z",
            )
            assert first["exclude_requester"] is True
            # In a list too: where it waits, and what started it.
            (told,) = (await client.get(f"{V1}/runs")).json()["runs"]
            assert (sorted(told["waiting_on"]), told["open"], told["schedule_id"]) == (
                ["ask[0]", "ask[1]"],
                2,
                "nightly",
            )
