"""Log records that say which run they come from."""

from __future__ import annotations

import logging
from contextvars import ContextVar

from ..model.path import Path, show

# Run, workflow and place of what runs now; threads and tasks that a step begins inherit it.
place: ContextVar[tuple[str, str, Path] | None] = ContextVar("cadenza_place", default=None)


class RunLogFilter(logging.Filter):
    """Puts `run_id`, `workflow_id` and `step_path` into every record; "" where it comes from no run, or no step.

    Add it to a handler: filters of a logger do not see the records of the loggers below it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, with what it carries already left as it is."""
        run_id, workflow_id, path = place.get() or ("", "", ())
        found = {"run_id": run_id, "workflow_id": workflow_id, "step_path": show(path)}
        for name, value in found.items():
            record.__dict__.setdefault(name, value)
        return True
