"""Whatever moment a process dies at, another goes on to the same end. This found faults that examples missed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .cuts import Report, cut, may_be_cut, without_a_write

CORPUS = Path(__file__).parent / "corpus"


def _scenarios() -> list[dict[str, Any]]:
    groups = [json.loads(file.read_text("utf-8")) for file in sorted((CORPUS / "scenarios").glob("*.json"))]
    return [spec for group in groups for spec in group if may_be_cut(spec)]


@pytest.mark.timeout(300)
async def test_a_run_cut_at_any_transaction_comes_to_the_same_end(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    for spec in _scenarios():
        await cut(spec, report)
    with capsys.disabled():
        print(f"\n{report.cuts} cuts in {report.scenarios} scenarios")
    assert report.complaints == []
    assert report.cuts > 500


async def test_the_cut_test_finds_a_write_that_was_skipped() -> None:
    """Hollow-proof: with one acknowledged write missing in each store, it must complain."""
    report = Report()
    for spec in [spec for spec in _scenarios() if spec["id"].startswith("seq-")]:
        await cut(spec, report, without_a_write)
    assert report.complaints
