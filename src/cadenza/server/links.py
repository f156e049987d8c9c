"""Links that answer: signed, for one question and a set of answers, for a while.

A link is a capability: whoever has it may give the answers that it allows, in the name it was made for. It is dead once the
question is closed, since it names that question and no other. Opening it answers nothing: mail scanners and previews open
every link they see.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from ..app import Cadenza
from ..errors import InvalidLink, LinkExpired, WeakSecret
from ..model.duration import Duration, duration_of
from ..model.values import Json, plain

# Shorter than this a secret can be guessed.
_LEAST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link allows: to answer `suspension_id` until then, as `actor`, with one of `answers` (None: with any)."""

    suspension_id: str
    until: datetime
    actor: str | None = None
    answers: tuple[Json, ...] | None = None


class Links:
    """Makes links and reads them again.

    *secrets* sign: the last one new links; all of them are good for reading, so that keys rotate by adding one at the end and
    removing the first once its links have expired. *base_url* is where people reach the server: `"https://flows.example"`.

    Raises `WeakSecret` for one of fewer than 32 characters.
    """

    def __init__(self, secrets: Sequence[str], *, base_url: str = "") -> None:
        if not secrets or any(len(secret) < _LEAST for secret in secrets):
            raise WeakSecret("a secret that signs links", _LEAST)
        self._base_url = base_url.rstrip("/")
        # Its own way to sign: a signature made for something else with the same secret is no link.
        self._serializer = URLSafeSerializer(
            list(secrets),
            salt="cadenza.link",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    async def make(
        self,
        app: Cadenza,
        suspension_id: str,
        *,
        actor: str | None = None,
        answers: Sequence[Any] | None = None,
        expires: Duration = "7d",
    ) -> str:
        """The URL of a page where *actor* can answer.

        The answers are checked now, each as if it were given. Raises what `Inbox.answer` raises for them, and where the
        question is closed, or *actor* may not answer it.
        """
        given = None if answers is None else [plain(answer, "the answers of a link") for answer in answers]
        row = await app.inbox.get(suspension_id)
        for answer in given or []:
            await app.inbox.answer(row.id, answer, actor=actor, via="link", dry_run=True)
        if given is None:
            await app.inbox.check(row.id, actor=actor)
        until = app.clock.now() + duration_of(expires)
        token = self._serializer.dumps([row.id, int(until.timestamp()), actor, given])
        text = token if isinstance(token, str) else token.decode()
        return f"{self._base_url}/links/{text}"

    def read(self, token: str, now: datetime) -> Link:
        """What *token*, the last part of a link, allows.

        Raises `InvalidLink` and `LinkExpired`.
        """
        try:
            id_, until, actor, answers = self._serializer.loads(token)
        except (BadData, ValueError, TypeError):
            raise InvalidLink from None
        end = datetime.fromtimestamp(until, UTC)
        if end <= now:
            raise LinkExpired(end)
        return Link(
            suspension_id=id_, until=end, actor=actor, answers=None if answers is None else tuple(answers)
        )


def links_from_environment(*, base_url: str | None = None) -> Links | None:
    """Links signed with the secrets in `CADENZA_LINK_SECRETS`, apart by spaces, the newest last; None where there are none.

    Without *base_url* `CADENZA_BASE_URL` is where people reach the server. Raises `WeakSecret`.
    """
    secrets = os.environ.get("CADENZA_LINK_SECRETS", "").split()
    if not secrets:
        return None
    return Links(secrets, base_url=os.environ.get("CADENZA_BASE_URL", "") if base_url is None else base_url)
