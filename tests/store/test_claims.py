"""A claim holds against other processes for as long as its process lives."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store.claims import Claims

HOLDER = """
import sys
from pathlib import Path
from bench.store.claims import Claims
claims = Claims(Path(sys.argv[1]))
print(claims.take("one"), claims.take("two"), flush=True)
sys.stdin.readline()
claims.release("one")
print("released", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None and process.stdout.readline() == "True True\n"
    return process


def test_a_claim_is_free_once_released_or_once_its_process_is_killed(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    assert holder.stdin is not None and holder.stdout is not None
    with Claims(tmp_path) as ours:
        assert not ours.take("one") and not ours.take("two")
        assert ours.take("three")
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "released\n"
        assert ours.take("one") and not ours.take("two")
        holder.kill()
        holder.communicate()
        assert ours.take("two")
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [0]


def test_a_file_system_without_locks_grants_every_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with Claims(tmp_path) as claims:
        assert claims.take("one")
        claims.release("one")


def test_a_file_of_claims_that_cant_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / ".claims").mkdir()
    with pytest.raises(StoreError, match=r"\.claims: can't be opened"):
        Claims(tmp_path).take("one")
