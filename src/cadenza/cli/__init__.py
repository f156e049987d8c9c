"""The terminal face: the command `cadenza`.

Exit codes: 0 done, or the run succeeded; 1 the run failed, or `check` or `doctor` found something; 2 it could not be done;
3 the run waits; 4 it was canceled; 5 it is held; 130 interrupted; 141 nobody reads the output any more.
What is heavy is imported inside the commands, so that `--help` is there at once.
"""

from __future__ import annotations

import sys


def main() -> None:
    """What the command `cadenza` does; ends the process."""
    try:
        from .commands import call
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in {"cyclopts", "rich"}:
            raise
        sys.exit(f"error: the command line needs {missing.name}; pip install 'cadenza[cli]'")
    sys.exit(call(sys.argv[1:]))
