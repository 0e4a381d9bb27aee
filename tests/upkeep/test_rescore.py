"""What is recorded is held against the saved predictions."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.sparse import csr_array

from bench.kinds.metrics import Metric, classification_metrics
from bench.store.record import Data, Record
from bench.store.store import Store
from bench.upkeep.rescore import AGAIN, rescore
from tests.stores import bench, failed, make_store, predicted, scored


def claiming(record: Record, **metrics: float) -> Record:
    """The record with other metrics than its predictions give."""
    changed = {name.replace("_at_", "@"): Metric(value) for name, value in metrics.items()}
    return msgspec.structs.replace(record, metrics={**record.metrics, **changed})


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_true_records_agree(tmp_path: Path, kind: str) -> None:
    make_store(tmp_path, *(predicted(tmp_path, f"r{seed}", seed=seed, kind=kind) for seed in range(3)))
    result = bench("rescore", tmp_path)
    assert result.exit_code == 0
    assert result.output == "3 records agree with their predictions, 0 differ, 0 have damaged predictions, 0 have none\n"


@pytest.mark.parametrize(
    ("kind", "claim", "line"),
    [
        ("classification", {"accuracy": 0.8}, "accuracy 0.8 → 0.75"),
        ("retrieval", {"mean_recall_at_1": 0.8}, "mean_recall@1 0.8 → 0.75"),
        ("classification", {"accuracy": 0.75 + 2e-9}, "accuracy 0.750000002 → 0.75"),
    ],
)
def test_a_wrong_metric_is_shown(tmp_path: Path, kind: str, claim: dict[str, float], line: str) -> None:
    make_store(tmp_path, claiming(predicted(tmp_path, "r1", kind=kind), **claim), predicted(tmp_path, "r2", seed=2, kind=kind))
    before = (tmp_path / "records" / "first.jsonl").read_bytes()
    result = bench("rescore", tmp_path)
    assert result.exit_code == 1
    assert f"r1, lora on tiny, 4 shots, seed 1: {line}\n" in result.output
    assert "1 records agree with their predictions, 1 differ" in result.output
    assert list((tmp_path / "records").iterdir()) == [tmp_path / "records" / "first.jsonl"]
    assert (tmp_path / "records" / "first.jsonl").read_bytes() == before


def test_a_difference_within_rounding_is_none(tmp_path: Path) -> None:
    make_store(tmp_path, claiming(predicted(tmp_path, "r1"), accuracy=0.75 + 5e-10))
    assert bench("rescore", tmp_path).exit_code == 0


def test_a_metric_that_was_not_recorded_is_added_and_one_that_is_not_computed_is_kept(tmp_path: Path) -> None:
    record = predicted(tmp_path, "r1")
    metrics = {name: metric for name, metric in record.metrics.items() if name != "log_loss"} | {"elsewhere": Metric(0.5)}
    make_store(tmp_path, msgspec.structs.replace(record, metrics=metrics))
    result = bench("rescore", tmp_path, "--write")
    assert result.exit_code == 0 and "log_loss not recorded → " in result.output
    (latest,) = Store(tmp_path).latest().values()
    assert latest.metrics == {**record.metrics, "elsewhere": Metric(0.5)}


def test_corrections_are_appended_and_count(tmp_path: Path) -> None:
    truth = predicted(tmp_path, "r1", right=2)
    make_store(tmp_path, claiming(truth, accuracy=0.9))
    before = (tmp_path / "records" / "first.jsonl").read_bytes()
    result = bench("rescore", tmp_path, "--write")
    assert result.exit_code == 0 and "1 corrected records written" in result.output
    assert (tmp_path / "records" / "first.jsonl").read_bytes() == before
    assert len(list(Store(tmp_path).read())) == 2
    (latest,) = Store(tmp_path).latest().values()
    assert latest.metrics == truth.metrics and latest.corrects == "r1" and latest.record_id != "r1"
    assert latest.reliability is not None and sum(latest.reliability.right) == 2
    assert latest.cell == truth.cell and latest.artifacts == truth.artifacts
    assert latest.provenance is not None and truth.provenance is not None
    assert latest.provenance.finished == truth.provenance.finished and "rescored" in latest.provenance.flags
    again = bench("rescore", tmp_path, "--write")
    assert again.exit_code == 0 and again.output.startswith("1 records agree")
    assert len(list(Store(tmp_path).read())) == 2


@pytest.mark.parametrize("name", ["a", "z"])
def test_a_corrected_record_counts_wherever_it_is_read(tmp_path: Path, name: str) -> None:
    wrong = scored(0.9, "wrong", minute=5)
    right = msgspec.structs.replace(scored(0.5, "right", minute=5), corrects="wrong")
    make_store(tmp_path, wrong, name="m")
    make_store(tmp_path, right, name=name)
    assert [record.record_id for record in Store(tmp_path).latest().values()] == ["right"]


def test_a_correction_does_not_overtake_a_later_attempt(tmp_path: Path) -> None:
    """An attempt that something else has overtaken is shown and left as it is."""
    old = msgspec.structs.replace(claiming(predicted(tmp_path, "old"), accuracy=1.0), provenance=scored(0.5, minute=1).provenance)
    new = msgspec.structs.replace(predicted(tmp_path, "new"), provenance=scored(0.5, minute=2).provenance)
    make_store(tmp_path, old, new)
    result = bench("rescore", tmp_path, "--write")
    assert result.exit_code == 0 and "overtaken by another record" in result.output
    assert [record.record_id for record in Store(tmp_path).read()] == ["old", "new"]


def test_missing_predictions_are_counted(tmp_path: Path) -> None:
    make_store(
        tmp_path, predicted(tmp_path, "r1"), predicted(tmp_path, "r2", seed=2), scored(0.5, "r3", seed=3), failed("r4", seed=4)
    )
    (tmp_path / "artifacts" / "r1.npz").unlink()
    result = bench("rescore", tmp_path)
    assert result.exit_code == 0
    assert "1 records agree with their predictions, 0 differ, 0 have damaged predictions, 2 have none" in result.output


GOOD = {"scores": np.eye(2)[[0, 0, 0, 1]], "labels": np.zeros(4, dtype=int)}


@pytest.mark.parametrize(
    "arrays",
    [
        {"scores": GOOD["scores"]},
        {**GOOD, "labels": np.full(4, 2)},
        {**GOOD, "labels": np.full(4, -1)},
        {**GOOD, "labels": np.zeros(3, dtype=int)},
        {**GOOD, "labels": np.zeros((4, 1), dtype=int)},
        {**GOOD, "labels": np.array(["a"] * 4)},
        {**GOOD, "scores": np.full((4, 2), np.nan)},
        {**GOOD, "scores": np.zeros((0, 2)), "labels": np.zeros(0, dtype=int)},
        {"image_to_text": np.zeros(4, dtype=int), "text_to_image": np.zeros(4, dtype=int)},
    ],
)
def test_predictions_of_something_else_are_damaged(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    make_store(tmp_path, predicted(tmp_path, "r1"))
    np.savez_compressed(tmp_path / "artifacts" / "r1.npz", **arrays)  # type: ignore[arg-type]
    result = bench("rescore", tmp_path, "--write")
    assert result.exit_code == 1 and "artifacts/r1.npz: " in result.output and "run the cell again" in result.output
    assert len(list(Store(tmp_path).read())) == 1


def test_a_file_damaged_anywhere_is_told_and_stops_nothing(tmp_path: Path) -> None:
    make_store(tmp_path, predicted(tmp_path, "r1"))
    path = tmp_path / "artifacts" / "r1.npz"
    whole = path.read_bytes()
    np.save(tmp_path / "array.npy", np.zeros(4))
    torn = [whole[:cut] for cut in range(0, len(whole), 20)]
    changed = [whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :] for place in range(len(whole))]
    told = 0
    for body in (*torn, *changed, (tmp_path / "array.npy").read_bytes(), b"PK"):
        path.write_bytes(body)
        found = rescore(tmp_path)
        assert found.agree + len(found.unreadable) + len(found.different) == 1
        told += len(found.unreadable)
    assert told > len(whole) / 2  # the rest are bytes that say nothing, such as times and flags


def test_the_count_of_the_record_is_held_against_the_file(tmp_path: Path) -> None:
    data = Data(origin="", classes=2, n_support=4, n_val=0, n_test=5, support_hash="", test_hash="")
    make_store(tmp_path, msgspec.structs.replace(predicted(tmp_path, "r1"), data=data))
    assert rescore(tmp_path).unreadable == [
        f"{tmp_path / 'artifacts' / 'r1.npz'}: holds 4 predictions, its record says 5: {AGAIN}"
    ]


def test_a_folder_without_records(tmp_path: Path) -> None:
    assert bench("rescore", tmp_path).exit_code == 2


def with_credit(out: Path, accuracy: float) -> Record:
    """Three examples, of which the chosen answers are worth 1, 0.3 and 0; the last one's answer is no class."""
    record = predicted(out, "r1", kind="pair")
    credit = csr_array(np.array([[1.0, 0.0], [0.3, 0.9], [0.0, 0.6]]))
    arrays = {"scores": np.eye(2)[[0, 0, 0]], "labels": np.array([0, 1, -1])}
    metrics = classification_metrics(arrays["scores"], arrays["labels"], credit)
    parts = {f"credit_{part}": getattr(credit, part) for part in ("data", "indices", "indptr")}
    np.savez_compressed(out / "artifacts" / "r1.npz", **arrays, **parts)
    return claiming(msgspec.structs.replace(record, metrics=metrics), accuracy=accuracy)


def test_accuracy_by_credit_is_computed_again(tmp_path: Path) -> None:
    make_store(tmp_path, with_credit(tmp_path, 1.3 / 3))
    assert bench("rescore", tmp_path).exit_code == 0
    make_store(tmp_path, with_credit(tmp_path, 1 / 3))
    result = bench("rescore", tmp_path)
    assert result.exit_code == 1 and "accuracy 0.333333333 → 0.433333333" in result.output
