"""Every error that Cadenza raises.

CadenzaError
├── DefinitionError            a workflow or step that cannot work
│   ├── InvalidId  DuplicateStep  EmptyWorkflow  UncommittedWorkflow
│   └── IncompatibleTypes  AmbiguousCode  InvalidReference
├── AppError                   the program around the runs
│   └── UnknownWorkflow  DuplicateWorkflow  AmbiguousApp  AppClosed
├── RunError                   a run that is not in the state that was asked for
│   ├── RunNotFound  RunAlreadyStarted  RunNotSuspended  RunNotActive  RunAlive
│   └── RunHeld  RunConflict
├── ResumeError                a resume that names the wrong thing
│   ├── StepNotSuspended  AmbiguousStep  UnknownLabel  ConflictingTarget  InvalidIndex
│   └── SuspensionNotFound  AlreadyAnswered  SuspensionExpired  SuspensionCanceled  SuspensionSuperseded
├── TimeTravelError
│   └── TimeTravelNoStep  TimeTravelTarget
├── InvalidData                data that breaks its schema; `issues` says where and why
│   ├── InvalidInput  InvalidState  InvalidContext  InvalidResumeData
│   └── InvalidStepInput  InvalidStepOutput  InvalidSuspendData  InvalidStateData  ValueNotKept
├── StepError                  misuse inside a step: it fails the step
│   └── DuplicateKey  InvalidMapPath  StepNotFound  NotAList  ContextClosed
└── StoreError
    └── StoreClosed  StoreTooNew

Each class builds its message from its arguments and keeps them as attributes. `code` is stable: the HTTP face, the
command line and `result.error.code` use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


class CadenzaError(Exception):
    """The base of every error here."""

    code: ClassVar[str] = "cadenza_error"

    def __init_subclass__(cls) -> None:
        # `StepNotSuspended` -> `step_not_suspended`: one word for one thing, in every language that reads it.
        cls.code = "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("_")


class NonRetryableError(Exception):
    """Raise it (or a subclass) in a step to fail the step at once, whatever retries are left."""


# --------------------------------------------------------------------------- definitions


class DefinitionError(CadenzaError):
    """A workflow or step that cannot work; found when it is built or committed."""


class InvalidId(DefinitionError):
    """An id that could not be addressed later."""

    def __init__(self, what: str, found: object) -> None:
        self.found = found
        super().__init__(
            f"{found!r} cannot be the id of a {what}: ids are non-empty strings, not 'input', without . / [ ] @"
        )


class DuplicateStep(DefinitionError):
    """Two places of one workflow with the same id: answers and results could not be told apart."""

    def __init__(self, workflow: str, step: str) -> None:
        self.workflow, self.step = workflow, step
        super().__init__(
            f"workflow {workflow!r} has two steps called {step!r}; give one another id, with Step.clone(id=...)"
        )


class EmptyWorkflow(DefinitionError):
    """A workflow without steps."""

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        super().__init__(f"workflow {workflow!r} has no steps; add some with .then(), .parallel(), .branch() ...")


class UncommittedWorkflow(DefinitionError):
    """A workflow that is used before `commit()`."""

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        super().__init__(f"workflow {workflow!r} has changes that are not committed; call .commit() after the last step")


class IncompatibleTypes(DefinitionError):
    """A declared output that no value of the last step could be."""

    def __init__(self, where: str, given: str, wanted: str) -> None:
        self.where, self.given, self.wanted = where, given, wanted
        super().__init__(f"{where}: no JSON value of {given} can be read as {wanted}; change one of the two types")


class AmbiguousCode(DefinitionError):
    """Two different functions in a workflow that a stored run could not tell apart."""

    def __init__(self, workflow: str, name: str) -> None:
        self.workflow, self.name = workflow, name
        super().__init__(
            f"workflow {workflow!r} has two different functions that are both found as {name!r}; "
            "make them named functions with different names, or give an id"
        )


class InvalidReference(DefinitionError):
    """A `map` source that means nothing."""

    def __init__(self, key: str, found: object, why: str) -> None:
        self.key, self.found = key, found
        super().__init__(
            f"map key {key!r}: {why}; a source is a function of the scope or one of "
            "{'step': step or [steps], 'path': 'a.b'}, {'init_data': True, 'path': 'a'}, {'value': v}, "
            f"{{'runtime_context_path': 'key'}}, {{'fn': f}}; found {found!r}"
        )


# --------------------------------------------------------------------------- the program


class AppError(CadenzaError):
    """Something about the app rather than about one run."""


class UnknownWorkflow(AppError):
    """No such workflow is registered."""

    def __init__(self, workflow: str, known: Iterable[str]) -> None:
        self.workflow, self.known = workflow, sorted(known)
        super().__init__(f"no workflow {workflow!r} is registered; these are: {_list(self.known)}")


class DuplicateWorkflow(AppError):
    """Two different workflows with one id in one app."""

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        super().__init__(f"two different workflows are called {workflow!r}; each id may be registered once in an app")


class AmbiguousApp(AppError):
    """A workflow that is registered with several live apps."""

    def __init__(self, workflow: str, apps: int) -> None:
        self.workflow, self.apps = workflow, apps
        super().__init__(
            f"workflow {workflow!r} is registered with {apps} live apps; say which: app.workflow({workflow!r}).create_run()"
        )


class AppClosed(AppError):
    """The app was closed."""

    def __init__(self) -> None:
        super().__init__("this app is closed; make a new one on the same store, its runs are kept")


# --------------------------------------------------------------------------- runs


class RunError(CadenzaError):
    """The run is not in the state that the call needs. Nothing was changed."""

    def __init__(self, run_id: str, message: str) -> None:
        self.run_id = run_id
        super().__init__(message)


class RunNotFound(RunError):
    """No run has this id."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id, f"there is no run {run_id!r} in this store; runs are made by create_run()")


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


class RunNotActive(RunError):
    """A restart of a run that has nothing to go on with."""

    def __init__(self, run_id: str, status: str) -> None:
        self.status = status
        super().__init__(
            run_id,
            f"run {run_id!r} is {status}; only a run that was under way when its process ended can be restarted"
            + ("; start() it" if status == "pending" else "; time_travel() runs steps again"),
        )


class RunAlive(RunError):
    """A restart or time travel of a run that a live process is driving."""

    def __init__(self, run_id: str, owner: str) -> None:
        self.owner = owner
        super().__init__(run_id, f"run {run_id!r} is being driven by {owner}, which is alive; wait for it, or cancel()")


class RunHeld(RunError):
    """A run that today's code cannot continue safely."""

    def __init__(self, run_id: str, reason: str) -> None:
        self.reason = reason
        super().__init__(
            run_id, f"run {run_id!r} is held: {reason}; deploy code that has it again, or time_travel() or cancel() the run"
        )


class RunConflict(RunError):
    """Somebody else drives the run now: what this process wanted to write was not written."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id, f"this process no longer drives run {run_id!r}; nothing of what it still wanted was written")


# --------------------------------------------------------------------------- resuming


class ResumeError(CadenzaError):
    """A resume that does not say one thing, or not the right one. The run is as it was."""


class StepNotSuspended(ResumeError):
    """The run lives, but nothing waits at the place that was named."""

    def __init__(self, step: str, waiting: Sequence[str]) -> None:
        self.step, self.waiting = step, list(waiting)
        super().__init__(f"{step} is not suspended; {_waiting(waiting)}")


class AmbiguousStep(ResumeError):
    """Several places wait and the request names none of them alone."""

    def __init__(self, waiting: Sequence[str]) -> None:
        self.waiting = list(waiting)
        super().__init__(f"several steps are suspended: {_list(waiting)}; name one with step=")


class UnknownLabel(ResumeError):
    """No open suspension has this label."""

    def __init__(self, label: str, known: Iterable[str]) -> None:
        self.label, self.known = label, sorted(known)
        super().__init__(f"no open suspension has the label {label!r}; labels in force: {_list(self.known)}")


class ConflictingTarget(ResumeError):
    """Two of step, label, index and suspension id name different things."""

    def __init__(self, one: str, other: str) -> None:
        self.one, self.other = one, other
        super().__init__(f"{one} and {other} name different suspensions; give one of them")


class InvalidIndex(ResumeError):
    """No item with this index waits."""

    def __init__(self, index: object, step: str, waiting: Sequence[int]) -> None:
        self.index, self.step, self.waiting = index, step, list(waiting)
        if waiting:
            hint = f"waiting items of {step}: {_list([str(i) for i in waiting])}"
        else:
            hint = f"nothing that waits at {step} is an item of a foreach; leave for_each_index out"
        super().__init__(f"for_each_index={index!r} does not wait at {step}; {hint}")


class SuspensionError(ResumeError):
    """The one suspension that was named takes no answer."""

    def __init__(self, suspension_id: str, message: str) -> None:
        self.suspension_id = suspension_id
        super().__init__(message)


class SuspensionNotFound(SuspensionError):
    """No suspension has this id."""

    def __init__(self, suspension_id: str) -> None:
        super().__init__(suspension_id, f"there is no suspension {suspension_id!r} here; result.suspensions lists the open ones")


class AlreadyAnswered(SuspensionError):
    """Somebody else was faster. Says who and when."""

    def __init__(self, suspension_id: str, step: str, actor: str | None, at: datetime | None) -> None:
        self.step, self.actor, self.at = step, actor, at
        who = f" by {actor}" if actor else ""
        when = f" at {at.isoformat()}" if at else ""
        super().__init__(suspension_id, f"{step} was already answered{who}{when}; this answer was not taken")


class SuspensionExpired(SuspensionError):
    """The deadline passed before the answer came."""

    def __init__(self, suspension_id: str, step: str, at: datetime | None) -> None:
        self.step, self.at = step, at
        super().__init__(suspension_id, f"the question of {step} expired{f' at {at.isoformat()}' if at else ''}; no answer is taken")


class SuspensionCanceled(SuspensionError):
    """The suspension was closed without an answer, with its run or beside a bail."""

    def __init__(self, suspension_id: str, step: str) -> None:
        self.step = step
        super().__init__(suspension_id, f"the question of {step} was canceled; no answer is taken")


class SuspensionSuperseded(SuspensionError):
    """The run was taken back to an earlier point; the question belongs to what was forgotten."""

    def __init__(self, suspension_id: str, step: str) -> None:
        self.step = step
        super().__init__(
            suspension_id, f"the question of {step} was superseded by time travel or a retry; look for the newer one"
        )


# --------------------------------------------------------------------------- time travel


class TimeTravelError(CadenzaError):
    """A time travel that cannot be. The run is as it was."""


class TimeTravelNoStep(TimeTravelError):
    """No target was named."""

    def __init__(self) -> None:
        super().__init__("time travel needs a target: step= a step, an id or a path")


class TimeTravelTarget(TimeTravelError):
    """The target is unknown, or what led there is."""

    def __init__(self, step: str, why: str) -> None:
        self.step = step
        super().__init__(f"cannot travel to {step}: {why}; the run is as it was")


# --------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing that is wrong with a value. `path` is dotted, "" for the value itself: "lines.0.amount"."""

    path: str
    message: str


class InvalidData(CadenzaError):
    """Data that breaks its schema. `issues` lists where and why."""

    what: ClassVar[str] = "data"

    def __init__(self, where: str, issues: Sequence[Issue]) -> None:
        self.where, self.issues = where, list(issues)
        lines = "".join(f"\n- {i.path or '(the value itself)'}: {i.message}" for i in self.issues)
        super().__init__(f"invalid {self.what} for {where}:{lines}")

    @property
    def paths(self) -> list[str]:
        """The dotted paths of the offending values, sorted."""
        return sorted({issue.path for issue in self.issues})


class InvalidInput(InvalidData):
    """The input of a run; the run stays pending."""

    what = "input"


class InvalidState(InvalidData):
    """The initial state of a run; the run stays pending."""

    what = "initial state"


class InvalidContext(InvalidData):
    """A runtime context with values that cannot be kept and were not declared secret."""

    what = "runtime context"


class InvalidResumeData(InvalidData):
    """The answer; the run stays suspended."""

    what = "resume data"


class InvalidStepInput(InvalidData):
    """What the step before gave does not fit this step; fails the step, without retries."""

    what = "step input"


class InvalidStepOutput(InvalidData):
    """The step's output breaks its type, where `validate_outputs` is on; fails the step."""

    what = "step output"


class InvalidSuspendData(InvalidData):
    """The payload given to `suspend`; fails the step."""

    what = "suspend payload"


class InvalidStateData(InvalidData):
    """What was given to `set_state`; fails the step."""

    what = "state"


class ValueNotKept(InvalidData):
    """A value that JSON cannot hold (NaN, a non-string key, an object of unknown type, ...)."""

    what = "value, it cannot be kept as JSON,"


# --------------------------------------------------------------------------- inside a step


class StepError(CadenzaError):
    """Misuse of the context inside a step; fails the step."""


class DuplicateKey(StepError):
    """The same key twice in one execution of a step."""

    def __init__(self, kind: str, key: str) -> None:
        self.kind, self.key = kind, key
        super().__init__(f"ctx.{kind} was called twice with the key {key!r} in one execution; give each its own key=")


class InvalidMapPath(StepError):
    """A map source that cannot be followed."""

    def __init__(self, path: str, source: str) -> None:
        self.path, self.source = path, source
        super().__init__(f"invalid path {path!r} in {source}: there is no value to look into")


class StepNotFound(StepError):
    """`get_step_result` of a step that the workflow does not have."""

    def __init__(self, step: str, known: Iterable[str]) -> None:
        self.step, self.known = step, sorted(known)
        super().__init__(f"this workflow has no step {step!r}; it has: {_list(self.known)}")


class ContextClosed(StepError):
    """A step context that is used after its step has ended."""

    def __init__(self, what: str) -> None:
        super().__init__(f"ctx.{what} was called after its step had ended; wait for what you start inside a step")


# --------------------------------------------------------------------------- stores


class StoreError(CadenzaError):
    """Something about the store itself."""


class StoreClosed(StoreError):
    """The store was closed."""

    def __init__(self) -> None:
        super().__init__("this store is closed")


class StoreTooNew(StoreError):
    """The store was written by a newer Cadenza."""

    def __init__(self, found: int, known: int) -> None:
        self.found, self.known = found, known
        super().__init__(f"the store has schema version {found}, this Cadenza knows {known}; upgrade Cadenza")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "(none)"


def _waiting(waiting: Sequence[str]) -> str:
    return f"these are: {_list(waiting)}" if waiting else "nothing of this run is"
