"""The demo, as `make demo` runs it: two real processes on one SQLite file."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "invoices"

# What must become of each entry of invoices.json.
REJECTED = {11, 20, 22}
BROKEN = {7, 8, 9, 12, 13, 14, 17, 23, 26, 27}
EXPECTED = ["rejected" if n in REJECTED else "failed" if n in BROKEN else "paid" for n in range(1, 29)]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", str(EXAMPLE / "demo.py"), *arguments]


def demo(folder: Path, *parts: str) -> str:
    process = subprocess.run(
        command(*parts, "--folder", str(folder)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout


def statuses(table: str) -> list[str]:
    """The status column of the last table in *table*, in the order of its rows."""
    rows = table.rpartition("  #  invoice")[2]
    return re.findall(r"^ *\d+  .{8}  .{22}  .{16}  (\w+)", rows, re.MULTILINE)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The demo, run once: its folder and what it printed. Nobody changes them."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo(folder)


def test_every_invoice_ends_as_it_should(done: tuple[Path, str]) -> None:
    _, printed = done
    assert statuses(printed) == EXPECTED
    assert "28 invoices: 15 paid, 10 failed, 3 rejected." in printed


def test_the_broken_ones_say_what_is_wrong(done: tuple[Path, str]) -> None:
    table = done[1].rpartition("What became of every invoice")[2]
    reasons = dict(re.findall(r"^ *(\d+)  .{8}  .{22}  .{16}  failed    (.*)$", table, re.MULTILINE))
    assert reasons == {
        "7": "lines.0.quantity: Input should be greater than 0; total: Input should be greater than 0",
        "8": "supplier: Field required",
        "9": "currency: Input should be 'CHF', 'EUR', 'GBP', 'JPY', 'PLN', 'SEK' or 'USD'",
        "12": "date: Input should be a valid date in the format YYYY-MM-DD, day value is outside expected range",
        "13": "the lines add up to 1775.00, the total says 1975.00",
        "14": "INV-2002 is in the file before; it is paid once",
        "17": "lines: List should have at least 1 item after validation, not 0",
        "23": "total: Input should be a valid decimal",
        "26": "lines.0.quantity: Input should be a valid integer",
        "27": "Input should be an object",
    }


def test_runs_wait_from_one_process_to_the_next(tmp_path: Path) -> None:
    """Each part alone; between them there is no process at all."""
    folder = tmp_path / "demo"
    first = demo(folder, "start")
    assert Counter(statuses(first)) == {"paid": 10, "failed": 10, "waiting": 8}
    second = demo(folder, "answer")
    assert "8 runs wait for a person" in second
    assert statuses(second) == EXPECTED


def test_a_wrong_answer_and_a_second_one_are_refused(done: tuple[Path, str]) -> None:
    _, printed = done
    question = printed.partition("\nINV-2003, 148,000.00 SEK")[2].partition("\n\n")[0]
    said = [line.strip() for line in question.splitlines()[3:]]
    assert said[:5] == [
        'dana: {"decision": "yes"}',
        "refused, it still waits: decision: Input should be 'pay' or 'reject'",
        'dana: {"decision": "pay"}',
        "taken, the invoice is now paid",
        'dana, with a double click: {"decision": "pay"}',
    ]
    assert said[5].startswith("refused, AlreadyAnswered: review was already answered by dana at ")


def test_nothing_is_paid_for_twice(done: tuple[Path, str]) -> None:
    folder, _ = done
    calls = Counter((folder / "calls.log").read_text().splitlines())
    assert set(calls.values()) == {1}
    assert Counter(call.split("\t")[0] for call in calls) == {"transfer": 15, "summary": 8}


def test_the_demo_starts_afresh_each_time(done: tuple[Path, str], tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(done[0], folder)
    assert statuses(demo(folder)) == EXPECTED


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    import pty

    folder = tmp_path / "demo"
    demo(folder, "start")
    terminal, stdin = pty.openpty()
    try:
        os.write(terminal, b"perhaps\npay looks right\n" + b"\n" * 7)
        process = subprocess.run(
            command("answer", "--folder", str(folder)),
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(terminal)
        os.close(stdin)
    assert (process.returncode, process.stderr) == (0, "")
    assert "refused, it still waits: decision: Input should be 'pay' or 'reject'" in process.stdout
    assert re.search(r"INV-2003 .* 148,000.00 SEK  paid      looks right", process.stdout)
    assert Counter(statuses(process.stdout)) == {"paid": 11, "failed": 10, "waiting": 7}


def test_the_file_holds_what_the_demo_is_about() -> None:
    entries = [
        entry for entry in json.loads((EXAMPLE / "invoices.json").read_text()) if isinstance(entry, dict)
    ]
    assert len(entries) >= 20
    assert len({entry["currency"] for entry in entries}) >= 5
    assert len({entry.get("supplier") for entry in entries}) >= 10
