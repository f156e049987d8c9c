"""`cadenza link`, as a process; what it prints is opened in a server that knows the same secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cadenza import Cadenza
from cadenza.server import Links, create_app

from . import office
from .command import cadenza, terminal, typed

SECRET = "a secret of at least thirty-two characters"
SITE = "https://flows.example"


def asked(folder: Path) -> str:
    cadenza(folder, "run", "payment", "-i", "420", "--run-id", "p1")
    [question] = cadenza(folder, "inbox", "ls", "--json").json["questions"]
    return str(question["id"])


@pytest.fixture
def signed() -> dict[str, str]:
    return {"CADENZA_LINK_SECRETS": SECRET.replace(" ", "-"), "CADENZA_BASE_URL": SITE}


def test_a_link_answers_its_question_in_the_name_it_was_made_for(
    folder: Path, signed: dict[str, str]
) -> None:
    id_ = asked(folder)
    made = cadenza(folder, "link", id_, "--actor", "dana", "--answer", '{"decision": "pay"}', **signed)
    assert (made.code, made.out.count("\n"), made.err.startswith("good until 20")) == (0, 1, True)
    url = made.out.strip()
    assert url.startswith(f"{SITE}/links/")

    app = Cadenza(store=f"sqlite:///{folder / 'runs.db'}", workflows=office.WORKFLOWS)
    links = Links([signed["CADENZA_LINK_SECRETS"]])
    with TestClient(create_app(app, links=links), base_url=SITE) as client:
        assert "ACME" in client.get(url).text
        assert client.post(url, data={"choice": "0"}).status_code == 200
    [closing] = cadenza(folder, "runs", "show", "p1", "--json").json["history"]
    assert (closing["actor"], closing["via"], closing["answer"]["decision"]) == ("dana", "link", "pay")
    late = cadenza(folder, "link", id_, **signed)
    assert (late.code, late.err.endswith("[already_answered]\n")) == (2, True)


def test_a_link_is_printed_in_a_terminal_and_as_json(folder: Path, signed: dict[str, str]) -> None:
    id_ = asked(folder)
    shown = typed(terminal(folder, "link", id_, "--expires", "3d", **signed))
    assert (shown.code, f"{SITE}/links/" in shown.out) == (0, True)
    found = cadenza(folder, "link", id_, "--json", "--base-url", "https://other.example", **signed).json
    assert found["link"].startswith("https://other.example/links/")
    assert (found["suspension_id"], found["actor"]) == (id_, None)
    # Any answer may be given by it, so the store alone is enough.
    bare = cadenza(folder, "link", id_, "--store", "sqlite:///runs.db", CADENZA_APP="", **signed)
    assert bare.code == 0


def test_what_cannot_be_linked_is_one_line(folder: Path, signed: dict[str, str]) -> None:
    id_ = asked(folder)
    for arguments, env, code in (
        ((id_,), {}, "no_link_secrets"),
        ((id_,), {"CADENZA_LINK_SECRETS": "short"}, "weak_secret"),
        (("nothing",), signed, "suspension_not_found"),
        ((id_, "--expires", "soon"), signed, "invalid_option"),
        ((id_, "--expires", "0s"), signed, "link_expired"),
        ((id_, "--answer", '{"decision": "maybe"}'), signed, "invalid_resume_data"),
        ((id_, "--answer", "maybe"), signed, "invalid_json"),
    ):
        refused = cadenza(folder, "link", *arguments, **env)
        assert (refused.code, refused.out) == (2, ""), (arguments, refused)
        assert refused.err.count("\n") == 1, (arguments, refused)
        assert refused.err.endswith(f"[{code}]\n"), (arguments, refused)
