"""Whether a run may go on here: today's code fits it, and it does not keep killing its process."""

from __future__ import annotations

from typing import Any

from ..history import event as ev
from ..history.compare import Held, compare
from ..history.snapshot import Snapshot
from ..model.graph import Graph
from ..model.path import show, within
from ..model.workflow import Workflow

# A run that kills its drivers so often, without getting any further, is held.
_DEATHS = 5


def why_held(
    workflow: Workflow[Any, Any], graph: Graph, run: Snapshot, *, patient: bool = False
) -> ev.RunHeld | None:
    """Why *run*, pinned to *graph*, must not go on with today's *workflow*, or None.

    A run that kept killing its process is held until somebody is *patient* with it; one that the code did not fit goes on as
    soon as it does.
    """
    if not patient and run.crashed:
        return ev.RunHeld(reason=run.held or "", crashed=True)
    if not patient and _deaths(run) >= _DEATHS:
        return ev.RunHeld(reason=_deadly(run), crashed=True)
    fit = compare(graph, run, workflow)
    return ev.RunHeld(reason=fit.reason) if isinstance(fit, Held) else None


def _deaths(run: Snapshot) -> int:
    """How many drivers of a run that nobody drives have died in a row without a new entry."""
    if run.status != "running":
        return 0
    return 1 + (run.deaths if run.taken_up_seq == run.seq else 0)


def _deadly(run: Snapshot) -> str:
    """Why a run is held that kills its drivers: where it does."""
    running = [path for path, record in run.records.items() if record.status == "running"]
    places = [p for p in running if not any(q != p and within(q, p) for q in running)]
    at = ", ".join(show(path) for path in places) or "its start"
    return f"crashes its process at {at} ({_deaths(run)} times in a row)"
