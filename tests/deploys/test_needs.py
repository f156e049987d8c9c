"""What a run that waits still needs of the code, and what it does not need any more."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza.engine.fit import why_held
from cadenza.history import event as ev
from cadenza.history.snapshot import fold
from cadenza.testing import virtual_time

Flow = Workflow[Any, Any]


@step
async def ask(value: Any, ctx: StepContext) -> Any:
    return await ctx.ask(bool, key="ok") and value


@step
async def later(value: Any) -> Any:
    return value


@step
async def other(value: Any) -> Any:
    return value


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'runs.db'}"


def flow() -> Flow:
    return Workflow("flow")


def inner(*steps: Any) -> Flow:
    nested: Flow = Workflow("inner")
    for one in steps:
        nested.then(one)
    return nested.commit()


async def obstacle(store: str, old: Flow, new: Flow, input_data: Any) -> str | None:
    """Why a run that waits in *old* does not go on with *new*."""
    async with Cadenza(store=store, workflows=[old.commit()], worker=False) as app:
        run = await app.workflow(old).create_run()
        assert (await run.start(input_data=input_data)).status == "suspended"
    async with Cadenza(store=store, workflows=[new.commit()], worker=False) as app:
        explanation = await (await app.get_run(run.id)).explain()
        assert explanation.can_continue is (explanation.obstacle is None)
        return explanation.obstacle


NEEDED: dict[str, tuple[Callable[[], Flow], Callable[[], Flow], str | None]] = {
    "the condition of a loop under way": (
        lambda: flow().dountil(ask, lambda s: s.iteration > 1),
        lambda: flow().dountil(ask, lambda s: s.iteration > 2),
        "today's code of flow has no function found as 'NAME', the condition of ask",
    ),
    "the condition of a loop to come": (
        lambda: flow().then(ask).dowhile(later, lambda s: s.iteration > 1),
        lambda: flow().then(ask).dowhile(later, lambda s: s.iteration > 2),
        "today's code of flow has no function found as 'NAME', the condition of later",
    ),
    "the kind of a place": (
        lambda: flow().then(ask),
        lambda: flow().map(lambda s: [s.input]).foreach(ask),
        "the run knows ask as a step, in today's code it is a foreach",
    ),
    "the kind of a place to come": (
        lambda: flow().then(ask).then(inner(later)),
        lambda: flow().then(ask).then(later.clone(id="inner")),
        "the run knows inner as a workflow, in today's code it is a step",
    ),
    "what is repeated": (
        lambda: flow().foreach(inner(ask)),
        lambda: flow().foreach(ask.clone(id="inner")),
        "today's code has no step at inner.ask, which asked",
    ),
    "what comes later in a nested workflow": (
        lambda: flow().then(inner(ask, later)),
        lambda: flow().then(inner(ask, other)),
        "today's code has no step at inner.later, which the run still needs",
    ),
    "what items need that are still to begin": (
        lambda: flow().foreach(inner(ask, later)),
        lambda: flow().foreach(inner(ask, other)),
        "today's code has no step at inner.later, which the run still needs",
    ),
    "the duration of a sleep to come": (
        lambda: flow().then(ask).sleep(lambda s: 1),
        lambda: flow().then(ask).sleep(lambda s: 2),
        "today's code of flow has no function found as 'NAME', the duration of sleep@1",
    ),
    "a function in a declarative map": (
        lambda: flow().then(ask).map({"a": lambda s: 1}),
        lambda: flow().then(ask).map({"a": lambda s: 2}),
        "today's code of flow has no function found as 'NAME', the mapper of map@1",
    ),
    "the match of an event": (
        lambda: flow().then(ask).wait_for_event("e", match=lambda s: 1),
        lambda: flow().then(ask).wait_for_event("e", match=lambda s: 2),
        "today's code of flow has no function found as 'NAME', the match of event@1",
    ),
    "an event to come": (
        lambda: flow().then(ask).wait_for_event("e", id="wait"),
        lambda: flow().then(ask).wait_for_event("f", id="wait"),
        "today's code waits for no event 'e' at wait",
    ),
    "not: the member of a branch whose condition said no": (
        lambda: flow().branch([(lambda s: False, later), (lambda s: True, ask)]),
        lambda: flow().branch([(lambda s: s.input == 9, other), (lambda s: True, ask)]),
        None,
    ),
    "not: a mapper, sleep or condition that is over": (
        lambda: flow().map(lambda s: s.input).sleep(lambda s: 0).branch([(lambda s: s.input, ask)]),
        lambda: flow().then(ask),
        None,
    ),
    "not: the block around a step": (
        lambda: flow().parallel([ask, later]),
        lambda: flow().then(ask).then(later),
        None,
    ),
    "not: a data map, a fixed sleep": (
        lambda: flow().then(ask).map({"a": {"value": 1}}).sleep(1),
        lambda: flow().then(ask),
        None,
    ),
}


@pytest.mark.parametrize("what", NEEDED)
async def test_a_run_needs(what: str, file: str) -> None:
    old, new, expected = NEEDED[what]
    found = await obstacle(file, old(), new(), [1, 2])
    if found is not None:
        found = re.sub(r"'lambda:[0-9a-f]{12}'", "'NAME'", found)
    assert found == expected


async def test_a_duration_that_is_known_is_not_asked_for_again(file: str) -> None:
    async with virtual_time() as clock:
        old = flow().sleep(lambda s: timedelta(hours=1)).then(later).commit()
        async with Cadenza(store=file, workflows=[old], worker=False) as app:
            run = await app.workflow(old).create_run()
            await run.start(input_data=1, wait=False)
            with fail_after(5):
                while (await run.get_state()).status != "waiting":
                    await app.store.changed(0.01)
        new = flow().sleep(lambda s: timedelta(hours=2)).then(later).commit()
        async with Cadenza(store=file, workflows=[new]) as app:
            await clock.advance("90m")
            with fail_after(5):
                await app.engine.settled(new, run.id)
            assert (await (await app.get_run(run.id)).get_state()).result == 1


async def test_what_kept_killing_its_process_waits_for_a_person_whatever_the_code() -> None:
    workflow = flow().then(ask).commit()
    app = Cadenza(workflows=[workflow], worker=False)
    run = await app.workflow(workflow).create_run()
    await run.start(input_data=1)
    entries = list(await app.store.entries(run.id))
    last = entries[-1]
    held = ev.RunHeld(reason="crashes its process at ask (5 times in a row)", crashed=True)
    snapshot = fold([*entries, ev.Entry(seq=last.seq + 1, at=last.at, event=held)])

    assert why_held(workflow, workflow.graph, snapshot) == held
    assert why_held(workflow, workflow.graph, snapshot, patient=True) is None

    resumed = ev.Entry(seq=last.seq + 2, at=last.at, event=ev.RunResumed())
    snapshot.apply(resumed)
    assert (snapshot.held, snapshot.crashed) == (None, False)
    await app.close()
