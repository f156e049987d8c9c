"""What a workflow refuses while it is built and when it is committed."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from pydantic import BaseModel

from cadenza import Cadenza, Retry, Scope, Step, StepContext, SyncStepContext, Workflow, step
from cadenza import errors as err


@step
async def a(value: int) -> int:
    return value + 1


@step
async def b(value: int) -> int:
    return value * 2


def test_two_places_with_one_id_are_refused_with_the_way_out() -> None:
    flow = Workflow("flow", input=int).then(a).then(b).then(a)

    with pytest.raises(err.DuplicateStep) as refused:
        flow.commit()

    assert str(refused.value) == (
        "workflow 'flow' has two steps called 'a'; give one another id, with Step.clone(id=...)"
    )
    assert refused.value.code == "duplicate_step"


def test_a_clone_is_the_same_step_under_another_id() -> None:
    flow = Workflow("flow", input=int).then(a).then(b).then(a.clone(id="again")).commit()

    assert list(flow.graph.places) == ["a", "b", "again"]
    assert (a.id, a.clone(id="x").input, a.clone(id="x").fn) == ("a", a.input, a.fn)


@pytest.mark.parametrize(
    "build",
    [
        lambda flow: flow.parallel([a, a]),
        lambda flow: flow.then(a).parallel([a, b]),
        lambda flow: flow.then(a).dowhile(a, lambda scope: False),
        lambda flow: flow.then(a).map(lambda scope: 1, id="a"),
        lambda flow: flow.then(a).sleep(1, id="a"),
        lambda flow: flow.then(a).then(Workflow("a", input=int).then(b).commit()),
        lambda flow: flow.branch([(lambda scope: True, a), (lambda scope: 1, a)]),
    ],
    ids=["parallel", "later block", "loop", "map", "sleep", "workflow", "branch"],
)
def test_a_duplicate_is_found_wherever_it_stands(build: Any) -> None:
    flow = build(Workflow("flow", input=int))

    with pytest.raises(err.DuplicateStep):
        flow.commit()


def test_the_same_id_may_stand_in_different_workflows() -> None:
    inner = Workflow("inner", input=int).then(a).commit()

    flow = Workflow("flow", input=int).then(a).then(inner).commit()

    assert list(flow.graph.places) == ["a", "inner"]


@pytest.mark.parametrize("id_", ["", "input", "a.b", "a/b", "a[0]", "a]", "map@1", None, 3])
def test_an_id_that_could_not_be_addressed_is_refused(id_: Any) -> None:
    flow = Workflow("flow", input=int).then(a.clone(id=id_))

    with pytest.raises(err.InvalidId) as refused:
        flow.commit()

    assert str(refused.value) == (
        f"{id_!r} cannot be the id of a step: ids are non-empty strings, not 'input', without . / [ ] @"
    )


@pytest.mark.parametrize("id_", ["", "input", "a.b"])
def test_a_workflow_id_that_could_not_be_addressed_is_refused(id_: str) -> None:
    with pytest.raises(err.InvalidId, match=r"cannot be the id of a workflow"):
        Workflow(id_, input=int).then(a).commit()


@pytest.mark.parametrize("id_", ["map@7", "a.b", "sleep@0", ""])
@pytest.mark.parametrize("kind", ["map", "sleep"])
def test_the_id_of_a_map_or_sleep_is_checked_too(id_: str, kind: str) -> None:
    flow = Workflow("flow", input=int).then(a)

    with pytest.raises(err.InvalidId):
        (flow.map(lambda scope: 1, id=id_) if kind == "map" else flow.sleep(1, id=id_)).commit()


@pytest.mark.parametrize("id_", ["a b", "ä-1_x", "über", "a:b", "#1", "0"])
def test_other_ids_are_fine(id_: str) -> None:
    assert list(Workflow("flow", input=int).then(a.clone(id=id_)).commit().graph.places) == [id_]


@pytest.mark.parametrize("builder", [lambda flow: flow, lambda flow: flow.then(a)], ids=["empty", "steps"])
async def test_a_workflow_without_commit_cannot_be_used(builder: Any) -> None:
    flow = builder(Workflow("flow", input=int))
    expected = err.UncommittedWorkflow if flow.members else err.EmptyWorkflow

    with pytest.raises(expected):
        Cadenza(workflows=[flow])
    with pytest.raises(expected):
        Workflow("outer", input=int).then(flow)
    with pytest.raises(expected):
        await flow.create_run()


def test_an_empty_workflow_cannot_be_committed() -> None:
    with pytest.raises(err.EmptyWorkflow) as refused:
        Workflow("flow", input=int).commit()

    assert str(refused.value) == (
        "workflow 'flow' has no steps; add some with .then(), .parallel(), .branch() ..."
    )


def test_a_change_after_commit_has_to_be_committed() -> None:
    flow = Workflow("flow", input=int).then(a).commit()
    before = flow.graph.fingerprint
    flow.then(b)

    with pytest.raises(err.UncommittedWorkflow) as refused:
        _ = flow.graph
    assert str(refused.value) == (
        "workflow 'flow' has changes that are not committed; call .commit() after the last step"
    )
    assert flow.commit().graph.fingerprint != before


def test_building_changes_the_workflow_so_that_a_line_of_its_own_counts() -> None:
    flow = Workflow("flow", input=int)
    flow.then(a)
    flow.then(b)

    assert list(flow.commit().graph.places) == ["a", "b"]


class Given(BaseModel):
    x: int


@pytest.mark.parametrize("output", [str, list[int], dict[str, int], bool, Given, None | str])
def test_a_declared_output_that_no_value_of_the_last_step_fits_is_refused(output: Any) -> None:
    with pytest.raises(err.IncompatibleTypes, match="workflow 'flow', output: no JSON value of int"):
        Workflow("flow", input=int, output=output).then(a).commit()


@pytest.mark.parametrize("output", [int, float, int | None, str | int, object, Any])
def test_a_declared_output_that_some_value_fits_is_taken(output: Any) -> None:
    Workflow("flow", input=int, output=output).then(a).commit()


def test_the_output_of_sleeps_and_loops_is_that_of_what_they_pass_on() -> None:
    slept: Workflow[Any, Any] = Workflow("flow", input=int, output=str).then(a).sleep(1)
    looped: Workflow[Any, Any] = Workflow("flow", input=int, output=str).dowhile(a, lambda scope: False)

    for flow in (slept, looped):
        with pytest.raises(err.IncompatibleTypes):
            flow.commit()


def named(scope: Scope) -> bool:
    return True


def at_least(n: int, scope: Scope) -> bool:
    return bool(scope.input >= n)


class AtLeast:
    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, scope: Scope) -> bool:
        return bool(scope.input >= self.n)


def test_two_different_functions_of_one_name_are_ambiguous() -> None:
    def make(other: bool) -> Any:
        if other:

            def same(scope: Scope) -> bool:
                return scope.input > 1
        else:

            def same(scope: Scope) -> bool:
                return scope.input < 1

        return same

    flow = Workflow("flow", input=int)

    with pytest.raises(err.AmbiguousCode) as refused:
        flow.branch([(make(True), a), (make(False), b)])

    assert str(refused.value) == (
        "workflow 'flow' has two different functions that are both found as 'same'; "
        "make them named functions with different names, or give an id"
    )


def test_one_function_may_be_used_in_several_places() -> None:
    flow = Workflow("flow", input=int).branch([(named, a), (named, b)]).commit()

    assert flow.graph.nodes[0].conditions == ("named", "named")  # type: ignore[union-attr]


def test_lambdas_are_told_apart_by_their_code_and_what_they_close_over() -> None:
    limits = [1, 2, 3]
    conditions = [(lambda n: lambda scope: scope.input > n)(limit) for limit in limits]
    steps = [a.clone(id=f"a{limit}") for limit in limits]

    flow = Workflow("flow", input=int).branch(list(zip(conditions, steps, strict=True))).commit()

    names = flow.graph.nodes[0].conditions  # type: ignore[union-attr]
    assert len(set(names)) == 3
    assert [flow.function((), name) for name in names] == conditions


def test_lambdas_that_close_over_other_objects_alone_are_ambiguous() -> None:
    conditions = [(lambda n: lambda scope: scope.input in n)(limit) for limit in ([1], [2])]

    with pytest.raises(err.AmbiguousCode):
        Workflow("flow", input=int).branch(list(zip(conditions, [a, b], strict=True)))


def test_lambdas_that_differ_in_keyword_defaults_are_not_taken_for_one() -> None:
    conditions = [lambda scope, *, n=1: scope.input > n, lambda scope, *, n=2: scope.input > n]

    flow = Workflow("flow", input=int).branch(list(zip(conditions, [a, b], strict=True))).commit()

    assert [flow.function((), name) for name in flow.graph.nodes[0].conditions] == conditions  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "make", [lambda: partial(at_least, 3), lambda: AtLeast(3)], ids=["partial", "object"]
)
def test_a_callable_without_a_name_is_found_again_in_another_process_or_refused(make: Any) -> None:
    """What a graph calls it must not hang on where the object lies in memory."""

    def build() -> Workflow[Any, Any]:
        return Workflow("flow", input=int).branch([(make(), a)]).commit()

    with suppress(err.DefinitionError):
        one, two = build(), build()

        assert one.graph.fingerprint == two.graph.fingerprint


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("a", "is not a source"),
        (3, "is not a source"),
        ({}, "is not exactly one kind of source"),
        ({"step": "a", "value": 1}, "is not exactly one kind of source"),
        ({"stepp": "a"}, "is not exactly one kind of source"),
        ({"step": "a", "path": 3}, "its path is not a dotted string"),
        ({"fn": 3}, "is not exactly one kind of source"),
    ],
    ids=["text", "number", "empty", "two kinds", "typo", "path", "fn"],
)
def test_a_map_source_that_means_nothing_is_refused(source: object, why: str) -> None:
    with pytest.raises(err.InvalidReference) as refused:
        Workflow("flow", input=int).then(a).map({"key": source})

    assert str(refused.value).startswith(f"map key 'key': {why}; a source is ")
    assert str(refused.value).endswith(f"found {source!r}")


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, True, "2", None])
def test_the_concurrency_of_a_foreach_is_a_whole_number_from_1(concurrency: Any) -> None:
    with pytest.raises(
        err.DefinitionError, match=r"foreach\('a'\): concurrency must be a whole number from 1"
    ):
        Workflow("flow", input=list[int]).foreach(a, concurrency=concurrency)


@pytest.mark.parametrize(
    "what", [lambda value: value, "a", None, int], ids=["function", "id", "None", "type"]
)
def test_what_is_no_step_is_refused(what: Any) -> None:
    with pytest.raises(err.DefinitionError, match="expected a step or a workflow"):
        Workflow("flow", input=int).then(what)


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(err.DefinitionError, match="give a time zone"):
        Workflow("flow", input=int).sleep_until(datetime(2026, 1, 1))  # noqa: DTZ001  on purpose


def test_a_type_that_pydantic_does_not_know_is_refused_with_what_to_do() -> None:
    class Handle:
        pass

    with pytest.raises(err.DefinitionError, match="use a Pydantic model, a dataclass"):
        Workflow("flow", input=Handle)


def test_a_step_takes_an_input_and_a_context_and_nothing_else() -> None:
    with pytest.raises(err.DefinitionError, match="'third' is neither; give it a default"):

        @step
        async def odd(value: int, ctx: StepContext, third: int) -> int:
            return third


def test_a_step_without_decorator_is_the_same() -> None:
    async def work(value: int, ctx: StepContext) -> int:
        """Double it."""
        return value * 2

    one = Step(work, id="other", retries=2, metadata={"team": "x"})
    two: Any = step(id="other", retries=2, metadata={"team": "x"})(work)

    for made in (one, two):
        assert (made.id, made.retries, made.metadata, made.description) == (
            "other",
            2,
            {"team": "x"},
            "Double it.",
        )
        assert (made.input.type, made.output.type) == (int, int)


async def test_a_step_can_be_called_as_the_function_it_is() -> None:
    assert await a(1) == 2


def test_types_come_from_the_hints_and_can_be_stated() -> None:
    @step
    async def hinted(value: int, ctx: StepContext[Given, bool]) -> str:
        return ""

    @step(input_schema=int, output_schema=str, resume_schema=bool, suspend_schema=Given, state_schema=Given)
    def stated(value: Any, ctx: SyncStepContext) -> Any:
        return ""

    assert (hinted.input.type, hinted.output.type) == (int, str)
    assert (hinted.state.type, hinted.resume.type) == (Given, bool)
    assert (stated.input.type, stated.output.type) == (int, str)
    assert (stated.state.type, stated.resume.type, stated.suspend.type) == (Given, bool, Given)
    assert (hinted.is_async, stated.is_async) == (True, False)


def test_a_stated_type_of_nothing_is_no_type_left_out() -> None:
    @step(output_schema=type(None))
    async def nothing(value: int) -> int:
        return value

    assert nothing.output.type is type(None)


async def test_a_workflow_can_stand_in_two_others() -> None:
    inner = Workflow("inner", input=int).then(a).commit()
    one = Workflow("one", input=int, retries=Retry(attempts=1)).then(inner).commit()
    two = Workflow("two", input=int).then(inner).then(a).commit()
    async with Cadenza(workflows=[one, two]) as app:
        results = [await (await app.workflow(flow).create_run()).start(input_data=1) for flow in (one, two)]

    assert [result.result for result in results if result.status == "success"] == [2, 3]


def test_an_id_belongs_to_one_workflow_of_an_app() -> None:
    one = Workflow("flow", input=int).then(a).commit()
    two = Workflow("flow", input=int).then(b).commit()
    app = Cadenza(workflows=[one, one])

    with pytest.raises(err.DuplicateWorkflow, match="two different workflows are called 'flow'"):
        app.register(two)
    with pytest.raises(err.UnknownWorkflow):
        app.workflow(two)
    assert app.workflows == {"flow": one}
