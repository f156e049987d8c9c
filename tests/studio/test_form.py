"""The studio's form in a real browser: what Pydantic can ask for can be filled in, and what is wrong is said where it is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, reject, settings
from playwright.sync_api import Page
from pydantic import BaseModel, Field, SecretStr

from cadenza.errors import InvalidInput
from cadenza.model.schema import Schema

from .answers import Case, right, wrong
from .browser import page

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"

# To explain a failure would take longer than to look at it.
_MANY = settings(
    max_examples=200,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def form() -> Iterator[Page]:
    with page("/tests/form_page.html") as opened:
        yield opened
        assert opened.evaluate("window.violations") == []


def sent(form: Page, case: Case) -> Any:
    """What the form sends, filled in by the plan."""
    schema = case.model.model_json_schema()
    note(json.dumps(schema))
    form.evaluate("schema => mount(schema)", schema)
    assume(form.evaluate("plan => fill(plan)", case.plan))
    text = form.evaluate("send()")
    assert text is not None, "nothing was sent"
    note(text)
    return json.loads(text)


@pytest.mark.timeout(300)  # 15 seconds alone, more where others use the machine
@_MANY
@given(case=right())
def test_a_form_filled_in_by_hand_sends_the_value(form: Page, case: Case) -> None:
    schema = Schema.of(case.model)

    answer = sent(form, case)

    assert schema.read(answer, InvalidInput, "form") == schema.read(case.value, InvalidInput, "test")


@pytest.mark.timeout(300)  # 15 seconds alone, more where others use the machine
@_MANY
@given(case=wrong())
def test_a_wrong_value_is_said_at_its_field(form: Page, case: Case) -> None:
    answer = sent(form, case)
    try:
        Schema.of(case.model).read(answer, InvalidInput, "form")
    except InvalidInput as refused:
        issues = [{"path": issue.path, "message": issue.message} for issue in refused.issues]
    else:
        reject()

    shown = form.evaluate("issues => refused(issues)", issues)

    assert shown["focus"]
    assert shown["messages"]
    assert set(shown["messages"]) <= {issue["message"] for issue in issues}


# ------------------------------------------------------------------ single forms


class Verdict(BaseModel):
    approved: bool
    comment: str | None = None


class Line(BaseModel):
    item: str = Field(min_length=2)
    pieces: int = 1


class Order(BaseModel):
    customer: str = Field(description="Who pays")
    lines: list[Line] = []
    extra: Any = None


def show(form: Page, type_: Any, **props: Any) -> None:
    form.evaluate(
        "([schema, props]) => mount(schema, props)", [Schema.of(type_).adapter.json_schema(), props]
    )


def last(form: Page) -> Any:
    text = form.evaluate("sent.at(-1) ?? null")
    return None if text is None else json.loads(text)


def test_a_yes_or_no_is_answered_by_one_button(form: Page) -> None:
    show(form, Verdict)
    form.get_by_label("Comment").fill("fine")
    form.get_by_role("button", name="Yes").click()
    assert last(form) == {"approved": True, "comment": "fine"}


def test_a_form_that_is_busy_sends_nothing(form: Page) -> None:
    show(form, Verdict, busy=True)
    assert form.get_by_role("button", name="Yes").is_disabled()
    show(form, Order, busy=True)
    form.get_by_label("Customer").press("Control+Enter")
    assert last(form) is None


def test_the_keyboard_fills_in_and_sends_a_form(form: Page) -> None:
    show(form, Order)
    form.get_by_label("Customer").focus()
    form.keyboard.type("Ada")
    form.keyboard.press("Tab")
    form.keyboard.press("Enter")  # adds a line, and goes there
    form.get_by_label("Item").and_(form.locator(":focus")).wait_for()
    form.keyboard.type("Pen")
    form.keyboard.press("Control+Enter")
    assert last(form) == {"customer": "Ada", "lines": [{"item": "Pen", "pieces": 1}]}


def test_another_schema_begins_anew_and_the_same_one_does_not(form: Page) -> None:
    show(form, Verdict)
    form.get_by_label("Comment").fill("fine")
    form.evaluate("schema => change({ schema })", Verdict.model_json_schema())
    assert form.get_by_label("Comment").input_value() == "fine"
    form.evaluate("schema => change({ schema })", Order.model_json_schema())
    assert form.get_by_label("Customer").input_value() == ""


def test_each_change_is_told(form: Page) -> None:
    show(form, Order)
    form.get_by_label("Customer").fill("Ada")
    form.locator("""body[data-value='{"customer":"Ada","lines":[]}']""").wait_for(state="attached")
    form.get_by_role("button", name="JSON").click()
    form.get_by_label("Value as JSON").fill("[1]")
    form.locator("body[data-value='[1]']").wait_for(state="attached")


def test_a_default_that_nobody_may_see_is_not_sent_back(form: Page) -> None:
    class Login(BaseModel):
        name: str = "ada"
        password: SecretStr = SecretStr("swordfish")

    show(form, Login)
    assert form.get_by_label("Password").input_value() == ""
    form.get_by_role("button", name="Send").click()
    assert last(form) == {"name": "ada"}


def test_a_form_tells_what_is_needed_and_where_help_is(form: Page) -> None:
    show(form, Order)
    box = form.get_by_label("Customer")
    assert box.get_attribute("aria-required") == "true"
    assert form.locator(f"[id='{box.get_attribute('aria-describedby')}']").inner_text() == "Who pays"


def test_json_and_form_carry_the_value_over(form: Page) -> None:
    show(form, Order, initial={"customer": "Ada"})
    form.get_by_role("button", name="JSON").click()
    box = form.get_by_label("Value as JSON")
    assert json.loads(box.input_value()) == {"customer": "Ada", "lines": []}
    box.fill('{"customer": "Bob", "lines": [{"item": "Ink", "pieces": 12345678901234567890}]}')
    form.get_by_role("button", name="Form", exact=True).click()
    assert form.get_by_label("Pieces").input_value() == "12345678901234567890"
    form.get_by_role("button", name="Send").click()
    assert last(form) == {"customer": "Bob", "lines": [{"item": "Ink", "pieces": 12345678901234567890}]}


def test_json_that_the_form_cannot_show_stays_json(form: Page) -> None:
    show(form, Order)
    form.get_by_role("button", name="JSON").click()
    box = form.get_by_label("Value as JSON")
    for text, says in [('{"customer": "Bob", "other": 1}', "cannot show"), ('{"customer":', "not JSON")]:
        box.fill(text)
        form.get_by_role("button", name="Form", exact=True).click()
        form.get_by_role("alert").filter(has_text=says).wait_for()
        assert box.input_value() == text
    box.fill('{"customer": "Bob", "other": 1}')
    box.press("Control+Enter")
    assert last(form) == {"customer": "Bob", "other": 1}


def test_what_is_no_json_is_said_at_its_box_and_not_sent(form: Page) -> None:
    show(form, Order, initial={"customer": "Ada"})
    form.get_by_label("Extra").fill("{")
    form.get_by_label("Extra").press("Control+Enter")
    form.locator("[aria-invalid=true]").and_(form.get_by_label("Extra")).wait_for()
    assert last(form) is None


def test_all_that_is_wrong_is_listed_with_the_way_there(form: Page) -> None:
    show(form, Order, initial={"customer": "A", "lines": [{"item": "x"}]})
    form.evaluate(
        "issues => refuse(issues)",
        [
            {"path": "lines.0.item", "message": "Too short"},
            {"path": "customer", "message": "Not known"},
            {"path": "gone", "message": "Extra inputs are not permitted"},
        ],
    )
    form.get_by_label("Customer").and_(form.locator(":focus")).wait_for()
    summary = form.get_by_role("alert")
    assert "gone Extra inputs are not permitted" in summary.inner_text()
    summary.get_by_role("link", name="Item").click()
    form.get_by_label("Item").and_(form.locator(":focus")).wait_for()


def test_a_removed_row_takes_its_error_along(form: Page) -> None:
    show(form, Order, initial={"customer": "A", "lines": [{"item": "x"}, {"item": "Pen"}]})
    form.evaluate("issues => refuse(issues)", [{"path": "lines.0.item", "message": "Too short"}])
    form.locator("[aria-invalid=true]").wait_for()
    form.get_by_role("button", name="Remove Line 1").click()
    assert form.get_by_label("Item").input_value() == "Pen"
    assert form.locator("[aria-invalid=true]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(form: Page, scheme: Literal["light", "dark"]) -> None:
    if not AXE.exists() and not os.environ.get("CI"):
        pytest.skip(f"NOT CHECKED: axe on the form, for there is no {AXE}")
    form.emulate_media(color_scheme=scheme)
    form.evaluate(AXE.read_text())
    for type_ in (Order, Verdict, str, Any, dict[str, int], tuple[int, date], int | list[Line] | None):
        show(form, type_)
        form.evaluate("issues => refuse(issues)", [{"path": "customer", "message": "Not known"}])
        found = form.evaluate("async () => (await axe.run(document.getElementById('form'))).violations")
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
