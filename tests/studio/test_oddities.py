"""What is not as one would wish: content that means harm, odd names, failures, and answers in ways of one's own."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Browser, expect

from .live import Server, person

HARM = '<img src=x onerror="window.harmed = 1"> [run](javascript:window.harmed=1) <script>window.harmed=1</script> **loud**'


def test_what_steps_ask_is_text_and_never_a_program(browser: Browser, server: Server) -> None:
    server.begin("ratings", [HARM], "harm")
    with person(browser, server.base) as page:
        for view in (
            "#/inbox?workflow=ratings",
            "#/runs/harm",
            "#/runs/harm?tab=data",
            "#/runs/harm?tab=timeline",
        ):
            page.goto(view)
            expect(page.get_by_text("<script>window.harmed=1</script>").first).to_be_visible()
            expect(page.locator("main img, main script, main a[href^=javascript]")).to_have_count(0)
            assert page.evaluate("() => window.harmed") is None


def test_a_list_shows_questions_without_the_marks_of_markdown(browser: Browser, server: Server) -> None:
    server.begin("ratings", ["the *loud* `tea` of [Ann](https://ann.example/tea)"], "marked")
    with person(browser, server.base) as page:
        page.goto("#/inbox")
        in_list = page.get_by_role("region", name="Questions").get_by_role("link")
        expect(in_list).to_contain_text("How good is the loud tea of Ann?")
        asked = page.get_by_role("article")
        expect(asked.get_by_role("link", name="Ann")).to_have_attribute("href", "https://ann.example/tea")


@pytest.mark.parametrize("run_id", ["a/b?c#d", "50%", "Ünal & Söhne «1»", "%2F"])
def test_a_run_has_any_name_that_the_server_takes(browser: Browser, server: Server, run_id: str) -> None:
    server.call(
        "workflows/pay/runs", {"input": {"customer": "Mona", "amount": 5}, "run_id": run_id, "wait": True}
    )
    with person(browser, server.base) as page:
        page.goto("#/runs")
        page.get_by_role("link", name=run_id, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(re.escape(run_id)))
        page.get_by_role("button", name="approve", exact=True).click()
        expect(page.get_by_text("Done", exact=True).first).to_be_visible()


def test_a_failed_run_says_why_and_goes_on_from_the_step(browser: Browser, server: Server) -> None:
    server.begin("shaky", 3, "broken")
    with person(browser, server.base, quiet=False) as page:
        page.goto("#/runs?status=failed")
        page.get_by_role("link", name="broken").click()
        expect(page.get_by_role("alert").filter(has_text="expected an even number, found 3")).to_be_visible()
        page.get_by_role("button", name=re.compile("^halve")).first.click()
        inspector = page.get_by_role("region", name="Step")
        expect(inspector.get_by_text("expected an even number, found 3", exact=False).first).to_be_visible()
        inspector.get_by_role("button", name="Time travel to here").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("textbox").fill("not a number")
        dialog.get_by_role("button", name="Go back to here").click()
        expect(dialog.get_by_text("valid integer")).to_be_visible()
        dialog.get_by_role("textbox").fill("8")
        dialog.get_by_role("button", name="Go back to here").click()
        expect(dialog).to_have_count(0)
        expect(page.get_by_text("Done", exact=True).first).to_be_visible()
        assert server.ended("broken")["result"] == 4


def test_a_question_is_withdrawn(browser: Browser, server: Server) -> None:
    question = server.begin("correction", 1, "withdrawn")
    with person(browser, server.base) as page:
        page.goto(f"#/inbox/{question}")
        page.get_by_role("button", name="Withdraw").click()
        dialog = page.get_by_role("dialog", name="Withdraw this question?")
        dialog.get_by_label("Reason").fill("asked twice")
        dialog.get_by_role("button", name="Withdraw").click()
        expect(page.get_by_role("status").filter(has_text="Withdrawn")).to_contain_text("asked twice")
        expect(page.get_by_role("button", name="Send answer")).to_have_count(0)
        assert server.ended("withdrawn")["run"]["status"] == "failed"


def test_an_answer_as_json(browser: Browser, server: Server) -> None:
    question = server.begin("correction", 1, "as-json")
    with person(browser, server.base, quiet=False) as page:
        page.goto(f"#/inbox/{question}")
        page.get_by_label("Amount").fill("4")
        page.get_by_role("button", name="JSON").click()
        text = page.get_by_label("Value as JSON")
        assert json.loads(text.input_value())["amount"] == 4
        text.fill('{"amount": 4, ')
        page.get_by_role("button", name="Send answer").click()
        expect(page.get_by_role("alert").filter(has_text="This is not JSON")).to_be_visible()
        text.fill('{"amount": 0, "reason": "none"}')
        page.get_by_role("button", name="Send answer").click()
        expect(page.get_by_role("alert").filter(has_text="greater than or equal to 1")).to_be_visible()
        text.fill('{"amount": 9, "reason": "typed"}')
        text.press("Control+Enter")
        expect(page.get_by_text("was taken")).to_be_visible()
        assert server.ended("as-json")["result"] == "9 because typed"


def test_former_inputs_are_picked_and_the_same_is_shown_for_elsewhere(
    browser: Browser, server: Server
) -> None:
    server.begin("pay", {"customer": "Mona", "amount": 5}, "earlier")
    with person(browser, server.base) as page:
        page.goto("#/workflows/pay/start")
        page.get_by_role("region", name="Former inputs").get_by_role("button").first.click()
        expect(page.get_by_label("Customer")).to_have_value("Mona")
        page.get_by_label("Customer").fill("Mo'na")
        elsewhere = page.get_by_role("region", name="The same elsewhere")
        for language in ("curl", "Python", "JavaScript"):
            elsewhere.get_by_role("button", name=language).click()
            expect(elsewhere.get_by_text("na").first).to_be_visible()
            assert "Mo" in elsewhere.inner_text()
        page.get_by_text("Run id and resource").click()
        page.get_by_label("Run id").fill("chosen")
        page.get_by_label("Resource").fill("customer-7")
        page.get_by_role("button", name="Start the run").click()
        expect(page).to_have_url(re.compile("#/runs/chosen$"))
        page.get_by_role("link", name="customer-7").click()
        expect(page.get_by_role("link", name="chosen")).to_be_visible()
        expect(page.get_by_role("link", name="earlier")).to_have_count(0)


def test_lists_grow_while_one_looks(browser: Browser, server: Server) -> None:
    with person(browser, server.base) as page:
        page.goto("#/runs")
        expect(page.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
        server.begin("pay", {"customer": "Mona", "amount": 5}, "new")
        row = page.get_by_role("row").filter(has_text="new")
        expect(row.get_by_text("Waits for a person")).to_be_visible()
        expect(row.get_by_text("approve")).to_be_visible()
        expect(page.get_by_role("navigation", name="Main").get_by_text("open questions: 1")).to_be_attached()
