"""`cadenza inbox`, as processes."""

from __future__ import annotations

import json
from pathlib import Path

from .command import cadenza, terminal, typed

PAY = '{"decision": "pay"}'


def test_questions_are_listed_oldest_first(folder: Path) -> None:
    cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1")
    cadenza(folder, "run", "double", "-i", "5", "--run-id", "d1")

    listed = cadenza(folder, "inbox")
    assert listed.out.splitlines()[0].split() == [
        "id",
        "run",
        "workflow",
        "step",
        "open",
        "for",
        "deadline",
        "for",
        "question",
    ]
    assert listed.out.count("\n") == 4
    money = cadenza(folder, "inbox", "ls", "--label", "money", "--json").json
    assert [row["run_id"] for row in money["questions"]] == ["r1", "d1"]
    [mine] = cadenza(folder, "inbox", "--workflow", "double", "--assignee", "lena", "--json").json[
        "questions"
    ][-1:]
    assert (mine["step"], mine["assigned"]) == ("legal", ["lena"])
    assert cadenza(folder, "inbox", "--older-than", "1h", "--json").json == {"questions": [], "total": 0}


def test_a_question_is_claimed_extended_answered_or_withdrawn(folder: Path) -> None:
    cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1")
    cadenza(folder, "run", "payment", "-i", "421", "--run-id", "r2")
    first, second = (row["id"] for row in cadenza(folder, "inbox", "--json").json["questions"])
    assert cadenza(folder, "inbox", "claim", first).out == "review is claimed by ann\n"
    other = cadenza(folder, "inbox", "answer", first, "--data", PAY, "--actor", "bob", "--json")
    assert (other.code, json.loads(other.err)["error"]["code"]) == (2, "already_claimed")
    assert cadenza(folder, "inbox", "release", first).out == "review can be answered by all who may\n"
    extended = cadenza(folder, "inbox", "extend", first, "2030-01-31T12:00:00+00:00", "--json").json
    assert extended["deadline"] == "2030-01-31T12:00:00+00:00"
    answered = cadenza(folder, "inbox", "answer", first, "--data", PAY, "--actor", "bob")
    assert (answered.code, answered.out) == (0, 'run r1 of payment: success\nresult: "pay: 420 EUR"\n')
    again = cadenza(folder, "inbox", "answer", first, "--data", PAY)
    assert again.code == 2
    assert again.err.startswith("error: review was already answered by bob at ")
    assert again.err.endswith("; this answer was not taken [already_answered]\n")
    withdrawn = cadenza(folder, "inbox", "cancel", second, "--reason", "too late")
    assert withdrawn.out == "the question of review is withdrawn\n"


def test_a_person_goes_through_the_questions(folder: Path) -> None:
    cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1")
    cadenza(folder, "run", "payment", "-i", "421", "--run-id", "r2")
    menu = "answer, skip, claim or quit? (a/s/c/q): "
    found = typed(
        terminal(folder, "inbox"),
        (menu, "x"),
        (menu, "skip"),
        (menu, "claim"),
        ("claimed by ann", ""),
        (menu, "a"),
        ("decision (pay/reject): ", "pay"),
        ('note (text; Enter: ""): ', "well"),
    )
    assert found.code == 0
    assert "2 questions; run r1 of payment, open for" in found.out
    assert found.out.endswith('run r2 of payment: success\nresult: "pay: 421 EUR"\nnothing else waits\n')
    left = typed(
        terminal(folder, "inbox", "--watch"), (menu, "s"), ("waiting for questions; Ctrl+C ends", "\x03")
    )
    assert left.code == 130

    one = cadenza(folder, "inbox", "--json").json["questions"][0]["id"]
    asked = typed(
        terminal(folder, "inbox", "answer", one),
        ("decision (pay/reject): ", "reject"),
        ('note (text; Enter: ""): ', ""),
    )
    assert asked.code == 0
    assert 'result: "reject: 420 EUR"' in asked.out
    assert "nothing waits" in typed(terminal(folder, "inbox")).out
