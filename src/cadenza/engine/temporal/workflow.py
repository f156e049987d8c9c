"""The one workflow: it walks the pinned graph of any run, and takes what others put in.

It is versioned by `interpreter` in what it is given: what an update or signal of a recorded history means never changes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from temporalio import workflow

from ...errors import (
    CadenzaError,
    RunAlive,
    RunHeld,
    RunNotActive,
    SuspensionNotFound,
)
from ...history.event import Suspension
from ...history.resume import refuse
from ...model.path import from_json as path_of
from ...model.values import Json
from ...model.workflow import Workflow
from ..answers import answered_before, check_all, repeats
from .activities import homes
from .drive import RunDrive
from .failures import Unchecked, refusal
from .messages import WORKFLOW, Closure, Wish, wish_from_json

# The server lets ten updates wait at once for one run; who comes later looks at the store.
_WAITERS = 7


@workflow.defn(name=WORKFLOW, sandboxed=False)
class RunWorkflow:
    """One run. `given`: run, workflow, resource, graph, begin (an event), state (a carried run), and options."""

    @workflow.init
    def __init__(self, given: Json) -> None:
        self._drive = RunDrive(given)

    @workflow.run
    async def run(self, given: Json) -> Json:
        """Walk until the run has ended."""
        following = await self._drive.go()
        if following is not None:
            workflow.continue_as_new(following)
        return {"status": self._drive.run.status, "seq": self._drive.run.seq}

    # ------------------------------------------------------------------ waiting for it

    @workflow.update(name="rest")
    async def rest(self, begun_is_enough: Json) -> Json:
        """How the run stands when it has ended, waits for people only, is held, or has moved on."""
        if begun_is_enough:
            await self._drive.journal.commit()
            return self._report()
        return await self._settled()

    @rest.validator
    def _check_rest(self, begun_is_enough: Json) -> None:
        # Refused here it leaves no trace: who looks again and again would fill the history.
        if not begun_is_enough and not self._drive.settled and self._drive.waiters >= _WAITERS:
            raise Unchecked({})

    async def _settled(self, **more: Json) -> Json:
        drive = self._drive
        if not drive.settled and drive.waiters >= _WAITERS:
            return self._report(moved=True, **more)
        drive.waiters += 1
        try:
            await workflow.wait_condition(lambda: drive.settled)
        finally:
            drive.waiters -= 1
        return self._report(moved=drive.leaving and not drive.ended, **more)

    def _report(self, **more: Json) -> Json:
        drive = self._drive
        return {
            "seq": drive.outbox.seq,
            "status": drive.run.status,
            "held": drive.run.held,
            "parts": drive.outbox.shown(),
            **more,
        }

    # ------------------------------------------------------------------ answers

    @workflow.update(name="answer")
    async def answer(self, data: Json) -> Json:
        """Answer suspensions and go on."""
        drive = self._drive
        wish = wish_from_json(data)
        found = repeats(wish, drive.rows.all.values())
        if not found:
            found = await self._take(wish)
        ids = [row.id for row in found]
        return await self._settled(ids=ids) if wish.wait else self._report(ids=ids)

    async def _take(self, wish: Wish) -> list[Suspension]:
        drive = self._drive
        targets = drive.rows.meant(wish, drive.run, drive.graph)
        if any(drive.is_offered(row.id) for row in targets):
            await workflow.wait_condition(lambda: not any(drive.is_offered(row.id) for row in targets))
            try:
                targets = drive.rows.meant(wish, drive.run, drive.graph)
            except CadenzaError as error:
                raise refusal(error) from error
        replies = wish.replies or {}
        data = {row.id: replies.get(row.id, wish.data) for row in targets}
        drive.take(drive.rows.answer(targets, wish, data, drive.graph, workflow.now()), wish.span)
        return targets

    @answer.validator
    def _check_answer(self, data: Json) -> None:
        try:
            self._check(wish_from_json(data))
        except CadenzaError as error:
            raise refusal(error) from error

    def _check(self, wish: Wish) -> None:
        """Everything that an answer has to be, before there is any trace of it."""
        drive = self._drive
        rows = list(drive.rows.all.values())
        if answered_before(self._code, wish, rows):
            return
        replies = check_all(self._code, wish, drive.run_id, drive.run, rows, drive.graph)
        if wish.replies is None and any(reply != wish.data for reply in replies.values()):
            # What the type makes of the data has to stand in the history: whoever asks sends it again, with that.
            raise Unchecked(replies)
        if wish.replies is not None and wish.replies.keys() != replies.keys():
            raise Unchecked(replies)

    def _code(self) -> Workflow[Any, Any]:
        home = homes.get(workflow.info().task_queue)
        id_ = self._drive.given["workflow"]
        found = home.workflows().get(id_) if home is not None else None
        if found is None:
            raise RunHeld(self._drive.run_id, f"no workflow {id_!r} is registered with this worker")
        return found

    # ------------------------------------------------------------------ other wishes

    @workflow.update(name="close")
    async def close(self, data: Json) -> Json:
        """Close a question without an answer."""
        drive = self._drive
        answering = drive.rows.close(Closure(**data), drive.graph, workflow.now())
        if answering is not None:
            drive.take(answering)
        return self._report()

    @close.validator
    def _check_close(self, data: Json) -> None:
        row = self._drive.rows.all.get(data["suspension_id"])
        if row is None:
            raise refusal(SuspensionNotFound(data["suspension_id"]))
        self._refuse(row)

    @workflow.update(name="claim")
    async def claim(self, data: Json) -> Json:
        """Let somebody have claimed a question: [id, who had, who has]; whether it was so."""
        drive = self._drive
        id_, seen, claimant = data
        row = drive.rows.all.get(id_)
        if row is None or row.state != "open" or row.claimed_by != seen:
            return self._report(done=False)
        at = workflow.now()
        drive.rows.claim(id_, claimant, at)
        drive.outbox.put_claim(id_, seen, claimant, at)
        drive.flush_soon()
        return self._report(done=True)

    @workflow.update(name="extend")
    async def extend(self, data: Json) -> Json:
        """Give a question another deadline: [id, deadline, due]; whether it was open."""
        drive = self._drive
        id_, deadline, due = data
        row = drive.rows.all.get(id_)
        if row is None or row.state != "open":
            return self._report(done=False)
        until, due_at = (datetime.fromisoformat(at) if at is not None else None for at in (deadline, due))
        assert until is not None
        drive.extended(drive.rows.extend(id_, until, due_at))
        drive.outbox.put_deadline(id_, until, due_at)
        drive.flush_soon()
        return self._report(done=True)

    @workflow.update(name="cancel")
    async def cancel(self, _: Json) -> Json:
        """Let nothing further start; the report when nothing of the user's runs, or at once."""
        drive = self._drive
        ended = drive.over is not None
        if not ended:
            drive.cancel()
            await workflow.wait_condition(lambda: drive.ended or drive.moving or drive.leaving)
        return self._report(done=not ended)

    @workflow.update(name="restart")
    async def restart(self, data: Json) -> Json:
        """Go on with a run that is held, or was under way; how it stands then, or at once: {wait, context}, or wait alone."""
        asked = data if isinstance(data, dict) else {"wait": data, "context": {}}
        drive = self._drive
        if drive.run.status == "held":
            await drive.resume_held(asked["context"])
        return await self._settled() if asked["wait"] else self._report()

    @restart.validator
    def _check_restart(self, data: Json) -> None:
        if self._drive.settled and self._drive.run.status != "held":
            raise refusal(RunNotActive(self._drive.run_id, self._drive.run.status))

    @workflow.update(name="rewind")
    async def rewind(self, data: Json) -> Json:
        """Go on elsewhere, from where a time travel leads: {begin, graph, seq}."""
        self._drive.begin_next = {"begin": data["begin"], "graph": data["graph"], "stop": False}
        self._drive.leaving = True
        return self._report(moved=True)

    @rewind.validator
    def _check_rewind(self, data: Json) -> None:
        drive = self._drive
        if not (drive.resting or drive.ended or drive.run.status == "held") or drive.leaving:
            raise refusal(RunAlive(drive.run_id, "temporal"))
        if data["seq"] != drive.run.seq:
            raise Unchecked({})

    @workflow.signal(name="remember")
    def remember(self, data: Json) -> None:
        """What `once` kept: [path, key, value]."""
        path, key, value = data
        self._drive.remember(path_of(path), key, value)

    @workflow.signal(name="abort")
    def abort(self, _: Json) -> None:
        """A step wants the run to stop."""
        self._drive.cancel()

    @workflow.query(name="remembered")
    def remembered(self, path: Json) -> Json:
        """What `once` kept at a place."""
        return self._drive.run.remembered.get(path_of(path), {})

    def _refuse(self, row: Suspension) -> None:
        try:
            refuse(row)
        except CadenzaError as error:
            raise refusal(error) from error
