"""`run.explain()` says why a run stands where it does."""

from __future__ import annotations

from datetime import timedelta

from cadenza import FAIL, Cadenza, Retry, StepContext, Workflow, step
from cadenza.testing import virtual_time


@step
async def review(value: int, ctx: StepContext) -> int:
    return await ctx.ask(
        int,
        question="how much?",
        assign=["ada", "bob"],
        exclude_requester=True,
        deadline="3d",
        on_timeout=FAIL,
    )


@step(retries=Retry(attempts=3, delay=3600))
async def shaky(value: int) -> int:
    raise OSError("the bank is away")


@step
async def join(value: object) -> str:
    return "done"


inner = Workflow("inner", input=int).then(review).map(lambda s: s.input, id="double").commit()
nap = Workflow("nap", input=int).sleep(timedelta(days=9), id="rest").commit()
flow = Workflow("flow", input=int).parallel([inner, shaky, nap]).then(join).commit()


async def test_an_explanation_names_what_is_open_what_then_happens_and_what_is_behind(store: str) -> None:
    async with virtual_time() as clock, Cadenza(store=store, workflows=[flow]) as app:
        begun = clock.now()
        run = await app.workflow(flow).create_run("r1")
        await run.start(input_data=1, actor="carl", wait=False)
        await clock.advance("90m")

        found = await run.explain()

        (question,) = found.questions
        assert (question.step, question.since, question.question) == ("inner.review", begun, "how much?")
        assert (question.may_answer, question.not_the_requester) == (("ada", "bob"), "carl")
        assert (question.deadline, question.then) == (begun + timedelta(days=3), "the step fails")
        assert question.blocks == ("inner.double", "join")
        (retry,) = found.retrying
        assert (retry.step, retry.attempt, retry.until) == ("shaky", 3, begun + timedelta(hours=2))
        assert retry.last_error is not None
        assert retry.last_error.message == "the bank is away"
        (sleep,) = found.sleeping
        assert (sleep.step, sleep.until) == ("nap.rest", begun + timedelta(days=9))
        assert (found.status, found.can_continue, found.running) == ("suspended", True, ())
        assert (
            str(found)
            == """\
run r1 of flow is suspended
  inner.review waits for an answer since 2026-01-01 00:00:00+00:00 (1:30:00)
    may answer: ada, bob
    not by who asked for the run: carl
    until 2026-01-04 00:00:00+00:00, then the step fails
    behind it: inner.double, join
  nap.rest sleeps until 2026-01-10 00:00:00+00:00
  shaky is tried again at 2026-01-01 02:00:00+00:00, attempt 3: the bank is away
  last error, at shaky: OSError: the bank is away
  today's code can continue it"""
        )


async def test_an_ended_run_is_explained_by_what_went_wrong(store: str) -> None:
    failing = Workflow("failing", input=int).then(shaky).commit()
    async with virtual_time(), Cadenza(store=store, workflows=[failing]) as app:
        run = await app.workflow(failing).create_run("r1")
        await run.start(input_data=1)
        assert str(await run.explain()) == (
            "run r1 of failing is failed\n  last error, at shaky: OSError: the bank is away"
        )
