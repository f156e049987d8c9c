"""Clients that start runs, stream, answer twice at once, and go away when it suits them. They note what they were told."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2

# A server may be dead for a while: how often, and after which pause in seconds, something is tried again.
_TRIES = 200
_PAUSE = 0.1
Told = list[tuple[str | None, Any]]


@dataclass(slots=True)
class Report:
    """What the clients were told: runs whose start was acknowledged, answers that were, and how often what happened."""

    started: dict[str, int] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Client:
    """One client, with its own dice."""

    def __init__(
        self, number: int, seed: int, http: httpx2.AsyncClient, urls: Sequence[str], report: Report
    ) -> None:
        self._number = number
        self._dice = random.Random(f"{seed}/{number}")
        self._urls = urls
        self._report = report
        self._http = http

    async def live(self, until: float) -> None:
        """Do it over and over until that time; a run that was begun is brought to its end."""
        round_ = 0
        while time.monotonic() < until:
            await self._one(f"run-{self._number}-{round_}", round_)
            round_ += 1

    async def _one(self, run_id: str, value: int) -> None:
        await self._start(run_id, value)
        if self._dice.random() < 0.1:
            self._report.counts["left before it was asked"] += 1
            return
        told: Told = []
        await self._read(run_id, told, "workflow-step-suspended")
        if self._dice.random() < 0.1:
            self._report.counts["left without an answer"] += 1
            return
        await self._answer_twice(run_id)
        await self._read(run_id, told, "workflow-finish")
        whole = await self._whole(run_id)
        if told != whole:
            self._report.faults.append(f"{run_id}: told {told}, later {whole}")
        self._report.counts["runs streamed to their end"] += 1

    async def _start(self, run_id: str, value: int) -> None:
        base = "/api/workflows/soaked"
        await self._post(f"{base}/create-run?runId={run_id}", {})
        answer = await self._post(f"{base}/start-async?runId={run_id}", {"inputData": value}, again=(409,))
        if answer.status_code == 409:
            self._report.counts["starts that were there already"] += 1
        self._report.started[run_id] = value

    async def _answer_twice(self, run_id: str) -> None:
        inbox = await self._request("GET", f"/api/v1/inbox?run_id={run_id}")
        (question,) = inbox.json()["items"]
        answers = await asyncio.gather(*[self._answer(question["id"], name) for name in ("ada", "bob")])
        taken = [name for name, code in answers if code == 200]
        if len(taken) != 1:
            self._report.faults.append(f"{run_id}: {answers}")
        for name in taken:
            self._report.answered[run_id] = name
        self._report.counts["answers refused"] += len(answers) - len(taken)

    async def _answer(self, question: str, name: str) -> tuple[str, int]:
        body = {"data": {"by": name}, "actor": name}
        # The same key each time: whether an answer that was sent into a dying server arrived, nobody knows.
        headers = {"idempotency-key": f"{question}/{name}"}
        answer = await self._post(f"/api/v1/inbox/{question}/answer", body, again=(409,), headers=headers)
        return name, answer.status_code

    # ------------------------------------------------------------------ streams

    async def _read(self, run_id: str, told: Told, last_kind: str) -> None:
        """Add to *told* what is new, over connections that break, up to an event of that kind and its number."""
        while True:
            last = next((id_ for id_, _ in reversed(told) if id_ is not None), None)
            # What came after the last number is told again.
            keep = max((i for i, (id_, _) in enumerate(told) if id_ is not None), default=-1)
            del told[keep + 1 :]
            leaves = self._dice.randrange(1, 15)
            with suppress(httpx2.TransportError):
                async with aclosing(self._events(run_id, last)) as events:  # type: ignore[type-var]
                    number = 0
                    async for one in events:
                        number += 1
                        if one[1] is None:
                            return  # nothing comes any more
                        if not (number == 1 and told):  # each connection begins with the same one
                            told.append(one)
                        if one[1]["type"] == last_kind and one[0] is not None:
                            return
                        if number >= leaves:
                            self._report.counts["connections dropped"] += 1
                            break
                    else:
                        self._report.counts["connections lost"] += 1
            await _pause()

    async def _whole(self, run_id: str) -> Told:
        while True:
            with suppress(httpx2.TransportError):
                return [one async for one in self._events(run_id, None)]
            await _pause()

    async def _events(self, run_id: str, last: str | None) -> AsyncIterator[tuple[str | None, Any]]:
        headers = {} if last is None else {"last-event-id": last}
        url = self._dice.choice(self._urls) + f"/api/v1/runs/{run_id}/events"
        async with self._http.stream("GET", url, headers=headers) as response:
            if response.status_code == 204:
                yield None, None
                return
            assert response.status_code == 200, response.status_code
            event: dict[str, str] = {}
            async for line in response.aiter_lines():
                if not line and event:
                    yield event.get("id"), json.loads(event["data"])
                    event = {}
                elif line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    event[name] = value

    # ------------------------------------------------------------------ requests

    async def _post(
        self, path: str, body: Any, *, again: Sequence[int] = (), headers: Any = None
    ) -> httpx2.Response:
        return await self._request("POST", path, again=again, json=body, headers=headers)

    async def _request(
        self, method: str, path: str, *, again: Sequence[int] = (), **what: Any
    ) -> httpx2.Response:
        for _ in range(_TRIES):
            try:
                answer = await self._http.request(method, self._dice.choice(self._urls) + path, **what)
            except httpx2.TransportError:
                self._report.counts["requests repeated"] += 1
                await _pause()
                continue
            if answer.status_code != 200 and answer.status_code not in again:
                self._report.faults.append(f"{method} {path}: {answer.status_code} {answer.text}")
            return answer
        raise AssertionError(f"{method} {path}: nobody answered")


async def _pause() -> None:
    await asyncio.sleep(_PAUSE)  # noqa: TID251  a server that is dead comes back in real time
