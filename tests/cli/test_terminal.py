"""Commands that look the same in a terminal and without one are tried in a terminal too: what they say and how they exit."""

from __future__ import annotations

from pathlib import Path

from .command import cadenza, terminal, typed


def plain(text: str) -> list[str]:
    """The words of *text*: a terminal wraps lines and draws frames."""
    return [word for word in text.split() if word.strip("─│╭╮╰╯━┃")]


def test_what_shows_a_run_or_workflow_says_the_same_in_a_terminal(folder: Path) -> None:
    assert cadenza(folder, "run", "payment", "-i", "7", "--run-id", "p1").code == 3
    for arguments, expected in (
        (("graph", "payment"), "flowchart TD"),
        (("graph", "payment", "--format", "json"), '"workflow": "payment"'),
        (("runs", "show", "p1"), "review"),
        (("runs", "explain", "p1"), "review waits for an answer"),
        (("db", "upgrade"), "the store is up to date"),
        (("openapi",), '"openapi"'),
    ):
        beside = cadenza(folder, *arguments)
        shown = typed(terminal(folder, *arguments))
        assert (shown.code, beside.code) == (0, 0), (arguments, shown, beside)
        assert expected in " ".join(plain(shown.out)), (arguments, shown.out)
        assert expected in " ".join(plain(beside.out)), (arguments, beside.out)


def test_what_changes_a_run_does_so_in_a_terminal(folder: Path) -> None:
    for name in ("p1", "p2"):
        assert cadenza(folder, "run", "payment", "-i", "7", "--run-id", name).code == 3
    assert typed(terminal(folder, "runs", "time-travel", "p1", "review")).code == 3
    assert typed(terminal(folder, "runs", "cancel", "p2")).code == 0
    assert cadenza(folder, "runs", "show", "p2", "--json").json["status"] == "canceled"
    refused = typed(terminal(folder, "runs", "restart", "p1"))
    assert refused.code == 2
    assert "only a run that was under way" in " ".join(plain(refused.out))


def test_an_event_is_sent_from_a_terminal(folder: Path) -> None:
    assert cadenza(folder, "run", "order", "-i", "7", "--run-id", "o1").code == 3
    sent = typed(terminal(folder, "events", "send", "paid", "--run", "o1", "--data", "12"))
    assert sent.code == 0
    assert "o1" in sent.out


def test_a_question_is_claimed_released_extended_and_withdrawn_in_a_terminal(folder: Path) -> None:
    assert cadenza(folder, "run", "payment", "-i", "7", "--run-id", "p1").code == 3
    (item,) = cadenza(folder, "inbox", "--json").json["questions"]
    for arguments in (("claim",), ("release",), ("extend", "5d"), ("cancel", "--reason", "gone")):
        done = typed(terminal(folder, "inbox", arguments[0], item["id"], *arguments[1:]))
        assert done.code == 0, (arguments, done)
    assert cadenza(folder, "inbox", "--json").json["questions"] == []


def test_old_runs_are_removed_from_a_terminal(folder: Path) -> None:
    assert cadenza(folder, "run", "quick", "-i", "7", "--run-id", "q1").code == 0
    done = typed(terminal(folder, "db", "prune", "--older-than", "0s"))
    assert done.code == 0, done
    assert cadenza(folder, "runs", "ls", "--json").json["runs"] == []
