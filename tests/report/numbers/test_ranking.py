"""Friedman, Nemenyi and the diagram against Demsar's paper and against plain counting."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.report import summarise_records
from bench.report.numbers.ranking import TASKS, Ranking, cliques, critical_difference, friedman_p, rank_methods
from bench.report.numbers.statistics import signed_rank_p
from bench.report.page import render_page
from bench.report.plots.ranks import ranks_figure
from bench.report.text.exports import leaderboard_json
from bench.report.text.leaderboard import leaderboard
from tests.report.factory import make_record, realistic

# Table 6 of Demsar (JMLR 2006): AUC of C4.5 and three variants on 14 data sets; of voting's ranks 2 and 3 it prints one figure.
DEMSAR = pd.DataFrame(
    [
        (0.763, 0.768, 0.771, 0.798), (0.599, 0.591, 0.590, 0.569), (0.954, 0.971, 0.968, 0.967), (0.628, 0.661, 0.654, 0.657),
        (0.882, 0.888, 0.886, 0.898), (0.936, 0.931, 0.916, 0.931), (0.661, 0.668, 0.609, 0.685), (0.583, 0.583, 0.563, 0.625),
        (0.775, 0.838, 0.866, 0.875), (1.000, 1.000, 1.000, 1.000), (0.940, 0.962, 0.965, 0.962), (0.619, 0.666, 0.614, 0.669),
        (0.972, 0.981, 0.975, 0.9749), (0.957, 0.978, 0.946, 0.970),
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)  # fmt: skip


def test_demsars_example() -> None:
    ranking = rank_methods(DEMSAR, 4)
    assert isinstance(ranking, Ranking)
    expected = {"C4.5+m+cf": 1.964, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5": 3.143}
    assert ranking.ranks == pytest.approx(expected, abs=5e-4)
    assert list(ranking.ranks) == list(expected)
    assert ranking.critical_difference == pytest.approx(1.25, abs=0.005)
    assert ranking.cliques == (tuple(expected),)  # 3.143 - 1.964 is under 1.25
    # He leaves ties uncorrected and has F = 3.69; with Conover's correction the chi-square of 9.28 is divided by 1 - 78/840.
    chi_square = 12 * 14 / 20 * (sum(rank**2 for rank in ranking.ranks.values()) - 25)
    assert chi_square == pytest.approx(9.28, abs=0.01)
    chi_square /= 1 - 78 / 840
    f = 13 * chi_square / (14 * 3 - chi_square)
    assert ranking.friedman_p == pytest.approx(stats.f.sf(f, 3, 39))


@pytest.mark.parametrize(
    ("methods", "q"),
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)],
)
def test_critical_values_are_those_of_the_paper(methods: int, q: float) -> None:
    assert critical_difference(methods, 10) == pytest.approx(q * math.sqrt(methods * (methods + 1) / 60), rel=5e-4)


@given(st.lists(st.floats(1, 9), min_size=1, max_size=9), st.floats(0.1, 5))
@settings(max_examples=60, deadline=None)
def test_cliques_are_all_largest_groups(values: list[float], critical: float) -> None:
    ranks = {f"m{at}": value for at, value in enumerate(sorted(values))}
    within = [
        set(group)
        for size in range(2, len(ranks) + 1)
        for group in itertools.combinations(ranks, size)
        if max(ranks[label] for label in group) - min(ranks[label] for label in group) < critical
    ]
    largest = [group for group in within if not any(group < other for other in within)]
    found = [set(group) for group in cliques(ranks, critical)]
    assert all(group in found for group in largest) and len(found) == len(largest)


def test_friedman_at_its_ends() -> None:
    alike = pd.DataFrame(0.5, index=range(6), columns=list("abc"))
    assert friedman_p(alike) == 1.0
    agreed = pd.DataFrame([[0.1, 0.2, 0.3]] * 6, columns=list("abc"))
    assert friedman_p(agreed) == 0.0


def test_friedman_keeps_its_level() -> None:
    """Of methods that are all alike it finds a difference one time in twenty."""
    generator = np.random.default_rng(2)
    found = [friedman_p(pd.DataFrame(generator.random((8, 5)))) < 0.05 for _ in range(1000)]
    assert np.mean(found) == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 1000))


def test_the_fewest_tasks_are_those_on_which_a_pair_can_be_told_apart() -> None:
    assert signed_rank_p(np.linspace(0.1, 0.2, TASKS)) < 0.05 < signed_rank_p(np.linspace(0.1, 0.2, TASKS - 1))


def test_too_few_tasks_or_methods_say_so() -> None:
    table = summarise_records(realistic(["lora", "coop", "full"], tasks=tuple("abcd"), shots=(1, 4))).tables[0]
    assert table.rankings == ()
    reason = "No critical-difference diagram, shots 1, 4: 4 tasks, and it takes 6 to tell even two methods apart."
    assert reason in table.notes
    two = summarise_records(realistic(["lora", "coop"], shots=(1,))).tables[0]
    assert any("2 methods have a score on all 7 tasks, and it takes 3" in note for note in two.notes)


def test_a_method_with_a_gap_is_not_ranked() -> None:
    records = realistic(["lora", "coop", "full", "bitfit"], shots=(1, 4))
    (table,) = summarise_records(records[:-1]).tables  # bitfit's last cell at 4 shots is missing
    assert [len(ranking.ranks) for ranking in table.rankings] == [4, 3]
    ranks = table.rankings[1].ranks
    assert "bitfit" not in ranks and sum(ranks.values()) == pytest.approx(6)
    assert any(note.startswith("Critical-difference diagram, shots 4: 3 methods on 7 tasks") for note in table.notes)


def test_the_diagram_shows_ranks_cliques_and_the_difference() -> None:
    (table,) = summarise_records(realistic(shots=(1, 16))).tables
    figure = ranks_figure(table.section, table.rankings, frozenset({"zero-shot"}))
    assert len(figure.axes) == 2
    for axes, ranking in zip(figure.axes, table.rankings, strict=True):
        texts = [text.get_text() for text in axes.texts]
        assert f"critical difference {ranking.critical_difference:.2f}" in texts
        assert all(any(f"{rank:.2f}" in text and label in text for text in texts) for label, rank in ranking.ranks.items())
        bars = [line.get_xdata() for line in axes.lines if line.get_linewidth() > 2]
        ends = [(ranking.ranks[clique[0]], ranking.ranks[clique[-1]]) for clique in ranking.cliques]
        assert len(bars) == len(ends)
        for bar, (left, right) in zip(bars, ends, strict=True):
            assert float(bar[0]) < left <= right < float(bar[1]) < right + 0.1


def test_tasks_of_several_kinds_are_ranked_together() -> None:
    """Four classifications and two retrievals make six."""
    names = ["lora", "coop", "full"]
    records = realistic(names, tasks=tuple("abcd"), shots=(1, 4)) + realistic(
        names, tasks=("x", "y"), shots=(4,), kind="retrieval"
    )
    records += [make_record("head", task, 4, seed) for task in "abcd" for seed in (1, 2, 3)]  # not on retrieval
    summary = summarise_records(records)
    (joint,) = summary.joint
    assert joint.section.kind == "all kinds"
    (ranking,) = joint.rankings  # one shot: four tasks only
    assert (ranking.shots, ranking.tasks, set(ranking.ranks)) == (4, (*"abcd", "x", "y"), set(names))
    page = leaderboard(summary, {})
    assert "## All kinds: bundled" in page and "| method | mean rank, 4 shots |" in page
    web = render_page(summary, records, {})
    assert "<h2>All kinds</h2>" in web and all(f">{rank:.2f}</td>" in web for rank in ranking.ranks.values())
    (found,) = json.loads(leaderboard_json(summary))["joint"]
    assert found["rankings"][0]["ranks"] == ranking.ranks
    other = realistic(names, tasks=("x", "y"), shots=(4,), kind="retrieval", backbone="other")
    assert summarise_records(realistic(names, tasks=tuple("abcd"), shots=(4,)) + other).joint == []
