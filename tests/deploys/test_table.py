"""For every shape of open question and every change of the code: the run goes on with what it was asked, or is held; why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cadenza import Cadenza
from cadenza import errors as err

from .shapes import PLACES, SHAPES, Code, Narrower, Renamed, Wider, build

OLD = Code()

# What does not concern a run that waits: it ends as the code that it was started with would have ended it.
GOES_ON = {
    "the same": OLD,
    "inserted before": Code(before=True),
    "inserted after the question": Code(between=True),
    "inserted at the end": Code(after=True),
    "swapped": Code(swapped=True),
    "unnamed mappers shifted": Code(shifted=True),
    "widened": Code(answer=Wider),
}
# What the run still needs, or has been through, is not there: the reason, with {ask} for the place that asked.
IS_HELD = {
    "question removed": (
        Code(without=frozenset({"question"})),
        "today's code has no step at {ask}, which asked",
    ),
    "question renamed": (
        Code(ids={"ask": "asks", "suspend": "asks"}),
        "today's code has no step at {ask}, which asked",
    ),
    "earlier step removed": (
        Code(without=frozenset({"load"})),
        "today's code has no step at load, where the run has been",
    ),
    "earlier step renamed": (
        Code(ids={"load": "fetch"}),
        "today's code has no step at load, where the run has been",
    ),
    "later step removed": (
        Code(without=frozenset({"file"})),
        "today's code has no step at file, which the run still needs",
    ),
    "later step renamed": (
        Code(ids={"file": "store"}),
        "today's code has no step at file, which the run still needs",
    ),
    "condition changed": (
        Code(condition=lambda s: s.input["decision"] != "reject"),
        "today's code of invoices has no function found as '{condition}', the condition of pay",
    ),
    "mapper changed": (
        Code(mapper=lambda s: {**s.input, "mapped": 2}),
        "today's code of invoices has no function found as '{mapper}', the mapper of {map}",
    ),
}
ANSWERS = ["pay", "reject"]


async def stored(app: Cadenza, run_id: str) -> object:
    found = await app.store.load(run_id)
    assert found is not None
    return found.run, list(found.entries), list(found.suspensions)


async def ended_without_a_deploy(shape: str, answer: str) -> tuple[object, list[Any]]:
    """What the run is to become: its result, and what was done after the question."""
    calls: list[Any] = []
    flow = build(shape, OLD, calls)
    async with Cadenza(workflows=[flow]) as app:
        run = await app.workflow(flow).create_run()
        await run.start(input_data=1)
        calls.clear()
        result = await run.resume(resume_data={"decision": answer})
        assert result.status == "success"
        return result.result, calls


async def asked(store: str, shape: str) -> str:
    """The id of a run that waits, which the old code has left in *store*."""
    flow = build(shape, OLD, [])
    async with Cadenza(store=store, workflows=[flow], worker=False) as app:
        run = await app.workflow(flow).create_run()
        assert (await run.start(input_data=1)).status == "suspended"
        return run.id


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'runs.db'}"


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("change", GOES_ON)
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_run_goes_on_with_what_it_was_asked(shape: str, change: str, answer: str, file: str) -> None:
    run_id = await asked(file, shape)
    calls: list[Any] = []
    async with Cadenza(store=file, workflows=[build(shape, GOES_ON[change], calls)], worker=False) as app:
        report = await app.check_deploy()
        assert (report.going_on, report.stuck) == (1, [])
        run = await app.get_run(run_id)
        before = await stored(app, run_id)
        await run.resume(resume_data={"decision": answer}, dry_run=True)
        assert await stored(app, run_id) == before

        result = await run.resume(resume_data={"decision": answer})

        assert result.status == "success"
        assert (result.result, calls) == await ended_without_a_deploy(shape, answer)
        assert ("pay" in calls) == (answer == "pay")


def reason_of(shape: str, change: str) -> str:
    old = build(shape, OLD, []).graph
    nodes = {getattr(node, "id", type(node).__name__): node for node in old.nodes}
    [mapper] = [node for id_, node in nodes.items() if id_.startswith("map@")]
    return IS_HELD[change][1].format(
        ask=PLACES[shape],
        condition=nodes["Branch"].conditions[0],
        mapper=mapper.fn,
        map=mapper.id,
    )


@pytest.mark.parametrize("change", IS_HELD)
@pytest.mark.parametrize("shape", SHAPES)
async def test_an_answer_that_the_code_does_not_fit_is_refused_and_the_run_unchanged(
    shape: str, change: str, file: str
) -> None:
    run_id = await asked(file, shape)
    calls: list[Any] = []
    reason = reason_of(shape, change)
    async with Cadenza(store=file, workflows=[build(shape, IS_HELD[change][0], calls)], worker=False) as app:
        run = await app.get_run(run_id)
        before = await stored(app, run_id)
        [question] = (await run.get_state()).suspensions

        for refused in (
            run.resume(resume_data={"decision": "pay"}),
            run.resume(step=question, resume_data={"decision": "reject"}),
            run.resume(resume_data={"decision": "pay"}, dry_run=True),
            app.inbox.answer(question.id, {"decision": "reject"}),
            app.inbox.cancel(question.id),
        ):
            with pytest.raises(err.RunHeld) as found:
                await refused
            assert found.value.reason == reason
        assert (await stored(app, run_id), calls) == (before, [])

        report = await app.check_deploy()
        assert report.going_on == 0
        assert [(i.run_id, i.workflow, i.suspension_id, i.reason) for i in report.stuck] == [
            (run_id, "invoices", question.id, reason)
        ]

    # With the code that fits it goes on as if nothing had been.
    async with Cadenza(store=file, workflows=[build(shape, OLD, calls)], worker=False) as app:
        result = await (await app.get_run(run_id)).resume(resume_data={"decision": "reject"})
        assert (result.result, calls) == await ended_without_a_deploy(shape, "reject")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("type_", [Narrower, Renamed])
async def test_a_narrower_type_decides_by_the_answer(shape: str, type_: type[Any], file: str) -> None:
    """Where the type is known before the step runs the answer is refused; `ask` learns it inside and holds the run."""
    run_id = await asked(file, shape)
    calls: list[Any] = []
    async with Cadenza(store=file, workflows=[build(shape, Code(answer=type_), calls)], worker=False) as app:
        run = await app.get_run(run_id)
        with pytest.raises(err.RunHeld):
            await run.resume(resume_data={"decision": "reject"})
        assert calls == []
        state = await run.get_state()
        if shape == "suspend":
            assert state.status == "suspended"
            if type_ is Narrower:
                result = await run.resume(resume_data={"decision": "pay"})
                assert (result.result, calls) == await ended_without_a_deploy(shape, "pay")
            return
        assert state.status == "held"
        assert (await app.list_runs(status="held")).total == 1

    # The answer was taken: with a type that reads it the run goes on, without being asked.
    async with Cadenza(store=file, workflows=[build(shape, OLD, calls)], worker=False) as app:
        assert await app._worker.look() == 1
        await app.engine.settled(app.workflows["invoices"], run_id)
        result = await (await app.get_run(run_id)).get_state()
        assert result.status == "success"
        assert (result.result, calls) == await ended_without_a_deploy(shape, "reject")
