"""`cadenza workflows`, `graph` and `check`: looking at the code, and at what it means for the runs that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from .out import document, one_or_many, paint, say, table
from .shapes import plain_json
from .target import HERE, Where, load_app, opened

if TYPE_CHECKING:
    from ..model.workflow import Workflow

workflows = App(name="workflows", help="Look at the workflows of the app.")


@workflows.command
def ls(*, where: Where = HERE) -> None:
    """List the workflows of the app."""
    from ..model.schema import name_of

    found = [known for _, known in sorted(load_app(where).workflows.items())]
    if where.json:
        document({"workflows": [_as_json(workflow) for workflow in found]})
        return
    table(
        ("workflow", "input", "output", "steps", "description"),
        [
            (
                workflow.id,
                name_of(workflow.input.type),
                name_of(workflow.output.type),
                str(len(workflow.graph.places)),
                workflow.description or "",
            )
            for workflow in found
        ],
    )


def _as_json(workflow: Workflow[object, object]) -> dict[str, object]:
    return {
        "id": workflow.id,
        "description": workflow.description,
        "input_schema": workflow.input.describe(),
        "output_schema": workflow.output.describe(),
        "steps": list(workflow.graph.places),
        "fingerprint": workflow.graph.fingerprint,
    }


def graph(
    workflow: Annotated[str, Parameter(help="The id of the workflow.")],
    /,
    *,
    format: Annotated[Literal["mermaid", "svg", "json"], Parameter(help="How to draw it.")] = "mermaid",  # noqa: A002  --format
    where: Where = HERE,
) -> None:
    """Draw a workflow, as Mermaid, as SVG or as JSON."""
    from ..model.graph import to_json, to_mermaid
    from ..model.svg import to_svg

    shown = load_app(where).workflow(workflow).workflow
    found = shown.graph
    if where.json or format == "json":
        document(to_json(found))
    elif format == "svg":
        say(to_svg(found, shown).rstrip())
    else:
        say(to_mermaid(found).rstrip())


Target = Annotated[str | None, Parameter(name="MODULE:APP", help="The app, as --app.")]


async def check(target: Target = None, /, *, where: Where = HERE) -> int:
    """Say whether the runs that are stored go on with this code; exit code 1 where one does not. For CI, before a deploy."""
    async with opened(where, target) as app:
        report = await app.check_deploy()
    if where.json:
        document({"ok": report.ok, **plain_json(report)})
        return 0 if report.ok else 1
    going_on = one_or_many(report.going_on, "open question")
    say(f"{one_or_many(report.runs, 'run')} looked at: {going_on} can go on, {report.stuck_count} cannot")
    for issue in report.stuck:
        say(f"{paint('problem')}: run {issue.run_id} of {issue.workflow}{_at(issue.path)}: {issue.reason}")
    for issue in report.restricted:
        say(f"note: run {issue.run_id} of {issue.workflow}{_at(issue.path)}: {issue.reason}")
    return 0 if report.ok else 1


def _at(path: str | None) -> str:
    return f", {path}" if path else ""
