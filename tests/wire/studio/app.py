"""The workflows of the wire tests as an app that `cadenza serve` takes: `tests.wire.studio.app:app`."""

from __future__ import annotations

from cadenza import Cadenza
from tests.wire.workflows import WORKFLOWS

app = Cadenza(store="sqlite:///studio.db", workflows=WORKFLOWS)
