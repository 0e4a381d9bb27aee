"""The committed reference run: whole, of every method, and each method learns; the pages made from it are up to date."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from bench.checks.methods_page import methods_page
from bench.checks.readme import draw_budgets, with_count, with_leaderboard
from bench.errors import UsageError
from bench.plan.registry import find_methods
from bench.report import summarise_records
from bench.store.record import Record, headline
from bench.store.store import Store
from tasks.bundled import TASKS

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "results" / "reference"
REGISTRY = find_methods()
LARGEST = 16
# Its single-image steps are cut to a tenth by the budget; its docstring says what it reaches without.
BEATS_ZERO_SHOT_ON_FEWER = {"cocoop"}


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(Store(REFERENCE).latest().values())


def test_a_method_that_ran_ran_on_every_bundled_task(records: list[Record]) -> None:
    ran = {(record.cell.method, record.cell.task) for record in records}
    there = {method for method, _ in ran}
    assert ran == {(method, task.name) for method in there for task in TASKS}
    print("without reference records:", ", ".join(sorted(REGISTRY.methods.keys() - there)) or "none")  # noqa: T201
    assert {record.status for record in records} == {"ok", "not_applicable"}


def test_every_trained_method_beats_zero_shot_on_at_least_two_classifications(records: list[Record]) -> None:
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        score = headline(record)
        if score is not None and record.cell.kind == "classification" and record.cell.shots in (0, LARGEST):
            scores[record.cell.method, record.cell.task].append(score)
    means = {cell: sum(found) / len(found) for cell, found in scores.items()}
    for method, kind in REGISTRY.methods.items():
        if (method, TASKS[0].name) not in means or not kind.uses_support or "classification" not in kind.kinds:
            continue
        better = [task for (name, task), mean in means.items() if name == method and mean > means["zero-shot", task]]
        assert len(better) >= (1 if method in BEATS_ZERO_SHOT_ON_FEWER else 2), f"{method} beats zero-shot on {better} only"


def test_the_leaderboard_in_readme_is_the_reference_runs(records: list[Record]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == with_leaderboard(readme, summarise_records(records)), "run: python -m bench docs"
    assert readme == with_count(readme, REGISTRY), "run: python -m bench docs"
    with pytest.raises(UsageError, match="put them in"):
        with_leaderboard("# Nothing", summarise_records(records))


def test_the_picture_in_readme_is_the_reference_runs(records: list[Record], tmp_path: Path) -> None:
    """The names are compared, not the bytes, which are another version of matplotlib's to choose."""
    summary = summarise_records(records)
    draw_budgets(summary, tmp_path / "made.svg")
    bold = "<text[^>]*font-weight: 700[^>]*>([^<]+)<"
    made, there = ((tmp_path / "made.svg").read_text("utf-8"), (ROOT / "docs" / "budgets.svg").read_text("utf-8"))
    assert re.findall(bold, made) == re.findall(bold, there) != [], "run: python -m bench docs"
    assert "(docs/budgets.svg)" in (ROOT / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="--results of a whole run"):
        draw_budgets(summarise_records([record for record in records if record.status == "not_applicable"]), tmp_path / "x.svg")


def test_the_page_of_methods_is_up_to_date(records: list[Record]) -> None:
    """What it says is true; a method that came since is no fault of the page's."""
    pytest.importorskip("peft", reason="it counts what the extra [peft] trains")
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8").splitlines()
    made = methods_page(REGISTRY, summarise_records(records)).splitlines()
    assert not set(page) - set(made), "run: python -m bench docs"
    print("not on the page yet:", *sorted(set(made) - set(page)), sep="\n")  # noqa: T201
