"""What a notebook shows of a run and of a result."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from cadenza import Run, Scope, StepContext, Workflow, step


@step
async def split(text: str) -> list[str]:
    return text.split()


@step
async def review(word: str, ctx: StepContext) -> str:
    if word == "sure":
        return word
    await ctx.ask(bool, question=f"Is <b>{word}</b> right?", deadline="3d")
    return word


@step
async def sign(value: Any, ctx: StepContext) -> Any:
    await ctx.ask(str)
    return value


@step
async def fail(value: Any) -> Any:
    raise ValueError("no <good>")


def never(scope: Scope) -> bool:
    return False


reviews = Workflow("reviews", input=str).then(split).foreach(review, concurrency=3).commit()
signing = Workflow("signing", input=str).then(sign).commit()
loop = Workflow("loop", input=str).dountil(signing, never).commit()
fails = Workflow("fails", input=str).then(fail).commit()
each = Workflow("each", input=str).then(split).foreach(signing, concurrency=2).commit()

pytestmark = pytest.mark.filterwarnings("ignore:run .* waits, and workflow:UserWarning")


def told(shown: str) -> tuple[str, list[list[str]]]:
    """The whole text, and the cells of each row."""
    root = ElementTree.fromstring(shown)
    rows = [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]
    return "".join(root.itertext()), rows[1:]


async def test_a_result_shows_the_steps_and_what_waits() -> None:
    run = await reviews.create_run("r1")
    result = await run.start(input_data="sure blue green")

    text, rows = told(result._repr_html_())

    assert text.startswith("run r1 of reviews: suspended")
    assert [row[:2] for row in rows] == [
        ["split", "success"],
        ["review", "suspended (1 success, 2 suspended)"],
        ["review[1]", "suspended"],
        ["review[2]", "suspended"],
    ]
    assert [row[3].partition(" (until ")[0] for row in rows] == [
        "",
        "",
        "Is <b>blue</b> right?",
        "Is <b>green</b> right?",
    ]
    assert rows[0][2].endswith("ms")
    assert rows[2][2] == ""


@pytest.mark.parametrize(("flow", "place"), [(loop, "signing.sign"), (each, "signing[0].sign")])
async def test_no_question_is_lost_however_deep_it_stands(flow: Workflow[str, Any], place: str) -> None:
    result = await (await flow.create_run()).start(input_data="one")

    _, rows = told(result._repr_html_())

    assert [row for row in rows if row[3]] == [[place, "suspended", "", "an answer"]]


async def test_the_end_is_shown_as_text() -> None:
    ended = await (await fails.create_run()).start(input_data="x")
    text, rows = told(ended._repr_html_())
    assert "error: ValueError: no <good>" in text
    assert [row[:2] for row in rows] == [["fail", "failed"]]

    done = await (await reviews.create_run()).start(input_data="sure")
    assert 'result: ["sure"]' in told(done._repr_html_())[0]


async def test_a_run_shows_what_it_last_saw_and_says_so() -> None:
    run: Run[Any] = await signing.create_run("s1")
    assert "await run.get_state() tells how it stands" in told(run._repr_html_())[0]

    await run.start(input_data="x")
    text, rows = told(run._repr_html_())
    assert text.startswith("run s1 of signing: suspended")
    assert "as last seen" in text
    assert rows == [["sign", "suspended", "", "an answer"]]

    await run.resume(resume_data="ann")
    assert told(run._repr_html_())[1][0][:2] == ["sign", "success"]
