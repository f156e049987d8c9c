"""The studio's form in a real browser: what Pydantic can ask for can be filled in, and what is wrong is said where it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, reject, settings
from playwright.sync_api import Page

from cadenza.errors import InvalidInput
from cadenza.model.schema import Schema

from .answers import Case, right, wrong
from .browser import page

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


@_MANY
@given(case=right())
def test_a_form_filled_in_by_hand_sends_the_value(form: Page, case: Case) -> None:
    schema = Schema.of(case.model)

    answer = sent(form, case)

    assert schema.read(answer, InvalidInput, "form") == schema.read(case.value, InvalidInput, "test")


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
