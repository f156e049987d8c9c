"""axe on every view and every dialog, light and dark, wide and narrow: no violation."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .live import Server, person, signed_in

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = pytest.mark.parametrize("colours", ["light", "dark"])


class Eye:
    """Looks at pages with axe, and keeps what it finds."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.found: list[str] = []

    def visit(self, view: str, *, narrow: bool = False) -> None:
        # From another document, else a change of the hash alone would leave the former view to look at.
        self.page.goto("about:blank")
        self.page.set_viewport_size({"width": 390 if narrow else 1280, "height": 860})
        self.page.goto(view)
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        expect(self.page.get_by_text("Loading", exact=True)).to_have_count(0)
        self.look(f"{view} narrow" if narrow else view)

    def look(self, name: str) -> None:
        told = self.page.evaluate(
            """async (rules) => (await axe.run({ runOnly: rules })).violations.flatMap((rule) =>
                rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`))""",
            RULES,
        )
        self.found += [f"{name}: {line}" for line in told]

    def dialog(self, opener: str) -> None:
        self.page.get_by_role("button", name=opener).first.click()
        expect(self.page.get_by_role("dialog")).to_be_visible()
        self.look(f"dialog {opener}")
        self.page.keyboard.press("Escape")
        expect(self.page.get_by_role("dialog")).to_have_count(0)


@contextmanager
def eye(browser: Browser, base: str, colours: str) -> Iterator[Eye]:
    if not AXE.exists():
        missing = "axe is not installed: make studio-tools"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(f"NOT CHECKED: {missing}")
    # axe is a script of ours, not of the page: its policy is off here, and watched in all other tests.
    with person(browser, base, quiet=False, bypass_csp=True, color_scheme=colours) as page:
        page.add_init_script(path=AXE)
        looking = Eye(page)
        yield looking
    assert looking.found == []


@LOOKS
def test_the_inbox(browser: Browser, server: Server, colours: str) -> None:
    with eye(browser, server.base, colours) as looking:
        looking.visit("#/inbox")
        question = server.begin("correction", 1, "one")
        claimed = server.begin("pay", {"customer": "Mona", "amount": 5}, "two")
        server.begin("ratings", ["a *loud* [page](https://a.example) `x`\n\n- one\n- two"], "three")
        closed = server.begin("correction", 2, "four")
        server.call(
            f"inbox/{closed}/answer", {"data": {"amount": 2, "reason": "x"}, "actor": "Kim", "wait": True}
        )
        server.call(f"inbox/{claimed}/claim", {"actor": "Kim"})
        for view in (
            "#/inbox",
            "#/inbox?workflow=wide",
            "#/inbox?workflow=ratings",
            "#/inbox?workflow=pay",
            f"#/inbox/{closed}?status=answered",
            "#/inbox/nobody",
        ):
            looking.visit(view)
        looking.visit("#/inbox", narrow=True)
        looking.visit(f"#/inbox/{question}", narrow=True)
        looking.visit(f"#/inbox/{question}")
        looking.page.get_by_label("Amount").fill("0")
        looking.page.get_by_role("button", name="Send answer").click()
        expect(looking.page.get_by_label("Amount")).to_have_attribute("aria-invalid", "true")
        looking.look("errors at their fields")
        looking.page.get_by_label("Amount").fill("1")
        looking.page.get_by_label("Reason").fill("seen")
        looking.page.get_by_role("button", name="JSON").click()
        looking.look("a form as JSON")
        looking.dialog("Withdraw")
        looking.page.get_by_role("button", name="Send answer").click()
        expect(looking.page.get_by_text("was taken")).to_be_visible()
        looking.look("an answer that was taken")


@LOOKS
def test_runs(browser: Browser, server: Server, colours: str) -> None:
    server.begin("pay", {"customer": "Mona", "amount": 5}, "pay")
    server.begin("outer", 5, "outer")
    server.begin("sums", 5, "sums")
    server.begin("shaky", 3, "shaky")
    server.begin("ratings", ["tea", "cake"], "ratings")
    closed = server.begin("correction", 2, "answered")
    server.call(
        f"inbox/{closed}/answer", {"data": {"amount": 2, "reason": "x"}, "actor": "Kim", "wait": True}
    )
    with eye(browser, server.base, colours) as looking:
        for view in (
            "#/runs",
            "#/runs?status=held",
            "#/runs/pay",
            "#/runs/outer?step=inner.stamp",
            "#/runs/sums?tab=timeline&step=again",
            "#/runs/shaky?step=halve",
            "#/runs/ratings?tab=timeline",
            "#/runs/answered?tab=data",
            "#/runs/answered?tab=answers",
            "#/runs/nobody",
        ):
            looking.visit(view)
        looking.visit("#/runs", narrow=True)
        looking.visit("#/runs/outer", narrow=True)
        looking.visit("#/runs/shaky?step=halve")
        looking.dialog("Time travel to here")
        looking.visit("#/runs/pay")
        for opener in ("Cancel", "Say who you are", "Keys"):
            looking.dialog(opener)


@LOOKS
def test_what_can_be_run(browser: Browser, server: Server, colours: str) -> None:
    server.begin("pay", {"customer": "Mona", "amount": 5}, "pay")
    with eye(browser, server.base, colours) as looking:
        for view in (
            "#/workflows",
            "#/workflows/pay",
            "#/workflows/outer",
            "#/workflows/wide",
            "#/workflows/nobody",
            "#/workflows/pay/start?like=pay",
            "#/schedules",
            "#/schedules/every-morning",
            "#/nowhere",
        ):
            looking.visit(view)
        looking.visit("#/workflows/pay/start", narrow=True)
        looking.visit("#/schedules", narrow=True)
        looking.visit("#/workflows/pay")
        looking.page.get_by_role("button", name=re.compile("^check")).click()
        looking.look("a chosen step")
        looking.visit("#/workflows/pay/start")
        looking.page.get_by_role("button", name="Start the run").click()
        expect(looking.page.get_by_role("alert").first).to_be_visible()
        looking.look("what is wrong with an input")


@LOOKS
def test_what_those_outside_see(browser: Browser, server: Server, colours: str) -> None:
    url = server.link(server.begin("correction", 1, "linked"))
    with eye(browser, server.base, colours) as looking:
        looking.visit(url)
        looking.visit(url, narrow=True)
        looking.page.get_by_label("Amount").fill("0")
        looking.page.get_by_label("Reason").fill("by mail")
        looking.page.get_by_role("button", name="Send answer").click()
        expect(looking.page.get_by_text("greater than or equal to 1").first).to_be_visible()
        looking.look("errors on the page of a link")
        looking.page.get_by_label("Amount").fill("8")
        looking.page.get_by_role("button", name="Send answer").click()
        expect(looking.page.get_by_role("heading", name="Thank you")).to_be_visible()
        looking.look("thanks")
        looking.visit(url)
        looking.visit(f"{url[:-4]}zzzz")


@LOOKS
def test_the_door(browser: Browser, guarded: Server, colours: str) -> None:
    with eye(browser, guarded.base, colours) as looking:
        looking.visit("")
        signed_in(looking.page, "a-key-that-nobody-has")
        expect(looking.page.get_by_role("alert")).to_be_visible()
        looking.look("a key that is not known")
        signed_in(looking.page, "key-of-rob-0123456789")
        expect(looking.page.get_by_text("rob", exact=True)).to_be_visible()
        looking.look("somebody who may only look")
        looking.visit("#/workflows/pay")
