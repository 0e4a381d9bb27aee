"""Which rows are marked as Pareto-optimal, and the bytes that they store."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.report import summarise_records
from bench.report.numbers.pareto import undominated
from bench.report.text.display import kibibytes_range
from bench.report.text.leaderboard import main_table
from tests.report.factory import make_record, realistic


@given(st.dictionaries(st.text("abcdefgh", max_size=2), st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1))
def test_undominated_is_what_nothing_beats(points: dict[str, tuple[int, int]]) -> None:
    best = undominated(points)
    assert best
    for name, (cost, score) in points.items():
        beaten = any((c < cost and s >= score) or (c <= cost and s > score) for c, s in points.values())
        assert (name in best) != beaten


def test_table_marks_the_optimal_and_shows_stored_bytes() -> None:
    records = realistic(["zero-shot", "lora", "coop", "full"], tasks=("a", "b"), shots=(4,), seeds=(1,))
    (table,) = summarise_records(records).tables
    rows = {row.label: row for row in table.rows}
    assert rows["zero-shot"].pareto == ("parameters", "seconds")  # the cheapest is never beaten
    assert rows[table.rows[0].label].pareto == ("parameters", "seconds")  # nor is the best
    assert rows["coop"].costs.stored_range == (4 * 8192, 4 * 8192)
    assert "| 32.0 |" in next(line for line in main_table(table) if line.startswith("| coop"))
    assert kibibytes_range((1024, 2048)) == "1.00 to 2.00"


def test_a_row_with_a_gap_is_not_marked() -> None:
    records = [make_record("cheap", task="a", seed=1, score=0.9), *(make_record("whole", task=task, score=0.5) for task in "ab")]
    (table,) = summarise_records(records).tables
    assert {row.label: row.pareto for row in table.rows} == {"whole": ("parameters", "seconds"), "cheap": ()}
