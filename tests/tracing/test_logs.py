"""Log records say which run, workflow and step they come from."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from cadenza import Cadenza, RunLogFilter, Scope, StepContext, Workflow, step

LOG = logging.getLogger("a.library")


class Kept(logging.Handler):
    """Keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def told(self) -> list[tuple[Any, ...]]:
        return [
            (record.getMessage(), *(record.__dict__[name] for name in ("run_id", "workflow_id", "step_path")))
            for record in self.records
        ]


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept()
    handler.addFilter(RunLogFilter())
    root = logging.getLogger()
    level, root_level = LOG.level, root.level
    root.addHandler(handler)
    LOG.setLevel(logging.INFO)
    logging.getLogger("cadenza.step").setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(root_level)
    LOG.setLevel(level)
    logging.getLogger("cadenza.step").setLevel(logging.NOTSET)


async def test_records_say_their_run_workflow_and_step_also_from_threads(kept: Kept) -> None:
    @step
    async def on_the_loop(value: int) -> int:
        LOG.info("loop")
        return value

    @step
    def in_a_thread(value: int) -> int:
        LOG.info("thread")
        return value

    inner = Workflow("inner", input=int).then(on_the_loop).then(in_a_thread).commit()
    flow = Workflow("flow", input=list[int]).foreach(inner).commit()
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run("r")
        LOG.info("before")
        await run.start(input_data=[1])
        LOG.info("after")

    assert kept.told == [
        ("before", "", "", ""),
        ("loop", "r", "inner", "inner[0].on_the_loop"),
        ("thread", "r", "inner", "inner[0].in_a_thread"),
        ("after", "", "", ""),
    ]


async def test_records_of_conditions_say_their_run(kept: Kept) -> None:
    @step
    async def one(value: int) -> int:
        return value

    def chosen(scope: Scope) -> bool:
        LOG.info("condition")
        return True

    flow = Workflow("flow", input=int).then(one).branch([(chosen, one.clone(id="two"))]).commit()
    async with Cadenza(workflows=[flow]) as app:
        await (await app.workflow(flow).create_run("r")).start(input_data=1)

    assert kept.told == [("condition", "r", "flow", "")]


async def test_what_a_record_carries_already_is_left_as_it_is(kept: Kept) -> None:
    @step
    async def one(value: int, ctx: StepContext) -> int:
        LOG.info("mine", extra={"run_id": "own"})
        ctx.logger.info("ours")
        return value

    flow = Workflow("flow", input=int).then(one).commit()
    async with Cadenza(workflows=[flow]) as app:
        await (await app.workflow(flow).create_run("r")).start(input_data=1)

    assert kept.told == [("mine", "own", "flow", "one"), ("ours", "r", "flow", "one")]
