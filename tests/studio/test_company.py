"""Several people at one question, and what a person has written while others, the clock or the network come in between."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Route, expect

from .live import Server, named, person


def test_what_somebody_claimed_can_be_taken_over_and_both_see_it(browser: Browser, server: Server) -> None:
    question = server.begin("correction", 1, "taken-over")
    with person(browser, server.base) as ada, person(browser, server.base) as ben:
        for page, name in ((ada, "Ada"), (ben, "Ben")):
            page.goto(f"#/inbox/{question}")
            named(page, name)
        ada.get_by_role("button", name="Claim").click()
        expect(ada.get_by_text(re.compile("^you, "))).to_be_visible()
        expect(ben.get_by_text("Ada is on it")).to_be_visible()
        # Nobody has an account here, so everybody may do everything: Ada may have gone home.
        ben.get_by_role("button", name="Release").click()
        expect(ada.get_by_role("button", name="Claim")).to_be_visible()
        ben.get_by_role("button", name="Claim").click()
        expect(ben.get_by_text(re.compile("^you, "))).to_be_visible()
        expect(ada.get_by_text("Ben is on it")).to_be_visible()


def test_two_people_answer_two_questions_of_one_run(browser: Browser, server: Server) -> None:
    server.begin("outer", 7, "shared")
    with person(browser, server.base) as ada, person(browser, server.base) as ben:
        for page, name in ((ada, "Ada"), (ben, "Ben")):
            page.goto("#/runs/shared")
            named(page, name)
            expect(page.get_by_role("heading", name="2 questions are open")).to_be_visible()
        ben.get_by_role("button", name=re.compile("stamp")).first.click()
        ben.get_by_role("button", name="No", exact=True).click()
        # Ada has not touched anything: her page has one question left, and it is the other one.
        expect(ada.get_by_role("heading", name="2 questions are open")).to_have_count(0)
        ada.get_by_label("Note").fill("seen")
        ada.get_by_role("button", name="reject", exact=True).click()
        expect(ben.get_by_text("Done", exact=True).first).to_be_visible()
        assert server.ended("shared")["result"] == "reject: seen, not stamped"
        ben.get_by_role("link", name="Answers").click()
        for name in ("Ada", "Ben"):
            expect(ben.get_by_text(re.compile(f"^{name}, "))).to_be_visible()


def test_what_one_has_written_outlives_what_others_do(browser: Browser, server: Server) -> None:
    question = server.begin("correction", 1, "half-written")
    other = server.begin("correction", 2, "another")
    with person(browser, server.base) as page:
        page.goto(f"#/inbox/{question}")
        page.get_by_label("Reason").fill("still thinking")
        # A claim changes this question, an answer changes the list beside it.
        server.call(f"inbox/{question}/claim", {"actor": "Kim"})
        expect(page.get_by_text("Kim is on it")).to_be_visible()
        server.call(f"inbox/{other}/answer", {"data": {"amount": 2, "reason": "x"}, "wait": True})
        expect(page.get_by_role("link", name=re.compile("correction"))).to_have_count(
            2
        )  # in the list, and above
        expect(page.get_by_label("Reason")).to_have_value("still thinking")


def test_a_deadline_passes_under_ones_hands(browser: Browser, server: Server) -> None:
    with person(browser, server.base) as page:
        page.goto("#/inbox?workflow=tight")
        expect(page.get_by_role("heading", name="Nothing fits these filters")).to_be_visible()
        # The question comes to the page by itself.
        server.begin("tight", 4, "failing")
        expect(page.get_by_text("then the step fails")).to_be_visible()
        page.get_by_role("article").get_by_role("textbox").fill("almost")
        assert server.ended("failing")["run"]["status"] == "failed"
        expect(page.get_by_role("button", name="Send answer")).to_have_count(0)
        page.goto("#/runs/failing")
        expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
        expect(page.get_by_role("alert").filter(has_text="deadline")).to_be_visible()


def test_an_answer_that_could_not_be_sent_is_kept_and_sent_once(browser: Browser, server: Server) -> None:
    question = server.begin("correction", 1, "unsent")
    with person(browser, server.base, quiet=False) as page:
        page.goto(f"#/inbox/{question}")
        page.get_by_label("Amount").fill("12")
        page.get_by_label("Reason").fill("it was dark")
        server.stop(kill=True)
        page.get_by_role("button", name="Send answer").click()
        expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
        expect(page.get_by_label("Reason")).to_have_value("it was dark")
        server.start()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.get_by_role("button", name="Send answer").click()
        expect(page.get_by_text("was taken")).to_be_visible()
        assert server.ended("unsent")["result"] == "12 because it was dark"


def test_an_answer_whose_confirmation_was_lost_is_not_refused_as_too_late(
    browser: Browser, server: Server
) -> None:
    question = server.begin("correction", 1, "unheard")
    with person(browser, server.base, quiet=False) as page:
        page.goto(f"#/inbox/{question}")
        page.get_by_label("Amount").fill("3")
        page.get_by_label("Reason").fill("twice")
        page.route("**/api/v1/changes", lambda route: route.abort())
        page.route("**/api/v1/inbox/*", lambda route: route.abort())

        def reach_the_server_and_lose_its_word(route: Route) -> None:
            route.fetch()
            route.abort()

        page.route("**/answer", reach_the_server_and_lose_its_word, times=1)
        page.get_by_role("button", name="Send answer").click()
        expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
        assert server.ended("unheard")["result"] == "3 because twice"
        # It is the same answer, with the same key: it was taken, and nobody was faster.
        page.get_by_role("button", name="Send answer").click()
        expect(page.get_by_text("was taken")).to_be_visible()
        page.unroute_all()


def test_two_presses_are_one_answer(browser: Browser, server: Server) -> None:
    server.begin("pay", {"customer": "Mona", "amount": 5}, "pressed")
    sent: list[str] = []
    with person(browser, server.base) as page:
        page.on("request", lambda request: sent.append(request.url) if "/answer" in request.url else None)
        page.goto("#/runs/pressed")
        page.get_by_role("button", name="approve", exact=True).dblclick()
        expect(page.get_by_text("Done", exact=True).first).to_be_visible()
    assert len(sent) == 1
    assert server.ended("pressed")["result"] == "approve: no note"
