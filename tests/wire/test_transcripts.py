"""Exchanges recorded from Mastra's servers, replayed: the answers are the same, but for what is listed and explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cadenza import Cadenza
from cadenza.server import create_app

from .differences import ACCEPTED
from .replay import NOT_PLAYED, TRANSCRIPTS, Difference, Replay
from .workflows import ALIASES, WORKFLOWS

FILES = sorted(path for path in TRANSCRIPTS.glob("*.json") if path.stem != "v1-schedules")


def play(path: Path) -> list[Difference]:
    """How our answers differ from those in *path*."""
    app = create_app(Cadenza(workflows=WORKFLOWS), aliases=ALIASES)
    exchanges = json.loads(path.read_text())["exchanges"]
    with TestClient(app, raise_server_exceptions=False) as client:
        return list(Replay(client, path.stem, exchanges).differences())


def test_recorded_exchanges_are_answered_alike_but_for_what_is_explained() -> None:
    """All of them in one test, so that an explanation that nothing needs any more is found."""
    unused = set(range(len(ACCEPTED)))
    unexplained = []
    for path in FILES:
        for found in play(path):
            why = next((i for i, accepted in enumerate(ACCEPTED) if accepted.covers(found)), None)
            if why is None:
                unexplained.append(str(found))
            else:
                unused.discard(why)
    assert unexplained == []
    assert [ACCEPTED[i].why for i in sorted(unused)] == []


@pytest.mark.parametrize("key", NOT_PLAYED, ids=str)
def test_what_is_not_played_is_there(key: tuple[str, int]) -> None:
    name, number = key
    assert len(json.loads((TRANSCRIPTS / f"{name}.json").read_text())["exchanges"]) > number
