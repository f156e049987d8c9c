"""Random graphs on both engines, and the histories that other versions have left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from cadenza.engine.temporal.converter import data_converter
from cadenza.engine.temporal.workflow import RunWorkflow

from .fuzz import differences
from .server import connect

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
HISTORIES = Path(__file__).parent / "histories"


@pytest.mark.timeout(36_000 if LONG else 180)
@pytest.mark.filterwarnings("ignore:Cannot find activity to cancel:UserWarning")
async def test_random_graphs_come_out_as_on_the_local_engine(temporal_port: int) -> None:
    client = await connect(temporal_port)
    assert await differences(client, 1_000 if LONG else 15, seed=7) == []


@pytest.mark.parametrize("file", sorted(HISTORIES.glob("*.json")), ids=lambda file: file.stem)
async def test_recorded_histories_replay_without_any_of_their_code(file: Path) -> None:
    """No workflow is registered here: a replay asks for none. `python -m tests.temporal.record` records anew."""
    text = file.read_text("utf-8")  # noqa: ASYNC240  nothing else runs
    replayer = Replayer(workflows=[RunWorkflow], data_converter=data_converter(None))
    await replayer.replay_workflow(WorkflowHistory.from_json("run", text))


def test_there_are_histories() -> None:
    assert len(list(HISTORIES.glob("*.json"))) >= 5
