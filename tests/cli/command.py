"""Running the command line as what it is, a process: in a terminal, and without one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

PROGRAM = Path(sys.executable).with_name("cadenza")
OFFICE = Path(__file__).with_name("office.py")
# Seconds; far more than a command needs, so that one that hangs fails.
PATIENCE = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on the standard output."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("CADENZA_")}
    return known | {"CADENZA_APP": "office:make", "CADENZA_ACTOR": "ann", "PYTHONWARNINGS": "error"} | more


def cadenza(folder: Path, *arguments: str, stdin: str = "", **env: str) -> Done:
    """Run the command in *folder*, without a terminal."""
    process = subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder,
        env=environment(**env),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Done(code=process.returncode, out=process.stdout, err=process.stderr)


def terminal(folder: Path, *arguments: str, **env: str) -> pexpect.spawn[str]:
    """Begin the command in *folder*, in a terminal of its own."""
    return pexpect.spawn(
        str(PROGRAM),
        list(arguments),
        cwd=str(folder),
        env=environment(TERM="xterm", **env),
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(40, 120),
    )


def typed(child: pexpect.spawn[str], *lines: tuple[str, str]) -> Done:
    """Wait for each text and type the line that goes with it; what the command gave, without colors."""
    said = ""
    for text, line in lines:
        child.expect_exact(text)
        said += child.before + text
        child.sendline(line)
    child.expect(pexpect.EOF)
    said += child.before
    child.close()
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said).replace("\r\n", "\n")
    return Done(
        code=child.exitstatus if child.exitstatus is not None else -child.signalstatus, out=plain, err=""
    )
