"""What requests on Mastra's routes hold. Unknown keys are ignored, as there.

Both eras are read: 1.x says `requestContext`, 0.2x `runtimeContext`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from ...history.resume import ABSENT
from ...model.values import Json
from ..reading import in_utc

FieldName: TypeAlias = Literal[
    "result", "error", "payload", "steps", "activeStepsPath", "serializedStepGraph"
]
Status: TypeAlias = Literal[
    "running", "waiting", "suspended", "success", "failed", "canceled", "pending",
    "bailed", "tripwire", "paused", "skipped",
]  # fmt: skip
_FIELDS = FieldName.__args__  # type: ignore[attr-defined]  # a Literal has them


class Wire(BaseModel):
    """camelCase outside, snake_case inside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=False)


class CreateRun(Wire):
    resource_id: str | None = None


class Acting(Wire):
    """What start, resume, time travel and restart have in common."""

    request_context: dict[str, Any] | None = Field(
        default=None,
        validation_alias=AliasChoices("requestContext", "runtimeContext"),
        serialization_alias="requestContext",
    )
    tracing_options: dict[str, Any] | None = None
    per_step: bool = False


class Start(Acting):
    input_data: Any = None
    initial_state: Any = None
    resource_id: str | None = None
    close_on_suspend: bool = True


Target: TypeAlias = str | list[str]


class Resume(Acting):
    step: Target | None = None
    resume_data: Any = None
    for_each_index: Annotated[int, Field(ge=0)] | None = None


class TimeTravel(Acting):
    step: Target
    input_data: Any = Field(default=None)
    resume_data: Any = Field(default=None)
    initial_state: Any = None
    context: dict[str, dict[str, Any]] | None = None
    nested_steps_context: dict[str, dict[str, dict[str, Any]]] | None = None

    def given(self, name: str) -> Json:
        """That field, or `ABSENT` where the request does not have it."""
        return getattr(self, name) if name in self.model_fields_set else ABSENT


class Restart(Acting):
    pass


class SendEvent(Wire):
    event: str
    data: Any = None


class MaybeRun(Wire):
    run_id: str | None = Field(default=None, min_length=1)


class TheRun(Wire):
    run_id: str = Field(min_length=1)


class Observe(TheRun):
    offset: Annotated[int, Field(ge=0)] = 0


class Catalogue(Wire):
    partial: Literal["true", "false"] = "false"


class RunFields(Wire):
    fields: str | None = None
    with_nested_workflows: Literal["true", "false"] = "true"

    @field_validator("fields")
    @classmethod
    def known(cls, given: str | None) -> str | None:
        """See that only fields are named that there are."""
        if given and set(given.split(",")) - set(_FIELDS):
            raise ValueError(f"Invalid field name. Available fields: {', '.join(_FIELDS)}")
        return given


# How many runs one answer lists at most.
_PAGE = 100
_MOST = 1000
_FAR = 2**31


class ListRuns(Wire):
    page: Annotated[int, Field(ge=0, le=_FAR)] | None = None
    per_page: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    limit: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    offset: Annotated[int, Field(ge=0, le=_FAR)] | None = None
    from_date: Annotated[datetime, AfterValidator(in_utc)] | None = None
    to_date: Annotated[datetime, AfterValidator(in_utc)] | None = None
    resource_id: str | None = None
    status: Status | None = None

    @property
    def window(self) -> tuple[int, int]:
        """How many, and after how many. `page` counts with `perPage` alone, `offset` with `limit` alone."""
        if self.per_page is not None:
            return self.per_page, (self.page or 0) * self.per_page
        if self.limit is not None:
            return self.limit, self.offset or 0
        return _PAGE, 0
