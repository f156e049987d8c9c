"""What the runner makes of situations that the corpus at hand has not: other corpora may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .runner import Scenario, opener

ASK = {"unless": {"@has": ["$resume"]}, "suspend": {}, "label": "L"}
START = {"do": "start", "input": {}}


async def play(workflow: dict[str, Any], *script: dict[str, Any]) -> list[dict[str, Any]]:
    spec = {"id": "own-01", "workflow": workflow, "script": list(script)}
    with opener("memory", Path()) as open_data:  # memory needs no folder
        return await Scenario(spec, open_data("own-01")).play()


async def test_after_a_crash_the_script_goes_on_in_a_new_process() -> None:
    program = [{"when": {"@eq": ["$calls", 1]}, "crash": True}, {"return": "$calls"}]
    workflow = {"steps": {"a": {"do": program}}, "graph": ["a"]}
    started, seen, restarted = await play(workflow, START, {"do": "get_run"}, {"do": "restart"})
    assert started == {"do": "start", "crashed": True, "exec": ["a:1"]}
    assert seen["run"]["status"] == "running"
    assert (restarted["outcome"]["result"], restarted["exec"]) == (2, ["a:2"])


@pytest.mark.parametrize(
    ("entry", "given", "label"),
    [
        ({"dountil": "a", "cond": {"@ge": ["$iteration", 2]}}, {}, {"step": "a"}),
        ({"foreach": "a", "concurrency": 2}, [1], {"step": "a", "index": 0}),
    ],
)
async def test_a_label_has_the_index_of_an_item_and_not_of_a_round(
    entry: dict[str, Any], given: Any, label: dict[str, Any]
) -> None:
    workflow = {"steps": {"a": {"do": [ASK, {"return": 1}]}}, "graph": [entry]}
    (started,) = await play(workflow, {**START, "input": given, "includeResumeLabels": True})
    assert started["outcome"]["resumeLabels"] == {"L": label}


async def test_every_action_about_a_run_that_is_not_there_says_so() -> None:
    calls = [{"step": "a"}, {"step": "a"}]
    records = await play(
        {"steps": {"a": {}}, "graph": ["a"]},
        {"do": "resume", "step": "a"},
        {"do": "cancel"},
        {"do": "restart"},
        {"do": "resume_concurrently", "calls": calls},
        {"do": "get_run"},
    )
    *refused, concurrent, looked = records
    assert [record["throws"]["kind"] for record in refused] == ["RUN_NOT_FOUND"] * 3
    assert [outcome["throws"]["kind"] for outcome in concurrent["outcomes"]] == ["RUN_NOT_FOUND"] * 2
    assert looked == {"do": "get_run", "found": False}


async def test_every_action_throws_where_the_workflow_cannot_be_built() -> None:
    records = await play({"steps": {}, "graph": []}, START, {"do": "new_process"}, {"do": "list_runs"})
    assert [record["throws"]["kind"] for record in records] == ["EMPTY_WORKFLOW"] * 3


async def test_the_state_is_seen_whole_and_only_where_it_is_read() -> None:
    part = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    steps = {
        "a": {"state": part, "do": [{"set_state": {"n": 1}}]},
        "b": {"state": part, "do": [{"return": "$state"}]},
    }
    (started,) = await play({"steps": steps, "graph": ["a", "b"]}, {**START, "state": {"other": 2}})
    assert started["outcome"]["result"] == {"n": 1, "other": 2}


async def test_messages_of_users_are_kept_and_run_ids_are_not() -> None:
    workflow = {"steps": {"a": {"do": [{"fail": {"@concat": ["run-time ", 1.0]}}]}}, "graph": ["a"]}
    started, again = await play(workflow, START, START)
    assert started["outcome"]["error"] == {"message": "run-time 1"}
    assert "<runId>" in again["throws"]["message"]
    assert "own-01" not in again["throws"]["message"]


async def test_step_objects_are_passed_where_there_are_some() -> None:
    inner = {"steps": {"x": {"do": [ASK, {"return": "$resume"}]}}, "graph": ["x"]}
    _, wrong, right = await play(
        {"steps": {"n": {"workflow": inner}}, "graph": ["n"]},
        START,
        {"do": "resume", "step": "n.gone", "stepForm": "object", "data": 1},
        {"do": "resume", "step": ["n", "x"], "stepForm": "object", "data": 1},
    )
    assert wrong["throws"]["kind"] == "STEP_NOT_SUSPENDED"
    assert right["outcome"]["result"] == 1
