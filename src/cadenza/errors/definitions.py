"""Errors of definitions, and of the program around the runs."""

from __future__ import annotations

from collections.abc import Iterable

from .base import CadenzaError, listed


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
        super().__init__(
            f"workflow {workflow!r} has no steps; add some with .then(), .parallel(), .branch() ..."
        )


class UncommittedWorkflow(DefinitionError):
    """A workflow that is used before `commit()`."""

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        super().__init__(
            f"workflow {workflow!r} has changes that are not committed; call .commit() after the last step"
        )


class IncompatibleTypes(DefinitionError):
    """A declared output that no value of the last step could be."""

    def __init__(self, where: str, given: str, wanted: str) -> None:
        self.where, self.given, self.wanted = where, given, wanted
        super().__init__(
            f"{where}: no JSON value of {given} can be read as {wanted}; change one of the two types"
        )


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


class AppError(CadenzaError):
    """Something about the app rather than about one run."""


class UnknownWorkflow(AppError):
    """No such workflow is registered."""

    def __init__(self, workflow: str, known: Iterable[str]) -> None:
        self.workflow, self.known = workflow, sorted(known)
        super().__init__(f"no workflow {workflow!r} is registered; these are: {listed(self.known)}")


class DuplicateWorkflow(AppError):
    """Two different workflows with one id in one app."""

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        super().__init__(
            f"two different workflows are called {workflow!r}; each id may be registered once in an app"
        )


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


class InvalidDuration(DefinitionError):
    """Something that should say how long is no duration."""

    def __init__(self, given: object) -> None:
        self.given = given
        super().__init__(
            f"expected a duration of at most a thousand years, found {given!r}; "
            "write '3d', '1h 30m' (ms, s, m, h, d, w), a timedelta or a number of seconds"
        )


class NoEventTarget(AppError):
    """An event that says neither which run nor which waits it is for."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"send_event({name!r}): say whom it is for with run_id= or match={{...}}; match={{}} reaches every run that waits for it"
        )


class UnknownHook(AppError):
    """`app.on` of something that nobody is told of."""

    def __init__(self, kind: str, known: Iterable[str]) -> None:
        self.kind, self.known = kind, list(known)
        super().__init__(f"there is no hook {kind!r}; there are: {listed(self.known)}")


class ServeError(AppError):
    """An app that cannot be served like that."""
