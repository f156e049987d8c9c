"""Answering: what becomes of a run's questions on Temporal, and how a run goes on whose workflow is gone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from temporalio.exceptions import WorkflowAlreadyStartedError

from ...errors import ResumeError, RunError, RunNotSuspended
from ...history import event as ev
from ...history.event import Suspension
from ...history.record import ENDED
from ...history.resume import first_rest_after, refuse, resolve
from ...history.snapshot import Snapshot, fold
from ...model.graph import Graph
from ...model.graph import to_json as graph_to_json
from ...model.values import Json, limited, plain
from ...model.workflow import Workflow
from ...store.base import RunRow, Stored, SuspensionQuery
from ..answers import answered_before, check_all
from ..base import Resuming
from ..checking import split_context
from .activities import Home
from .calls import After, Gone, MustSendAgain, update_id
from .carry import carry
from .messages import Wish, carried, event_to_json
from .waiting import Waiting, seen


class Answering(Waiting):
    """Answers, withdraws, claims and puts off questions."""

    heartbeat: timedelta
    _searchable: bool
    _leave_after: int | None
    _home: Home | None

    async def answer(self, workflow: Workflow[Any, Any], run_id: str, resuming: Resuming) -> Snapshot:
        """Answer suspensions and go on."""
        row = self.own(await self.row(run_id))
        context, secrets = split_context(resuming.context, self.attached.secret_keys)
        if resuming.dry_run:
            return await self._rehearsed(workflow, run_id, resuming)
        self.keep_secrets(run_id, secrets)
        wish = Wish(
            request=resuming.request,
            data=limited(
                plain(resuming.data, "resume data"), self.attached.value_limit, "an answer to run", run_id
            ),
            context=context,
            run_count=resuming.run_count,
            actor=resuming.actor,
            via=resuming.via,
            idempotency_key=resuming.idempotency_key,
            wait=resuming.wait,
        )
        snapshot = await self.mirror.folded(run_id)
        await self._refuse_invalid(workflow, run_id, snapshot, resuming)
        leg = self.leg(workflow, row, snapshot, resuming.tracing)
        wish = replace(wish, span=leg.begin("resume"))
        return await seen(leg, self._taken(workflow, run_id, resuming, wish))

    async def _taken(
        self, workflow: Workflow[Any, Any], run_id: str, resuming: Resuming, wish: Wish
    ) -> Snapshot:
        report: Json = None
        while report is None:
            try:
                report = await self._send(run_id, wish)
            except Gone:
                if (found := await self._answered_late(workflow, run_id, resuming)) is not None:
                    return found
        if not wish.wait:
            await self.take_in(run_id, report)
            return await self.snapshot(run_id)
        return await self.outcome(run_id, report)

    async def _refuse_invalid(
        self, workflow: Workflow[Any, Any], run_id: str, snapshot: Snapshot, resuming: Resuming
    ) -> None:
        """Raise `InvalidResumeData` where the store and today's code are enough to see it.

        That needs no worker, and says the same whether or not somebody else answers just now. All else the run says: it may
        know more than the store.
        """
        try:
            rows = await self.store.suspensions(SuspensionQuery(run_id=run_id, state=None, limit=None))
            if not answered_before(lambda: workflow, resuming, rows):
                graph = await self.graph(workflow, run_id, snapshot)
                check_all(lambda: workflow, resuming, run_id, snapshot, rows, graph)
        except (RunError, ResumeError):
            return

    async def _send(self, run_id: str, wish: Wish) -> Json:
        data = carried(wish.to_json(), f"an answer to run {run_id}")
        # Who waits gets another report than who does not: the one must not be given that of the other.
        target = [data["request"], wish.wait]
        id_ = update_id(wish.idempotency_key, target, wish.data)
        try:
            return await self.calls.update(run_id, "answer", data, id=id_)
        except MustSendAgain as read:
            id_ = update_id(wish.idempotency_key, [*target, "read"], wish.data)
            return await self.calls.update(run_id, "answer", {**data, "replies": read.replies}, id=id_)

    async def _rehearsed(self, workflow: Workflow[Any, Any], run_id: str, resuming: Resuming) -> Snapshot:
        """Check an answer against the store, and do nothing."""
        stored = await self.load(run_id)
        snapshot = fold(stored.entries)
        if answered_before(lambda: workflow, resuming, stored.suspensions):
            return snapshot
        graph = await self.graph(workflow, run_id, snapshot)
        check_all(lambda: workflow, resuming, run_id, snapshot, stored.suspensions, graph)
        return snapshot

    async def _answered_late(
        self, workflow: Workflow[Any, Any], run_id: str, resuming: Resuming
    ) -> Snapshot | None:
        """What an answer gets that comes to a run without a workflow; None where one was started that may take it."""
        await self.last_words(run_id)
        stored = await self.load(run_id)
        earlier = answered_before(lambda: workflow, resuming, stored.suspensions)
        snapshot = fold(stored.entries)
        if earlier:
            return first_rest_after(stored.entries, {row.id for row in earlier}) or snapshot
        graph = await self.graph(workflow, run_id, snapshot)
        resolve(resuming.request, run_id, snapshot, stored.suspensions, graph)
        # It waits, and its workflow was terminated or forgotten: the journal has all that is needed to go on.
        with suppress(WorkflowAlreadyStartedError):
            await self.revive(stored, snapshot, graph, None)
        return None

    async def revive(
        self, stored: Stored, snapshot: Snapshot, graph: Graph, event: ev.Event | None, *, wait: bool = False
    ) -> Json:
        """Let a run without a workflow go on in a new one; how it stands then, or with *wait* at its next rest.

        Raises `WorkflowAlreadyStartedError` where somebody else was faster, or it has ended meanwhile.
        """
        state = carry(snapshot, stored.suspensions)
        given = self.given(graph, stored.run, event, state=state)
        # A run that has ended since it was read must not go on from where it was: it would take a second answer.
        after: After = "ended" if snapshot.status in ENDED else "lost"
        return await self.calls.start_and_wait(given, begun_is_enough=not wait, after=after)

    async def withdraw(
        self, workflow: Workflow[Any, Any], row: Suspension, reason: str | None, actor: str | None, via: str
    ) -> None:
        """Close an open suspension without an answer: its step fails."""
        self.own(await self.row(row.run_id))
        closure = {
            "suspension_id": row.id,
            "state": "canceled",
            "reason": reason,
            "actor": actor,
            "via": via,
        }
        await self.take_in(row.run_id, await self._put_in(row, "close", closure))

    async def expire(self, workflow: Workflow[Any, Any], row: Suspension) -> bool:
        """The run's own timer does that."""
        return False

    async def set_claimant(self, row: Suspension, claimant: str | None) -> bool:
        """Let *claimant* (None: nobody) have claimed an open row; False where it has changed since *row* was read."""
        return await self._changed(row, "claim", [row.id, row.claimed_by, claimant])

    async def extend(self, row: Suspension, deadline: datetime, due_at: datetime | None) -> bool:
        """Give an open row another deadline; False where it is not open."""
        due = due_at.isoformat() if due_at is not None else None
        return await self._changed(row, "extend", [row.id, deadline.isoformat(), due])

    async def _changed(self, row: Suspension, name: str, data: Json) -> bool:
        self.own(await self.row(row.run_id))
        try:
            report = await self._put_in(row, name, data)
        except (ResumeError, RunNotSuspended):
            return False
        await self.take_in(row.run_id, report)
        return bool(report["done"])

    async def _put_in(self, row: Suspension, name: str, data: Json) -> Json:
        """Call an update about an open question, of a workflow begun anew where that of its run is gone.

        Raises what a question says that is not open.
        """
        while True:
            try:
                return await self.calls.update(row.run_id, name, data)
            except Gone:
                await self.last_words(row.run_id)
                stored = await self.load(row.run_id)
                for here in stored.suspensions:
                    if here.id == row.id:
                        refuse(here)
                snapshot = fold(stored.entries)
                graph = await self.store.graph(snapshot.fingerprint or "")
                if graph is None or snapshot.status in ENDED:
                    raise RunNotSuspended(row.run_id, snapshot.status) from None
                with suppress(WorkflowAlreadyStartedError):
                    await self.revive(stored, snapshot, graph, None)

    # ------------------------------------------------------------------ what runs are given

    def given(self, graph: Graph, row: RunRow, event: ev.Event | None, **more: Any) -> Json:
        given: dict[str, Json] = {
            "interpreter": 1,
            "run": row.id,
            "workflow": row.workflow,
            "resource": row.resource,
            "graph": graph_to_json(graph),
            "begin": None if event is None else event_to_json(event, self.clock.now()),
            "heartbeat": self.heartbeat.total_seconds(),
            "searchable": self._searchable,
            "leave_after": self._leave_after,
        }
        given |= {key: value for key, value in more.items() if value}
        return carried(given, f"what run {row.id} begins with")

    def keep_secrets(self, run_id: str, secrets: Mapping[str, Any]) -> None:
        if secrets and self._home is not None:
            self._home.secrets.setdefault(run_id, {}).update(secrets)
