"""What people do in the studio, in a real browser, against a real server."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from playwright.sync_api import Browser, Page, expect

from .live import ROOT, Server, named, person

OPEN = re.compile("Waits for a person")


def answered(page: Page, text: str) -> None:
    expect(page.get_by_role("status").filter(has_text=text)).to_be_visible()


def test_start_fail_fix_and_answer(browser: Browser, server: Server) -> None:
    with person(browser, server.base, quiet=False) as page:
        page.goto("#/workflows")
        page.get_by_role("listitem").filter(has_text="pay").get_by_role("link", name="Start").first.click()
        page.get_by_label("Customer").fill("Mo")
        page.get_by_label("Amount").fill("7")
        page.get_by_role("button", name="Start the run").click()
        # What the server says stands at the field, and the field is told so.
        amount = page.get_by_label("Amount")
        expect(amount).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_text("multiple of 5").first).to_be_visible()
        expect(page.get_by_text("at least 3 characters").first).to_be_visible()
        page.get_by_label("Customer").fill("Mona")
        amount.fill("420")
        amount.press("Control+Enter")
        expect(page.get_by_text(OPEN).first).to_be_visible()
        expect(page.get_by_text("Pay 420 EUR?").first).to_be_visible()
        page.get_by_label("Note").fill("fine")
        page.get_by_role("button", name="approve", exact=True).click()
        expect(page.get_by_text("Done", exact=True).first).to_be_visible()
        page.get_by_role("link", name="Data").click()
        expect(page.get_by_text('"approve: fine"')).to_be_visible()


def test_by_keyboard_alone(browser: Browser, server: Server) -> None:
    for number in range(3):
        server.begin("correction", number, f"run-{number}")
    with person(browser, server.base) as page:
        page.goto("#/inbox")
        expect(page.get_by_text("1 of 3")).to_be_visible()
        page.keyboard.press("j")
        expect(page.get_by_text("2 of 3")).to_be_visible()
        page.keyboard.press("k")
        expect(page.get_by_text("1 of 3")).to_be_visible()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("Escape")
        amount = page.get_by_label("Amount")
        for _ in range(60):
            page.keyboard.press("Tab")
            if amount.evaluate("(field) => field === document.activeElement"):
                break
        expect(amount).to_be_focused()
        page.keyboard.type("5")
        page.keyboard.press("Tab")
        page.keyboard.type("a typo")
        page.keyboard.press("Control+Enter")
        answered(page, "was taken")
        expect(page.get_by_text("1 of 2")).to_be_visible()
        assert server.ended("run-0")["result"] == "5 because a typo"
        page.keyboard.press("g")
        page.keyboard.press("r")
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()


def test_two_questions_of_a_nested_workflow(browser: Browser, server: Server) -> None:
    server.begin("outer", 12, "twice")
    with person(browser, server.base) as page:
        page.goto("#/runs/twice")
        expect(page.get_by_role("heading", name="2 questions are open")).to_be_visible()
        page.get_by_role("button", name=re.compile("inner.stamp")).first.click()
        page.get_by_role("button", name="Yes").click()
        # One is left: it stands open by itself.
        page.get_by_role("button", name="approve", exact=True).click()
        expect(page.get_by_text("Done", exact=True).first).to_be_visible()
        assert server.ended("twice")["result"] == "approve: no note, stamped"


def test_items_of_a_foreach(browser: Browser, server: Server) -> None:
    server.begin("ratings", ["tea", "cake", "chair"], "items")
    with person(browser, server.base) as page:
        page.goto("#/inbox?workflow=ratings")
        for count in (3, 2, 1):
            expect(page.get_by_role("navigation", name="Main").get_by_text(str(count))).to_be_visible()
            page.get_by_role("article").get_by_role("textbox").fill(str(count))
            page.keyboard.press("Control+Enter")
            answered(page, "was taken")
        expect(page.get_by_role("heading", name="Nothing fits these filters")).to_be_visible()
        assert server.ended("items")["result"] == [3, 2, 1]
        page.goto("#/runs/items")
        expect(page.get_by_role("button", name=re.compile("rate, 3 done"))).to_be_visible()


def test_somebody_else_is_faster(browser: Browser, server: Server) -> None:
    question = server.begin("correction", 1, "raced")
    with person(browser, server.base) as slow, person(browser, server.base) as fast:
        for page, name in ((slow, "Sam"), (fast, "Fay")):
            page.goto(f"#/inbox/{question}")
            named(page, name)
        slow.get_by_label("Amount").fill("1")
        fast.get_by_label("Amount").fill("2")
        fast.get_by_label("Reason").fill("first")
        fast.get_by_role("button", name="Send answer").click()
        answered(fast, "was taken")
        # The other one sees it without doing anything.
        expect(slow.get_by_text(re.compile("Answered by Fay"))).to_be_visible()
        expect(slow.get_by_role("button", name="Send answer")).to_have_count(0)
        assert server.ended("raced")["result"] == "2 because first"


def test_an_answer_that_comes_too_late_is_refused_with_who_was_faster(
    browser: Browser, server: Server
) -> None:
    question = server.begin("correction", 1, "late")
    with person(browser, server.base, quiet=False) as page:
        page.goto(f"#/inbox/{question}")
        page.get_by_label("Amount").fill("1")
        page.get_by_label("Reason").fill("mine")
        # The page does not hear of the other answer before it sends its own.
        page.route("**/api/v1/inbox/*", lambda route: route.abort())
        page.route("**/api/v1/changes", lambda route: route.abort())
        answer = {"data": {"amount": 9, "reason": "theirs"}, "actor": "Fay", "wait": True}
        server.call(f"inbox/{question}/answer", answer)
        page.get_by_role("button", name="Send answer").click()
        expect(page.get_by_role("alert").filter(has_text="Fay")).to_be_visible()
        page.unroute_all()
        assert server.call("runs/late")["result"] == "9 because theirs"


def test_a_deadline_passes_while_one_looks(browser: Browser, server: Server) -> None:
    question = server.begin("quick", 2, "hurried")
    with person(browser, server.base) as page:
        page.goto(f"#/inbox/{question}")
        expect(page.get_by_text("Quick!").first).to_be_visible()
        expect(page.get_by_text("The deadline passed")).to_be_visible()
        page.goto("#/runs/hurried?tab=data")
        expect(page.get_by_text('"nobody came"')).to_be_visible()


def test_claim_and_release(browser: Browser, server: Server) -> None:
    question = server.begin("correction", 1, "claimed")
    with person(browser, server.base, quiet=False) as page:
        page.goto(f"#/inbox/{question}")
        page.get_by_role("button", name="Claim").click()
        page.get_by_label("Your name").fill("Ada")
        page.get_by_role("button", name="That is me").click()
        page.keyboard.press("c")
        expect(page.get_by_text("you, now").or_(page.get_by_text(re.compile(r"^you, ")))).to_be_visible()
        with person(browser, server.base, quiet=False) as other:
            other.goto(f"#/inbox/{question}")
            expect(other.get_by_text("Ada is on it")).to_be_visible()
        page.get_by_role("button", name="Release").click()
        expect(page.get_by_role("button", name="Claim")).to_be_visible()


def test_cancel(browser: Browser, server: Server) -> None:
    server.begin("pay", {"customer": "Mona", "amount": 5}, "unwanted")
    with person(browser, server.base) as page:
        page.goto("#/runs/unwanted")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
        expect(page.get_by_text("Canceled", exact=True).first).to_be_visible()
        expect(page.get_by_role("button", name="approve", exact=True)).to_have_count(0)


def test_time_travel(browser: Browser, server: Server) -> None:
    server.begin("sums", 1, "sum")
    with person(browser, server.base) as page:
        page.goto("#/runs/sum")
        page.get_by_role("button", name=re.compile("again")).first.click()
        page.get_by_role("button", name="Time travel to here").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("textbox").fill("40")
        dialog.get_by_role("button", name="Go back to here").click()
        expect(dialog).to_have_count(0)
        page.get_by_role("link", name="Data").click()
        expect(page.get_by_role("region", name="Result").get_by_text("41")).to_be_visible()


def test_run_again_with_the_same_input(browser: Browser, server: Server) -> None:
    server.begin("pay", {"customer": "Mona", "amount": 15}, "first")
    with person(browser, server.base) as page:
        page.goto("#/runs/first")
        page.get_by_role("link", name="Run again").click()
        expect(page.get_by_label("Customer")).to_have_value("Mona")
        page.get_by_role("button", name="Python").click()
        expect(page.get_by_text("await run.start(input_data=")).to_be_visible()
        page.get_by_role("button", name="Start the run").click()
        expect(page.get_by_text("Pay 15 EUR?").first).to_be_visible()
        assert server.call("runs")["total"] == 2


def test_a_lost_connection_is_shown_and_made_up_for(browser: Browser, server: Server) -> None:
    question = server.begin("correction", 1, "while-away")
    with person(browser, server.base, quiet=False) as page:
        page.goto("#/runs")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        server.stop(kill=True)
        expect(page.get_by_text("Connection lost")).to_be_visible()
        server.start()
        server.call(f"inbox/{question}/answer", {"data": {"amount": 3, "reason": "back"}, "wait": True})
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="while-away").get_by_text("Done")).to_be_visible()


@pytest.mark.parametrize(
    ("address", "label", "key", "news"),
    [
        ("#/runs", "Run id begins with", "id_prefix", "All 2"),
        ("#/runs", "Resource", "resource_id", "All 2"),
        ("#/inbox", "Label", "label", "Inbox , open questions: 2"),
    ],
)
def test_news_of_runs_leave_what_is_being_typed(
    browser: Browser, server: Server, address: str, label: str, key: str, news: str
) -> None:
    server.begin("pay", {"customer": "Mona", "amount": 5}, "pay-1")
    with person(browser, server.base) as page:
        page.goto(address)
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.get_by_label(label, exact=True).fill("pay")
        server.begin("pay", {"customer": "Mona", "amount": 5}, "pay-2")
        expect(page.get_by_role("link", name=news)).to_be_visible()
        expect(page.get_by_label(label, exact=True)).to_have_value("pay")
        page.get_by_label(label, exact=True).press("Enter")
        expect(page).to_have_url(re.compile(f"{key}=pay"))
        expect(page.get_by_label(label, exact=True)).to_be_focused()
        page.go_back()
        expect(page.get_by_label(label, exact=True)).to_have_value("")


def test_filters_are_addresses(browser: Browser, server: Server) -> None:
    server.begin("sums", 1, "sum-1")
    server.begin("pay", {"customer": "Mona", "amount": 5}, "pay-1")
    with person(browser, server.base) as page:
        page.goto("#/runs")
        page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("^Done")).click()
        expect(page).to_have_url(re.compile(r"status=success"))
        expect(page.get_by_role("link", name="pay-1")).to_have_count(0)
        page.get_by_label("Run id begins with").fill("pay")
        page.get_by_label("Run id begins with").press("Enter")
        expect(page.get_by_role("heading", name="No run fits these filters")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("link", name="sum-1")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("link", name="pay-1")).to_be_visible()


def test_schedules(browser: Browser, server: Server) -> None:
    with person(browser, server.base) as page:
        page.goto("#/schedules")
        page.get_by_role("button", name="Pause every-morning").click()
        expect(page.get_by_text("Paused")).to_be_visible()
        page.get_by_role("button", name="Resume every-morning").click()
        expect(page.get_by_text("Active")).to_be_visible()
        page.get_by_role("button", name="Run now every-morning").click()
        page.get_by_role("link", name="every-morning").click()
        expect(page.get_by_role("region", name="History").get_by_text("by hand")).to_be_visible()
        expect(page.get_by_role("region", name="History").get_by_text("Done")).to_be_visible()


def test_many_runs_and_a_large_graph(browser: Browser, server: Server) -> None:
    server.stop()
    fill(server.store, 2000)
    server.start()
    with person(browser, server.base) as page:
        page.goto("#/runs")
        expect(page.get_by_text("1\N{EN DASH}50 of 2,000")).to_be_visible()
        expect(page.get_by_role("navigation", name="Status").get_by_text("2,000").first).to_be_visible()
        page.get_by_role("link", name="Older").click()
        expect(page.get_by_text("51\N{EN DASH}100 of 2,000")).to_be_visible()
        page.goto("#/inbox?offset=1950")
        expect(
            page.get_by_text("1951\N{EN DASH}2000 of 2,000").or_(
                page.get_by_text("1951\N{EN DASH}2,000 of 2,000")
            )
        ).to_be_visible()
        page.goto("#/workflows/wide")
        expect(page.get_by_role("button", name=re.compile("^step-199"))).to_be_attached()


def fill(store: str, count: int) -> None:
    """*count* runs that wait. In a process of its own: Playwright has this thread's loop."""
    program = (
        "import asyncio, sys; from tests.studio.flows import make\n"
        "async def main():\n"
        "    async with make(sys.argv[1]) as app:\n"
        "        async def one(n): await (await app.workflow('correction').create_run(f'r{n:05}')).start(input_data=n)\n"
        "        for n in range(0, int(sys.argv[2]), 100): await asyncio.gather(*(one(m) for m in range(n, n + 100)))\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", program, store, str(count)], cwd=ROOT, check=True, timeout=120)
