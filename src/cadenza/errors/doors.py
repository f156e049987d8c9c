"""Errors of the doors that people and programs come in by: credentials, links, addresses."""

from __future__ import annotations

from datetime import datetime

from .base import CadenzaError
from .definitions import ServeError


class DoorError(CadenzaError):
    """Something about who may come in, and how."""


class InvalidLink(DoorError):
    """A link that was not signed here, or not as it is now."""

    def __init__(self) -> None:
        super().__init__(
            "this link is not valid: it was changed or cut off, or its key is no longer in use; ask for a new one"
        )


class LinkExpired(DoorError):
    """A link whose time has passed."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        super().__init__(f"this link expired at {at.isoformat()}; ask for a new one")


class AnswerNotOffered(DoorError):
    """An answer that the link does not allow."""

    def __init__(self) -> None:
        super().__init__("this link allows other answers only; choose one of those that its page shows")


class WeakSecret(DoorError):
    """A secret that could be guessed."""

    def __init__(self, what: str, least: int) -> None:
        self.what, self.least = what, least
        super().__init__(
            f"{what} needs at least {least} characters that nobody can guess: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )


class NobodyChecked(ServeError):
    """A server that would let in everybody who can reach the machine."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"refusing to listen on {host!r} without auth: everybody who reaches it could start and answer runs; "
            "give auth=, or listen on 127.0.0.1"
        )
