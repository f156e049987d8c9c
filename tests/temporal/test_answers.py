"""Answers on Temporal: keys, what is refused where, and those that come while the run moves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cadenza import StepContext, Workflow, step
from cadenza.engine.base import Resuming
from cadenza.history.resume import ResumeRequest

from .conftest import MakeApp

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning"),
]


async def test_the_same_key_waits_where_it_did_not_before(make_app: MakeApp) -> None:
    gate = asyncio.Event()

    @step
    async def ask(value: Any, ctx: StepContext) -> int:
        answer: int = await ctx.ask(int)
        await gate.wait()
        return answer

    flow = Workflow("flow").then(ask).commit()
    async with make_app(flow) as app:
        run = await app.workflow(flow).create_run()
        await run.start()

        def answer(*, wait: bool) -> Any:
            resuming = Resuming(request=ResumeRequest(), data=1, idempotency_key="k", wait=wait)
            return asyncio.ensure_future(app.engine.answer(flow, run.id, resuming))

        assert (await answer(wait=False)).status != "success"
        waiting = answer(wait=True)
        # It is on its way while the step runs: what it gets has to be the end.
        await asyncio.wait({waiting}, timeout=0.5)
        gate.set()
        assert (await waiting).status == "success"
