"""What the command line cannot do, before any run is touched."""

from __future__ import annotations

from .base import CadenzaError


class CommandError(CadenzaError):
    """A command that cannot be done as it was given."""


class AppNotNamed(CommandError):
    """Nothing says which app is meant."""

    def __init__(self) -> None:
        super().__init__(
            "which app? Name it with --app module:attr, as [tool.cadenza] app in pyproject.toml, or in CADENZA_APP"
        )


class AppNotLoaded(CommandError):
    """The app that was named cannot be had."""

    def __init__(self, target: str, named_by: str, why: str) -> None:
        self.target, self.named_by = target, named_by
        super().__init__(f"the app {target!r} ({named_by}) cannot be loaded: {why}")


class InvalidJson(CommandError):
    """What was given as JSON is none."""

    def __init__(self, option: str, why: str) -> None:
        self.option = option
        super().__init__(f"{option} is no JSON: {why}")


class Unreadable(CommandError):
    """A file that was named cannot be read."""

    def __init__(self, option: str, why: str) -> None:
        self.option = option
        super().__init__(f"{option} cannot be read: {why}")


class NotConfirmed(CommandError):
    """What cannot be undone wants a yes."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} cannot be undone; nothing was done. Say --yes to do it")


class AnswerMissing(CommandError):
    """There is nobody to ask for the answer."""

    def __init__(self) -> None:
        super().__init__("give the answer with --data: there is no terminal to ask for it")


class NoLinkSecrets(CommandError):
    """There is nothing to sign a link with."""

    def __init__(self) -> None:
        super().__init__(
            "a link is signed with a secret that the server knows too: set CADENZA_LINK_SECRETS to the same as there; "
            "a new one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )


class InvalidOption(CommandError):
    """The value of an option means nothing."""

    def __init__(self, option: str, why: str) -> None:
        self.option = option
        super().__init__(f"{option}: {why}")
