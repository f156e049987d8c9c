"""Errors of runs: nothing was changed."""

from __future__ import annotations

from .base import CadenzaError


class RunError(CadenzaError):
    """The run is not in the state that the call needs. Nothing was changed."""

    def __init__(self, run_id: str, message: str) -> None:
        self.run_id = run_id
        super().__init__(message)


class RunNotFound(RunError):
    """No run has this id."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id, f"there is no run {run_id!r} in this store; runs are made by create_run()")


class WrongWorkflow(RunError):
    """The run with this id is of another workflow."""

    def __init__(self, run_id: str, found: str, wanted: str) -> None:
        self.found, self.wanted = found, wanted
        super().__init__(
            run_id, f"run {run_id!r} is of workflow {found!r}, not of {wanted!r}; take another run id"
        )


class RunAlreadyStarted(RunError):
    """`start` of a run that was started before."""

    def __init__(self, run_id: str, status: str) -> None:
        self.status = status
        super().__init__(
            run_id,
            f"run {run_id!r} was started before and is {status}; use resume(), restart() or time_travel(), or a new run",
        )


class RunNotSuspended(RunError):
    """A resume of a run that was never started, or has ended."""

    def __init__(self, run_id: str, status: str) -> None:
        self.status = status
        hint = "start() it first" if status == "pending" else "nothing waits for an answer any more"
        super().__init__(run_id, f"run {run_id!r} is {status}, not suspended; {hint}")


class OtherEngine(RunError):
    """A call about a run that another engine drives."""

    def __init__(self, run_id: str, found: str, here: str) -> None:
        self.found, self.here = found, here
        super().__init__(
            run_id,
            f"run {run_id!r} runs on the engine {found!r}, and this app's is {here!r}; use an app with that engine",
        )


class RunNotActive(RunError):
    """A restart of a run that has nothing to go on with."""

    def __init__(self, run_id: str, status: str) -> None:
        self.status = status
        super().__init__(
            run_id,
            f"run {run_id!r} is {status}; only a run that was under way when its process ended can be restarted"
            + ("; start() it" if status == "pending" else "; time_travel() runs steps again"),
        )


class RunEnded(RunError):
    """A cancel of a run that is over."""

    def __init__(self, run_id: str, status: str) -> None:
        self.status = status
        super().__init__(
            run_id, f"run {run_id!r} has ended: it is {status}, and there is nothing to cancel any more"
        )


class RunAlive(RunError):
    """A restart or time travel of a run that a live process is driving."""

    def __init__(self, run_id: str, owner: str) -> None:
        self.owner = owner
        super().__init__(
            run_id, f"run {run_id!r} is being driven by {owner}, which is alive; wait for it, or cancel()"
        )


class RunHeld(RunError):
    """A run that today's code cannot continue safely."""

    def __init__(self, run_id: str, reason: str) -> None:
        self.reason = reason
        super().__init__(
            run_id,
            f"run {run_id!r} is held: {reason}; deploy code that has it again, or time_travel() or cancel() the run",
        )


class RunConflict(RunError):
    """Somebody else drives the run now: what this process wanted to write was not written."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            run_id,
            f"this process no longer drives run {run_id!r}; nothing of what it still wanted was written",
        )
