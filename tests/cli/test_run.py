"""`cadenza run` and `resume`, as processes."""

from __future__ import annotations

import json
from pathlib import Path

from .command import cadenza, terminal, typed


def test_a_run_tells_its_steps_and_exits_by_its_status(folder: Path) -> None:
    good = cadenza(folder, "run", "quick", "-i", "3", "--run-id", "r1")
    assert (good.code, good.err) == (0, "")
    assert good.out == "load: success: 3\nrun r1 of quick: success\nresult: 3\n"

    bad = cadenza(folder, "run", "broken", "-i", "-", "--run-id", "r2", stdin="4")
    assert (bad.code, bad.err) == (1, "")
    assert bad.out.splitlines() == [
        "load: success: 4",
        "fail: failed: ValueError: 4 is too much",
        "run r2 of broken: failed",
        "error: ValueError: 4 is too much",
    ]

    stopped = cadenza(folder, "run", "given-up", "-i", "1", "--run-id", "r3", "--json")
    assert (stopped.code, stopped.json["status"]) == (4, "canceled")


def test_a_run_that_waits_says_how_to_go_on_and_that_works(folder: Path) -> None:
    waits = cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1")
    assert waits.code == 3
    assert "run r1 of payment: suspended" in waits.out
    assert """answer:   cadenza resume r1 --data '{"decision": "pay"}'\n""" in waits.out

    refused = cadenza(folder, "resume", "r1", "--data", '{"decision": "maybe"}')
    assert refused.code == 2
    assert refused.err == (
        "error: invalid resume data for review: decision: Input should be 'pay' or 'reject' [invalid_resume_data]\n"
    )
    tried = cadenza(folder, "resume", "r1", "--data", '{"decision": "pay"}', "--dry-run")
    assert (tried.code, tried.err) == (0, "the answer would be taken; nothing was done\n")

    (folder / "answer.json").write_text('{"decision": "pay"}')
    key = ("--idempotency-key", "k1")
    done = cadenza(folder, "resume", "r1", "--step", "review", "--data", "@answer.json", *key)
    assert done.code == 0
    assert done.out.splitlines()[-1] == 'result: "pay: 420 EUR"'
    again = cadenza(folder, "resume", "r1", "--label", "money", "--data", "@answer.json", *key, "--json")
    assert (again.code, again.json["result"]) == (0, "pay: 420 EUR")

    late = cadenza(folder, "resume", "r1", "--data", '{"decision": "pay"}', "--json")
    assert late.code == 2
    assert json.loads(late.err)["error"]["code"] == "run_not_suspended"


def test_json_is_one_document_with_stable_names(folder: Path) -> None:
    found = cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1", "--json").json
    [question] = found["suspensions"]
    assert list(found) == ["run_id", "workflow", "status", "input", "suspensions", "steps"]
    assert (found["run_id"], found["status"], found["input"]) == ("r1", "suspended", 420)
    assert (question["step"], question["question"]) == ("review", {"amount": 420, "for": "ACME"})
    assert question["labels"] == ["money"]
    assert question["schema"]["properties"]["decision"]["enum"] == ["pay", "reject"]
    done = cadenza(
        folder, "resume", "r1", "--suspension", question["id"], "--data", '{"decision": "reject"}', "--json"
    )
    assert done.json["result"] == "reject: 420 EUR"
    assert done.json["steps"]["review"]["status"] == "success"


def test_what_cannot_be_done_is_said_in_one_line_and_leaves_nothing_behind(folder: Path) -> None:
    cases = {
        (
            "run",
            "quick",
            "-i",
            "{",
        ): "error: -i is no JSON: line 1, column 2: Expecting property name enclosed in "
        "double quotes [invalid_json]\n",
        (
            "run",
            "quick",
            "-i",
            "abc",
        ): "error: -i is no JSON: line 1, column 1: Expecting value; a text needs quotes of "
        "its own: '\"abc\"' [invalid_json]\n",
        (
            "run",
            "quick",
            "-i",
            "@none.json",
        ): "error: -i @none.json cannot be read: No such file or directory [unreadable]\n",
        (
            "run",
            "quick",
            "-i",
            '"a"',
        ): "error: invalid input for workflow quick: (the value itself): Input should be a "
        "valid integer [invalid_input]\n",
        (
            "run",
            "nope",
        ): "error: no workflow 'nope' is registered; these are: broken, double, filled, given-up, "
        "order, payment, quick [unknown_workflow]\n",
        (
            "resume",
            "r9",
        ): "error: give the answer with --data: there is no terminal to ask for it [answer_missing]\n",
        (
            "run",
        ): 'error: Command "run" parameter WORKFLOW requires an argument. (--help lists what there is) [usage]\n',
    }
    found = {command: cadenza(folder, *command) for command in cases}
    assert {command: done.err for command, done in found.items()} == cases
    assert {(done.code, done.out) for done in found.values()} == {(2, "")}
    assert cadenza(folder, "runs", "ls", "--json").json == {"runs": [], "total": 0}
    assert "Traceback" in cadenza(folder, "run", "nope", "--debug").err


def test_a_run_in_memory_says_that_it_will_not_last(folder: Path) -> None:
    found = cadenza(folder, "run", "payment", "-i", "1", "--app", "office:in_memory")
    assert found.code == 3
    assert "cadenza resume" not in found.out
    assert found.out.endswith("name a store with --store sqlite:///runs.db.\n")


def test_a_terminal_shows_a_table_and_asks_field_by_field(folder: Path) -> None:
    started = typed(terminal(folder, "run", "filled", "-i", "1", "--run-id", "f1"))
    assert started.code == 3
    assert "Fill this in, please" in started.out

    done = typed(
        terminal(folder, "resume", "f1"),
        ("name (text): ", "ab"),
        ("count (whole number): ", "many"),
        ("! a whole number is expected", ""),
        ("count (whole number): ", "3"),
        ("price (number; Enter: 1.5): ", ""),
        ("sure (yes/no): ", "y"),
        ("color (red/blue): ", "green"),
        ("! one of these: red, blue", ""),
        ("color (red/blue): ", "red"),
        ("on (date; Enter: leave it out): ", "2026-13-01"),
        ("address.street (text): ", "Main Street"),
        ("address.number (whole number): ", "7"),
        ("tags (list as JSON): ", '["a", "b"]'),
        ("note (text; Enter: leave it out): ", ""),
        # What the type refuses is asked again, and nothing else.
        ("! name: String should have at least 3 characters", ""),
        ("name (text): ", "Abel"),
        ("on (date; Enter: leave it out): ", "2026-01-31"),
    )
    assert done.code == 0
    assert json.loads(done.out.rpartition("result: ")[2].replace("\n", "")) == {
        "name": "Abel",
        "count": 3,
        "price": 1.5,
        "sure": True,
        "color": "red",
        "on": "2026-01-31",
        "address": {"street": "Main Street", "number": 7},
        "tags": ["a", "b"],
        "note": None,
    }


def test_of_several_questions_the_person_chooses_one(folder: Path) -> None:
    assert cadenza(folder, "run", "double", "-i", "5", "--run-id", "d1").code == 3
    chosen = typed(
        terminal(folder, "resume", "d1", "--actor", "lena"),
        ("which one? (1-2): ", "3"),
        ("which one? (1-2): ", "2"),
        ("decision (pay/reject): ", "pay"),
        ('note (text; Enter: ""): ', ""),
    )
    assert chosen.code == 3
    assert "run d1 of double: suspended" in chosen.out
    interrupted = terminal(folder, "resume", "d1")
    interrupted.expect_exact("decision (pay/reject): ")
    interrupted.sendintr()
    assert typed(interrupted).code == 130


def test_without_color_there_is_none(folder: Path) -> None:
    child = terminal(folder, "run", "quick", "-i", "3", NO_COLOR="1")
    child.expect_exact("result: 3")
    assert "\x1b[3" not in child.before
    typed(child)
