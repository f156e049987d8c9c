"""The one table from errors to HTTP statuses.

`own` is what our routes say, `wire` what Mastra's server does (WIRE: a run that waits for nothing is a 500 there, which its
client repeats). An error that is not listed has the status of the nearest class above it.
"""

from __future__ import annotations

from typing import NamedTuple

from .. import errors as e


class Status(NamedTuple):
    """The HTTP status of an error, by face."""

    own: int
    wire: int


_TABLE: dict[type[e.CadenzaError], Status] = {
    e.CadenzaError: Status(own=500, wire=500),
    # the program
    e.UnknownWorkflow: Status(own=404, wire=404),
    e.NoEventTarget: Status(own=400, wire=400),
    e.AppClosed: Status(own=503, wire=503),
    e.StoreClosed: Status(own=503, wire=503),
    # runs
    e.RunNotFound: Status(own=404, wire=404),
    e.WrongWorkflow: Status(own=404, wire=404),
    e.RunAlreadyStarted: Status(own=409, wire=409),
    e.RunNotSuspended: Status(own=409, wire=500),
    e.RunNotActive: Status(own=409, wire=500),
    e.RunAlive: Status(own=409, wire=500),
    e.RunEnded: Status(own=409, wire=409),
    e.OtherEngine: Status(own=409, wire=409),
    e.RunConflict: Status(own=409, wire=409),
    e.RunHeld: Status(own=423, wire=409),
    # resuming
    e.ResumeError: Status(own=409, wire=500),
    e.ConflictingTarget: Status(own=400, wire=400),
    e.InvalidIndex: Status(own=409, wire=500),
    e.SuspensionNotFound: Status(own=404, wire=404),
    e.AlreadyAnswered: Status(own=409, wire=409),
    e.SuspensionExpired: Status(own=410, wire=409),
    e.SuspensionCanceled: Status(own=410, wire=409),
    e.SuspensionSuperseded: Status(own=410, wire=409),
    e.IdempotencyConflict: Status(own=409, wire=409),
    e.ActorNotAllowed: Status(own=403, wire=403),
    e.AlreadyClaimed: Status(own=409, wire=409),
    e.TimeTravelError: Status(own=409, wire=500),
    # doors and schedules
    e.InvalidLink: Status(own=403, wire=403),
    e.LinkExpired: Status(own=410, wire=410),
    e.AnswerNotOffered: Status(own=403, wire=403),
    e.InvalidCron: Status(own=422, wire=400),
    e.InvalidTimezone: Status(own=422, wire=400),
    e.ScheduleNotFound: Status(own=404, wire=404),
    e.DuplicateSchedule: Status(own=409, wire=409),
    e.ScheduleDeclared: Status(own=409, wire=409),
    # data
    e.InvalidData: Status(own=422, wire=400),
    e.InvalidDuration: Status(own=422, wire=400),
    e.InvalidDeadline: Status(own=422, wire=400),
}


def status_of(error: type[e.CadenzaError]) -> Status:
    """The statuses of *error*."""
    return next(_TABLE[cls] for cls in error.__mro__ if cls in _TABLE)
