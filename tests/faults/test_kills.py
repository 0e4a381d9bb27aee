"""The short version of the campaign; `tox -e faults` kills two hundred times."""

from __future__ import annotations

from pathlib import Path

from tests.faults.campaign import campaign


def test_a_killed_run_goes_on_and_loses_and_doubles_nothing(tmp_path: Path) -> None:
    assert campaign(tmp_path, kills=3, seed=1).kills.total() == 3
