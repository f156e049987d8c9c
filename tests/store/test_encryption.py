"""Payloads are unreadable without the key, old keys still read, and what cannot be read says so."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from cadenza import Cadenza, StepContext, Workflow, step
from cadenza import errors as err
from cadenza.store.encryption import AesGcm
from cadenza.store.sqlite import SqliteStore

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(16)
SECRET = "Zeppelin-4711"


@step
async def load(value: str, ctx: StepContext) -> dict[str, str]:
    await ctx.once("paid", lambda: f"{value} once")
    ctx.set_state({"seen": f"{value} state"})
    return {"loaded": f"{value} output"}


@step
async def review(value: dict[str, str], ctx: StepContext) -> str:
    answer = await ctx.ask(str, question=f"{SECRET} question")
    return f"{answer} result"


flow = (
    Workflow("flow", input=str)
    .then(load)
    .map({"loaded": {"value": f"{SECRET} constant"}}, id="mapped")
    .then(review)
    .wait_for_event("paid", id="payment")
    .commit()
)


def contents(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def play(store: str, codec: AesGcm) -> tuple[str, str]:
    """A run that waits for an event, with a payload in every place that there is."""
    async with Cadenza(store=store, workflows=[flow], codec=codec) as app:
        await app.send_event("other", f"{SECRET} event", match={"to": SECRET}, keep=True)
        run = await app.workflow(flow).create_run()
        await run.start(
            input_data=f"{SECRET} input",
            initial_state={"first": f"{SECRET} state"},
            runtime_context={"tenant": f"{SECRET} context"},
        )
        result = await run.resume(
            resume_data=f"{SECRET} answer", runtime_context={"more": f"{SECRET} context"}
        )
        return run.id, result.suspensions[0].id


async def test_the_store_holds_none_of_the_payloads_text(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    run_id, _ = await play(store, AesGcm({"old": OLD}))
    assert SECRET.encode() not in contents(tmp_path)
    assert b"flow" in contents(tmp_path)  # what is searched by is there

    async with Cadenza(store=store, workflows=[flow], codec=AesGcm({"old": OLD})) as app:
        run = await app.get_run(run_id)
        result = await run.resume(resume_data=f"{SECRET} event")
        assert (result.status, result.result) == ("success", f"{SECRET} event")
        assert result.steps["review"].output == f"{SECRET} answer result"
    assert SECRET.encode() not in contents(tmp_path)


async def test_a_new_key_writes_and_the_old_one_still_reads(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    run_id, question = await play(store, AesGcm({"old": OLD}))
    async with Cadenza(store=store, workflows=[flow], codec=AesGcm({"old": OLD, "new": NEW})) as app:
        assert (await app.inbox.answer(question, "x")).result == "x"
    async with Cadenza(store=store, workflows=[flow], codec=AesGcm({"new": NEW})) as app:
        run = await app.get_run(run_id)
        with pytest.raises(err.ValueUnreadable, match="the key 'old', which is not there; there are: new"):
            await run.get_state()


async def test_without_the_codec_nothing_is_read_and_nothing_changed(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    run_id, question = await play(store, AesGcm({"old": OLD}))
    async with Cadenza(store=store, workflows=[flow], worker=False) as app:
        run = await app.get_run(run_id)
        for call in (run.get_state(), run.resume(resume_data="x"), app.inbox.answer(question, "x")):
            with pytest.raises(err.ValueUnreadable, match="give it to the app, codec="):
                await call
    async with Cadenza(store=store, workflows=[flow], codec=AesGcm({"old": OLD})) as app:
        assert (await app.inbox.get(question)).state == "open"


async def test_a_store_from_before_encryption_is_read_where_that_is_allowed(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    async with Cadenza(store=store, workflows=[flow]) as app:
        run = await app.workflow(flow).create_run("r")
        await run.start(input_data="plain")
    async with Cadenza(store=store, workflows=[flow], codec=AesGcm({"old": OLD})) as app:
        with pytest.raises(err.ValueUnreadable, match="reads_plain=True"):
            await (await app.get_run("r")).get_state()
    codec = AesGcm({"old": OLD}, reads_plain=True)
    async with Cadenza(store=store, workflows=[flow], codec=codec) as app:
        assert (await (await app.get_run("r")).resume(resume_data="hush-hush")).status == "suspended"
    assert b"hush-hush" not in contents(tmp_path)


def test_bytes_that_were_changed_are_not_read() -> None:
    codec = AesGcm({"old": OLD, "new": NEW}, current="old")
    data = codec.encode(b'{"amount": 1}')
    assert codec.decode(data) == b'{"amount": 1}'
    assert codec.encode(b"x") != codec.encode(b"x")
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(err.ValueUnreadable):
            codec.decode(changed)
    for length in range(1, len(data)):
        with pytest.raises(err.ValueUnreadable):
            codec.decode(data[:length])
    with pytest.raises(err.ValueUnreadable, match="cut off: of it 20 bytes are there"):
        codec.decode(data[:20])
    with pytest.raises(err.ValueUnreadable):
        AesGcm({"old": secrets.token_bytes(32)}).decode(data)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"keys": {}}, "at least one key"),
        ({"keys": {"a": b"short"}}, "expected 16, 24 or 32 bytes.*found 5"),
        ({"keys": {"a": OLD}, "current": "b"}, "current='b' is none of the keys: a"),
    ],
)
def test_keys_that_cannot_be_are_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        AesGcm(**arguments)


def test_a_codec_for_a_store_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(err.CodecConflict, match="a store object takes it itself"):
        Cadenza(store=SqliteStore(tmp_path / "x.db"), codec=AesGcm({"old": OLD}))


# ------------------------------------------------------------------ the limit of one value


async def test_a_value_over_the_limit_fails_its_step_and_names_it(store: str) -> None:
    @step
    async def big(value: int) -> list[int]:
        return list(range(value))

    big_flow = Workflow("big", input=int).then(big).commit()
    async with Cadenza(store=store, workflows=[big_flow], value_limit=1000) as app:
        small = await (await app.workflow(big_flow).create_run()).start(input_data=10)
        large = await (await app.workflow(big_flow).create_run()).start(input_data=1000)
    assert small.status == "success"
    assert (large.status, large.error.code) == ("failed", "value_too_large")
    assert "the output of step big" in large.error.message
    assert "3,891 bytes of JSON, where 1,000 are allowed" in large.error.message


async def test_input_question_answer_and_once_are_limited_too(store: str) -> None:
    @step
    async def asks(value: str, ctx: StepContext) -> str:
        await ctx.once("big", lambda: "x" * (2000 if value == "once" else 1))
        return await ctx.ask(str, question="q" * (2000 if value == "question" else 1))

    asking = Workflow("asking", input=str).then(asks).commit()
    async with Cadenza(store=store, workflows=[asking], value_limit=1000) as app:
        for value in ("once", "question"):
            result = await (await app.workflow(asking).create_run()).start(input_data=value)
            assert (result.status, result.error.code) == ("failed", "value_too_large")
        run = await app.workflow(asking).create_run()
        with pytest.raises(err.ValueTooLarge, match="the input of workflow asking"):
            await run.start(input_data="x" * 2000)
        assert (await run.start(input_data="x")).status == "suspended"
        with pytest.raises(err.ValueTooLarge, match="the answer to asks"):
            await run.resume(resume_data="x" * 2000)
        assert (await run.resume(resume_data="x")).status == "success"
