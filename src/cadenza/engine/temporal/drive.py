"""One run, as its workflow walks it: the loop around the walk, and what others put in.

Everything here is replayed: no clock but the workflow's, no user code, no order that a run of the same history would not take.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from ...errors import ValueTooLarge
from ...execution.end import STOP, End, Fail
from ...execution.failure import failure_of
from ...execution.fan import Dropped
from ...history import event as ev
from ...model.path import Path
from ...model.values import Json
from .acting import Acting
from .carry import carry
from .messages import carried

STATUS = SearchAttributeKey.for_keyword("CadenzaStatus")


class RunDrive(Acting):
    """One run under way."""

    # ------------------------------------------------------------------ the loop around the walk

    async def go(self) -> Json:
        """Walk until the run has ended, or goes on in another execution: what that one is given, or None."""
        walking = asyncio.ensure_future(self._walk())
        for row in self.rows.all.values():
            self._set_deadline(row)
        while not (self.leaving and not self._ops):
            await workflow.wait_condition(
                lambda: self.over is not None or self._is_quiet() or self._must_leave()
            )
            if self.over is not None:
                break
            if self._must_leave():
                self.leaving = True
                await workflow.wait_condition(lambda: self.over is not None or not self._ops)
            else:
                await self._rest()
        if self.over is None:
            walking.cancel()
            with suppress(asyncio.CancelledError):
                await walking
            await self.journal.commit()
            try:
                self._next()
            except ValueTooLarge as error:
                self.begin_next = None
                await self._end(Fail(failure_of(error)))
        else:
            await walking
            await self._end(self.over)
        for task in self._deadlines.values():
            task.cancel()
        await self.journal.commit()
        await self.flush_all()
        await workflow.wait_condition(lambda: workflow.all_handlers_finished())
        await self.journal.commit()
        await self.flush_all()
        # Anew: what came in meanwhile goes along.
        return None if self.ended and self.begin_next is None else self._next()

    async def _walk(self) -> None:
        try:
            self.over = await self._interpreter.walk()
        except Dropped:  # it was held, and is to stop
            self.over = STOP

    def _is_quiet(self) -> bool:
        return not self.resting and self._interpreter.at_rest and not self._waits.woken

    def _must_leave(self) -> bool:
        if self.leaving:
            return True
        after = self.given.get("leave_after")
        info = workflow.info()
        return info.is_continue_as_new_suggested() or (
            after is not None and info.get_current_history_length() > after
        )

    async def _rest(self) -> None:
        self.journal.note(ev.RunSuspended(until=self._waits.first_timer))
        self.resting = True
        await self.journal.commit()
        self._show_status()
        self.flush_soon()

    async def _end(self, end: End) -> None:
        self.journal.note(self._interpreter.end_of(end))
        await self.journal.commit()
        self.ended = True
        self._show_status()

    def _next(self) -> Json:
        """What the next execution is given."""
        state = carry(self.run, self.rows.all.values())
        given = {**self.given, "begin": None, "stop": self.stop, "state": state}
        given |= self.begin_next or {}
        return carried(given, f"run {self.run_id}, where it is to go on in another execution,")

    def _show_status(self) -> None:
        if self.given.get("searchable") and self.run.status != self._shown_status:
            self._shown_status = self.run.status
            workflow.upsert_search_attributes([STATUS.value_set(self.run.status)])

    # ------------------------------------------------------------------ what others put in

    def cancel(self) -> None:
        """Let nothing further start."""
        self.stop = True
        self.stir()
        self._waits.wake(everybody=True)
        # Steps hear of it from the server, when this task is done. Told from here they could end before, and where the task
        # is then lost the run would not know that it was to stop.
        for call in self._calls.values():
            call.cancel()

    async def resume_held(self, context: dict[str, Json]) -> None:
        """Try again where today's code could not go on, with *context* beside what the run has."""
        self.journal.note(ev.RunResumed(context=context))
        # Before it is tried: the step reads the context from the store.
        await self.journal.commit()
        self.restarts += 1

    def remember(self, path: Path, key: str, value: Json) -> None:
        """What `once` kept."""
        self.journal.note(ev.Remembered(path=path, key=key, value=value))

    def is_offered(self, suspension_id: str) -> bool:
        """Whether a kept event is just being looked for that may close the question."""
        return suspension_id in self._offers
