"""Stored results score again, to the bit; what doesn't belong together is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bench import api
from bench.backbone import load
from bench.cell.worker import Worker
from bench.errors import UsageError
from bench.kinds.recall import retrieval_metrics, retrieval_ranks
from bench.plan.grid import Request, expand
from bench.plan.registry import find_methods
from bench.plan.settings import Settings
from bench.spec import parse_names
from bench.store.record import Record
from tasks.find import find_task
from tests.cell.conftest import TEST_EXAMPLES

REGISTRY = find_methods()
CASES = [
    ("zero-shot", "sketches"), ("zero-shot[ensemble=true]", "sketches"), ("tip-adapter", "sketches"), ("lp++", "sketches"),
    ("xtremeclip", "scenes-entailment"), ("zero-shot", "scenes-vqa"), ("lora", "sketches"), ("full", "scenes-vqa"),
    ("maple", "sketches"), ("cocoop", "scenes-entailment"), ("lilt-da", "scenes-retrieval"), ("lp-ft", "sketches"),
]  # fmt: skip


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    folder = tmp_path_factory.mktemp("stored")
    return Worker(Settings(folder, folder / "bank", threads=torch.get_num_threads(), save_weights=True))


def made(worker: Worker, label: str, task: str, **options: str) -> Record:
    request = Request(tuple(parse_names(label, "methods")), (task,), (2,), (1,), quick=True, **options)  # type: ignore[arg-type]
    (cell,) = expand(request, REGISTRY, load(request.backbone).fingerprint)
    record = worker.run(cell)
    assert record.status == "ok", record.error
    return record


@pytest.mark.parametrize(("label", "task"), CASES)
def test_a_stored_result_gives_the_same_scores(worker: Worker, label: str, task: str) -> None:
    record = made(worker, label, task)
    split = find_task(task).test
    rows = np.linspace(0, len(split) - 1, TEST_EXAMPLES).round().astype(int).tolist()
    texts = None if split.texts is None else [split.texts[row] for row in rows]
    scores = api.load(record, worker.settings.out, whole_batches=True)([split.image(row) for row in rows], texts).numpy()
    with np.load(worker.settings.out / record.artifacts["predictions"]) as arrays:
        if task == "scenes-retrieval":
            assert (scores.argmax(1) == np.arange(TEST_EXAMPLES)).mean() == np.mean(arrays["image_to_text"] == 0)
        else:
            np.testing.assert_array_equal(scores, arrays["scores"])


@pytest.mark.parametrize("label", ["tip-adapter", "wise-ft", "lp++"])
def test_what_the_validation_set_chose_is_stored(worker: Worker, label: str) -> None:
    record = made(worker, label, "sketches", protocol="val")
    split = find_task("sketches").test
    rows = np.linspace(0, len(split) - 1, TEST_EXAMPLES).round().astype(int).tolist()
    scores = api.load(record, worker.settings.out, whole_batches=True)([split.image(row) for row in rows]).numpy()
    assert record.training is not None and record.training.chosen
    with np.load(worker.settings.out / record.artifacts["predictions"]) as arrays:
        np.testing.assert_array_equal(scores, arrays["scores"])


def test_only_what_was_trained_is_stored(worker: Worker) -> None:
    record = made(worker, "lora", "sketches")
    path = worker.settings.out / record.artifacts["weights"]
    stored = load_file(path)
    assert record.parameters is not None and record.parameters.stored_bytes == path.stat().st_size
    assert sum(value.numel() for value in stored.values()) == record.parameters.trainable
    assert all("lora_" in name for name in stored)


def test_the_file_alone_is_enough(worker: Worker) -> None:
    record = made(worker, "taskres", "sketches")
    split = find_task("sketches").test
    scorer = api.load(worker.settings.out / record.artifacts["weights"])
    assert scorer.about.class_names == find_task("sketches").class_names
    assert scorer([split.image(0), split.image(1)]).shape == (2, len(scorer.about.class_names))
    with pytest.raises(UsageError, match="take no texts"):
        scorer([split.image(0)], ["a text"])


def test_what_does_not_belong_together_is_refused(worker: Worker, tmp_path: Path) -> None:
    out = worker.settings.out
    record = made(worker, "lora", "sketches")
    path = out / record.artifacts["weights"]
    change = msgspec.structs.replace
    with pytest.raises(UsageError, match="holds method lora, the record says full"):
        api.load(change(record, cell=change(record.cell, method="full")), out)
    with pytest.raises(UsageError, match="holds parameters"):
        api.load(change(record, cell=change(record.cell, params={**record.cell.params, "r": 4})), out)
    with pytest.raises(UsageError, match="holds backbone"):
        api.load(change(record, cell=change(record.cell, fingerprint="beef")), out)
    with pytest.raises(UsageError, match="--save-weights"):
        api.load(change(record, artifacts={}), out)

    def written(name: str, **changes: object) -> Path:
        about = {**msgspec.json.decode(read_about(path)), **changes}
        save_file(load_file(path), tmp_path / name, {"bench": msgspec.json.encode(about).decode()})
        return tmp_path / name

    with pytest.raises(UsageError, match="use the very weights"):
        api.load(written("fingerprint.safetensors", fingerprint="beef"))
    with pytest.raises(UsageError, match="stored weights don't fit"):
        api.load(written("rank.safetensors", params={**record.cell.params, "r": 4}))
    with pytest.raises(UsageError, match="stored weights don't fit"):
        api.load(written("method.safetensors", method="bitfit", params={"lr": 2e-4}))
    with pytest.raises(UsageError, match="does not take the stored parameters"):
        api.load(written("unknown.safetensors", params={"rank": 2}))
    with pytest.raises(UsageError, match="unknown method"):
        api.load(written("lorra.safetensors", method="lorra"))
    (tmp_path / "other.safetensors").write_bytes(b"nothing of ours")
    with pytest.raises(UsageError, match="not a stored result"):
        api.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize("label", ["lilt-lwa-ln[reduction=8]", "lilt-da", "scratch"])
def test_an_alignment_is_stored_for_its_own_towers_only(worker: Worker, tmp_path: Path, label: str) -> None:
    record = made(worker, label, "scenes-retrieval", backbone="bundled-unaligned")
    path = worker.settings.out / record.artifacts["weights"]
    split = find_task("scenes-retrieval").test
    rows = np.linspace(0, len(split) - 1, TEST_EXAMPLES).round().astype(int).tolist()
    assert split.texts is not None
    scores = api.load(path, whole_batches=True)([split.image(row) for row in rows], [split.texts[row] for row in rows]).numpy()
    ranks = retrieval_ranks(scores, [split.ids[row] for row in rows])
    assert {name: metric.value for name, metric in retrieval_metrics(ranks).items()}.items() <= {
        name: metric.value for name, metric in record.metrics.items()
    }.items()
    about = msgspec.json.decode(read_about(path))
    assert about["params"] == record.cell.params
    save_file(load_file(path), tmp_path / "other", {"bench": msgspec.json.encode({**about, "backbone": "bundled"}).decode()})
    with pytest.raises(UsageError, match="use the very weights"):
        api.load(tmp_path / "other")


def read_about(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(str(path), "pt") as file:
        return str(file.metadata()["bench"])
