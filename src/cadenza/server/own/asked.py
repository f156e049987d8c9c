"""What our routes are asked with: their queries and bodies."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from ...history.resume import ABSENT
from ..reading import in_utc

# More than this nobody reads at once.
_PAGE = 1000
# The largest number that every store can count to.
_FAR = 2**31 - 1
_LONGEST_MOMENT = 50


def _kept(text: str) -> str:
    if "\0" in text:
        raise ValueError("no text here has a zero byte")
    return text


def _moment(given: object) -> object:
    """A moment where it looks like one. Left to itself Pydantic takes "3600" for one in 1970."""
    if not isinstance(given, str) or len(given) > _LONGEST_MOMENT:
        raise ValueError("it is a moment (2026-02-01T09:00:00Z) or a duration (3d, 1h 30m)")
    if given[4:5] != "-":
        return given
    moment = datetime.fromisoformat(given)
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone: 2026-02-01T09:00:00Z")
    return in_utc(moment)


Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_kept)]


class Asked(BaseModel):
    """The base of all: a key that is not known is a mistake worth telling."""

    model_config = ConfigDict(extra="forbid")


class RunsAsked(Asked):
    """Which runs."""

    workflow: Text | None = None
    status: (
        Literal["pending", "running", "waiting", "suspended", "success", "failed", "canceled", "held"] | None
    ) = None
    resource_id: Text | None = None
    id_prefix: Text | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    limit: int = Field(default=100, ge=0, le=_PAGE)
    offset: int = Field(default=0, ge=0, le=_FAR)


class CountsAsked(Asked):
    """Of which runs."""

    workflow: Text | None = None
    resource_id: Text | None = None
    id_prefix: Text | None = None
    created_from: AwareDatetime | None = None
    created_to: AwareDatetime | None = None


class RecordsAsked(Asked):
    """Whether with what went in and came out."""

    values: bool = True


class SchedulesAsked(Asked):
    """Which schedules."""

    workflow: Text | None = None
    status: Literal["active", "paused"] | None = None


class FiresAsked(Asked):
    """How many of its last fires."""

    fires: int = Field(default=50, ge=0, le=_PAGE)


class InputsAsked(Asked):
    """How many."""

    limit: int = Field(default=10, ge=0, le=100)


class EventsAsked(Asked):
    """From where on; the header `Last-Event-ID` says the same and counts more."""

    after: int = Field(default=0, ge=0, le=_FAR)


class InboxAsked(Asked):
    """Which questions."""

    workflow: Text | None = None
    status: Literal["open", "answered", "expired", "canceled", "superseded"] = "open"
    run_id: Text | None = None
    label: Text | None = None
    assignee: Text | None = None
    claimed_by: Text | None = None
    resource_id: Text | None = None
    event: Text | None = None
    older_than: str | None = Field(default=None, description="a duration: 3d, 1h 30m", max_length=50)
    limit: int = Field(default=100, ge=0, le=_PAGE)
    offset: int = Field(default=0, ge=0, le=_FAR)


class Acting(Asked):
    """Who does it, where the server does not know that from their credentials."""

    actor: Text | None = None


class StartAsked(Acting):
    """A new run, or one that is pending. With `wait` the response comes when it has ended or waits for people."""

    input: Any = None
    run_id: Text | None = None
    resource_id: Text | None = None
    initial_state: Any = None
    runtime_context: dict[str, Any] | None = None
    wait: bool = False


class RestartAsked(Asked):
    """With `wait` the response comes when the run has ended or waits for people."""

    runtime_context: dict[str, Any] | None = None
    wait: bool = False


class TravelAsked(RestartAsked):
    """Where to (`"nested.approve"`, `"review[2]"`), and what is to be different.

    `input` replaces that of the step, `resume_data` is its answer; `context` gives records of earlier steps,
    {id: {"payload", "output"}}, `nested_steps_context` those inside nested workflows.
    """

    step: Text
    input: Any = None
    resume_data: Any = None
    initial_state: Any = None
    context: dict[str, dict[str, Any]] | None = None
    nested_steps_context: dict[str, dict[str, dict[str, Any]]] | None = None

    def given(self, name: str) -> Any:
        """That field, or `ABSENT` where the request does not have it."""
        return getattr(self, name) if name in self.model_fields_set else ABSENT


class AnswerAsked(Acting):
    """An answer. With `wait` the response comes when the run has ended or waits for people; with `dry_run` all is only checked."""

    data: Any = None
    wait: bool = False
    dry_run: bool = False
    runtime_context: dict[str, Any] | None = None


class ExtendAsked(Asked):
    """Another deadline: a moment, or a duration from now (`"3d"`)."""

    deadline: Annotated[AwareDatetime | str, BeforeValidator(_moment)] = Field(
        examples=["3d", "2026-02-01T09:00:00Z"]
    )


class CancelAsked(Acting):
    """Why the question is withdrawn."""

    reason: Annotated[str, StringConstraints(max_length=2000), AfterValidator(_kept)] | None = None


class EventAsked(Acting):
    """An event: for one run, or for all whose wait has these values (`{}`: for all). `keep` it where nobody waits yet."""

    name: Text
    data: Any = None
    run_id: Text | None = None
    match: dict[str, Any] | None = None
    keep: bool = False
