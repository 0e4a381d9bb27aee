"""What images count on a fold, who is better, and what an entrant costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.advise.entrants import better, by_key, distinct, held
from bench.kinds import KINDS
from bench.kinds.metrics import Metric
from bench.store.record import Bytes, Data, Parameters, Record, Seconds
from tasks.base import Split
from tests.advise.entered import cell, entrant, record
from tests.factories import make_cell, make_record, make_split


def stored(out: Path, kind: str, scores: np.ndarray, test: Split) -> tuple[Record, float]:
    """A record with saved predictions, and its headline metric."""
    found = KINDS[kind].score(scores, test, range(len(test)))
    (out / "artifacts").mkdir()
    np.savez(out / "artifacts" / "p.npz", **found.arrays)  # type: ignore[arg-type]
    about = make_record(cell=make_cell(kind=kind), artifacts={"predictions": "artifacts/p.npz"}, metrics=found.metrics)
    return about, found.metrics[KINDS[kind].headline].value


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_what_images_count_adds_up_to_the_headline_metric(kind: str, tmp_path: Path) -> None:
    random, count = np.random.default_rng(0), 24
    images = 24 if kind == "classification" else 8
    ids = [f"image{row % images:02}" for row in range(count)]
    labels = [-1] * count if kind == "retrieval" else random.integers(0, 3, count).tolist()
    test = make_split("test", labels, None if kind == "classification" else ["text"] * count, ids)
    shape = (images, count) if kind == "retrieval" else (count, 3)
    about, value = stored(tmp_path, kind, random.normal(size=shape).astype(np.float32), test)
    found = held(about, test, tmp_path)
    assert found.images == tuple(sorted(set(ids)))
    assert found.worth.sum() / found.entries.sum() == pytest.approx(value)
    assert found.entries.tolist() == {"classification": [1] * 24, "pair": [3] * 8, "retrieval": [4] * 8}[kind]


def test_where_images_were_left_out_each_prediction_is_one_of_its_own(tmp_path: Path) -> None:
    scores = np.eye(4, dtype=np.float32)
    about, _ = stored(tmp_path, "classification", scores, make_split("test", [0, 1, 2, 0]))
    found = held(about, make_split("test", [0, 1, 2, 0, 1]), tmp_path)
    assert len(found.images) == 4 and found.worth.sum() == 3


def test_a_record_without_predictions_gives_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="keeps no predictions"):
        held(make_record(), make_split("test", [0]), tmp_path)


def test_the_better_has_more_right_then_less_log_loss_then_fewer_parameters() -> None:
    right = {1: [1.0, 0.0], 2: [1.0, 1.0]}
    one, two, three, four = (entrant(name, right) for name in "abcd")
    worse = entrant("e", {1: [1.0, 0.0], 2: [1.0, 0.0]})
    for of, loss, count in ((one, 0.5, 9), (two, 0.4, 90), (three, 0.4, 9), (four, 0.9, 1)):
        for fold in right:
            parameters = Parameters(trainable=count, total=100, share=0.1, stored_bytes=1)
            metrics = {"accuracy": Metric(0.5), "log_loss": Metric(loss, False)}
            of.records[fold] = record(of.cells[fold], metrics=metrics, parameters=parameters)
    gone = entrant("f", {1: [1.0, 1.0], 2: [1.0, 1.0]})
    gone.reason = "failed"
    ranked = better([worse, one, two, three, four, gone, entrant("g", {1: [1.0, 1.0]})], [1, 2])
    assert [each.label for each in ranked] == ["c", "b", "a", "d", "e"]
    assert better([one], []) == []
    assert one.score([1]) == 0.5 and one.score([1, 2]) == 0.75 and one.tested == 4


def test_costs_are_the_largest_peak_and_the_shortest_time_per_image_beside_the_frozen_pass() -> None:
    one = entrant("a")
    assert (one.costs.parameters, one.costs.memory_bytes, one.costs.predict_ms) == (None, None, None)
    one.parameters, one.frozen_share, one.image_s = 7, 0.5, 0.004
    assert (one.costs.parameters, one.costs.predict_ms) == (7, pytest.approx(2.0))
    for fold, peak, predict in ((1, 10, 0.4), (2, 30, 0.2)):
        about = Data(origin="", classes=2, n_support=8, n_val=0, n_test=100, support_hash="", test_hash="")
        one.records[fold] = record(
            one.cells[fold], memory_bytes=Bytes(total=peak), time_s=Seconds(bank=1, fit=2, predict=predict), data=about
        )
    assert (one.costs.parameters, one.costs.memory_bytes) == (10, 30)
    assert one.costs.predict_ms == pytest.approx(2.0 + 2.0) and one.fit_seconds == 3


def test_cells_know_whose_they_are_and_one_stands_for_its_variants() -> None:
    one, other = entrant("a", folds=2), entrant("a", folds=2)
    other.cells = {3: cell("a[lr=2]", 3)}
    assert by_key([one, other])[one.cells[2].key] == (one, 2) and by_key([one, other])[other.cells[3].key] == (other, 3)
    assert distinct([other, one]) == [other]
