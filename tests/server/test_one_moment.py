"""What is told of a run is of one moment, though it is read in several steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from cadenza import Cadenza
from cadenza.history.event import Suspension
from cadenza.store.base import SuspensionQuery
from cadenza.store.memory import MemoryStore

from .given import asked, pay, served


class _Interrupted(MemoryStore):
    """Lets something happen in the midst of a reading: behind the journal's, before that of what is open."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def suspensions(self, query: SuspensionQuery) -> Sequence[Suspension]:
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return await super().suspensions(query)


async def test_a_run_that_ends_while_it_is_read_is_not_told_as_done_without_its_result() -> None:
    store = _Interrupted()
    app = Cadenza(store=store, workflows=[pay])
    async with served(app) as client:
        run_id, question = await asked(app, 1)
        store.meanwhile = lambda: app.inbox.answer(question, {"decision": "pay"}, actor="Ada")
        told = (await client.get(f"/api/v1/runs/{run_id}")).json()
        assert (told["run"]["status"], told["result"], told["questions"]) == ("success", "pay  None", [])
