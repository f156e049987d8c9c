"""A refused request says what was expected, what was found and what can be done, and changes nothing.

Each test refuses one thing inside `unchanged`, which compares the whole store before and after: the run's row (status,
lease, signals), all entries, all suspension rows, and the state of the run.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from cadenza import Cadenza, Run, StepContext, Workflow, step
from cadenza import errors as err


class Review(BaseModel):
    decision: Literal["pay", "reject"]
    amount: int = 0


class Counter(BaseModel):
    count: int = 0


@step
async def approve(value: int, ctx: StepContext[Any, Review]) -> str:
    if ctx.resume_data is None:
        ctx.suspend({"value": value}, label="approve-it")
    return ctx.resume_data.decision


@step
async def check(value: int, ctx: StepContext[Any, Review]) -> str:
    if ctx.resume_data is None:
        ctx.suspend({"value": value}, label="check-it")
    return ctx.resume_data.decision


@step
async def review(item: int, ctx: StepContext[Any, Review]) -> str:
    if item < 0:
        return "not asked"
    if ctx.resume_data is None:
        ctx.suspend({"item": item}, label=f"item-{item}")
    return ctx.resume_data.decision


one = Workflow("one", input=int, state=Counter).then(approve).commit()
two = Workflow("two", input=int).parallel([approve, check]).commit()
each = Workflow("each", input=list[int]).foreach(review, concurrency=3).commit()
outer = Workflow("outer", input=int).then(one).commit()


@asynccontextmanager
async def unchanged(app: Cadenza, run: Run[Any] | None = None) -> AsyncIterator[None]:
    """See that the body leaves everything in the store as it is."""

    async def everything() -> tuple[object, ...]:
        page = await app.list_runs(limit=None)
        stored = [await app.store.load(row.id) for row in page.runs]
        options = {"include_state": True, "include_resume_labels": True}
        state = await run.get_state(output_options=options) if run is not None else None
        return copy.deepcopy((page, stored, state))

    before = await everything()
    yield
    assert await everything() == before


async def test_an_unknown_run_is_named(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        async with unchanged(app):
            with pytest.raises(err.RunNotFound) as refused:
                await app.get_run("nope")

        assert str(refused.value) == "there is no run 'nope' in this store; runs are made by create_run()"
        assert refused.value.code == "run_not_found"


@pytest.mark.parametrize("call", ["start", "resume", "restart", "cancel", "get_state", "time_travel"])
async def test_every_call_on_a_run_that_was_deleted_says_that_there_is_none(store: str, call: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run("gone")
        await app.delete_run("gone")
        arguments = {"start": {"input_data": 1}, "time_travel": {"step": approve}}.get(call, {})

        async with unchanged(app):
            with pytest.raises(err.RunNotFound, match="there is no run 'gone' in this store"):
                await getattr(run, call)(**arguments)


async def test_an_unknown_step_is_refused_with_a_list_of_those_that_wait(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.StepNotSuspended) as refused:
                await run.resume(step="nope", resume_data={"decision": "pay"})

        assert str(refused.value) == "nope is not suspended; these are: approve"
        assert refused.value.waiting == ["approve"]


async def test_a_step_that_has_ended_is_not_suspended(store: str) -> None:
    async with Cadenza(store=store, workflows=[two], worker=False) as app:
        run = await app.workflow(two).create_run()
        await run.start(input_data=1)
        await run.resume(step=approve, resume_data={"decision": "pay"})

        async with unchanged(app, run):
            with pytest.raises(err.StepNotSuspended) as refused:
                await run.resume(step=approve, resume_data={"decision": "pay"})

        assert str(refused.value) == "approve is not suspended; these are: check"


async def test_naming_nothing_is_ambiguous_while_two_steps_wait(store: str) -> None:
    async with Cadenza(store=store, workflows=[two], worker=False) as app:
        run = await app.workflow(two).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.AmbiguousStep) as refused:
                await run.resume(resume_data={"decision": "pay"})

        assert str(refused.value) == "several steps are suspended: approve, check; name one with step="
        assert refused.value.waiting == ["approve", "check"]


@pytest.mark.parametrize(
    ("data", "issues"),
    [
        ({}, [("decision", "Field required")]),
        ({"decision": "maybe"}, [("decision", "Input should be 'pay' or 'reject'")]),
        ({"decision": "pay", "amount": "7"}, [("amount", "Input should be a valid integer")]),
        (
            {"decision": 1, "amount": 1.5},
            [
                ("decision", "Input should be 'pay' or 'reject'"),
                ("amount", "Input should be a valid integer"),
            ],
        ),
        ("yes", [("", "Input should be an object")]),
        (None, [("", "Input should be an object")]),
    ],
    ids=["missing", "not-a-choice", "text-for-number", "two-at-once", "text", "none"],
)
async def test_wrong_resume_data_is_refused_field_by_field(
    store: str, data: object, issues: list[tuple[str, str]]
) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.InvalidResumeData) as refused:
                await run.resume(resume_data=data)

        found = [(issue.path, issue.message) for issue in refused.value.issues]
        assert found == issues
        listed = "".join(f"\n- {path or '(the value itself)'}: {message}" for path, message in issues)
        assert str(refused.value) == f"invalid resume data for approve:{listed}"


async def test_wrong_resume_data_for_a_step_of_a_nested_workflow_leaves_the_run_suspended(store: str) -> None:
    """Mastra ends the whole run as failed here (B6)."""
    async with Cadenza(store=store, workflows=[outer], worker=False) as app:
        run = await app.workflow(outer).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.InvalidResumeData, match=r"for one\.approve:\n- decision: Field required"):
                await run.resume(step="one.approve", resume_data={})

        assert (await run.resume(resume_data={"decision": "pay"})).status == "success"


async def test_resume_data_that_no_json_can_hold_is_refused_with_its_path(store: str) -> None:
    @step
    async def anything(value: int, ctx: StepContext) -> object:
        return ctx.resume_data if ctx.resume_data is not None else ctx.suspend()

    flow = Workflow("flow", input=int).then(anything).commit()
    async with Cadenza(store=store, workflows=[flow], worker=False) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.ValueNotKept, match=r"for anything:\n- lines\.1: nan is no JSON number"):
                await run.resume(resume_data={"lines": [1, float("nan")]})


async def test_one_wrong_answer_to_all_items_of_a_foreach_answers_none(store: str) -> None:
    async with Cadenza(store=store, workflows=[each], worker=False) as app:
        run = await app.workflow(each).create_run()
        await run.start(input_data=[1, 2, 3])

        async with unchanged(app, run):
            with pytest.raises(err.InvalidResumeData, match="decision: Field required"):
                await run.resume(step=review, resume_data={})


async def test_an_unknown_label_is_refused_with_the_labels_in_force(store: str) -> None:
    """Mastra resumes whatever is left instead (B2): a second click on "approve A" answers question B."""
    async with Cadenza(store=store, workflows=[two], worker=False) as app:
        run = await app.workflow(two).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.UnknownLabel) as refused:
                await run.resume(label="nope", resume_data={"decision": "pay"})

        assert str(refused.value) == (
            "no open suspension has the label 'nope'; labels in force: approve-it, check-it"
        )
        assert refused.value.known == ["approve-it", "check-it"]


async def test_a_label_that_was_used_up_does_not_fall_through_to_the_question_that_is_left(
    store: str,
) -> None:
    async with Cadenza(store=store, workflows=[two], worker=False) as app:
        run = await app.workflow(two).create_run()
        await run.start(input_data=1)
        await run.resume(label="approve-it", resume_data={"decision": "pay"})

        async with unchanged(app, run):
            with pytest.raises(err.UnknownLabel, match="labels in force: check-it"):
                await run.resume(label="approve-it", resume_data={"decision": "pay"})


@pytest.mark.parametrize("index", [3, -1, 1], ids=["out of range", "negative", "not waiting"])
async def test_an_index_that_does_not_wait_is_refused_with_those_that_do(store: str, index: int) -> None:
    async with Cadenza(store=store, workflows=[each], worker=False) as app:
        run = await app.workflow(each).create_run()
        await run.start(input_data=[1, -2, 3])

        async with unchanged(app, run):
            with pytest.raises(err.InvalidIndex) as refused:
                await run.resume(step=review, for_each_index=index, resume_data={"decision": "pay"})

        assert str(refused.value) == (
            f"for_each_index={index} does not wait at review; waiting items of review: 0, 2"
        )
        assert refused.value.waiting == [0, 2]


@pytest.mark.parametrize("index", [True, "0", 0.5], ids=["bool", "text", "float"])
async def test_an_index_that_is_no_whole_number_is_refused(store: str, index: Any) -> None:
    async with Cadenza(store=store, workflows=[each], worker=False) as app:
        run = await app.workflow(each).create_run()
        await run.start(input_data=[1, 2])

        async with unchanged(app, run):
            with pytest.raises(err.InvalidIndex, match="waiting items of review: 0, 1"):
                await run.resume(step=review, for_each_index=index, resume_data={"decision": "pay"})


async def test_an_index_for_a_step_that_is_in_no_foreach_is_refused(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.InvalidIndex) as refused:
                await run.resume(step=approve, for_each_index=0, resume_data={"decision": "pay"})

        assert str(refused.value) == (
            "for_each_index=0 does not wait at approve; nothing that waits at approve is an item of a foreach; "
            "leave for_each_index out"
        )


async def test_a_label_and_a_step_that_disagree_conflict(store: str) -> None:
    async with Cadenza(store=store, workflows=[two], worker=False) as app:
        run = await app.workflow(two).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.ConflictingTarget) as refused:
                await run.resume(step=check, label="approve-it", resume_data={"decision": "pay"})

        assert str(refused.value) == (
            "step=check and label='approve-it' name different suspensions; give one of them"
        )


async def test_a_label_and_an_index_that_disagree_conflict(store: str) -> None:
    async with Cadenza(store=store, workflows=[each], worker=False) as app:
        run = await app.workflow(each).create_run()
        await run.start(input_data=[10, 20])

        async with unchanged(app, run):
            with pytest.raises(err.ConflictingTarget) as refused:
                await run.resume(label="item-10", for_each_index=1, resume_data={"decision": "pay"})

        assert str(refused.value) == (
            "for_each_index=1 and label='item-10' name different suspensions; give one of them"
        )


@pytest.mark.parametrize("other", [{"step": "check"}, {"label": "check-it"}], ids=["step", "label"])
async def test_a_suspension_id_and_another_name_that_disagree_conflict(
    store: str, other: dict[str, Any]
) -> None:
    async with Cadenza(store=store, workflows=[two], worker=False) as app:
        run = await app.workflow(two).create_run()
        result = await run.start(input_data=1)
        assert result.status == "suspended"
        (row,) = [row for row in result.suspensions if row.path == ("approve",)]

        async with unchanged(app, run):
            with pytest.raises(err.ConflictingTarget) as refused:
                await run.resume(suspension_id=row.id, resume_data={"decision": "pay"}, **other)

        ((name, value),) = other.items()
        named = f"label={value!r}" if name == "label" else f"step={value}"
        assert str(refused.value) == (
            f"{named} and suspension_id={row.id!r} name different suspensions; give one of them"
        )


async def test_a_suspension_id_and_an_index_that_disagree_conflict(store: str) -> None:
    async with Cadenza(store=store, workflows=[each], worker=False) as app:
        run = await app.workflow(each).create_run()
        result = await run.start(input_data=[10, 20])
        assert result.status == "suspended"
        (row,) = [row for row in result.suspensions if row.path == ("review", 0)]

        async with unchanged(app, run):
            with pytest.raises(err.ConflictingTarget):
                await run.resume(suspension_id=row.id, for_each_index=1, resume_data={"decision": "pay"})


async def test_a_suspension_object_and_another_suspension_id_conflict(store: str) -> None:
    async with Cadenza(store=store, workflows=[two], worker=False) as app:
        run = await app.workflow(two).create_run()
        result = await run.start(input_data=1)
        assert result.status == "suspended"
        first, second = result.suspensions

        async with unchanged(app, run):
            with pytest.raises(err.ConflictingTarget):
                await run.resume(step=first, suspension_id=second.id, resume_data={"decision": "pay"})


@pytest.mark.parametrize("how", ["success", "failed", "canceled"])
async def test_a_run_that_has_ended_is_not_suspended(store: str, how: str) -> None:
    @step
    async def burst(value: int, ctx: StepContext[Any, Review]) -> str:
        if ctx.resume_data is None:
            ctx.suspend()
        if ctx.resume_data.decision == "reject":
            raise ValueError("no")
        return "paid"

    flow = Workflow("flow", input=int).then(burst).commit()
    async with Cadenza(store=store, workflows=[flow], worker=False) as app:
        run = await app.workflow(flow).create_run("r1")
        await run.start(input_data=1)
        if how == "canceled":
            await run.cancel()
        else:
            await run.resume(resume_data={"decision": "pay" if how == "success" else "reject"})

        async with unchanged(app, run):
            with pytest.raises(err.RunNotSuspended) as refused:
                await run.resume(step=burst, resume_data={"decision": "pay"})

        assert str(refused.value) == (
            f"run 'r1' is {how}, not suspended; nothing waits for an answer any more"
        )
        assert refused.value.status == how


async def test_a_run_that_was_never_started_is_not_suspended(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run("r1")

        async with unchanged(app, run):
            with pytest.raises(err.RunNotSuspended) as refused:
                await run.resume(resume_data={"decision": "pay"})

        assert str(refused.value) == "run 'r1' is pending, not suspended; start() it first"


@pytest.mark.parametrize("which", [two, "two"], ids=["workflow", "id"])
async def test_a_workflow_that_is_not_registered_is_refused_with_those_that_are(
    store: str, which: Workflow[Any, Any] | str
) -> None:
    async with Cadenza(store=store, workflows=[one, each], worker=False) as app:
        async with unchanged(app):
            with pytest.raises(err.UnknownWorkflow) as refused:
                app.workflow(which)

        assert str(refused.value) == "no workflow 'two' is registered; these are: each, one"


async def test_a_run_of_a_workflow_that_is_not_registered_here_is_refused(store: str) -> None:
    writer = Cadenza(store=store, workflows=[one], worker=False)
    await writer.workflow(one).create_run("r1")
    async with Cadenza(store=writer.store, workflows=[two], worker=False) as app, unchanged(app):
        with pytest.raises(err.UnknownWorkflow, match="no workflow 'one' is registered; these are: two"):
            await app.get_run("r1")


async def test_an_unknown_suspension_id_is_refused(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.SuspensionNotFound) as refused:
                await run.resume(suspension_id="s0", resume_data={"decision": "pay"})

        assert str(refused.value) == (
            "there is no suspension 's0' here; result.suspensions lists the open ones"
        )


async def test_the_suspension_of_another_run_is_unknown_here(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        mine, other = await app.workflow(one).create_run(), await app.workflow(one).create_run()
        await mine.start(input_data=1)
        result = await other.start(input_data=1)
        assert result.status == "suspended"

        async with unchanged(app, mine):
            with pytest.raises(err.SuspensionNotFound):
                await mine.resume(step=result.suspensions[0], resume_data={"decision": "pay"})


async def test_a_suspension_that_was_answered_says_by_whom_and_when(store: str) -> None:
    async with Cadenza(store=store, workflows=[two], worker=False) as app:
        run = await app.workflow(two).create_run()
        result = await run.start(input_data=1)
        assert result.status == "suspended"
        row = next(row for row in result.suspensions if row.path == ("approve",))
        await run.resume(step=row, resume_data={"decision": "pay"}, actor="ann")
        answered = await app.store.suspension(row.id)
        assert answered is not None
        assert answered.closed_at is not None

        async with unchanged(app, run):
            with pytest.raises(err.AlreadyAnswered) as refused:
                await run.resume(step=row, resume_data={"decision": "reject"}, actor="bob")

        assert str(refused.value) == (
            f"approve was already answered by ann at {answered.closed_at.isoformat()}; this answer was not taken"
        )
        assert (refused.value.actor, refused.value.at) == ("ann", answered.closed_at)


async def test_a_suspension_is_judged_before_the_status_of_its_run(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        result = await run.start(input_data=1)
        assert result.status == "suspended"
        await run.resume(resume_data={"decision": "pay"})

        async with unchanged(app, run):
            with pytest.raises(err.AlreadyAnswered):
                await run.resume(suspension_id=result.suspensions[0].id, resume_data={"decision": "pay"})


async def test_a_suspension_whose_run_was_canceled_takes_no_answer(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        result = await run.start(input_data=1)
        assert result.status == "suspended"
        await run.cancel()

        async with unchanged(app, run):
            with pytest.raises(err.SuspensionCanceled) as refused:
                await run.resume(step=result.suspensions[0], resume_data={"decision": "pay"})

        assert str(refused.value) == "the question of approve was canceled; no answer is taken"


async def test_a_suspension_from_before_a_time_travel_takes_no_answer(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        result = await run.start(input_data=1)
        assert result.status == "suspended"
        await run.time_travel(step=approve)

        async with unchanged(app, run):
            with pytest.raises(err.SuspensionSuperseded) as refused:
                await run.resume(step=result.suspensions[0], resume_data={"decision": "pay"})

        assert str(refused.value) == (
            "the question of approve was superseded by time travel or a retry; look for the newer one"
        )


async def test_a_run_starts_once(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run("r1")
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.RunAlreadyStarted) as refused:
                await run.start(input_data=2)

        assert str(refused.value) == (
            "run 'r1' was started before and is suspended; use resume(), restart() or time_travel(), or a new run"
        )


@pytest.mark.parametrize("empty", ["", [], ()], ids=["text", "list", "tuple"])
async def test_an_empty_path_names_nothing(store: str, empty: object) -> None:
    """Mastra takes "" for "not named" (B1)."""
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.StepNotSuspended) as refused:
                await run.resume(step=empty, resume_data={"decision": "pay"})

        assert str(refused.value) == "the empty path is not suspended; these are: approve"


@pytest.mark.parametrize("below", ["approve.nope", ["approve", "nope"], [approve, check], ["approve", 0]])
async def test_a_path_that_goes_on_below_a_plain_step_names_nothing(store: str, below: Any) -> None:
    """Mastra resumes the step (B1)."""
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.StepNotSuspended, match=r"is not suspended; these are: approve$"):
                await run.resume(step=below, resume_data={"decision": "pay"})


@pytest.mark.parametrize("odd", [".approve", "approve.", "one..approve", "]approve[", "approve[0"])
async def test_text_that_only_looks_like_a_path_names_nothing(store: str, odd: str) -> None:
    async with Cadenza(store=store, workflows=[one, outer], worker=False) as app:
        run = await app.workflow(outer if odd.startswith("one") else one).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.StepNotSuspended):
                await run.resume(step=odd, resume_data={"decision": "pay"})


async def test_a_step_that_is_no_step_names_nothing(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.StepNotSuspended):
                await run.resume(step=object(), resume_data={"decision": "pay"})


@pytest.mark.parametrize("call", ["start", "resume"])
async def test_a_runtime_context_that_cannot_be_kept_is_refused_by_key(store: str, call: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        if call == "resume":
            await run.start(input_data=1)
        arguments: dict[str, Any] = {
            "start": {"input_data": 1},
            "resume": {"resume_data": {"decision": "pay"}},
        }[call]

        async with unchanged(app, run):
            with pytest.raises(err.InvalidContext) as refused:
                await getattr(run, call)(
                    runtime_context={"fine": 1, "db": object(), "deep": {"x": [float("inf")]}}, **arguments
                )

        assert refused.value.paths == ["db", "deep.x.0"]
        assert str(refused.value).startswith(
            "invalid runtime context for this run (declare keys that must not be kept: "
            "Cadenza(context_secrets={...})):\n- db: object: "
        )
        assert "deep.x.0: inf is no JSON number" in str(refused.value)


async def test_wrong_input_leaves_the_run_pending(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()

        async with unchanged(app, run):
            with pytest.raises(err.InvalidInput) as refused:
                await run.start(input_data="1")

        assert str(refused.value) == (
            "invalid input for workflow one:\n- (the value itself): Input should be a valid integer"
        )
        assert (await run.get_state()).status == "pending"
        assert (await run.start(input_data=1)).status == "suspended"


async def test_a_wrong_initial_state_leaves_the_run_pending(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()

        async with unchanged(app, run):
            with pytest.raises(err.InvalidState) as refused:
                await run.start(input_data=1, initial_state={"count": "yes"})

        assert str(refused.value) == (
            "invalid initial state for workflow one:\n- count: Input should be a valid integer"
        )


@pytest.mark.parametrize("state", [[1], "text", 7], ids=repr)
async def test_an_initial_state_that_is_no_object_is_refused(store: str, state: object) -> None:
    flow = Workflow("flow", input=int).then(approve).commit()
    async with Cadenza(store=store, workflows=[flow], worker=False) as app:
        run = await app.workflow(flow).create_run()

        async with unchanged(app, run):
            with pytest.raises(err.InvalidState):
                await run.start(input_data=1, initial_state=state)


async def test_restart_of_a_run_that_waits_for_people_is_refused(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run("r1")
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(err.RunNotActive) as refused:
                await run.restart()

        assert str(refused.value) == (
            "run 'r1' is suspended; only a run that was under way when its process ended can be restarted"
            "; time_travel() runs steps again"
        )


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("nope", err.TimeTravelTarget),
        ("", err.TimeTravelNoStep),
        (None, err.TimeTravelNoStep),
        ("approve.x", err.TimeTravelTarget),
    ],
)
async def test_time_travel_to_nowhere_changes_nothing(
    store: str, target: str | None, error: type[err.TimeTravelError]
) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(error):
                await run.time_travel(step=target)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"input_data": "x"}, err.InvalidStepInput, "approve:\n- (the value itself): Input should be"),
        ({"resume_data": {}}, err.InvalidResumeData, "approve:\n- decision: Field required"),
        ({"runtime_context": {"db": object()}}, err.InvalidContext, "\n- db: object"),
        ({"initial_state": {"count": "x"}}, err.InvalidState, "\n- count: Input should be"),
    ],
    ids=["input", "resume data", "context", "state"],
)
async def test_time_travel_with_wrong_data_changes_nothing(
    store: str, arguments: dict[str, Any], error: type[err.InvalidData], message: str
) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()
        await run.start(input_data=1)

        async with unchanged(app, run):
            with pytest.raises(error) as refused:
                await run.time_travel(step=approve, **arguments)

        assert message in str(refused.value)


async def test_unknown_output_options_are_refused_before_anything_runs(store: str) -> None:
    async with Cadenza(store=store, workflows=[one], worker=False) as app:
        run = await app.workflow(one).create_run()

        async with unchanged(app, run):
            with pytest.raises(TypeError, match="include_stat"):
                await run.start(input_data=1, output_options={"include_stat": True})


def test_each_way_to_be_refused_has_its_own_class_and_code() -> None:
    kinds = [
        err.RunNotFound,
        err.RunNotSuspended,
        err.RunAlreadyStarted,
        err.RunNotActive,
        err.StepNotSuspended,
        err.AmbiguousStep,
        err.UnknownLabel,
        err.ConflictingTarget,
        err.InvalidIndex,
        err.SuspensionNotFound,
        err.AlreadyAnswered,
        err.SuspensionCanceled,
        err.SuspensionSuperseded,
        err.InvalidResumeData,
        err.InvalidInput,
        err.InvalidState,
        err.InvalidContext,
        err.UnknownWorkflow,
        err.TimeTravelNoStep,
        err.TimeTravelTarget,
    ]

    assert [kind.code for kind in kinds] == [
        "run_not_found",
        "run_not_suspended",
        "run_already_started",
        "run_not_active",
        "step_not_suspended",
        "ambiguous_step",
        "unknown_label",
        "conflicting_target",
        "invalid_index",
        "suspension_not_found",
        "already_answered",
        "suspension_canceled",
        "suspension_superseded",
        "invalid_resume_data",
        "invalid_input",
        "invalid_state",
        "invalid_context",
        "unknown_workflow",
        "time_travel_no_step",
        "time_travel_target",
    ]
