"""The studio's own code: its types, its pure parts, and what it takes from others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import cadenza

HERE = Path(__file__).parent
STUDIO = Path(cadenza.__file__).parent / "studio"


def node(*command: str) -> str:
    """What a command of the tools prints. Without them: skipped, but never in CI."""
    if not (HERE / "node_modules" / ".installed").exists() or shutil.which("node") is None:
        missing = "what checks the studio's code is not installed: make studio-tools"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(f"NOT CHECKED: {missing}")
    found = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_types_hold() -> None:
    node("node_modules/.bin/tsc", "--project", "tsconfig.json")


def test_the_parts_without_a_page_do_what_they_say() -> None:
    tests = sorted(path.name for path in HERE.glob("*.test.mjs"))
    assert "# fail 0" in node("node", "--test", "--test-reporter=tap", *tests)


def test_what_is_vendored_is_what_the_packages_make(tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in (STUDIO / "vendor").iterdir() if path.is_file()}
    node("node", "vendor.mjs", str(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        name: before[name] for name in ("preact.js", "LICENSES.txt")
    }


def test_a_wheel_has_all_of_it(tmp_path: Path) -> None:
    root = HERE.parent.parent
    build = [
        Path(sys.executable),
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        tmp_path,
        root,
    ]
    subprocess.run(build, check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    files = [path for path in STUDIO.rglob("*") if path.is_file()]
    assert {f"cadenza/studio/{path.relative_to(STUDIO).as_posix()}" for path in files} <= names
