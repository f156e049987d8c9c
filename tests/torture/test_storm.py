"""Processes are killed at random while others answer, cancel and restart: nothing is lost, nothing done twice, nothing stuck.

`CADENZA_TORTURE=long` lets the storm last ten times as long. What came of it is printed.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from cadenza.testing.postgres import PostgresServer

from .storm import weather

SECONDS = 300 if os.environ.get("CADENZA_TORTURE") == "long" else 30
SEED = int(os.environ.get("CADENZA_STORM_SEED", "20261125"))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 150)
def test_a_storm_over_a_sqlite_file_loses_nothing_and_does_nothing_twice(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADENZA_SIDE_FILE", "")  # set by the storm; given back after the test
    verdict = weather(f"sqlite:///{tmp_path / 'runs.db'}", tmp_path / "side", SECONDS, SEED)
    with capfd.disabled():
        print(f"\nstorm over SQLite: {verdict}")
    assert verdict.faults == []
    assert verdict.double_effects == 0
    # It was a storm.
    assert verdict.kills > SECONDS / 6
    assert verdict.accepted > SECONDS
    assert verdict.refused["already_answered"] > SECONDS / 3


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 150)
def test_a_storm_over_postgres_that_is_itself_restarted_loses_nothing_and_does_nothing_twice(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADENZA_SIDE_FILE", "")
    restarts: list[str] = []

    def restart(random: Random) -> None:
        how = random.choice(["kill", "stop"])
        (server.kill if how == "kill" else server.stop)()
        server.start()
        restarts.append(how)

    with PostgresServer() as server:
        verdict = weather(server.url, tmp_path / "side", SECONDS, SEED, beside=restart)
    with capfd.disabled():
        print(f"\nstorm over Postgres, which was restarted {len(restarts)} times: {verdict}")
    assert verdict.faults == []
    assert verdict.double_effects == 0
    assert verdict.kills > SECONDS / 6
    assert len(restarts) >= 2
    assert verdict.accepted > SECONDS / 2


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_storm_finds_a_planted_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADENZA_SIDE_FILE", "")
    monkeypatch.setenv("CADENZA_PLANT", "1")
    verdict = weather(f"sqlite:///{tmp_path / 'runs.db'}", tmp_path / "side", 12, SEED)
    assert verdict.double_effects > 0
    assert any("enter ('load',) again after its end was kept" in fault for fault in verdict.faults)
