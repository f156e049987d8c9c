"""`cadenza schedules`, as a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .command import Done, cadenza, terminal, typed

CLOCK = {"CADENZA_APP": "office:clockwork"}


def schedules(folder: Path, *arguments: str) -> Done:
    return cadenza(folder, "schedules", *arguments, **CLOCK)


def in_terminal(folder: Path, *arguments: str, says: tuple[tuple[str, str], ...] = ()) -> Done:
    return typed(terminal(folder, "schedules", *arguments, **CLOCK), *says)


def named(folder: Path, id_: str) -> Any:
    return schedules(folder, "show", id_, "--json").json


def test_schedules_are_listed_and_shown(folder: Path) -> None:
    made = schedules(folder, "create", "payment", "0 9 * * MON", "-i", "7", "--id", "mondays", "--json")
    assert (made.code, made.json["id"], made.json["declared"], made.json["input"]) == (0, "mondays", False, 7)

    plain = schedules(folder, "ls")
    assert [line.split("  ")[0] for line in plain.out.splitlines()] == ["schedule", "leap", "mondays"]
    found = schedules(folder, "ls", "--workflow", "quick", "--json").json
    assert (found["total"], found["schedules"][0]["id"], found["schedules"][0]["declared"]) == (
        1,
        "leap",
        True,
    )
    assert schedules(folder, "ls", "--status", "paused", "--json").json == {"schedules": [], "total": 0}

    shown = schedules(folder, "show", "leap")
    assert shown.out.startswith("schedule leap of quick: active\n  cron      30 4 29 2 * (Europe/Berlin)\n")
    assert "made by   the program" in shown.out
    # What only reads needs no code: the store is enough.
    bare = cadenza(folder, "schedules", "show", "leap", "--store", "sqlite:///runs.db", CADENZA_APP="")
    assert bare.out == shown.out
    on_terminal = in_terminal(folder, "ls")
    assert (on_terminal.code, "mondays" in on_terminal.out) == (0, True)
    assert in_terminal(folder, "show", "leap").out == shown.out


def test_a_schedule_is_paused_and_resumed(folder: Path) -> None:
    paused = schedules(folder, "pause", "leap")
    assert (paused.code, paused.out) == (0, "schedule leap is paused\n")
    assert (named(folder, "leap")["status"], named(folder, "leap")["next_at"]) == ("paused", None)
    resumed = in_terminal(folder, "resume", "leap")
    assert (resumed.code, resumed.out.startswith("schedule leap fires next at 20")) == (0, True)
    assert named(folder, "leap")["status"] == "active"
    assert in_terminal(folder, "pause", "leap").out == "schedule leap is paused\n"
    assert schedules(folder, "resume", "leap", "--json").json["status"] == "active"


def test_a_schedule_is_run_now_and_its_run_is_followed(folder: Path) -> None:
    done = schedules(folder, "run", "leap", "--json")
    assert (done.code, done.json["status"], done.json["result"]) == (0, "success", 5)
    schedules(folder, "create", "payment", "0 9 * * MON", "-i", "7", "--id", "mondays")
    waits = in_terminal(folder, "run", "mondays")
    assert (waits.code, "answer:   cadenza resume sched_mondays_" in waits.out) == (3, True)

    [fire] = schedules(folder, "history", "leap", "--json").json["fires"]
    assert (fire["run_id"], fire["kind"], fire["error"]) == (done.json["run_id"], "manual", None)
    assert fire["run_id"] in schedules(folder, "history", "leap").out
    assert schedules(folder, "history", "leap", "--until", "1d", "--json").json == {"fires": []}
    assert "sched_mondays_" in "".join(in_terminal(folder, "history", "mondays").out.split())


def test_a_schedule_is_removed_unless_the_program_declares_it(folder: Path) -> None:
    for id_ in ("a", "b"):
        in_terminal(folder, "create", "quick", "0 9 * * *", "-i", "1", "--id", id_)
    unsure = schedules(folder, "rm", "a")
    assert (unsure.code, unsure.err.endswith("[not_confirmed]\n")) == (2, True)
    question = "removing schedule a cannot be undone. Go on? (yes/no): "
    assert in_terminal(folder, "rm", "a", says=((question, "no"),)).code == 2
    assert in_terminal(folder, "rm", "a", says=((question, "yes"),)).code == 0
    assert schedules(folder, "rm", "b", "-y", "--json").json == {"removed": ["b"]}
    declared = schedules(folder, "rm", "leap", "--yes")
    assert (declared.code, declared.err.endswith("[schedule_declared]\n")) == (2, True)


def test_what_cannot_be_done_with_schedules_is_one_line(folder: Path) -> None:
    for arguments, code in (
        (("show", "nothing"), "schedule_not_found"),
        (("pause", "nothing"), "schedule_not_found"),
        (("run", "nothing"), "schedule_not_found"),
        (("history", "leap", "--limit", "0"), "invalid_option"),
        (("history", "leap", "--since", "soon"), "invalid_option"),
        (("create", "quick", "never", "-i", "1"), "invalid_cron"),
        (("create", "quick", "0 9 * * *", "-i", '"x"'), "invalid_input"),
        (("create", "quick", "0 9 * * *", "-i", "1", "--timezone", "Mars"), "invalid_timezone"),
    ):
        refused = schedules(folder, *arguments)
        assert refused.code == 2, (arguments, refused)
        assert refused.err.count("\n") == 1, (arguments, refused)
        assert refused.err.endswith(f"[{code}]\n"), (arguments, refused)
