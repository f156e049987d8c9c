"""Plays scenarios: SCENARIO.md, section 4."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from cadenza import Cadenza, Run
from cadenza.errors import RunNotFound
from cadenza.store.base import Store
from cadenza.store.encryption import AesGcm
from cadenza.store.memory import MemoryStore
from cadenza.store.postgres import PostgresStore
from cadenza.store.sqlite import SqliteStore
from cadenza.testing import kill

from ..postgres import schemas
from . import tell
from .language import Thrown
from .workflows import Builder, Watch

# What an action may take, in seconds; and how long a crashed one is left before it counts as dead.
_LONGEST = 10
_DYING = 0.03
_AT_ONCE = 8
# How many run at once is seen only where each runs for longer than it takes to begin all of them, which on an engine that
# calls steps by a server takes a busy machine longer than the 50 ms of the scenarios.
_PACE = 10


class Scenario:
    """One scenario on one store. A new process is a new app, with workflows built anew, on the same data."""

    def __init__(
        self,
        spec: dict[str, Any],
        open_store: Callable[[], Store],
        make_engine: Callable[[str], Any] | None = None,
    ) -> None:
        self.spec = spec
        self._make_engine = make_engine
        self.longest: float = _LONGEST
        self.watch = Watch()
        self._open_store = open_store
        self._apps: list[Cadenza] = []
        self._dead: set[int] = set()
        self._runs: dict[str, Run[Any]] = {}
        self.app: Cadenza | None = None
        self.builder = Builder(self.watch)
        self.broken: Exception | None = None

    def boot(self) -> None:
        """Begin a process."""
        self._runs.clear()
        self.watch.crashed = asyncio.Event()
        self.app, self.builder = self._new_app()
        if self.app is not None and self._make_engine is not None:
            self.app._worker.start()

    def _new_app(self) -> tuple[Cadenza | None, Builder]:
        builder = Builder(self.watch)
        try:
            workflow = builder.build(self.spec["workflow"])
            engine = self._make_engine(f"queue-{self.spec['id']}") if self._make_engine is not None else None
            app = Cadenza(store=self._open_store(), workflows=[workflow], worker=False, engine=engine)
        except Exception as error:
            self.broken = error
            return None, builder
        self._apps.append(app)
        return app, builder

    async def play(self) -> list[dict[str, Any]]:
        """All records of the script."""
        self.boot()
        records = []
        try:
            for action in self.spec["script"]:
                self.watch.begun.clear()
                record = await self._act(action)
                records.append(record | self._exec(action))
        finally:
            if self._make_engine is not None:
                # Activities end in threads of the SDK: none must find the store closed, which these apps share.
                for app in self._apps:
                    await app._worker.stop()
            for app in self._apps:
                # Of those that were killed only the files are closed.
                await (app.store if id(app) in self._dead else app).close()
        if "inflight" in self.spec.get("observe", ()):
            records.append({"inflight": dict(self.watch.peaks)})
        return records

    def _exec(self, action: dict[str, Any]) -> dict[str, Any]:
        begun = list(self.watch.begun)
        if not begun:
            return {}
        if "counts" in self.spec.get("observe", ()):
            paths = [entry.rpartition(":")[0] for entry in begun]
            return {"exec": {path: paths.count(path) for path in sorted(set(paths))}}
        if tell.is_parallel(self.spec["workflow"]) or action["do"] == "resume_concurrently":
            begun.sort()
        return {"exec": begun}

    async def _act(self, action: dict[str, Any]) -> dict[str, Any]:
        do = action["do"]
        record: dict[str, Any] = {"do": do}
        if do == "new_process":
            await self._end_process()
            self.boot()
        if self.broken is not None:
            return record | {"throws": tell.thrown(self.broken, self._id(action))}
        if do == "new_process":
            return record
        acting = asyncio.ensure_future(getattr(self, f"_{do}")(action))
        dying = asyncio.ensure_future(self.watch.crashed.wait())
        try:
            async with asyncio.timeout(self.longest):
                await asyncio.wait({acting, dying}, return_when=asyncio.FIRST_COMPLETED)
                if not acting.done():
                    await asyncio.sleep(_DYING)  # noqa: TID251  the format says how long
                    self._die()
                    return record | {"crashed": True}
                return record | acting.result()
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            if not acting.done():  # it took too long
                self._die()
            return record | {"throws": tell.thrown(error, self._id(action))}
        finally:
            acting.cancel()
            dying.cancel()
            await asyncio.gather(acting, dying, return_exceptions=True)

    def _die(self) -> None:
        """The process is killed; whatever comes next comes from a new one."""
        for app in self._apps:
            if id(app) not in self._dead:
                kill(app)
                self._dead.add(id(app))
        self.boot()

    async def _end_process(self) -> None:
        for app in self._apps:
            if id(app) not in self._dead:
                await app.engine.close()
                self._dead.add(id(app))
                if not isinstance(app.store, MemoryStore):
                    await app.store.close()

    # ------------------------------------------------------------------ actions

    def _id(self, action: dict[str, Any]) -> str:
        return f"run-{self.spec['id']}-{action.get('run', 'r')}"

    async def _make(self, action: dict[str, Any]) -> Run[Any]:
        assert self.app is not None
        run_id = self._id(action)
        if run_id not in self._runs:
            self._runs[run_id] = await self.app.workflow("wf").create_run(run_id)
        return self._using(self._runs[run_id])

    async def _find(self, action: dict[str, Any], app: Cadenza | None = None) -> Run[Any]:
        run_id = self._id(action)
        if app is not None:
            return self._using(await app.get_run(run_id))
        if run_id not in self._runs:
            assert self.app is not None
            self._runs[run_id] = await self.app.get_run(run_id)
        return self._using(self._runs[run_id])

    def _using(self, run: Run[Any]) -> Run[Any]:
        self.watch.cancel = run.cancel
        return run

    async def _create_run(self, action: dict[str, Any]) -> dict[str, Any]:
        await self._make(action)
        return {}

    async def _start(self, action: dict[str, Any]) -> dict[str, Any]:
        run = await self._make(action)
        arguments = {"input_data": action.get("input"), "initial_state": action.get("state")}
        return await self._call(action, run.start, run.stream, arguments)

    async def _resume(self, action: dict[str, Any]) -> dict[str, Any]:
        run = await self._find(action)
        return await self._call(action, run.resume, run.resume_stream, self._resuming(action, self.builder))

    def _resuming(self, action: dict[str, Any], builder: Builder) -> dict[str, Any]:
        arguments = {"resume_data": action.get("data")}
        if "step" in action:
            arguments["step"] = self._step(action, builder)
        if "label" in action:
            arguments["label"] = action["label"]
        if "index" in action:
            arguments["for_each_index"] = action["index"]
        return arguments

    def _step(self, action: dict[str, Any], builder: Builder) -> Any:
        step = action["step"]
        if action.get("stepForm") != "object":
            return step
        parts = step.split(".") if isinstance(step, str) else step
        found = [builder.steps.get(tuple(parts[: i + 1])) for i in range(len(parts))]
        if not found or None in found:
            return step  # there is no such object to pass
        return found[0] if len(found) == 1 else found

    async def _call(
        self, action: dict[str, Any], plain: Any, stream: Any, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        arguments |= self._common(action)
        if not action.get("stream"):
            return {"outcome": tell.outcome(await plain(**arguments), whole=False)}
        streaming = stream(**arguments)
        events = [tell.event(event) async for event in streaming]
        if tell.is_parallel(self.spec["workflow"]):
            events.sort()
        return {"outcome": tell.outcome(await streaming.result(), whole=False), "events": events}

    def _common(self, action: dict[str, Any]) -> dict[str, Any]:
        options = {"include_state": "includeState", "include_resume_labels": "includeResumeLabels"}
        return {
            "runtime_context": action.get("context"),
            "output_options": {name: True for name, key in options.items() if action.get(key)},
        }

    async def _resume_concurrently(self, action: dict[str, Any]) -> dict[str, Any]:
        async def one(call: dict[str, Any], app: Cadenza | None, builder: Builder) -> dict[str, Any]:
            if "after" in call:
                await asyncio.sleep(call["after"] / 1000)  # noqa: TID251  the scenario says so
            try:
                run = await self._find(action, app)
                result = await run.resume(**self._resuming(call, builder), **self._common(call))
            except Exception as error:
                return {"throws": tell.thrown(error, self._id(action))}
            found = {"status": tell.status(result.status)}
            return found | (
                {"result": result.result} if result.status == "success" and result.result is not None else {}
            )

        calls = []
        for call in action["calls"]:
            app, builder = self._new_app() if action.get("separate") else (None, self.builder)
            calls.append(one(call, app, builder))
        outcomes = await asyncio.gather(*calls)
        return {"outcomes": sorted(outcomes, key=tell.as_text)}

    async def _cancel(self, action: dict[str, Any]) -> dict[str, Any]:
        await (await self._find(action)).cancel()
        return {}

    async def _restart(self, action: dict[str, Any]) -> dict[str, Any]:
        result = await (await self._find(action)).restart(**self._common(action))
        return {"outcome": tell.outcome(result, whole=False)}

    async def _time_travel(self, action: dict[str, Any]) -> dict[str, Any]:
        run = await self._make(action)
        arguments: dict[str, Any] = {}
        if "step" in action:
            arguments["step"] = self._step(action, self.builder)
        names = {"input_data": "input", "resume_data": "data", "initial_state": "state", "context": "steps"}
        arguments |= {name: action[key] for name, key in names.items() if key in action}
        if "nestedSteps" in action:
            arguments["nested_steps_context"] = action["nestedSteps"]
        result = await run.time_travel(**arguments, **self._common(action))
        return {"outcome": tell.outcome(result, whole=False)}

    async def _get_run(self, action: dict[str, Any]) -> dict[str, Any]:
        assert self.app is not None
        try:
            run = await self.app.get_run(self._id(action))
        except RunNotFound:
            return {"found": False}
        return {"run": tell.outcome(await run.get_state(), whole=True)}

    async def _list_runs(self, action: dict[str, Any]) -> dict[str, Any]:
        assert self.app is not None
        page = await self.app.list_runs(workflow="wf", limit=None)
        statuses = sorted(tell.status(row.status) for row in page.runs)
        return {"runs": {"total": page.total, "statuses": statuses}}


# What opens the data of a scenario: each call of what it gives does so as a new process would.
Opener: TypeAlias = Callable[[str], Callable[[], Store]]


@contextmanager
def opener(store: str, folder: Path) -> Iterator[Opener]:
    """Where scenarios are kept: in memory, in files in *folder*, or on a PostgreSQL server that is there for the block."""

    def in_memory(scenario: str) -> Callable[[], Store]:
        shared = MemoryStore()
        return lambda: shared

    def on_sqlite(scenario: str) -> Callable[[], Store]:
        return lambda: SqliteStore(folder / f"{quote(scenario, safe='')}.db")

    def encrypted(scenario: str) -> Callable[[], Store]:
        codec = AesGcm({"test": bytes(range(32))})
        return lambda: SqliteStore(folder / f"{quote(scenario, safe='')}.db", codec=codec)

    if store != "postgres":
        yield {"memory": in_memory, "sqlite": on_sqlite, "encrypted": encrypted}[store]
        return
    with schemas() as given:

        def on_postgres(scenario: str) -> Callable[[], Store]:
            url = given.new()
            return lambda: PostgresStore(url, pool_size=3)

        yield on_postgres


async def run_corpus(
    corpus: Path,
    open_data: Opener,
    make_engine: Callable[[str], Any] | None = None,
    *,
    longest: float = _LONGEST,
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The records of every scenario, by group; on engines that *make_engine* makes for a task queue.

    An action may take *longest* seconds.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(spec: dict[str, Any]) -> list[dict[str, Any]]:
        async with room:
            try:
                scenario = Scenario(spec, open_data(spec["id"]), make_engine)
                scenario.longest = longest
                if spec in alone and make_engine is not None:
                    scenario.watch.pace = _PACE
                return await scenario.play()
            except Exception as error:  # a scenario that cannot be played must not cost the others
                return [{"do": "play", "throws": {"kind": "INTERNAL", "message": repr(error)}}]

    groups = {
        file.stem: json.loads(file.read_text("utf-8"))
        for file in sorted((corpus / "scenarios").glob("*.json"))
    }
    specs = [spec for group in groups.values() for spec in group]
    alone = [spec for spec in specs if _stands_alone(spec, counted=make_engine is not None)]
    together = [spec for spec in specs if spec not in alone]
    found = await asyncio.gather(*map(one, together))
    records = {spec["id"]: record for spec, record in zip(together, found, strict=True)}
    records |= {spec["id"]: await one(spec) for spec in alone}
    return {name: {spec["id"]: records[spec["id"]] for spec in group} for name, group in groups.items()}


def _stands_alone(spec: dict[str, Any], *, counted: bool) -> bool:
    """Whether others beside it may change how a scenario comes out.

    They may keep the engine from running steps that are counted, and one of two calls from looking at the run before the other
    has changed it.
    """
    inflight = counted and "inflight" in spec.get("observe", ())
    return inflight or any(action["do"] == "resume_concurrently" for action in spec["script"])


__all__ = ["Scenario", "Thrown", "run_corpus"]
