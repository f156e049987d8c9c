"""The type checkers agree with `api.py`, which says what a user's editor must show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

API = Path(__file__).with_name("api.py")
ROOT = Path(__file__).parents[2]
CHECKERS = {"mypy": ["mypy", "--strict"], "pyright": ["pyright"]}


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("checker", CHECKERS.values(), ids=CHECKERS)
def test_the_checker_infers_what_the_file_says_and_complains_where_it_says(checker: list[str]) -> None:
    found = subprocess.run(
        [sys.executable, "-m", *checker, str(API)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("checker", CHECKERS.values(), ids=CHECKERS)
def test_without_the_ignores_the_checker_complains_in_each_of_their_lines(checker: list[str]) -> None:
    lines = API.read_text().splitlines()
    expected = {number for number, line in enumerate(lines, 1) if "type: ignore[" in line}
    # A name of its own, as tests run side by side; here, as the strict settings hold for this folder.
    bare = API.with_name(f"api_without_ignores_{checker[0]}.py")
    bare.write_text("\n".join(line.partition("  # type: ignore")[0] for line in lines) + "\n")
    try:
        found = subprocess.run(
            [sys.executable, "-m", *checker, str(bare)], cwd=ROOT, capture_output=True, text=True, check=False
        )
    finally:
        bare.unlink()

    complained = {
        int(line.split(":")[1]) for line in found.stdout.splitlines() if bare.name in line and "error" in line
    }
    assert complained == expected, found.stdout + found.stderr


def test_the_file_runs_as_far_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """Types that are right and code that breaks would help nobody; lines that are wrong on purpose break at run time."""
    kept = [line for line in API.read_text().splitlines() if "type: ignore" not in line]
    module = ModuleType("api_without_wrong_lines")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    exec(compile("\n".join(kept), str(API), "exec"), module.__dict__)

    assert module.pay_invoice.id == "pay-invoice"
