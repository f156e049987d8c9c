"""Forms of JSON Schemas: which fields a type gets, and what is read from what a browser sends."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from cadenza.errors import Issue
from cadenza.history.event import Suspension
from cadenza.server.form import Field as FormField
from cadenza.server.form import fields_of, form_of, read_form
from cadenza.server.link_page import question_page
from cadenza.server.links import Link


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    city: str = "Berlin"


class Everything(BaseModel):
    kind: Literal["order"]
    ok: bool
    colour: Colour
    size: Literal[1, 2, 3, 4, 5]
    name: str = Field(title="Full name", description="As in the passport")
    story: str = Field(default="", max_length=5000)
    count: int
    ratio: float
    price: Decimal
    day: date
    hour: time
    at: datetime
    site: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    home: Address
    work: Address | None = None
    maybe: int | None = None
    must: str | None
    tags: list[str] = []
    extra: dict[str, int] = {}


FORM = form_of(TypeAdapter(Everything).json_schema())
FULL = {
    "answer.ok": "no",
    "answer.colour": "1",
    "answer.size": "4",
    "answer.name": "Ada",
    "answer.story": "one\r\ntwo",
    "answer.count": " 3 ",
    "answer.ratio": "0.5",
    "answer.price": "12.30",
    "answer.day": "2026-01-31",
    "answer.hour": "09:30",
    "answer.at": "2026-01-31T09:30",
    "answer.site": "https://example.com",
    "answer.home.street": "Main Street 1",
    "answer.tags": '["a", "b"]',
    "answer.extra": "",
}


def test_each_type_gets_its_field() -> None:
    assert [(field.name, field.kind, field.required) for field in fields_of(FORM)] == [
        ("answer.ok", "bool", True),
        ("answer.colour", "choice", True),
        ("answer.size", "choice", True),
        ("answer.name", "text", True),
        ("answer.story", "long", False),
        ("answer.count", "integer", True),
        ("answer.ratio", "number", True),
        ("answer.price", "decimal", True),
        ("answer.day", "date", True),
        ("answer.hour", "time", True),
        ("answer.at", "datetime", True),
        ("answer.site", "url", True),
        ("answer.home.street", "text", True),
        ("answer.home.city", "text", False),
        ("answer.work.street", "text", True),
        ("answer.work.city", "text", False),
        ("answer.maybe", "integer", False),
        ("answer.must", "text", True),
        ("answer.tags", "json", False),
        ("answer.extra", "json", False),
    ]


def test_what_was_filled_in_is_an_answer_that_the_type_takes() -> None:
    answer, issues = read_form(FORM, FULL)
    assert issues == []
    assert Everything.model_validate(answer, strict=False) == Everything(
        kind="order",
        ok=False,
        colour=Colour.BLUE,
        size=5,
        name="Ada",
        story="one\ntwo",
        count=3,
        ratio=0.5,
        price=Decimal("12.30"),
        day=date(2026, 1, 31),
        hour=time(9, 30),
        at=datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
        site="https://example.com",
        home=Address(street="Main Street 1"),
        work=None,
        maybe=None,
        must=None,
        tags=["a", "b"],
    )


def test_an_object_that_may_be_missing_is_there_once_something_is_filled_in() -> None:
    answer: Any = read_form(FORM, FULL | {"answer.work.city": "Rome"})[0]
    assert answer["work"] == {"city": "Rome"}


@pytest.mark.parametrize(
    ("type_", "given", "expected", "wrong"),
    [
        (bool, {"answer": "yes"}, True, False),
        (bool, {"answer": "perhaps"}, "perhaps", True),
        (bool, {}, None, False),
        (int, {"answer": "-4"}, -4, False),
        (int, {"answer": "4.5"}, "4.5", True),
        (float, {"answer": "4"}, 4, False),
        (float, {"answer": "1e400"}, "1e400", True),
        (float, {"answer": "NaN"}, "NaN", True),
        (Decimal, {"answer": "1/2"}, "1/2", True),
        (Decimal, {"answer": "Infinity"}, "Infinity", True),
        (str, {"answer": "  x "}, "  x ", False),
        (str | None, {"answer": ""}, None, False),
        (Literal["a", "b"], {"answer": "0"}, "a", False),
        (Literal["a", "b"], {"answer": "2"}, "2", True),
        (Literal["a", "b"], {"answer": "-1"}, "-1", True),
        (Literal["only"], {"answer": "0"}, "only", False),
        (list[int], {"answer": "[1, 2]"}, [1, 2], False),
        (list[int], {"answer": "[1"}, "[1", True),
        (list[int], {"answer": "[NaN]"}, "[NaN]", True),
        (list[int], {"answer": "[" * 100_000}, "[" * 100_000, True),
        (Any, {"answer": '{"a": 1}'}, {"a": 1}, False),
        (int | str, {"answer": '"x"'}, "x", False),
    ],
)
def test_one_value_is_one_field(type_: Any, given: dict[str, str], expected: Any, wrong: bool) -> None:
    form = form_of(TypeAdapter(type_).json_schema())
    assert isinstance(form, FormField)
    answer, issues = read_form(form, given)
    assert (answer, bool(issues)) == (expected, wrong)


@pytest.mark.parametrize("schema", [None, {}, True, {"type": ["string", "null"]}, {"$ref": "#/$defs/none"}])
def test_what_is_no_known_schema_gets_a_box_for_json(schema: Any) -> None:
    (field,) = fields_of(form_of(schema))
    assert (field.kind, field.path) == ("json", ())


def test_a_type_that_holds_itself_ends_in_a_box_for_json() -> None:
    class Tree(BaseModel):
        name: str
        child: Tree | None = None

    assert [field.kind for field in fields_of(form_of(Tree.model_json_schema()))][:2] == ["text", "json"]


def row(schema: Any) -> Suspension:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Suspension(
        id="s", run_id="r", path=("a",), opened_at=at, workflow="flow", resume_schema=schema, deadline=at
    )


def test_a_page_has_a_label_for_every_field_and_shows_what_is_wrong() -> None:
    link = Link(suspension_id="s", until=datetime(2026, 1, 2, tzinfo=UTC))
    page = question_page(
        row(Everything.model_json_schema()),
        link,
        given={"answer.size": "4", "answer.ok": "yes"},
        issues=[
            Issue(path="home.street", message="too short"),
            Issue(path="count", message="too many"),
            Issue(path="", message="does not fit together"),
        ],
    )
    ids = set(re.findall(r'<(?:input|select|textarea)[^>]* id="([^"]+)"', page))
    assert ids <= set(re.findall(r'<label for="([^"]+)"', page))
    assert '<option value="4" selected>5</option>' in page
    assert re.search(r'value="yes" required checked', page)
    assert 'id="answer.home.street"' in page
    for message in ("too short", "too many", "does not fit together"):
        assert page.count(f">{message}</p>") == 1, message
    assert "As in the passport" in page
    assert "<script" not in page
    assert re.search(r"On\w+=", page) is None
