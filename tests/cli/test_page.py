"""The commands of `docs/how-to/command-line.md` print what the page shows; an ellipsis stands for what differs each time."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .command import PATIENCE, PROGRAM, environment

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "command-line.md"


@pytest.mark.timeout(8 * PATIENCE)  # twenty processes, one after the other
def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    text = PAGE.read_text()
    [shop] = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "shop.py").write_text(shop)
    session = "".join(re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    commands = re.findall(r"^\$ (.*)$", session, re.MULTILINE)
    script = "\n".join(f"echo '$ '{_quoted(command)}\n{command}" for command in commands)
    found = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment(PATH=f"{PROGRAM.parent}:/usr/bin:/bin"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=7 * PATIENCE,
        check=False,
    ).stdout
    pattern = ".*".join(re.escape(part) for part in re.sub(r"\n…\n", "…", session).split("…"))
    assert re.fullmatch(pattern, found, re.DOTALL), found


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
