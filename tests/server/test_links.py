"""Links that answer: opening one answers nothing; it is good for one question, for some answers, for a while."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza import errors as err
from cadenza.server import Links, api_keys, create_app
from cadenza.server.markdown import markdown
from cadenza.testing import virtual_time

from .given import SECRET, URL, asked, calling, pay, served

NEW = "another secret that nobody can guess, just as long"
GIVEN = {"answer.decision": "0", "answer.note": "fine"}


async def test_a_link_shows_a_form_and_its_post_answers(store: str) -> None:
    app, links = Cadenza(store=store, workflows=[pay]), Links([SECRET], base_url=f"{URL}/")
    auth = api_keys({})  # nobody has a key: the link is the credential
    async with served(app, links=links, auth=auth) as client:
        run_id, question = await asked(app)
        link = await links.make(app, question, actor="ada@example.com")
        assert link.startswith(f"{URL}/links/")

        shown = await client.get(link)
        assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "&lt;b&gt;ACME&lt;/b&gt;" in shown.text
        assert "<b>" not in shown.text
        assert "<script" not in shown.text
        assert re.search(
            r"default-src 'none'.*form-action 'self'.*style-src 'sha256-",
            shown.headers["content-security-policy"],
        )
        assert 'name="viewport"' in shown.text
        assert "ada@example.com" in shown.text

        taken = await client.post(link, data=GIVEN)
        assert taken.status_code == 200
        assert "Your answer was taken" in taken.text
        (closing,) = await app.inbox.history(run_id)
        assert (closing.became, closing.data, closing.actor, closing.via) == (
            "answered",
            {"decision": "pay", "note": "fine", "amount": None},
            "ada@example.com",
            "link",
        )
        result: Any = await app.engine.settled(pay, run_id)
        assert result.status == "success"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_to_open_a_link_answers_nothing(method: str) -> None:
    app, links = Cadenza(workflows=[pay]), Links([SECRET])
    async with served(app, links=links) as client:
        _, question = await asked(app)
        before = await app.inbox.get(question)
        for answers in (None, [{"decision": "pay"}]):
            link = await links.make(app, question, answers=answers)
            for query in ("", "?choice=0", "?answer.decision=0"):
                await client.request(method, link + query)
        assert await app.inbox.get(question) == before


async def test_a_used_link_is_dead_and_says_who_was_faster() -> None:
    app, links = Cadenza(workflows=[pay]), Links([SECRET])
    async with served(app, links=links) as client:
        _, question = await asked(app)
        one, other = [await links.make(app, question, actor=name) for name in ("ada", "bob")]
        assert (await client.post(one, data=GIVEN)).status_code == 200
        for link, data in ((other, GIVEN), (one, {"answer.decision": "1"})):
            late = await client.post(link, data=data)
            assert (late.status_code, "Already answered" in late.text) == (409, True)
        shown = await client.get(one)
        assert shown.status_code == 409
        assert "by ada" in shown.text
        # Sent twice, by an impatient finger: one answer, the same page.
        assert (await client.post(one, data=GIVEN)).status_code == 200
        assert (await app.inbox.get(question)).actor == "ada"


async def test_of_many_clicks_at_once_one_answers() -> None:
    app, links = Cadenza(workflows=[pay]), Links([SECRET])
    async with served(app, links=links) as client:
        run_id, question = await asked(app)
        all_links = [await links.make(app, question, actor=f"p{number}") for number in range(20)]
        found = await asyncio.gather(*[client.post(link, data=GIVEN) for link in all_links])
        codes = [answer.status_code for answer in found]
        assert (codes.count(200), codes.count(409)) == (1, 19)
        (closing,) = await app.inbox.history(run_id)
        assert closing.actor == f"p{codes.index(200)}"


async def test_a_link_with_answers_allows_no_other() -> None:
    app, links = Cadenza(workflows=[pay]), Links([SECRET])
    answers = [{"decision": "pay"}, {"decision": "reject", "note": "too much"}]
    async with served(app, links=links) as client:
        run_id, question = await asked(app)
        link = await links.make(app, question, answers=answers)
        page = (await client.get(link)).text
        assert re.findall(r'<button name="choice" value="(\d)">([^<]*)</button>', page) == [
            ("0", "decision: pay"),
            ("1", "decision: reject, note: too much"),
        ]
        for data in ({}, {"choice": "2"}, {"choice": "-1"}, {"choice": "x"}, GIVEN):
            assert (await client.post(link, data=data)).status_code == 403
        assert (await app.inbox.get(question)).state == "open"
        assert (await client.post(link, data={"choice": "1"})).status_code == 200
        (closing,) = await app.inbox.history(run_id)
        assert closing.data == {"decision": "reject", "note": "too much", "amount": None}


async def test_a_link_is_made_only_for_what_could_be_answered() -> None:
    app, links = Cadenza(workflows=[pay]), Links([SECRET])
    async with app:
        _, question = await asked(app)
        with pytest.raises(err.InvalidResumeData):
            await links.make(app, question, answers=[{"decision": "perhaps"}])
        await app.inbox.claim(question, "ada")
        with pytest.raises(err.AlreadyClaimed):
            await links.make(app, question, actor="bob")
        assert await links.make(app, question, actor="ada", answers=[{"decision": "pay"}])
        await app.inbox.answer(question, {"decision": "pay"}, actor="ada")
        with pytest.raises(err.AlreadyAnswered):
            await links.make(app, question, actor="ada")
        with pytest.raises(err.SuspensionNotFound):
            await links.make(app, "nothing")


async def test_a_link_that_was_changed_is_refused() -> None:
    app, links = Cadenza(workflows=[pay]), Links([SECRET])
    async with served(app, links=links) as client:
        _, question = await asked(app)
        link = await links.make(app, question)
        token = link.rpartition("/")[2]
        changed = [
            token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            for place in range(len(token) - 1)
        ]
        foreign = (await Links([NEW]).make(app, question)).rpartition("/")[2]
        for wrong in (*changed, token[:-5], token + "A", "x", ".", "..", "%00", "é", foreign, "A" * 5000):
            found = await client.post(f"/links/{wrong}", data=GIVEN)
            assert found.status_code in {403, 404}, wrong
        assert (await app.inbox.get(question)).state == "open"


async def test_a_link_expires() -> None:
    async with virtual_time() as clock:
        app, links = Cadenza(workflows=[pay]), Links([SECRET])
        async with served(app, links=links) as client:
            _, question = await asked(app)
            link = await links.make(app, question, expires="1h")
            await clock.advance("59m")
            assert (await client.get(link)).status_code == 200
            await clock.advance("1m")
            for found in (await client.get(link), await client.post(link, data=GIVEN)):
                assert (found.status_code, "expired" in found.text) == (410, True)
            assert (await app.inbox.get(question)).state == "open"


async def test_keys_rotate() -> None:
    app = Cadenza(workflows=[pay])
    async with app:
        _, question = await asked(app)
        old = (await Links([SECRET]).make(app, question)).rpartition("/")[2]
        both = Links([SECRET, NEW])
        now = app.clock.now()
        assert both.read(old, now).suspension_id == question
        new = (await both.make(app, question)).rpartition("/")[2]
        assert Links([NEW]).read(new, now).until > now + timedelta(days=6)
        for links, token in ((Links([NEW]), old), (Links([SECRET]), new)):
            with pytest.raises(err.InvalidLink):
                links.read(token, now)
    for secrets in ([], ["short"], [SECRET, "short"]):
        with pytest.raises(err.WeakSecret):
            Links(secrets)


async def test_what_does_not_fit_is_shown_beside_its_field_with_what_was_given() -> None:
    app, links = Cadenza(workflows=[pay]), Links([SECRET])
    async with served(app, links=links) as client:
        _, question = await asked(app)
        link = await links.make(app, question)
        given = {"answer.note": '"<i>', "answer.amount": "0"}
        found = await client.post(link, data=given)
        assert found.status_code == 422
        assert "Field required" in found.text
        assert "greater than or equal to 1" in found.text
        assert 'value="&quot;&lt;i&gt;"' in found.text
        found = await client.post(link, data=given | {"answer.amount": "many"})
        assert "this is not a whole number" in found.text
        big = await client.post(link, content=b"answer.note=" + b"x" * 5_000_000)
        assert big.status_code == 413
        many = await client.post(link, content=b"&".join(b"a=1" for _ in range(2000)))
        assert many.status_code == 400
        assert (await client.post(link, content=b"\xff=\xff")).status_code == 400
        assert (await app.inbox.get(question)).state == "open"


async def test_a_page_of_another_origin_cannot_use_a_link() -> None:
    app, links = Cadenza(workflows=[pay]), Links([SECRET])
    async with served(app, links=links) as client:
        _, question = await asked(app)
        link = await links.make(app, question)
        found = await client.post(link, data=GIVEN, headers={"sec-fetch-site": "cross-site"})
        assert found.status_code == 403
        assert (await app.inbox.get(question)).state == "open"


async def test_a_question_that_is_closed_says_so() -> None:
    @step
    async def confirm(value: int, ctx: StepContext) -> bool:
        return await ctx.ask(bool, deadline="1h", on_timeout=False)

    flow = Workflow("flow", input=int).then(confirm).commit()
    async with virtual_time() as clock:
        app, links = Cadenza(workflows=[flow]), Links([SECRET])
        async with served(app, links=links) as client:
            questions = []
            for _ in range(3):
                run = await app.workflow(flow).create_run()
                result: Any = await run.start(input_data=1)
                questions.append(result.suspensions[0].id)
            made = [await links.make(app, question) for question in questions]
            await app.inbox.cancel(questions[0], "no longer needed")
            found = await client.get(made[0])
            assert (found.status_code, "no longer needed" in found.text) == (410, True)
            assert (await client.post(made[1], data={"answer": "yes"})).status_code == 200
            await clock.advance("2h")
            found = await client.post(made[2], data={"answer": "yes"})
            assert (found.status_code, "expired" in found.text) == (410, True)


async def test_without_secrets_there_are_no_link_pages() -> None:
    async with calling(create_app(Cadenza())) as client:
        assert (await client.get("/links/x")).status_code == 404


def test_a_question_is_markdown_and_nothing_worse() -> None:
    given = "**Pay** 5 < 6?\n\n<script>x</script> [a](javascript:x) [b](https://b.example) ![c](https://c.example/c.png)\n- one"
    html = str(markdown(given))
    assert "<strong>Pay</strong> 5 &lt; 6?" in html
    assert "<li>one</li>" in html
    assert '<a href="https://b.example">b</a>' in html
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html


async def test_a_choice_that_no_page_sends_is_not_offered_and_no_log_has_the_link(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A number of 5000 digits was an error of ours, and the log then had a link that was still good."""
    app, links = Cadenza(workflows=[pay]), Links([SECRET])
    async with served(app, links=links) as client:
        _, question = await asked(app)
        link = await links.make(app, question, answers=[{"decision": "pay"}])
        for choice in ("9" * 5000, "1", "-1", "00", "\u0660", "x", ""):
            found = await client.post(link, data={"choice": choice})
            assert (found.status_code, "other answers only" in found.text) == (403, True), choice

        async def broken(*_: object, **__: object) -> None:
            raise OSError("the disk is gone")

        app.store.suspension = broken  # type: ignore[method-assign, assignment]
        assert (await client.get(link)).status_code == 500
    assert "GET /links/{token} failed" in caplog.text
    assert link.rpartition("/")[2] not in caplog.text
