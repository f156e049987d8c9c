"""A folder with an app in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .command import OFFICE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with the module `office`."""
    shutil.copy(OFFICE, tmp_path)
    return tmp_path
