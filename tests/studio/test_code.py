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
ROOT = HERE.parent.parent
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
    node("node", "vendor.mjs", str(tmp_path))
    for kept in (STUDIO / "vendor" / "preact.js", ROOT / "LICENSES" / "preact-and-htm.txt"):
        assert kept.read_bytes() == (tmp_path / kept.name).read_bytes()


def test_a_wheel_has_all_of_it(tmp_path: Path) -> None:
    build = [
        Path(sys.executable),
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        tmp_path,
        ROOT,
    ]
    subprocess.run(build, check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    files = [path for path in STUDIO.rglob("*") if path.is_file()]
    assert {f"cadenza/studio/{path.relative_to(STUDIO).as_posix()}" for path in files} <= names
    assert any(name.endswith("/licenses/LICENSES/preact-and-htm.txt") for name in names), sorted(names)[-5:]
