"""Readers of others' files end well or by one line for the user: on what the fuzzer found, and on damaged seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.targets import READERS, furnish, seeds_of, tried

FOUND: list[tuple[str, bytes]] = [
    ("coop", READERS["coop"].seeds[0].replace(b"1, ", b"1" * 40 + b", ")),
    ("flickr8k", b'\rimage,caption\na.jpg,"A dog, big."\n\na.jpg\n'),
    ("csv", READERS["csv"].seeds[0].replace(b"label", b'"label', 1) + b'"'),
    ("json", READERS["json"].seeds[1].replace(b'"b2.jpg", "label"', b'"b2.jpg", "labeabl"')),
    ("card task", b'data = "csv:~nobody-of-this-name/a.csv"\n'),
    ("card task", b'data = "csv:' + b"[" * 400 + b'own.csv"\n'),
    ("card", b"classes = " + b"[" * 5000),
    ("karpathy", READERS["karpathy"].seeds[0].replace(b"a.jpg", b"\\u0000/a.jpg")),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("files") / "files")


@pytest.mark.parametrize("name", READERS)
def test_seeds_are_taken(folder: Path, name: str) -> None:
    """Otherwise what is made of them would test nothing."""
    assert seeds_of(name, folder)
    assert any([tried(name, seed, folder) for seed in seeds_of(name, folder)])


@pytest.mark.parametrize(("name", "body"), FOUND)
def test_what_was_found(folder: Path, name: str, body: bytes) -> None:
    tried(name, body, folder)


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_damaged_seeds(folder: Path, name: str, data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(seeds_of(name, folder))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body)))
        piece = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"\0", b"\r", b'"', b"\\u0000", b"[" * 2000, b"\xff", b"1e999"])
        )
        body[place : place + data.draw(st.integers(0, 8))] = piece
    tried(name, bytes(body), folder)
