"""Messages: one line, and no value longer than a line."""

from __future__ import annotations

import pytest

from bench.errors import QUOTED, BenchError


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_long_value_is_cut_and_the_remedy_stays(quote: str) -> None:
    told = str(BenchError(f"file.csv, row 3: unknown label {quote}{'x' * 5000}{quote}: it's one of a, b; that isn't long"))
    assert len(told) < QUOTED + 100 and "…" in told
    assert told.startswith("file.csv, row 3: unknown label ") and told.endswith(": it's one of a, b; that isn't long")


def test_apostrophes_quote_nothing() -> None:
    text = f"it can't be read ({'because of this and that ' * 20}): see what 'python -m bench doctor' says; don't wait"
    assert str(BenchError(text)) == text


def test_line_breaks_are_blanks() -> None:
    assert str(BenchError("one\ntwo")) == "one two"
