"""`cadenza runs`, `workflows`, `graph`, `events` and `db`, as processes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .command import PATIENCE, PROGRAM, cadenza, environment, terminal, typed


def test_runs_are_listed_shown_and_explained(folder: Path) -> None:
    cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1", "--resource-id", "acme")
    cadenza(folder, "run", "quick", "-i", "1", "--run-id", "r2")

    plain = cadenza(folder, "runs", "ls")
    assert [line.split()[:3] for line in plain.out.splitlines()] == [
        ["run", "workflow", "status"],
        ["r2", "quick", "success"],
        ["r1", "payment", "suspended"],
    ]
    chosen = ("--status", "suspended", "--status", "failed", "--resource", "acme", "--since", "1h")
    [row] = cadenza(folder, "runs", "ls", *chosen, "--json").json["runs"]
    assert {name: row[name] for name in ("run_id", "workflow", "status", "resource_id", "driver")} == {
        "run_id": "r1",
        "workflow": "payment",
        "status": "suspended",
        "resource_id": "acme",
        "driver": None,
    }
    few = cadenza(folder, "runs", "ls", "--limit", "1")
    assert (few.out.count("\n"), few.err) == (2, "1 of 2 runs; --limit 2 shows all\n")
    assert cadenza(folder, "runs", "ls", "--since", "soon").code == 2
    far = cadenza(folder, "runs", "ls", "--since", "0001-01-01T00:00:00+12:00")
    assert (far.code, far.err.endswith("[invalid_option]\n")) == (2, True)

    # What only reads needs no code: the store is enough.
    bare = cadenza(folder, "runs", "show", "r1", "--store", "sqlite:///runs.db", CADENZA_APP="")
    assert bare.code == 0
    assert "run r1 of payment: suspended" in bare.out
    assert "review  suspended" in bare.out

    cadenza(folder, "resume", "r1", "--data", '{"decision": "pay"}')
    shown = cadenza(folder, "runs", "show", "r1", "--json").json
    [closing] = shown["history"]
    assert (closing["state"], closing["actor"], closing["answer"]["decision"]) == ("answered", "ann", "pay")
    told = cadenza(folder, "runs", "explain", "r2")
    assert told.out == "run r2 of quick is success\n"
    assert cadenza(folder, "runs", "explain", "r2", "--json").json["status"] == "success"
    assert cadenza(folder, "runs", "show", "r9").err == (
        "error: there is no run 'r9' in this store; runs are made by create_run() [run_not_found]\n"
    )
    on_terminal = typed(terminal(folder, "runs", "ls"))
    assert "r2    quick      success" in on_terminal.out


def test_a_run_is_canceled_taken_back_and_removed(folder: Path) -> None:
    cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1")
    back = cadenza(folder, "runs", "time-travel", "r1", "load", "-i", "7", "--json")
    assert (back.code, back.json["suspensions"][0]["question"]["amount"]) == (3, 7)
    active = cadenza(folder, "runs", "restart", "r1")
    assert (active.code, active.err.endswith("[run_not_active]\n")) == (2, True)

    assert cadenza(folder, "runs", "cancel", "r1").out == "run r1 is to stop; it is canceled\n"
    ended = cadenza(folder, "runs", "cancel", "r1")
    assert (ended.code, ended.err) == (2, "run r1 has ended before, it is canceled; nothing was done\n")

    unsure = cadenza(folder, "runs", "rm", "r1")
    assert (unsure.code, unsure.err) == (
        2,
        "error: removing 1 run cannot be undone; nothing was done. Say --yes to do it [not_confirmed]\n",
    )
    no = typed(terminal(folder, "runs", "rm", "r1"), ("Go on? (yes/no): ", "no"))
    assert (no.code, no.out.endswith("nothing was done\n")) == (2, True)
    yes = typed(terminal(folder, "runs", "rm", "r1"), ("Go on? (yes/no): ", "yes"))
    assert (yes.code, yes.out.endswith("removed 1 run\n")) == (0, True)
    assert cadenza(folder, "runs", "rm", "r1", "-y").code == 2


@pytest.mark.parametrize("command", [("runs", "ls"), ("inbox",)], ids=" ".join)
def test_watching_prints_what_comes_until_it_is_interrupted(folder: Path, command: tuple[str, ...]) -> None:
    with subprocess.Popen(
        [PROGRAM, *command, "--watch", "--json"],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        try:
            cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1")
            assert watching.stdout is not None
            line = json.loads(watching.stdout.readline())
            assert line["run_id"] == "r1"
            watching.send_signal(2)
            _, err = watching.communicate(timeout=PATIENCE)
            assert (watching.returncode, err) == (130, "")
        finally:
            watching.kill()


def test_a_reader_that_goes_away_ends_the_command_quietly(folder: Path) -> None:
    cadenza(folder, "run", "quick", "-i", "1")
    with subprocess.Popen(
        [PROGRAM, "runs", "ls", "--json"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        assert (process.wait(PATIENCE), err) == (141, "")


def test_workflows_are_listed_and_drawn(folder: Path) -> None:
    listed = cadenza(folder, "workflows", "ls")
    assert listed.code == 0
    assert ["payment", "int", "str", "2", "Pay", "a", "bill."] in [
        line.split() for line in listed.out.splitlines()
    ]
    [payment] = [
        w for w in cadenza(folder, "workflows", "ls", "--json").json["workflows"] if w["id"] == "payment"
    ]
    assert (payment["input_schema"], payment["steps"]) == ({"type": "integer"}, ["load", "review"])
    drawn = cadenza(folder, "graph", "payment")
    assert drawn.out.startswith("flowchart TD\n")
    assert (
        cadenza(folder, "graph", "payment", "--format", "json").json
        == cadenza(folder, "graph", "payment", "--json").json
    )
    drawing = ElementTree.fromstring(cadenza(folder, "graph", "payment", "--format", "svg").out)
    assert {"load", "review"} <= set(drawing.itertext())
    assert "Pay a bill." in typed(terminal(folder, "workflows", "ls")).out


def test_an_event_reaches_the_run_that_waits_for_it(folder: Path) -> None:
    waits = cadenza(folder, "run", "order", "-i", "1", "--run-id", "o1")
    assert waits.code == 3
    assert "cadenza events send paid --run o1 --data" in waits.out
    nobody = cadenza(folder, "events", "send", "nothing", "--match", "{}")
    assert (nobody.out, nobody.err) == (
        "nothing reached 0 runs\n",
        "nobody waits for it; --keep keeps it for those who come\n",
    )
    assert cadenza(folder, "events", "send", "paid", "--match", "3").code == 2
    sent = cadenza(folder, "events", "send", "paid", "--run", "o1", "--data", "7", "--json")
    assert sent.json == {"reached": ["o1"]}
    assert cadenza(folder, "runs", "show", "o1", "--json").json["result"] == 7


def test_the_store_is_brought_up_to_date_and_cleared(folder: Path) -> None:
    before = cadenza(folder, "db", "status")
    assert (before.code, before.out.partition(",")[0]) == (1, "problem: the store has no tables yet")
    assert not (folder / "runs.db").exists()
    assert cadenza(folder, "db", "upgrade").out.startswith("brought the store from version 0 to ")
    assert cadenza(folder, "db", "upgrade").out == "the store is up to date\n"
    assert cadenza(folder, "db", "status", "--json").json["up_to_date"] is True

    cadenza(folder, "run", "quick", "-i", "1")
    assert cadenza(folder, "db", "prune", "--older-than", "1h").out == "removed 0 runs\n"
    assert cadenza(folder, "db", "prune", "--older-than", "0s", "--status", "failed", "--json").json == {
        "removed": 0
    }
    assert cadenza(folder, "db", "prune", "--older-than", "0s", "--status", "running").code == 2
    assert cadenza(folder, "db", "prune", "--older-than", "0s").out == "removed 1 run\n"
    assert "ok: the store has version" in typed(terminal(folder, "db", "status")).out
