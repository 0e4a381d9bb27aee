"""A small folder of photographs, and a run on it that nothing disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.driver import run
from tests.faults.tiny import grid, photographs


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographs(tmp_path_factory.mktemp("pictures") / "photos")


@pytest.fixture(scope="module")
def finished(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with all cells."""
    folder = tmp_path_factory.mktemp("finished")
    code, text = run(*grid(photos, folder / "out"), said=folder / "said")
    assert code == 0, text
    return folder / "out"
