"""Every error that Cadenza raises.

CadenzaError
├── DefinitionError            a workflow or step that cannot work
│   ├── InvalidId  DuplicateStep  EmptyWorkflow  UncommittedWorkflow
│   └── IncompatibleTypes  AmbiguousCode  InvalidReference  InvalidDuration
├── AppError                   the program around the runs
│   └── UnknownWorkflow  DuplicateWorkflow  AmbiguousApp  AppClosed  NoEventTarget  UnknownHook  ServeError > NobodyChecked
├── RunError                   a run that is not in the state that was asked for
│   ├── RunNotFound  RunAlreadyStarted  RunNotSuspended  RunNotActive  RunAlive  OtherEngine
│   └── RunHeld  RunConflict  WrongWorkflow  RunEnded
├── ResumeError                a resume that names the wrong thing
│   ├── StepNotSuspended  AmbiguousStep  UnknownLabel  ConflictingTarget  InvalidIndex
│   ├── SuspensionNotFound  AlreadyAnswered  SuspensionExpired  SuspensionCanceled  SuspensionSuperseded
│   └── IdempotencyConflict  ActorNotAllowed  AlreadyClaimed
├── TimeTravelError
│   └── TimeTravelNoStep  TimeTravelTarget
├── InvalidData                data that breaks its schema; `issues` says where and why
│   ├── InvalidInput  InvalidState  InvalidContext  InvalidResumeData
│   ├── InvalidStepInput  InvalidStepOutput  InvalidSuspendData  InvalidStateData  ValueNotKept
│   └── InvalidOnTimeout  ValueTooLarge
├── StepError                  misuse inside a step: it fails the step
│   ├── DuplicateKey  InvalidMapPath  StepNotFound  NotAList  ContextClosed
│   └── DeadlinePassed  QuestionWithdrawn  InvalidDeadline
├── DoorError                  who may come in, and how
│   └── InvalidLink  LinkExpired  AnswerNotOffered  WeakSecret
├── ScheduleError
│   └── InvalidCron  InvalidTimezone  ScheduleNotFound  DuplicateSchedule  ScheduleDeclared
├── StoreError
│   ├── StoreClosed  StoreUnavailable  StoreBehind  TextNotKept
│   ├── StoreTooNew  UnknownStore  InvalidStoreUrl  ExtraMissing
│   └── ValueUnreadable  CodecConflict
└── CommandError               a command line that cannot be done as it was given
    ├── AppNotNamed  AppNotLoaded  InvalidJson  InvalidOption  Unreadable
    └── AnswerMissing  NotConfirmed  NoLinkSecrets

Each class builds its message from its arguments and keeps them as attributes. `code` is stable: the HTTP face, the
command line and `result.error.code` use it.
"""

from __future__ import annotations

from .base import (
    CadenzaError,
    NonRetryableError,
)
from .commands import (
    AnswerMissing,
    AppNotLoaded,
    AppNotNamed,
    CommandError,
    InvalidJson,
    InvalidOption,
    NoLinkSecrets,
    NotConfirmed,
    Unreadable,
)
from .data import (
    CodecConflict,
    ContextClosed,
    DeadlinePassed,
    DuplicateKey,
    ExtraMissing,
    InvalidContext,
    InvalidData,
    InvalidDeadline,
    InvalidInput,
    InvalidMapPath,
    InvalidOnTimeout,
    InvalidResumeData,
    InvalidState,
    InvalidStateData,
    InvalidStepInput,
    InvalidStepOutput,
    InvalidStoreUrl,
    InvalidSuspendData,
    Issue,
    QuestionWithdrawn,
    StepError,
    StepNotFound,
    StoreBehind,
    StoreClosed,
    StoreError,
    StoreTooNew,
    StoreUnavailable,
    TextNotKept,
    UnknownStore,
    ValueNotKept,
    ValueTooLarge,
    ValueUnreadable,
)
from .definitions import (
    AmbiguousApp,
    AmbiguousCode,
    AppClosed,
    AppError,
    DefinitionError,
    DuplicateStep,
    DuplicateWorkflow,
    EmptyWorkflow,
    IncompatibleTypes,
    InvalidDuration,
    InvalidId,
    InvalidReference,
    NoEventTarget,
    ServeError,
    UncommittedWorkflow,
    UnknownHook,
    UnknownWorkflow,
)
from .doors import (
    AnswerNotOffered,
    DoorError,
    InvalidLink,
    LinkExpired,
    NobodyChecked,
    WeakSecret,
)
from .resuming import (
    ActorNotAllowed,
    AlreadyAnswered,
    AlreadyClaimed,
    AmbiguousStep,
    ConflictingTarget,
    IdempotencyConflict,
    InvalidIndex,
    ResumeError,
    StepNotSuspended,
    SuspensionCanceled,
    SuspensionError,
    SuspensionExpired,
    SuspensionNotFound,
    SuspensionSuperseded,
    TimeTravelError,
    TimeTravelNoStep,
    TimeTravelTarget,
    UnknownLabel,
)
from .runs import (
    OtherEngine,
    RunAlive,
    RunAlreadyStarted,
    RunConflict,
    RunEnded,
    RunError,
    RunHeld,
    RunNotActive,
    RunNotFound,
    RunNotSuspended,
    WrongWorkflow,
)
from .scheduling import (
    DuplicateSchedule,
    InvalidCron,
    InvalidTimezone,
    ScheduleDeclared,
    ScheduleError,
    ScheduleNotFound,
)

__all__ = [
    "ActorNotAllowed",
    "AlreadyAnswered",
    "AlreadyClaimed",
    "AmbiguousApp",
    "AmbiguousCode",
    "AmbiguousStep",
    "AnswerMissing",
    "AnswerNotOffered",
    "AppClosed",
    "AppError",
    "AppNotLoaded",
    "AppNotNamed",
    "CadenzaError",
    "CodecConflict",
    "CommandError",
    "ConflictingTarget",
    "ContextClosed",
    "DeadlinePassed",
    "DefinitionError",
    "DoorError",
    "DuplicateKey",
    "DuplicateSchedule",
    "DuplicateStep",
    "DuplicateWorkflow",
    "EmptyWorkflow",
    "ExtraMissing",
    "IdempotencyConflict",
    "IncompatibleTypes",
    "InvalidContext",
    "InvalidCron",
    "InvalidData",
    "InvalidDeadline",
    "InvalidDuration",
    "InvalidId",
    "InvalidIndex",
    "InvalidInput",
    "InvalidJson",
    "InvalidLink",
    "InvalidMapPath",
    "InvalidOnTimeout",
    "InvalidOption",
    "InvalidReference",
    "InvalidResumeData",
    "InvalidState",
    "InvalidStateData",
    "InvalidStepInput",
    "InvalidStepOutput",
    "InvalidStoreUrl",
    "InvalidSuspendData",
    "InvalidTimezone",
    "Issue",
    "LinkExpired",
    "NoEventTarget",
    "NoLinkSecrets",
    "NobodyChecked",
    "NonRetryableError",
    "NotConfirmed",
    "OtherEngine",
    "QuestionWithdrawn",
    "ResumeError",
    "RunAlive",
    "RunAlreadyStarted",
    "RunConflict",
    "RunEnded",
    "RunError",
    "RunHeld",
    "RunNotActive",
    "RunNotFound",
    "RunNotSuspended",
    "ScheduleDeclared",
    "ScheduleError",
    "ScheduleNotFound",
    "ServeError",
    "StepError",
    "StepNotFound",
    "StepNotSuspended",
    "StoreBehind",
    "StoreClosed",
    "StoreError",
    "StoreTooNew",
    "StoreUnavailable",
    "SuspensionCanceled",
    "SuspensionError",
    "SuspensionExpired",
    "SuspensionNotFound",
    "SuspensionSuperseded",
    "TextNotKept",
    "TimeTravelError",
    "TimeTravelNoStep",
    "TimeTravelTarget",
    "UncommittedWorkflow",
    "UnknownHook",
    "UnknownLabel",
    "UnknownStore",
    "UnknownWorkflow",
    "Unreadable",
    "ValueNotKept",
    "ValueTooLarge",
    "ValueUnreadable",
    "WeakSecret",
    "WrongWorkflow",
]
