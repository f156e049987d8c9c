"""Data that breaks its schema, misuse inside a step, and the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from .base import CadenzaError, listed


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


class InvalidOnTimeout(InvalidData):
    """What is to be answered after the deadline is no answer that would be taken."""


class ValueTooLarge(InvalidData):
    """A value is larger than the app lets one be."""


class ValueNotKept(InvalidData):
    """A value that JSON cannot hold (NaN, a non-string key, an object of unknown type, ...)."""

    what = "value, it cannot be kept as JSON,"


class StepError(CadenzaError):
    """Misuse of the context inside a step; fails the step."""


class DuplicateKey(StepError):
    """The same key twice in one execution of a step."""

    def __init__(self, kind: str, key: str) -> None:
        self.kind, self.key = kind, key
        super().__init__(
            f"ctx.{kind} was called twice with the key {key!r} in one execution; give each its own key="
        )


class InvalidMapPath(StepError):
    """A map source that cannot be followed."""

    def __init__(self, path: str, source: str) -> None:
        self.path, self.source = path, source
        super().__init__(f"invalid path {path!r} in {source}: there is no value to look into")


class InvalidDeadline(StepError):
    """The deadline of a question cannot be."""

    def __init__(self, step: str, why: str) -> None:
        self.step = step
        super().__init__(f"{step}: {why}")


class DeadlinePassed(StepError):
    """Nobody answered in time, and that is what is to follow."""

    def __init__(self, step: str, waited_for: str, deadline: datetime | None) -> None:
        self.step, self.waited_for, self.deadline = step, waited_for, deadline
        until = f" until {deadline.isoformat()}" if deadline else ""
        super().__init__(f"{step} waited for {waited_for}{until}, and none came")


class QuestionWithdrawn(StepError):
    """Somebody canceled the question: the step that asked it cannot go on."""

    def __init__(self, step: str, actor: str | None, reason: str | None) -> None:
        self.step, self.actor, self.reason = step, actor, reason
        who = f" by {actor}" if actor else ""
        why = f": {reason}" if reason else ""
        super().__init__(f"the question of {step} was canceled{who}{why}")


class StepNotFound(StepError):
    """`get_step_result` of a step that the workflow does not have."""

    def __init__(self, step: str, known: Iterable[str]) -> None:
        self.step, self.known = step, sorted(known)
        super().__init__(f"this workflow has no step {step!r}; it has: {listed(self.known)}")


class ContextClosed(StepError):
    """A step context that is used after its step has ended."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"ctx.{what} was called after its step had ended; wait for what you start inside a step"
        )


class StoreError(CadenzaError):
    """Something about the store itself."""


class ValueUnreadable(StoreError):
    """What is kept cannot be read with the codec, or without one."""


class CodecConflict(StoreError):
    """A codec for a store that was made already."""

    def __init__(self) -> None:
        super().__init__(
            "codec= goes with the URL of a store; a store object takes it itself: SqliteStore(path, codec=...)"
        )


class StoreClosed(StoreError):
    """The store was closed."""

    def __init__(self) -> None:
        super().__init__("this store is closed")


def without_password(url: str) -> str:
    """The URL of a store as it may be printed and logged: `postgresql://ann:…@host/db`."""
    # Rather too much than too little: a password may have any of these characters, though it should not.
    return re.sub(r"([?&]password=)[^&]*", r"\1…", re.sub(r"(//[^:/@]*):.*@", r"\1:…@", url))


class UnknownStore(StoreError):
    """A store URL that means nothing here."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(
            f"{without_password(url)!r} is no store that is known; these are: memory://, sqlite:///relative.db, sqlite:////absolute.db, "
            "postgresql://user@host/database"
        )


class InvalidStoreUrl(StoreError):
    """The URL of a known store that its driver cannot read. Neither the message nor an attribute tells the password."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = without_password(url)
        # Drivers quote what they stumble over, and that may be a part of the password.
        told = re.sub(r'"([^"]*)"', lambda found: found[0] if found[1] in self.url else '"…"', reason.strip())
        super().__init__(
            f"{self.url!r} is no URL of a database: {told}; write what is special in a name or password as percent signs: "
            "%20 for a space, %40 for @, %2F for /"
        )


class StoreUnavailable(StoreError):
    """The database cannot be reached, and was tried for as long as the store's patience lasts.

    `unsure`: what was asked for last may have been done all the same.
    """

    def __init__(self, reason: str, *, unsure: bool) -> None:
        self.reason, self.unsure = reason.strip(), unsure
        hint = "; what was asked for last may have been done or not" if unsure else ""
        super().__init__(f"the database cannot be reached: {self.reason}{hint}")


class StoreBehind(StoreError):
    """The run went on, and the store does not hear of it: what was asked for was done."""

    def __init__(self, run_id: str, *, found: int, wanted: int) -> None:
        self.run_id, self.found, self.wanted = run_id, found, wanted
        super().__init__(
            f"run {run_id!r} is at entry {wanted}, and the store has it up to {found}; "
            "see that a worker serves the task queue, and that all workers and callers have the same store"
        )


class TextNotKept(StoreError):
    """A name that the database cannot hold: PostgreSQL keeps no zero bytes in texts, and no store keeps half a character."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(
            f"{text!r} cannot be kept: ids, labels, actors and reasons are texts without zero bytes and lone surrogates"
        )


class ExtraMissing(StoreError):
    """What was asked for needs a package that is not installed."""

    def __init__(self, extra: str, what: str) -> None:
        self.extra = extra
        super().__init__(f"{what} needs packages that are not installed: pip install 'cadenza[{extra}]'")


class StoreTooNew(StoreError):
    """The store was written by a newer Cadenza."""

    def __init__(self, found: int, known: int) -> None:
        self.found, self.known = found, known
        super().__init__(f"the store has schema version {found}, this Cadenza knows {known}; upgrade Cadenza")
