"""Random workflows, answered in random order, against a reference model."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadenza.store.memory import MemoryStore
from cadenza.testing import kill

from .plans import Nested, plans
from .stage import Stage, perform

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
PROFILE = settings(
    max_examples=20_000 if LONG else 300,
    derandomize=not LONG,
    deadline=None,
    database=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


async def play(stage: Stage, data: st.DataObject) -> None:
    await stage.start()
    model = stage.model
    while not model.ended:
        choices = [*sorted(model.running), *sorted(model.waiting)]
        chosen = data.draw(
            st.lists(st.sampled_from(choices), min_size=1, max_size=3, unique=True), label="at once"
        )
        await stage.happen(
            [key for key in chosen if key in model.running],
            [key for key in chosen if key in model.waiting],
        )


@PROFILE
@given(plan=plans(), data=st.data())
def test_a_run_does_what_the_model_says(plan: Nested, data: st.DataObject) -> None:
    perform(play(Stage(plan, MemoryStore()), data))
