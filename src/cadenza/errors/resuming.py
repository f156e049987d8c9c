"""Errors of resuming and of time travel: the run is as it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from .base import CadenzaError, listed, waiting_list


class ResumeError(CadenzaError):
    """A resume that does not say one thing, or not the right one. The run is as it was."""


class StepNotSuspended(ResumeError):
    """The run lives, but nothing waits at the place that was named."""

    def __init__(self, step: str, waiting: Sequence[str]) -> None:
        self.step, self.waiting = step, list(waiting)
        super().__init__(f"{step} is not suspended; {waiting_list(waiting)}")


class AmbiguousStep(ResumeError):
    """Several places wait and the request names none of them alone."""

    def __init__(self, waiting: Sequence[str]) -> None:
        self.waiting = list(waiting)
        super().__init__(f"several steps are suspended: {listed(waiting)}; name one with step=")


class UnknownLabel(ResumeError):
    """No open suspension has this label."""

    def __init__(self, label: str, known: Iterable[str]) -> None:
        self.label, self.known = label, sorted(known)
        super().__init__(f"no open suspension has the label {label!r}; labels in force: {listed(self.known)}")


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
            hint = f"waiting items of {step}: {listed([str(i) for i in waiting])}"
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
        super().__init__(
            suspension_id,
            f"there is no suspension {suspension_id!r} here; result.suspensions lists the open ones",
        )


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
        super().__init__(
            suspension_id,
            f"the question of {step} expired{f' at {at.isoformat()}' if at else ''}; no answer is taken",
        )


class SuspensionCanceled(SuspensionError):
    """The suspension was closed without an answer: by somebody, with its run, beside a bail, or because a rival won."""

    def __init__(
        self, suspension_id: str, step: str, actor: str | None = None, reason: str | None = None
    ) -> None:
        self.step, self.actor, self.reason = step, actor, reason
        who = f" by {actor}" if actor else ""
        why = f": {reason}" if reason else ""
        super().__init__(suspension_id, f"the question of {step} was canceled{who}{why}; no answer is taken")


class ActorNotAllowed(SuspensionError):
    """This person may not answer this question."""

    def __init__(self, suspension_id: str, step: str, actor: str | None, why: str) -> None:
        self.step, self.actor = step, actor
        who = actor if actor is not None else "somebody unnamed"
        super().__init__(suspension_id, f"{who} may not answer {step}: {why}")


class AlreadyClaimed(SuspensionError):
    """Somebody else has claimed this question. Says who, and since when."""

    def __init__(self, suspension_id: str, step: str, claimed_by: str | None, at: datetime | None) -> None:
        self.step, self.claimed_by, self.at = step, claimed_by, at
        since = f" since {at.isoformat()}" if at else ""
        super().__init__(
            suspension_id,
            f"{step} is claimed by {claimed_by}{since}; it can be answered by them, or released",
        )


class IdempotencyConflict(SuspensionError):
    """The same idempotency key came before with other data."""

    def __init__(self, suspension_id: str, step: str, key: str) -> None:
        self.step, self.idempotency_key = step, key
        super().__init__(
            suspension_id,
            f"{step} was answered under the idempotency key {key!r} with other data; that answer stands. "
            "A new answer needs a new key",
        )


class SuspensionSuperseded(SuspensionError):
    """The run was taken back to an earlier point; the question belongs to what was forgotten."""

    def __init__(self, suspension_id: str, step: str) -> None:
        self.step = step
        super().__init__(
            suspension_id,
            f"the question of {step} was superseded by time travel or a retry; look for the newer one",
        )


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
