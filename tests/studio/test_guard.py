"""What watches over every test in a browser hears what it is there for: else all of them would pass for nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from .live import Server, person

# Does it, and waits until the page has heard of it: a page that is loaded anew drops what it was about to say.
AND_WAIT = """() => new Promise((heard) => {
  for (const kind of ["securitypolicyviolation", "error"]) addEventListener(kind, () => setTimeout(heard), { once: true });
  (DONE)();
})"""


@pytest.mark.parametrize(
    ("done", "heard"),
    [
        ("() => { const bold = document.createElement('b'); bold.setAttribute('style', 'color: red') }", "style-src"),
        ("() => { const image = new Image(); image.src = 'https://cdn.example/x.png' }", "img-src"),
        ("() => { fetch('https://elsewhere.example/').catch(() => {}) }", "connect-src"),
        ("() => { try { document.body.innerHTML = '<p>' } catch {} }", "require-trusted-types-for"),
        ("() => { setTimeout(() => { throw new Error('of the page') }) }", "of the page"),
        ("() => { console.error('said by a part'); dispatchEvent(new Event('error')) }", "said by a part"),
    ],
    ids=["inline style", "foreign picture", "foreign request", "text as HTML", "error", "console"],
)  # fmt: skip
def test_what_must_not_be_is_heard(browser: Browser, server: Server, done: str, heard: str) -> None:
    def look() -> None:
        with person(browser, server.base, quiet=False) as page:
            page.goto("#/runs")
            page.evaluate(AND_WAIT.replace("DONE", done))
            # A round trip later it has been told.
            page.reload()
            expect(page.get_by_role("heading", name="Runs")).to_be_visible()

    with pytest.raises(AssertionError, match=heard):
        look()


def test_a_refusal_of_the_server_is_heard_unless_a_test_is_about_it(browser: Browser, server: Server) -> None:
    def look(*, quiet: bool) -> None:
        with person(browser, server.base, quiet=quiet) as page:
            page.goto("#/runs/nobody")
            expect(page.get_by_role("heading", name="There is no such run")).to_be_visible()

    look(quiet=False)
    with pytest.raises(AssertionError, match="404"):
        look(quiet=True)
