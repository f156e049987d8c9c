"""Runs of many steps and many items stay readable, and can be walked through with the keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from .live import Server, person


def test_a_run_of_200_steps_is_walked_through_by_keyboard(browser: Browser, server: Server) -> None:
    server.begin("wide", 1, "long")
    assert server.ended("long")["result"] == 201
    with person(browser, server.base) as page:
        page.goto("#/runs/long")
        graph = page.get_by_role("region", name="Graph")
        expect(graph.get_by_role("button", name=re.compile(r"^step-\d+, "))).to_have_count(200)
        graph.get_by_role("button", name=re.compile("^step-0,")).focus()
        page.keyboard.press("End")
        expect(graph.get_by_role("button", name=re.compile("^step-199,"))).to_be_focused()
        # The picture has moved along: what has the focus is in sight.
        expect(graph.get_by_role("button", name=re.compile("^step-199,"))).to_be_in_viewport()
        page.keyboard.press("ArrowUp")
        expect(graph.get_by_role("button", name=re.compile("^step-198,"))).to_be_focused()
        page.keyboard.press("Enter")
        step = page.get_by_role("region", name="Step")
        expect(step.get_by_role("heading", name="step-198")).to_be_visible()
        expect(step.get_by_text("200", exact=True)).to_be_visible()
        page.get_by_role("link", name="Timeline").click()
        rows = page.get_by_role("region", name="Timeline").get_by_role("button", name=re.compile("step-"))
        expect(rows).to_have_count(200)


def test_300_items_wait_side_by_side(browser: Browser, server: Server) -> None:
    server.begin("crowd", [f"cup {number}" for number in range(300)], "cups")
    with person(browser, server.base) as page:
        page.goto("#/inbox?workflow=crowd")
        expect(
            page.get_by_role("navigation", name="Main").get_by_text("open questions: 300")
        ).to_be_attached()
        expect(page.get_by_role("region", name="Questions").get_by_role("listitem")).to_have_count(50)
        page.get_by_role("navigation", name="Pages of questions").get_by_role("link", name="Older").click()
        expect(page.get_by_text("51\N{EN DASH}100 of 300")).to_be_visible()
        expect(page.get_by_role("article").get_by_text("How good is cup 50?")).to_be_visible()
        page.goto("#/runs/cups")
        expect(page.get_by_role("heading", name="300 questions are open")).to_be_visible()
        page.get_by_role("link", name="Timeline").click()
        timeline = page.get_by_role("region", name="Timeline")
        expect(timeline.get_by_role("button", name=re.compile(r"rate\[\d+\]"))).not_to_have_count(0)
        timeline.get_by_role("button", name="Show all").click()
        expect(timeline.get_by_role("button", name=re.compile(r"rate\[299\]"))).to_be_visible()
