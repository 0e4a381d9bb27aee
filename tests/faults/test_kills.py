"""The short version of the campaign; `tox -e faults` kills two hundred times."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.campaign import campaign


def test_a_killed_run_goes_on_and_loses_and_doubles_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kills, seed = request.config.getoption("--kills"), request.config.getoption("--fault-seed")
    tally = campaign(tmp_path, kills, seed)
    assert tally.kills.total() == kills
