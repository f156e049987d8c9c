"""Who may come in, and what is seen by those who have no account; how the pages adapt."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from .live import Server, person, signed_in


def test_with_a_key_one_is_known(browser: Browser, guarded: Server) -> None:
    with person(browser, guarded.base, quiet=False) as page:
        page.goto("")
        signed_in(page, "a-key-that-nobody-has")
        expect(page.get_by_role("alert")).to_have_text("The server does not know this key.")
        signed_in(page, "key-of-ada-0123456789")
        expect(page.get_by_text("ada", exact=True)).to_be_visible()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.goto("#/workflows/pay/start")
        page.get_by_label("Customer").fill("Mona")
        page.get_by_label("Amount").fill("10")
        page.get_by_role("button", name="Start the run").click()
        page.get_by_role("button", name="approve", exact=True).click()
        page.get_by_role("link", name="Answers").click()
        expect(page.get_by_text(re.compile("^ada, http"))).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("API key or token")).to_be_visible()


def test_who_may_only_look_sees_no_buttons(browser: Browser, guarded: Server) -> None:
    with person(browser, guarded.base, quiet=False) as page:
        page.goto("")
        signed_in(page, "key-of-ada-0123456789")
        page.goto("#/workflows/correction/start")
        page.get_by_role("region", name="Input").get_by_role("textbox").first.fill("1")
        page.get_by_role("button", name="Start the run").click()
        expect(page.get_by_role("button", name="Send answer")).to_be_visible()
        run = page.url
    with person(browser, guarded.base, quiet=False) as page:
        # The door stands before the page that was asked for, and leads to it.
        page.goto(run)
        signed_in(page, "key-of-rob-0123456789")
        expect(page.get_by_text("Which amount is right?").first).to_be_visible()
        assert page.url == run
        seen = "Send answer|Claim|Withdraw|Cancel|Restart|Time travel"
        expect(page.get_by_text("You may look, but not answer.")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile(seen))).to_have_count(0)
        expect(page.get_by_role("link", name="Run again")).to_have_count(0)
        page.get_by_role("link", name="Inbox").click()
        expect(page.get_by_text("You may look, but not answer.")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile(seen))).to_have_count(0)
        page.keyboard.press("c")
        expect(page.get_by_role("alert")).to_have_count(0)
        page.get_by_role("link", name="Workflows").click()
        expect(page.get_by_role("link", name="pay", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="Start")).to_have_count(0)
        page.get_by_role("link", name="Schedules").click()
        expect(page.get_by_role("link", name="every-morning")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Pause|Run now"))).to_have_count(0)


@pytest.mark.parametrize("script", [True, False])
def test_a_signed_link_is_looked_at_and_answered(browser: Browser, server: Server, script: bool) -> None:
    url = server.link(server.begin("correction", 1, "linked"))
    with person(
        browser, server.base, quiet=False, java_script_enabled=script, viewport={"width": 390, "height": 780}
    ) as page:
        # Looking takes nothing: mail scanners look too.
        for _ in range(2):
            page.goto(url)
            expect(page.get_by_text("Which amount is right?")).to_be_visible()
        assert server.call("runs/linked")["run"]["status"] == "suspended"
        page.get_by_label("Amount").fill("0")
        page.get_by_label("Reason").fill("by mail")
        page.get_by_role("button", name="Send answer").click()
        expect(page.get_by_text("greater than or equal to 1").first).to_be_visible()
        expect(page.get_by_label("Reason")).to_have_value("by mail")
        page.get_by_label("Amount").fill("8")
        page.get_by_role("button", name="Send answer").click()
        expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        assert server.ended("linked")["result"] == "8 because by mail"
        page.goto(url)
        expect(page.get_by_role("heading", name="Already answered")).to_be_visible()
        expect(page.get_by_text("ann@bank.example")).to_be_visible()


def test_colours_are_kept(browser: Browser, server: Server) -> None:
    with person(browser, server.base) as page:
        page.goto("#/runs")
        light = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        page.get_by_label("Colours").select_option("dark")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.reload()
        expect(page.get_by_label("Colours")).to_have_value("dark")
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") != light


def test_on_a_phone_the_list_comes_first(browser: Browser, server: Server) -> None:
    server.begin("pay", {"customer": "Mona", "amount": 5}, "small")
    with person(browser, server.base, viewport={"width": 390, "height": 780}) as page:
        page.goto("#/inbox")
        expect(page.get_by_role("button", name="approve", exact=True)).to_have_count(0)
        page.get_by_role("link", name=re.compile(r"^pay\s*. approve")).click()
        expect(page.get_by_role("button", name="approve", exact=True)).to_be_visible()
        page.get_by_role("link", name="Back to the list").click()
        expect(page.get_by_role("link", name=re.compile(r"^pay\s*. approve"))).to_be_visible()
        for view in (
            "#/inbox",
            "#/runs",
            "#/runs/small",
            "#/runs/small?tab=timeline",
            "#/workflows",
            "#/workflows/pay",
            "#/schedules",
        ):
            page.goto(view)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), view
