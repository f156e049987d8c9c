"""Puts a few runs on the desk: `python fill.py [STORE]` (default: where `cadenza dev` looks)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from app import app as desk

from cadenza import Cadenza

EXPENSES = [
    ("Mara Lindqvist", "Train to Hamburg, for the fair", "184.30"),
    ("Tom Okafor", "Dinner with the client", "96.00"),
    ("Ines Prado", "Two monitors for the new office", "742.10"),
]


async def main(store: str) -> None:
    async with Cadenza(store=store, workflows=desk.workflows.values()) as app:
        await (await app.workflow("report").create_run(run_id="report-1")).start(input_data=0, wait=False)
        for number, (who, why, amount) in enumerate(EXPENSES, 2040):
            run = await app.workflow("expense").create_run(
                run_id=f"expense-{number}", resource_id="team-berlin"
            )
            lines = [{"item": why, "amount": amount}]
            await run.start(
                input_data={"employee": who, "purpose": why, "date": "2026-11-20", "lines": lines}
            )
        for number in (71, 72):
            await (await app.workflow("order").create_run(run_id=f"order-{number}")).start(
                input_data=f"order {number}"
            )
        await (await app.workflow("ratings").create_run(run_id="ratings-7")).start(
            input_data=["espresso", "croissant", "chair", "playlist"]
        )
        await (await app.workflow("payout").create_run(run_id="payout-12")).start(input_data=1200)
        question = (await app.inbox.list(run_id="expense-2041")).items[0]
        await app.inbox.answer(question.id, {"decision": "approve", "comment": "Fine."}, actor="kim")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        Path(".cadenza").mkdir(exist_ok=True)
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "sqlite:///.cadenza/dev.db"))
