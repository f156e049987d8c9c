"""The names in our spans and metrics, version 1: what dashboards and alerts are built on, so a name never changes its meaning.

`gen_ai.*`, `error.type` and `exception.*` are OpenTelemetry's (semantic conventions 1.44.0; those of `gen_ai` are still in
development there). There is no convention for plain steps: `workflow.*` is ours.
"""

from __future__ import annotations

from typing import Final

SCOPE: Final = "cadenza"
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

# ------------------------------------------------------------------ spans

WORKFLOW_SPAN: Final = "invoke_workflow"  # + workflow id: a leg, or a nested workflow in it
FOREACH_SPAN: Final = "foreach"  # + id
STEP_SPAN: Final = "step"  # + id: one attempt

OPERATION: Final = "gen_ai.operation.name"  # "invoke_workflow"; legs and nested workflows
WORKFLOW: Final = (
    "gen_ai.workflow.name"  # the workflow's id; legs and nested workflows; metrics: the run's workflow
)
RUN_ID: Final = "workflow.run.id"  # every span
RESOURCE_ID: Final = "workflow.resource.id"  # legs: what the run was created for
LEG: Final = "workflow.leg"  # legs: start, resume, timer, restart, time_travel, cancel
RUN_STATUS: Final = "workflow.run.status"  # legs: how the run stood at the leg's end
TAGS: Final = "workflow.tags"  # legs: the tags of tracing_options
STEP_ID: Final = "workflow.step.id"  # the key in result.steps: "nested.approve"
STEP_PATH: Final = "workflow.step.path"  # with items and rounds: "review[2]"
STEP_ATTEMPT: Final = "workflow.step.attempt"  # from 0, as in result.steps
STEP_STATUS: Final = (
    "workflow.step.status"  # success, failed, suspended, canceled, waiting; running: its process stopped
)
STEP_BAILED: Final = "workflow.step.bailed"  # true where the step called bail
FOREACH_INDEX: Final = "workflow.foreach.index"  # from 0: which item of the innermost foreach
ERROR_TYPE: Final = "error.type"  # the class of the exception, or Cadenza's error code
SUSPENSION_ID: Final = "workflow.suspension.id"
SUSPENSION_KEY: Final = "workflow.suspension.key"
ANSWER_VIA: Final = "workflow.answer.via"  # metrics: resume, inbox, event, deadline

SUSPENDED_EVENT: Final = "workflow.step.suspended"
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# Contents, as JSON: only with capture_content.
RUN_INPUT: Final = "workflow.run.input"
RUN_OUTPUT: Final = "workflow.run.output"
STEP_INPUT: Final = "workflow.step.input"
STEP_OUTPUT: Final = "workflow.step.output"
STEP_ANSWER: Final = "workflow.step.answer"

# ------------------------------------------------------------------ metrics

RUNS: Final = "workflow.runs"
RUN_DURATION: Final = "workflow.run.duration"
STEP_DURATION: Final = "workflow.step.duration"
STEP_RETRIES: Final = "workflow.step.retries"
SUSPENSION_DURATION: Final = "workflow.suspension.duration"
OPEN_SUSPENSIONS: Final = "workflow.suspensions.open"
