"""Where our answers differ from the recorded ones, and why that is accepted. A line that nothing needs fails the test."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from .replay import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Differences at places that match `where`, in exchanges that match `exchange` ("FILE NUMBER METHOD PATH").

    With `extra` only where we say more; with `recorded` only where the recorded value, as JSON, matches.
    """

    why: str
    exchange: str = ""
    where: str = ""
    extra: bool = False
    recorded: str = ""

    def covers(self, found: Difference) -> bool:
        """Whether *found* is one of these."""
        return (
            re.search(self.exchange, found.exchange) is not None
            and re.search(self.where, found.where) is not None
            and (not self.extra or found.recorded is None)
            and (not self.recorded or re.search(self.recorded, json.dumps(found.recorded)) is not None)
        )


ACCEPTED = [
    # what we say more, or in other words
    Accepted(
        why="payloads are always sent; Mastra leaves them out where they repeat what came before",
        where=r"steps\.[^.]+\.payload$",
        extra=True,
    ),
    Accepted(why="a run has its snapshot too, for clients of 0.2x", where=r"^body\.snapshot$", extra=True),
    Accepted(why="the name of an error is that of its Python class", where=r"error\.name$"),
    Accepted(
        why="Mastra classifies its own errors", where=r"metadata\.error\.(domain|category|code|details|name)$"
    ),
    Accepted(
        why="what does not fit is said in Pydantic's words",
        where=r"(body\.error|errorMessage|error\.message)$",
        recorded=r'^"(Invalid |Cannot time travel)',
    ),
    Accepted(why="what does not fit is said in Pydantic's words", where=r"body\.issues"),
    Accepted(
        why="several suspended steps are named in alphabetical order",
        where=r"body\.error$",
        recorded="Multiple suspended",
    ),
    Accepted(
        why="a graph names functions and holds no code",
        where=r"(serializedConditions?\.(\d+\.)?fn|mapConfig)$",
    ),
    Accepted(
        why="a place without types has no schema",
        where=r"(pick|<sleep>|to-list)\.(in|out)putSchema$",
    ),
    Accepted(
        why="the recorded server did not have this workflow", exchange=r"workflows(/run-counts)?(\?| |$)",
        where=r"^body\.[\w-]+$", extra=True,
    ),
    Accepted(
        why="a foreach keeps the input of each item, and when it was answered",
        where=r"foreachOutput\.\d+\.(payload|suspendPayload|resumePayload|resumedAt)$",
    ),
    Accepted(why="all items that have ended are counted", where=r"completedCount$"),
    Accepted(
        why="what the library keeps for itself", where=r"snapshot\.(activePaths|stepExecutionPath|requestContext|tracingContext)$"
    ),
    Accepted(why="what one of Mastra's stores adds", where=r"runs\.\d+\.(workflow_name|run_id)$"),
    Accepted(why="an empty object of no meaning", where=r"payload\.request$"),
    # what we do not copy
    Accepted(why="a run here goes on until it rests: perStep is refused", exchange="v1-per-step [1-4] "),
    Accepted(why="a run here goes on until it rests: perStep is refused", exchange="v1-time-travel-more 10 "),
    Accepted(why="a run that has ended stays as it ended", exchange="v1-cancel 20 ", where=r"body\.status$"),
    Accepted(
        why="what was canceled waits for nobody", exchange="v1-cancel 9 ", where=r"suspendedPaths"
    ),
    Accepted(why="a run is started once", exchange="v1-sequential-async 11 "),
    Accepted(why="counts are not cached", exchange="v1-sequential-async 7 ", where=r"suspended$"),
    Accepted(why="0.2x's routes are there", exchange="v1-errors (69|70) "),
    Accepted(
        why="each step once, however often it was travelled to",
        where=r"stepExecutionPath(\.\d+)?$",
        exchange="v1-(time-travel|restart)",
    ),
    Accepted(
        why="offset counts runs, not pages", exchange=r"v1-runs-list 14 "
    ),
    Accepted(
        why="runs of other recordings are not counted",
        exchange="v1-runs-list ",
        where=r"body\.(total|runs)$",
    ),
    Accepted(
        why="a stream says how the run stands", exchange=r"v1-stream-(edge|parallel) 2 ", where="workflowStatus$"
    ),
    Accepted(why="a second stream ends where the first one does", exchange="v1-stream-edge 8 ", where="records$"),
    Accepted(
        why="the history is told once", exchange="v1-(stream-sequential 2|observe-live 1) ", where="records$"
    ),
    Accepted(
        why="time travel gives the target its input and its answer, and leaves what was before as it was",
        exchange=r"v1-time-travel",
    ),
    Accepted(
        why="page and limit are checked alike", exchange="v1-errors 58 ", where=r"body\.error$"
    ),
    Accepted(why="CORS is off unless it is asked for", exchange="v1-errors 72 ", where="^status$"),
    Accepted(why="an item that does not wait is not answered", exchange="v1-foreach 19 ", where="resume"),
    Accepted(why="of a key that is given twice the last one counts", exchange="v1-http-edge 6 "),
    Accepted(why="nothing was named", exchange="v1-http-edge 9 ", where=r"body\.error$"),
    Accepted(why="a stream says how the run stands", exchange="v1-stream-edge 2 ", where="finalWorkflowResult$", extra=True),
    Accepted(why="a refused stream always says why", exchange="v1-stream-edge (9|15|18) ", where=r"error\.message$", extra=True),
    # 0.2x
    Accepted(why="1.x says more", exchange="^v0-", extra=True),
    Accepted(why="graphs have the form of 1.x", exchange="^v0-", where=r"([sS]tepGraph|stepCount)"),
    Accepted(why="events and results have the form of 1.x", exchange="^v0-", where=r"^records"),
    Accepted(why="schemas hold no references", exchange="^v0-catalogue", where=r"\$ref$"),
    Accepted(why="an event is a place of its own", exchange="^v0-.* .*/(workflows|wait-event)", where="on-go|status$"),
    Accepted(why="as in 1.x, what does not fit is refused", exchange="^v0-catalogue", where=r"validateInputs$"),
    Accepted(why="as in 1.x, what does not fit is refused", exchange="^v0-sequential ([6-9]|1[0-9]) "),
    Accepted(why="as in 1.x, what does not fit is refused", exchange="^v0-time-travel-errors ([89]|1[0-9]|20) "),
    Accepted(why="as in 1.x, what was asked is gone once it is answered", exchange="^v0-", where="(suspendPayload|suspendedAt)$"),
    Accepted(why="the context has the name of 1.x", exchange="^v0-", where=r"runtimeContext$"),
    Accepted(why="as in 1.x, an error has a name and a message", exchange="^v0-shapes", where=r"error$"),
    Accepted(why="as in 1.x, streams of unknown runs are errors", exchange="^v0-streams 21 "),
    Accepted(why="time travel leaves what was before as it was", exchange="^v0-time-travel-errors 3 ", where=r"approve\.output"),
]  # fmt: skip
