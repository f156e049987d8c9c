"""The public names, in one place. `cadenza/__init__.py` hands them out."""

from .app import BoundWorkflow, Cadenza
from .clock import Clock, SystemClock
from .engine.deploy import DeployIssue, DeployReport
from .engine.hooks import Notice
from .errors import CadenzaError, NonRetryableError
from .execution.context import StepContext
from .execution.logs import RunLogFilter
from .execution.sync_context import SyncStepContext
from .execution.terms import BAIL, FAIL
from .execution.tracing_context import TracingContext
from .history.event import Failure, Suspension
from .history.explain import Explanation
from .history.result import (
    Canceled,
    Failed,
    OutputOptions,
    StepResult,
    Success,
    SuspendedRun,
    Unfinished,
    WorkflowResult,
)
from .inbox import Closing, Inbox, InboxPage
from .model.graph import to_mermaid
from .model.retry import Retry
from .model.scope import Scope
from .model.step import Step, step
from .model.workflow import Workflow
from .run import Run, RunStream
from .schedules import Schedules
from .store.schedule_rows import Fire, Schedule
from .tracing.options import Tracing, TracingOptions

__all__ = [
    "BAIL",
    "FAIL",
    "BoundWorkflow",
    "Cadenza",
    "CadenzaError",
    "Canceled",
    "Clock",
    "Closing",
    "DeployIssue",
    "DeployReport",
    "Explanation",
    "Failed",
    "Failure",
    "Fire",
    "Inbox",
    "InboxPage",
    "NonRetryableError",
    "Notice",
    "OutputOptions",
    "Retry",
    "Run",
    "RunLogFilter",
    "RunStream",
    "Schedule",
    "Schedules",
    "Scope",
    "Step",
    "StepContext",
    "StepResult",
    "Success",
    "SuspendedRun",
    "Suspension",
    "SyncStepContext",
    "SystemClock",
    "Tracing",
    "TracingContext",
    "TracingOptions",
    "Unfinished",
    "Workflow",
    "WorkflowResult",
    "step",
    "to_mermaid",
]
