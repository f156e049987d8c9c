"""Two real processes on one SQLite file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from cadenza import Cadenza
from cadenza.history import event as ev
from cadenza.history.snapshot import fold

from .process import Process
from .side_file import SideFile
from .workflows import WORKFLOWS, expected

Begin = Callable[..., Process]


def at_once(*calls: tuple[Process, str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Let processes call a method of a run: all have made ready before any gets the word."""
    for process, call, arguments in calls:
        assert process.call("on_word", call=call, **arguments) == {"ready": True}
    for process, _, _ in calls:
        process.tell("go")
    return [process.hear() for process, _, _ in calls]


def overlap(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Whether both requests were under way at one moment; the monotonic clock is one for the machine."""
    return max(one["begun"], two["begun"]) < min(one["ended"], two["ended"])


def events(entries: Any, kind: type) -> list[Any]:
    return [entry.event for entry in entries if isinstance(entry.event, kind)]


async def test_two_processes_that_answer_one_question_at_once_run_its_step_once(
    begin: Begin, store: str, side_file: SideFile
) -> None:
    one, two = begin("one"), begin("two")
    together = 0
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        for number in range(50):
            run = f"payment-{number}"
            started = (one, two)[number % 2].call("start", workflow="payment", run=run, input=number)
            assert started["status"] == "suspended"
            stored = await app.store.load(run)
            assert stored is not None
            # By turns they name the step, and the very question.
            target = {"suspension_id": stored.suspensions[0].id} if number % 4 > 1 else {"step": "approve"}
            # By turns each is told first.
            pair = [
                (process, "resume", {"run": run, "resume_data": {"by": process.name}, **target})
                for process in ((one, two) if number % 2 else (two, one))
            ]
            answers = at_once(*pair)
            together += overlap(*answers)

            winners = [
                (process, answer)
                for (process, *_), answer in zip(pair, answers, strict=True)
                if "error" not in answer
            ]
            losers = [answer for answer in answers if "error" in answer]
            assert (len(winners), len(losers)) == (1, 1), answers
            winner, won = winners[0]
            assert (won["status"], won["result"]) == ("success", f"paid, approved by {winner.name}")
            allowed = (
                {"AlreadyAnswered"}
                if "suspension_id" in target
                else {"AlreadyAnswered", "RunNotSuspended", "StepNotSuspended"}
            )
            assert losers[0]["error"] in allowed, losers
            if losers[0]["error"] == "AlreadyAnswered":
                assert losers[0]["actor"] == winner.name

            lines = [(line.path, line.detail) for line in side_file.lines(run)]
            assert lines == [(("approve",), ""), (("approve",), "answered"), (("pay",), "")]
            stored = await app.store.load(run)
            assert stored is not None
            assert [answered.actor for answered in events(stored.entries, ev.StepAnswered)] == [winner.name]
            assert [(row.state, row.actor) for row in stored.suspensions] == [("answered", winner.name)]
            assert (stored.run.status, stored.run.lease) == ("success", None)
    assert together >= 25, f"only {together} of 50 rounds had both requests under way at one moment"


@pytest.mark.parametrize(
    "meet",
    [
        pytest.param(True, id="both halves under way together"),
        pytest.param(False, id="each as fast as it can"),
    ],
)
async def test_two_processes_that_answer_two_questions_of_a_run_at_once_are_both_taken(
    begin: Begin, store: str, side_file: SideFile, meet: bool
) -> None:
    """With *meet* an answered half only ends once the other is answered too: an answer wakes its branch beside a running one."""
    one, two = begin("one"), begin("two")
    together = 0
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        for number in range(20):
            run = f"two-halves-{number}"
            started = (one, two)[number % 2].call("start", workflow="two-halves", run=run, input=meet)
            assert started["suspended"] == [["left"], ["right"]]
            answers = at_once(
                (one, "resume", {"run": run, "resume_data": "L", "step": "left"}),
                (two, "resume", {"run": run, "resume_data": "R", "step": "right"}),
            )
            together += overlap(*answers)

            done = {"status": "success", "result": "L and R", "suspended": []}
            # Whose leg came to rest before the other's answer was there saw the run waiting for the other, rightly.
            waiting = [
                {"status": "suspended", "result": None, "suspended": [[other]]} for other in ("right", "left")
            ]
            seen = [{key: answer.get(key) for key in done} for answer in answers]
            assert done in seen, answers
            assert all(saw == done or (not meet and saw == waiting[i]) for i, saw in enumerate(seen)), answers
            final = await (await app.get_run(run)).get_state()
            assert (final.status, final.status == "success" and final.result) == ("success", "L and R")

            for half in ("left", "right"):
                lines = [line.detail for line in side_file.lines(run) if line.path == (half,)]
                assert lines == ["", "answered"]
            assert side_file.count("enter", run, "join") == 1
            stored = await app.store.load(run)
            assert stored is not None
            answered = {
                answer.path: (answer.data, answer.actor) for answer in events(stored.entries, ev.StepAnswered)
            }
            assert answered == {("left",): ("L", "one"), ("right",): ("R", "two")}
            assert len(events(stored.entries, ev.StepAnswered)) == 2
            assert len(events(stored.entries, ev.RunSucceeded)) == 1
            assert [row.state for row in stored.suspensions] == ["answered", "answered"]
            assert stored.run.lease is None
    assert together >= 10, f"only {together} of 20 rounds had both requests under way at one moment"


@pytest.mark.parametrize("end", ["end", "exit", "killed"])
def test_a_process_resumes_what_another_one_left_suspended(
    begin: Begin, side_file: SideFile, end: str
) -> None:
    first = begin("first")
    assert first.call("start", workflow="payment", run="payment", input=5)["status"] == "suspended"
    if end == "killed":
        first.kill()
    else:
        assert first.leave(end) == 0

    second = begin("second")
    second.call("on_word", call="resume", run="payment", step="approve", resume_data={"by": "Ada"})
    second.tell("go")
    assert second.hear()["result"] == "paid, approved by Ada"
    lines = [(line.path, line.detail, line.pid) for line in side_file.lines()]
    assert lines == [
        (("approve",), "", first.pid),
        (("approve",), "answered", second.pid),
        (("pay",), "", second.pid),
    ]


async def test_of_two_processes_that_start_a_run_at_once_one_runs_it(
    begin: Begin, store: str, side_file: SideFile
) -> None:
    one, two = begin("one"), begin("two")
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        for number in range(20):
            run = f"gated-{number}"
            await app.workflow("gated").create_run(run)
            request = {"run": run, "input_data": number}
            answers = at_once((one, "start", request), (two, "start", request))
            assert sorted(str(answer.get("error", answer.get("result"))) for answer in answers) == sorted(
                [str(2 * (number + 7)), "RunAlreadyStarted"]
            )
            assert [line.path for line in side_file.lines(run)] == [("hold",), ("after",)]


async def test_of_two_processes_that_restart_a_dead_run_at_once_one_takes_it_up(
    begin: Begin, store: str, side_file: SideFile
) -> None:
    holder = begin("holder", CADENZA_HOLD="1")
    runs = [f"gated-{number}" for number in range(20)]
    for number, run in enumerate(runs):
        holder.call("begin_start", workflow="gated", run=run, input=number)
    holder.wait_for_beats(len(runs))
    holder.kill()

    one, two = begin("one"), begin("two")
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        for number, run in enumerate(runs):
            answers = at_once((one, "restart", {"run": run}), (two, "restart", {"run": run}))
            # Who comes when it is over may be told so, or given the result; either way once is enough.
            assert 2 * (number + 7) in [answer.get("result") for answer in answers]
            assert {answer.get("error") for answer in answers} <= {None, "RunAlive", "RunNotActive"}
            assert [line.path for line in side_file.lines(run)] == [("hold",), ("hold",), ("after",)]
            stored = await app.store.load(run)
            assert stored is not None
            assert len(events(stored.entries, ev.RunSucceeded)) == 1
            assert stored.run.lease is None


async def test_two_processes_that_race_through_the_same_runs_bring_all_of_them_to_their_end(
    begin: Begin, store: str, side_file: SideFile
) -> None:
    """Both answer whatever is open, so that answers reach drivers of both, in every state that these can be in."""
    plan = [("spread", f"spread-{number}", number, False) for number in range(40)]
    one, two = begin("one"), begin("two")
    one.call("flood", plan=plan)
    for process in (one, two):
        assert process.call("answer_all", plan=plan) == {"ready": True}
    for process in (one, two):
        process.tell("go")
    counts = [process.hear() for process in (one, two)]
    # `inner.sign`, and two questions of `counsel`.
    assert sum(count["taken"] for count in counts) == 3 * len(plan), counts
    assert sum(count["refused"] for count in counts) > 0, "there was no race"
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        for kind, run, n, _ in plan:
            stored = await app.store.load(run)
            assert stored is not None
            snapshot = fold(stored.entries)
            assert (snapshot.status, snapshot.result) == expected(kind, n)
            assert (stored.run.status, stored.run.lease) == ("success", None)
            assert len(events(stored.entries, ev.RunSucceeded)) == 1
            assert [row.state for row in stored.suspensions] == ["answered"] * 3
            ended = [end.path for end in events(stored.entries, ev.StepSucceeded)]
            assert len(ended) == len(set(ended))
            # Nobody died, so no step ran more often than it was called.
            entered = [line.path for line in side_file.lines(run) if line.what == "enter"]
            answered = [answer.path for answer in events(stored.entries, ev.StepAnswered)]
            called = [start.path for start in events(stored.entries, ev.StepStarted)] + answered
            assert Counter(entered) == Counter(path for path in called if path in entered)


async def test_a_run_that_one_process_answers_and_another_cancels_at_once_ends_once(
    begin: Begin, store: str, side_file: SideFile
) -> None:
    one, two = begin("one"), begin("two")
    together = 0
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        for number in range(30):
            run = f"payment-{number}"
            one.call("start", workflow="payment", run=run, input=number)
            resume = (one, "resume", {"run": run, "step": "approve", "resume_data": {"by": "Ada"}})
            cancel = (two, "cancel", {"run": run})
            if number % 2:
                resumed, canceled = at_once(resume, cancel)
            else:
                canceled, resumed = at_once(cancel, resume)
            together += overlap(resumed, canceled)
            stored = await app.store.load(run)
            assert stored is not None
            end = stored.run.status
            assert resumed.get("status", end) == end
            refusals = {None, "SuspensionCanceled", "RunNotSuspended", "StepNotSuspended"}
            assert resumed.get("error") in refusals, resumed
            assert end == "success" or (end == "canceled" and canceled["result"]), canceled
            assert len(events(stored.entries, ev.RunSucceeded) + events(stored.entries, ev.RunCanceled)) == 1
            assert stored.run.lease is None
            assert side_file.count("enter", run, "pay") <= 1
    assert together >= 10, f"only {together} of 30 rounds had both calls under way at one moment"


async def test_once_another_process_has_canceled_a_run_no_further_step_starts(
    begin: Begin, store: str, side_file: SideFile
) -> None:
    driver = begin("driver", CADENZA_HOLD="1")
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        driver.call("begin_start", workflow="gated", run="gated", input=1)
        driver.wait_for_beats(1)
        assert await (await app.get_run("gated")).cancel()
        # At once: the driver has hardly looked yet.
        driver.call("open_gate")
        assert driver.call("finish", run="gated")["status"] == "canceled"
        row = await app.store.row("gated")
        assert row is not None
        assert (row.status, row.lease) == ("canceled", None)
    assert side_file.count("enter", "gated", "after") == 0


async def test_a_run_that_ends_while_another_process_cancels_it_is_given_back(
    begin: Begin, store: str
) -> None:
    """Whether it ends well or canceled is a matter of who was faster; that nobody drives it any more is not."""
    driver = begin("driver", CADENZA_HOLD="1")
    async with Cadenza(store=store, workflows=WORKFLOWS, worker=False) as app:
        driver.call("begin_start", workflow="gated-end", run="gated", input=1)
        driver.wait_for_beats(1)
        assert await (await app.get_run("gated")).cancel()
        driver.call("open_gate")
        status = driver.call("finish", run="gated")["status"]
        row = await app.store.row("gated")
        assert row is not None
        assert (row.status, row.lease) == (status, None)
        await app.delete_run("gated")
