"""What people type as limits, and what breaks them."""

from __future__ import annotations

import pytest

from bench.advise.limits import NO_LIMITS, Costs, Limits, megabytes, parse_limits
from bench.errors import UsageError


@pytest.mark.parametrize(
    ("text", "count"), [("2GB", 2_000_000_000), ("1.5 gb", 1_500_000_000), ("512MiB", 512 * 2**20), ("100B", 100)]
)
def test_memory_is_read_with_its_unit(text: str, count: int) -> None:
    assert parse_limits(text, None, None).memory_bytes == count


@pytest.mark.parametrize(("text", "count"), [("1M", 1_000_000), ("250k", 250_000), ("1234", 1234), ("1.5B", 1_500_000_000)])
def test_counts_are_read_with_their_unit(text: str, count: int) -> None:
    assert parse_limits(None, text, None).parameters == count


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("2", None, None), "--max-memory '2'"),
        (("0GB", None, None), "--max-memory '0GB'"),
        (("-1GB", None, None), "--max-memory '-1GB'"),
        ((None, "many", None), "--max-parameters 'many'"),
        ((None, "1GB", None), "--max-parameters '1GB'"),
        ((None, None, 0.0), "--max-predict-ms 0"),
        ((None, None, float("nan")), "--max-predict-ms nan"),
    ],
)
def test_what_is_no_limit_is_named_with_the_remedy(given: tuple[str | None, str | None, float | None], named: str) -> None:
    with pytest.raises(UsageError, match=f"{named}.*write"):
        parse_limits(*given)


def test_a_limit_is_broken_by_what_is_known_to_be_over_it() -> None:
    limits = Limits(memory_bytes=10_000_000, parameters=1000, predict_ms=5.0)
    assert limits.broken_by(Costs()) is None and limits.broken_by(Costs(1000, 10_000_000, 5.0)) is None
    assert limits.broken_by(Costs(parameters=1001)) == ("trains more than --max-parameters 1,000", "1,001")
    assert limits.broken_by(Costs(memory_bytes=20_000_000)) == ("takes more than --max-memory 10 MB", "20 MB")
    assert limits.broken_by(Costs(predict_ms=5.5)) == ("takes more than --max-predict-ms 5 per image", "5.5 ms")
    assert NO_LIMITS.broken_by(Costs(10**12, 10**12, 1e9)) is None


def test_bytes_are_told_in_decimal_units() -> None:
    assert [megabytes(count) for count in (0, 999, 1500, 2e6, 3.456e9)] == ["0 B", "999 B", "1.5 KB", "2 MB", "3.46 GB"]
