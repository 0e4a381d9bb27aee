"""What goes into a table: means over the right cells, gaps, kinds and sections kept apart."""

from __future__ import annotations

import json
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.errors import UsageError
from bench.kinds.metrics import Metric
from bench.report import Summary, Table, summarise_records
from bench.report.numbers.sorting import sort_rows
from bench.report.numbers.summary import Row
from bench.report.page.machines import machines
from bench.report.text.columns import columns
from bench.report.text.exports import leaderboard_csv, leaderboard_json
from bench.report.text.leaderboard import leaderboard
from bench.store.record import Joules, Record
from tests.report.factory import failed_record, later, make_record, realistic

SMALL = realistic(["zero-shot", "lora", "coop", "full"], tasks=("a", "b", "c"), shots=(1, 4), seeds=(1, 2, 3))


def only(records: list[Record]) -> Table:
    tables = summarise_records(records).tables
    assert len(tables) == 1
    return tables[0]


def row(table: Table, label: str) -> Row:
    return next(row for row in table.rows if row.label == label)


def score_of(record: Record) -> float:
    return record.metrics["accuracy"].value


def is_cell(record: Record, method: str, task: str, shots: int, seed: int) -> bool:
    cell = record.cell
    return (cell.method, cell.task, cell.shots, cell.seed) == (method, task, shots, seed)


def test_mean_averages_tasks_per_seed_first() -> None:
    found = row(only(SMALL), "lora").scores[4]
    per_seed = [
        np.mean(
            [
                score_of(record)
                for record in SMALL
                if record.cell.method == "lora" and (record.cell.shots, record.cell.seed) == (4, seed)
            ]
        )
        for seed in (1, 2, 3)
    ]
    assert found is not None
    assert found.mean == pytest.approx(np.mean(per_seed))
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 2) * np.std(per_seed, ddof=1) / np.sqrt(3))
    assert found.count == 3


def test_rows_are_sorted_and_baseline_is_repeated() -> None:
    table = only(SMALL)
    means = [estimate.mean for entry in table.rows if (estimate := entry.scores[4])]
    assert means == sorted(means, reverse=True)
    assert len(means) == 4
    baseline = row(table, "zero-shot")
    assert baseline.baseline
    assert baseline.scores[1] == baseline.scores[4]
    assert baseline.scores[1] is not None
    assert baseline.scores[1].half_width is None
    assert table.shots == (1, 4)
    assert baseline.missing == 0


def test_gain_and_rank_at_largest_shots() -> None:
    table = only(SMALL)
    lora, baseline = row(table, "lora"), row(table, "zero-shot")
    assert lora.scores[4] and baseline.scores[4]
    assert lora.gain == pytest.approx(lora.scores[4].mean - baseline.scores[4].mean)
    assert baseline.gain is None
    # By hand: on each task, how many methods have a higher mean.
    means = {name: [float(np.mean(at_four(name, task))) for task in "abc"] for name in ("zero-shot", "lora", "coop", "full")}
    for entry in table.rows:
        above = [sum(other[at] > means[entry.label][at] for other in means.values()) for at in range(3)]
        assert entry.rank == pytest.approx(1 + sum(above) / 3)


def test_wins_ties_and_losses_are_counted_over_tasks() -> None:
    scores = {"zero-shot": (0.5, 0.5, 0.5), "good": (0.6, 0.5, 0.9), "poor": (0.7, 0.4, 0.2)}
    records = [
        make_record(method, task, 0 if method == "zero-shot" else 4, 1, score)
        for method, of in scores.items()
        for task, score in zip("abc", of, strict=True)
    ]
    table = only(records)
    assert row(table, "good").against_reference == (2, 1, 0)
    assert row(table, "good").against_best is None  # it is the best
    assert row(table, "poor").against_reference == row(table, "poor").against_best == (1, 0, 2)
    assert row(table, "zero-shot").against_best == (0, 1, 2)


def at_four(method: str, task: str) -> list[float]:
    """Scores of the seeds at four shots, a baseline's one score otherwise."""
    cells = [
        record for record in SMALL if (record.cell.method, record.cell.task) == (method, task) and record.cell.shots in (0, 4)
    ]
    return [score_of(record) for record in cells]


def test_seeds_that_one_task_lacks_are_left_out_of_the_mean() -> None:
    scores = {("a", 1): 0.1, ("a", 2): 0.2, ("a", 3): 0.9, ("b", 1): 0.3, ("b", 2): 0.6}
    table = only([make_record(task=task, seed=seed, score=score) for (task, seed), score in scores.items()])
    assert table.rows[0].scores[4] is not None
    assert (table.rows[0].scores[4].mean, table.rows[0].scores[4].count) == (pytest.approx(0.3), 2)
    assert table.rows[0].missing == 0
    assert table.rows[0].tasks["a"][4].ok == 3


def test_a_method_with_fewer_seeds_shows_its_own_mean_and_says_over_how_many() -> None:
    fewer = [record for record in SMALL if record.cell.label != "lora" or record.cell.seed == 1]
    summary = summarise_records(fewer)
    lora, whole = row(summary.tables[0], "lora"), row(only(SMALL), "coop")
    assert lora.scores[4] is None and lora.rank is None and lora.gain is None  # it is compared with nobody
    own = [score_of(record) for record in fewer if record.cell.label == "lora" and record.cell.shots == 4]
    assert lora.partial[4].mean == pytest.approx(np.mean(own)) and lora.partial[4].count == 1
    assert whole.partial == {} and row(summary.tables[0], "zero-shot").partial == {}
    assert f"{100 * np.mean(own):.1f} (1 of 3 seeds)" in leaderboard(summary, {})
    given = json.loads(leaderboard_json(summary))["tables"][0]["rows"]
    assert {entry["label"]: list(entry["partial"]) for entry in given}["lora"] == ["1", "4"]
    # With a task that it lacks altogether there is no mean at all.
    assert row(only([r for r in fewer if (r.cell.label, r.cell.task) != ("lora", "b")]), "lora").partial == {}


def test_two_thread_counts_are_one_machine() -> None:
    def made(seed: int, **changes: object) -> Record:
        record = make_record(seed=seed)
        return msgspec.structs.replace(record, provenance=msgspec.structs.replace(record.provenance, **changes))

    (note,) = [note for note in only([made(1), made(2, threads=1)]).notes if note.startswith("Made on")]
    assert (
        note == "Made on cpu, with 1 and 2 threads: seconds, joules and memory do not compare between cells of different counts."
    )
    (note,) = [note for note in only([made(1), made(2, host="there")]).notes if note.startswith("Made on")]
    assert note == "Made on 2 different machines or devices, with 2 threads: seconds, joules and memory do not compare."
    assert [dict(found.facts)["threads"] for found in machines([made(1), made(2, threads=1)])] == ["1, 2"]


def test_tables_are_sorted_by_a_metric() -> None:
    def scored(method: str, score: float, by_class: float) -> Record:
        record = make_record(method, score=score)
        return msgspec.structs.replace(record, metrics=record.metrics | {"class_mean_accuracy": Metric(by_class)})

    summary = summarise_records([scored("even", 0.5, 0.5), scored("lazy", 0.75, 0.33)])
    assert [entry.label for entry in summary.tables[0].rows] == ["lazy", "even"]
    assert [entry.label for entry in sort_rows(summary, "class_mean_accuracy").tables[0].rows] == ["even", "lazy"]
    assert "class mean" in [column.title for column in columns(summary.tables[0])]
    alike = summarise_records([scored("even", 0.5, 0.5), scored("lazy", 0.75, 0.75)])
    assert "class mean" not in [column.title for column in columns(alike.tables[0])]  # as in a balanced test set
    with pytest.raises(UsageError, match="memory, class_mean_accuracy"):
        sort_rows(summary, "f1")


def test_missing_cell_is_counted_and_empties_mean_rank_and_costs() -> None:
    table = only([record for record in SMALL if not is_cell(record, "lora", "b", 4, 2)])
    lora = row(table, "lora")
    assert (lora.missing, lora.failed) == (1, 0)
    assert lora.scores[4] is None and lora.rank is None and lora.gain is None and lora.costs.seconds is None
    assert lora.scores[1] is not None  # nothing is missing there
    assert lora.tasks["b"][4].ok == 2
    assert lora.tasks["a"][4].estimate is not None
    assert table.rows[-1].label == "lora"
    assert len(table.scores.ranks) == 3
    assert sum(entry.rank or 0 for entry in table.rows) == pytest.approx(1 + 2 + 3)
    assert "(2 of 3 seeds)" in leaderboard(summarise_records([r for r in SMALL if not is_cell(r, "lora", "b", 4, 2)]), {})


def test_failed_is_not_missing_and_a_score_not_finite_is_failed() -> None:
    records = [record for record in SMALL if not is_cell(record, "coop", "c", 4, 1)]
    broken = make_record("coop", "c", 4, 1, float("nan"))
    for bad in (failed_record("oom", method="coop", task="c", shots=4, seed=1), broken):
        summary = summarise_records([*records, bad])
        coop = row(summary.tables[0], "coop")
        assert (coop.missing, coop.failed) == (0, 1)
        assert coop.scores[4] is None
        assert summary.failures["cells"].tolist() == [1]


def pair_records() -> list[Record]:
    made = realistic(["zero-shot", "lora"], tasks=("answers", "entailment"), shots=(4,), seeds=(1, 2), kind="pair")
    kept = [record for record in made if (record.cell.method, record.cell.task) != ("zero-shot", "entailment")]
    reason = failed_record(
        "not_applicable", "no principled text", "plan", method="zero-shot", task="entailment", shots=0, seed=0, kind="pair"
    )
    return [*kept, reason]


def test_not_applicable_is_neither_missing_nor_averaged_away() -> None:
    records = pair_records()
    summary = summarise_records(records)
    table = summary.tables[0]
    baseline, lora = row(table, "zero-shot"), row(table, "lora")
    assert (baseline.missing, baseline.failed, baseline.not_applicable) == (0, 0, 1)
    assert baseline.scores[4] is None
    assert table.scores.gain_tasks == ("answers",)
    here = [score_of(record) for record in records if (record.cell.method, record.cell.task) == ("lora", "answers")]
    base = next(score_of(record) for record in records if (record.cell.method, record.cell.task) == ("zero-shot", "answers"))
    assert lora.gain == pytest.approx(np.mean(here) - base)
    page = leaderboard(summary, {})
    assert "1 of 2 tasks; gains are means over these: answers" in page
    assert "| entailment | zero-shot (same at all shots) | n/a |" in page
    assert "no principled text" in page.split("\n## Not applicable\n")[1]


def test_sections_never_mix() -> None:
    variants: list[dict[str, object]] = [
        {}, {"backbone": "ViT-B-16/openai"}, {"fingerprint": "beef"}, {"protocol": "val"},
        {"quick": True}, {"recipe": "paper"}, {"precision": "bf16"}, {"kind": "retrieval"},
    ]  # fmt: skip
    records = [make_record(score=0.1 * at, **variant) for at, variant in enumerate(variants)]
    tables = summarise_records(records).tables
    assert len(tables) == len(variants)
    assert sorted(round(table.rows[0].scores[4].mean, 3) for table in tables if table.rows[0].scores[4]) == pytest.approx(
        [0.1 * at for at in range(len(variants))]
    )
    assert [table.section.kind for table in tables][-1] == "retrieval"


def test_overtaken_records_do_not_pass_for_seeds() -> None:
    old, edited = make_record(score=0.2), later(make_record(score=0.8, method_code="code2"))
    table = only([edited, old])
    assert table.rows[0].scores[4] is not None
    assert (table.rows[0].scores[4].mean, table.rows[0].scores[4].count) == (0.8, 1)
    assert any("1 records left out" in note for note in table.notes)
    renewed = later(make_record("coop", score=0.6, task_version="2"))
    table = only([old, renewed])
    assert [entry.label for entry in table.rows] == ["coop"]  # scores of two versions of a task do not compare
    assert any(f"1 of {old.cell.task} since the newest ones of that name are of other data" in note for note in table.notes)


def test_what_a_reader_should_know_of_the_data_stands_under_the_table_once() -> None:
    known = [make_record(seed=seed) for seed in (0, 1)]
    assert known[0].data is not None
    told = msgspec.structs.replace(known[0].data, notes=["3 of 9 texts are cut", "left out, links that lead nowhere: 2"])
    table = only([msgspec.structs.replace(record, data=told) for record in known])
    found = [note for note in table.notes if note.startswith(f"{known[0].cell.task}: ")]
    assert found == [f"{known[0].cell.task}: {note}." for note in told.notes]


def test_measured_and_estimated_never_mix() -> None:
    measured = Joules(total=10.0, quality="measured", source="rapl", scope="cpu")
    other = Joules(total=10.0, quality="measured", source="nvml", scope="gpu 0")
    guess = Joules(total=99.0, quality="estimated", source="cpu-seconds x 10 W", scope="cpu")
    kinds = {"real": (measured, measured), "guessed": (guess, guess), "half": (measured, guess), "counters": (measured, other)}
    records = [make_record(name, seed=seed, energy_j=pair[seed]) for name, pair in kinds.items() for seed in (0, 1)]
    table = only(records)
    joules = {entry.label: (entry.costs.joules_measured, entry.costs.joules_estimated) for entry in table.rows}
    assert joules == {"real": (10.0, None), "guessed": (None, 99.0), "half": (None, None), "counters": (None, None)}
    page = leaderboard(Summary([table], *_nothing(records)), {})
    assert r"\~99.0" in page
    assert "| 99.0" not in page


def _nothing(records: list[Record]) -> tuple[object, ...]:
    summary = summarise_records(records)
    return summary.failures, summary.not_applicable, summary.frame


@pytest.mark.parametrize(
    ("random_weights", "aligned", "mark"),
    [
        (True, True, " (random weights)"),
        (False, False, " (unaligned)"),
        (True, False, " (unaligned, random weights)"),
        (False, True, ""),
    ],
)
def test_every_title_marks_random_weights_and_towers_that_never_met(random_weights: bool, aligned: bool, mark: str) -> None:
    """By the fields of the record, whatever the backbone is called."""
    given = {"backbone": "align(x)/random", "random_weights": random_weights, "aligned": aligned}
    table = only(realistic(["coop"], tasks=("a",), shots=(4,), seeds=(1,), **given))
    assert f"align(x)/random{mark}, protocol" in table.section.title
    assert ("never met" in " ".join(table.notes)) == (not aligned)
    assert ("has random weights" in " ".join(table.notes)) == random_weights


def test_notes_say_what_matters() -> None:
    notes = " ".join(only(realistic(["coop"], tasks=("a",), shots=(4,), seeds=(1,), random_weights=True)).notes)
    assert "asked 12,800 steps, run 200" in notes
    assert "a single seed shows no interval" in notes
    assert "random weights" in notes
    assert "cpu-seconds x 10 W over this process" in notes
    whole = " ".join(only(SMALL).notes)
    assert "random weights" not in whole
    assert "single seed" not in whole


@given(st.randoms(use_true_random=False))
@settings(max_examples=2, deadline=None)
def test_order_of_records_changes_no_byte(shuffler: random.Random) -> None:
    records = [*SMALL, *pair_records(), later(make_record("lora", "a", 4, 1, 0.3, method_code="new"))]
    expected = summarise_records(records)
    shuffler.shuffle(records)
    found = summarise_records(records)
    assert leaderboard(found, {}) == leaderboard(expected, {})
    assert leaderboard_csv(found) == leaderboard_csv(expected)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.sampled_from([1, 2]), st.booleans()), min_size=1, max_size=14
    )
)
@settings(max_examples=12, deadline=None)
def test_any_gap_empties_the_mean(cells: list[tuple[str, str, int, bool]]) -> None:
    unique = {cell[:3]: cell[3] for cell in cells}
    records = [
        make_record(method, task, 4, seed, 0.5) if ok else failed_record(method=method, task=task, shots=4, seed=seed)
        for (method, task, seed), ok in unique.items()
    ]
    tasks, seeds = {key[1] for key in unique}, {}
    for task in tasks:
        seeds[task] = {key[2] for key in unique if key[1] == task}
    common = set.intersection(*seeds.values())
    for entry in only(records).rows:
        whole = bool(common) and all(unique.get((entry.label, task, seed), False) for task in tasks for seed in common)
        assert (entry.scores[4] is not None) == whole
        assert entry.missing == sum((entry.label, task, seed) not in unique for task in tasks for seed in seeds[task])


def test_metric_of_the_kind_is_the_score() -> None:
    record = make_record(kind="retrieval", metrics={"mean_recall@1": Metric(0.25), "recall@5": Metric(0.9)})
    table = only([record])
    assert table.rows[0].scores[4] is not None
    assert table.rows[0].scores[4].mean == 0.25


def test_another_split_or_support_has_a_table_of_its_own_in_which_a_cell_is_no_other_attempt() -> None:
    usual = make_record(score=0.5)
    records = [
        usual,
        make_record(score=0.9, split_origin="the hub's split", record_id="hub"),
        make_record(score=0.7, support="indices", support_file="1f", record_id="given"),
        make_record(score=0.8, support="indices", support_file="2e", seed=2, record_id="given too"),
    ]
    tables = {(table.section.split_origin, table.section.support): table for table in summarise_records(records).tables}
    assert tables.keys() == {("", ""), ("the hub's split", ""), ("", "indices")}
    assert len(tables["", "indices"].cells) == 2
    assert tables["", ""].section.title.endswith("capped recipe, fp32")
    assert "fp32, the hub's split" in tables["the hub's split", ""].section.title
    assert "fp32, supports from indices" in tables["", "indices"].section.title
    assert [row.scores[4].mean for row in tables["", ""].rows if row.scores[4]] == [0.5]
