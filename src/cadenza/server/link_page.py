"""The pages of a link: the question with its form, and what became of it. Plain HTML that works without scripts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from ..errors import Issue
from ..history.event import Suspension
from ..model.path import show
from ..model.values import Json
from .form import Field, Group, Part, fields_of, form_of, messages, shown
from .html import Html, page, tag
from .links import Link
from .markdown import markdown

# So many choices are shown at once; more become a list to choose from.
_FEW = 4
_INPUTS = {
    "text": {"type": "text"},
    "integer": {"type": "number", "step": "1", "inputmode": "numeric"},
    "number": {"type": "number", "step": "any", "inputmode": "decimal"},
    "decimal": {"type": "text", "inputmode": "decimal"},
    "date": {"type": "date"},
    "time": {"type": "time", "step": "1"},
    "datetime": {"type": "datetime-local", "step": "1"},
    "email": {"type": "email"},
    "url": {"type": "url"},
}


def question_page(
    row: Suspension, link: Link, *, given: Mapping[str, str] | None = None, issues: Sequence[Issue] = ()
) -> str:
    """The question, and how to answer it. After a refusal with what was *given*, and the *issues*."""
    form = form_of(row.resume_schema)
    known = {".".join(field.path) for field in fields_of(form)}
    loose = [i for i in issues if not any(i.path == k or (k and i.path.startswith(f"{k}.")) for k in known)]
    return page(
        f"{row.workflow}: {show(row.path)}",
        _question(row.payload),
        [tag("p", "Answer until ", _when(row.deadline), class_="hint")] if row.deadline else [],
        [
            tag("p", f"{i.path}: {i.message}" if i.path else i.message, class_="wrong", role="alert")
            for i in loose
        ]
        if "" not in known
        else [],
        tag("form", _choices(link.answers), method="post")
        if link.answers is not None
        else tag("form", _part(form, given or {}, issues), tag("button", "Send answer"), method="post"),
        [tag("p", f"You answer as {link.actor}.", class_="hint")] if link.actor else [],
        tag(
            "p",
            "This link is good until ",
            _when(link.until),
            " or until the question is answered.",
            class_="hint",
        ),
    )


def told_page(title: str, *paragraphs: str) -> str:
    """A page that only says something."""
    return page(title, [tag("p", paragraph) for paragraph in paragraphs])


def _when(at: datetime) -> Html:
    return tag("time", at.strftime("%Y-%m-%d %H:%M UTC"), datetime=at.isoformat())


def _question(payload: Json) -> Html | None:
    if payload is None:
        return None
    if not isinstance(payload, dict):
        return tag("div", _told(payload), class_="asked")
    # What is asked needs no name above it.
    lead = payload.get("question")
    rest = {key: value for key, value in payload.items() if key != "question" or not isinstance(lead, str)}
    terms = [[tag("dt", _words(key)), tag("dd", _told(value))] for key, value in rest.items()]
    return tag(
        "div", _told(lead) if isinstance(lead, str) else [], tag("dl", terms) if terms else [], class_="asked"
    )


def _told(value: Json) -> Html:
    """Text as Markdown, anything else as it is."""
    if isinstance(value, str):
        return markdown(value)
    return tag("pre" if isinstance(value, dict | list) else "p", shown(value))


def _words(key: str) -> str:
    """`due_date`, `dueDate` as words."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key).replace("_", " ").strip()
    return text[:1].upper() + text[1:] or key


def _choices(answers: Sequence[Json]) -> list[Html]:
    return [
        tag("button", _label(answer), name="choice", value=str(number))
        for number, answer in enumerate(answers)
    ]


def _label(answer: Json) -> str:
    if isinstance(answer, dict):
        return ", ".join(f"{key}: {shown(value)}" for key, value in answer.items()) or "{}"
    return {True: "Yes", False: "No"}.get(answer, "") if isinstance(answer, bool) else shown(answer)


def _part(part: Part, given: Mapping[str, str], issues: Sequence[Issue]) -> Html:
    if isinstance(part, Group):
        inner = [_part(each, given, issues) for each in part.parts]
        if not part.path:
            return tag("div", inner)
        hint = tag("p", part.description, class_="hint") if part.description else None
        return tag("fieldset", tag("legend", part.title), hint, inner)
    wrong = [tag("p", message, class_="wrong", role="alert") for message in messages(issues, part)]
    if part.kind == "bool":
        options = [("yes", "Yes", part.default is True), ("no", "No", part.default is False)]
        return _radios(part, options, given, wrong)
    if part.kind == "choice":
        choices = [
            (str(number), shown(choice), choice == part.default and part.default is not None)
            for number, choice in enumerate(part.choices)
        ]
        return (
            _radios(part, choices, given, wrong)
            if len(choices) <= _FEW
            else _select(part, choices, given, wrong)
        )
    return _field(part, _control(part, given), wrong)


def _control(part: Field, given: Mapping[str, str]) -> Html:
    value = given.get(part.name, "" if part.default is None else shown(part.default))
    needed = part.required and not part.nullable
    if part.kind in {"long", "json"}:
        return tag(
            "textarea", value, id=part.name, name=part.name, rows="5", required=needed, spellcheck="false"
        )
    return tag("input", id=part.name, name=part.name, value=value, required=needed, **_INPUTS[part.kind])


def _select(
    part: Field, options: Sequence[tuple[str, str, bool]], given: Mapping[str, str], wrong: list[Html]
) -> Html:
    chosen = given.get(part.name)
    shown_options = [
        tag("option", label, value=value, selected=value == chosen if chosen is not None else default)
        for value, label, default in options
    ]
    empty = tag("option", "", value="")
    return _field(
        part,
        tag(
            "select",
            empty,
            shown_options,
            id=part.name,
            name=part.name,
            required=part.required and not part.nullable,
        ),
        wrong,
    )


def _radios(
    part: Field, options: Sequence[tuple[str, str, bool]], given: Mapping[str, str], wrong: list[Html]
) -> Html:
    chosen = given.get(part.name)
    inputs = [
        tag(
            "div",
            tag(
                "label",
                tag(
                    "input",
                    type="radio",
                    name=part.name,
                    value=value,
                    required=part.required and not part.nullable,
                    checked=value == chosen if chosen is not None else default,
                ),
                label,
            ),
            class_="choice",
        )
        for value, label, default in options
    ]
    return tag("fieldset", tag("legend", part.title), _hint(part), inputs, wrong)


def _field(part: Field, control: Html, wrong: list[Html]) -> Html:
    return tag("div", tag("label", part.title, for_=part.name), _hint(part), control, wrong, class_="field")


def _hint(part: Field) -> Html | None:
    kinds = {"json": "As JSON.", "datetime": "In UTC."}
    words = [part.description, kinds.get(part.kind, ""), "" if part.required else "May be left empty."]
    hint = " ".join(word for word in words if word)
    return tag("p", hint, class_="hint") if hint else None
