"""Who may come in, and what is seen by those who have no account; how the pages adapt; axe on every one of them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .live import ROOT, SECRET, Server, person

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Server]:
    """The same server, which asks for keys."""
    served = Server(tmp_path, "--keys")
    served.start()
    yield served
    served.stop()


def sign_in(page: Page, key: str) -> None:
    page.goto("")
    page.get_by_label("API key or token").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_with_a_key_one_is_known(browser: Browser, guarded: Server) -> None:
    with person(browser, guarded.base, quiet=False) as page:
        sign_in(page, "a-key-that-nobody-has")
        expect(page.get_by_role("alert")).to_have_text("The server does not know this key.")
        sign_in(page, "key-of-ada-0123456789")
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
        sign_in(page, "key-of-rob-0123456789")
        page.get_by_role("link", name="Workflows").click()
        expect(page.get_by_role("link", name="pay", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="Start")).to_have_count(0)
        page.get_by_role("link", name="Schedules").click()
        expect(page.get_by_role("link", name="every-morning")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Pause|Run now"))).to_have_count(0)


def link(server: Server, question: str) -> str:
    program = (
        "import asyncio, sys; from tests.studio.flows import make; from cadenza.server import Links\n"
        "async def main():\n"
        "    async with make(sys.argv[1]) as app:\n"
        "        print(await Links([sys.argv[3]], base_url=sys.argv[4]).make(app, sys.argv[2], actor='ann@bank.example'))\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, server.store, question, SECRET, server.base.rstrip("/")]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


@pytest.mark.parametrize("script", [True, False])
def test_a_signed_link_is_looked_at_and_answered(browser: Browser, server: Server, script: bool) -> None:
    url = link(server, server.begin("correction", 1, "linked"))
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


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, server: Server, colours: str) -> None:
    if not AXE.exists():
        pytest.skip("NOT CHECKED: axe is not installed: make studio-tools")
    question = server.begin("correction", 1, "one")
    server.begin("pay", {"customer": "Mona", "amount": 5}, "two")
    server.begin("outer", 5, "three")
    server.begin("sums", 5, "four")
    closed = server.begin("correction", 2, "five")
    server.call(
        f"inbox/{closed}/answer", {"data": {"amount": 2, "reason": "x"}, "actor": "Kim", "wait": True}
    )
    url = link(server, question)
    views = [
        "#/inbox", "#/inbox?workflow=wide", f"#/inbox/{closed}?status=answered", "#/runs", "#/runs?status=held", "#/runs/two",
        "#/runs/three", "#/runs/three?step=inner.stamp", "#/runs/four?tab=timeline&step=again", "#/runs/five?tab=data",
        "#/runs/five?tab=answers", "#/runs/none", "#/workflows", "#/workflows/pay", "#/workflows/pay?step=check", "#/workflows/pay/start",
        "#/schedules", "#/schedules/every-morning", "#/nowhere", url,
    ]  # fmt: skip
    found = {}
    scheme = {"color_scheme": colours}
    with person(browser, server.base, quiet=False, bypass_csp=True, **scheme) as page:
        page.add_init_script(path=AXE)
        for view in views:
            page.goto(view)
            page.reload()
            expect(
                page.get_by_role("heading", level=1).or_(page.get_by_role("heading", level=2)).first
            ).to_be_visible()
            expect(page.locator(".loading")).to_have_count(0)
            found[view] = violations(page)
        page.goto("#/runs/two")
        for opener in ("Cancel", "Say who you are", "Keys"):
            page.get_by_role("button", name=opener).click()
            found[f"dialog {opener}"] = violations(page)
            page.keyboard.press("Escape")
    assert [f"{view}: {line}" for view, told in found.items() for line in told] == []


def violations(page: Page) -> list[str]:
    told = page.evaluate(
        """async (rules) => (await axe.run({ runOnly: rules })).violations.flatMap((rule) =>
            rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`))""",
        RULES,
    )
    return list(told)
