"""A fitted model on classes and tasks that it was not fitted to."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bench.backbone import load
from bench.cell.evaluate import columns, role_of
from bench.cell.worker import Worker
from bench.plan.evaluation import parse_evaluation
from bench.plan.grid import Request, expand
from bench.plan.registry import find_methods
from bench.plan.settings import Settings
from bench.spec import parse_names
from bench.store.record import Record
from bench.upkeep.rescore import recompute, recorded
from tasks.find import find_task
from tests.factories import make_task

REGISTRY = find_methods()
EVERYTHING = "new-classes,corruptions,task:textures"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    folder = tmp_path_factory.mktemp("worker")
    return Worker(Settings(folder, folder / "bank", threads=torch.get_num_threads()))


def run(worker: Worker, method: str, task: str, evaluate: str) -> Record:
    request = Request(
        tuple(parse_names(method, "methods")), (task,), (1,), (1,), quick=True, evaluation=parse_evaluation(evaluate)
    )
    (cell,) = expand(request, REGISTRY, load("bundled").fingerprint)
    record = worker.run(cell)
    assert record.status == "ok", record.error
    return record


# What was fitted belongs to its classes: zero-shot's texts or nothing stand in; it doesn't: it scores itself.
@pytest.mark.parametrize(
    ("method", "by"),
    [
        ("zero-shot", "model"), ("clip-adapter", "model"), ("rla", "model"), ("prolip", "model"), ("vpt", "model"),
        ("coop", "model"), ("coop[class_specific=true]", "class texts"), ("tcp", "model"), ("mmrl", "model"), ("lora", "model"),
        ("two-stage", "class texts"), ("wise-ft", "class texts"), ("tip-adapter", "class texts"), ("taskres", "class texts"),
        ("xtremeclip", "class texts"), ("lp-ft", "class texts"), ("linear-probe", ""),
    ],
)  # fmt: skip
def test_by_what_new_classes_and_other_sets_are_scored(worker: Worker, method: str, by: str) -> None:
    record = run(worker, method, "sketches", EVERYTHING)
    new, other, corrupted = (record.elsewhere[name] for name in ("sketches-new", "textures", "sketches-base-corrupted"))
    assert (new.role, other.role, corrupted.role) == ("new classes", "other set", "corruption")
    assert (new.by, other.by, corrupted.by) == (by, by, "model")
    assert bool(new.metrics) == bool(by) and bool(new.reason) != bool(by)
    assert {"noise", "jpeg", "strength 3", "brier"} <= set(corrupted.metrics)
    if by == "class texts" and method not in ("two-stage", "wise-ft", "lp-ft"):  # whose towers have moved
        assert new.metrics["accuracy"] == new.before["accuracy"]
    again, _ = recompute(record, worker.settings.out / record.artifacts["predictions"])
    assert recorded(record) == again
    assert record.time_s is not None and record.time_s.elsewhere > 0
    assert record.time_s.total == pytest.approx(record.time_s.bank + record.time_s.fit + record.time_s.predict)


def test_the_untouched_backbone_is_zero_shot_on_the_same_examples(worker: Worker) -> None:
    record = run(worker, "lora", "digits", "task:sketches")
    entry, backbone, task = record.elsewhere["sketches"], load("bundled"), find_task("sketches")
    rows = list(range(entry.n_test))  # those that this room leaves of another task
    pixels = torch.stack([torch.from_numpy(np.array(backbone.resize(task.test.image(row)))).permute(2, 0, 1) for row in rows])
    with torch.no_grad():
        image = F.normalize(backbone.clip.image(pixels), dim=-1)
        text = F.normalize(backbone.clip.text(backbone.tokenize(task.class_texts())), dim=-1)
    right = (image @ text.T).argmax(1).numpy() == task.test.labels[rows]
    assert entry.before["accuracy"].value == pytest.approx(right.mean())
    assert entry.metrics["log_loss"] != entry.before["log_loss"]


def test_what_is_scored_elsewhere_changes_nothing_else(worker: Worker) -> None:
    for method in ("mmrl", "two-stage"):
        plain, more = (run(worker, method, "sketches", evaluate) for evaluate in ("", "corruptions,task:digits"))
        assert plain.metrics == more.metrics and not plain.elsewhere
        assert plain.training is not None and more.training is not None and plain.training.loss == more.training.loss
    assert plain.time_s is not None and plain.time_s.elsewhere == 0


def test_pairs_and_captions_are_tried_on_classes_and_on_their_own_kind(worker: Worker) -> None:
    record = run(worker, "bitfit", "scenes-entailment", "task:scenes-vqa,task:digits")
    assert record.elsewhere["digits"].by == "class texts"
    assert "answers of its own task" in record.elsewhere["scenes-vqa"].reason
    record = run(worker, "bitfit", "scenes-retrieval", "task:digits,corruptions")
    assert record.elsewhere["digits"].by == record.elsewhere["scenes-retrieval-corrupted"].by == "model"
    assert "mean_recall@1" in record.elsewhere["scenes-retrieval-corrupted"].metrics


def test_data_that_are_not_there_are_told_and_cost_no_record(worker: Worker, tmp_path: Path) -> None:
    for number in range(24):
        path = tmp_path / ("one", "two")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        find_task("sketches").test.image(number).save(path)
    source = f"imagefolder:{tmp_path}"
    request = Request(
        tuple(parse_names("zero-shot", "methods")),
        ("digits",),
        (1,),
        (1,),
        quick=True,
        evaluation=parse_evaluation(f"task:{source}"),
    )
    (cell,) = expand(request, REGISTRY, load("bundled").fingerprint)
    shutil.rmtree(tmp_path)
    record = worker.run(cell)
    assert record.status == "ok" and record.metrics and not record.elsewhere
    assert record.notes[0].startswith(f"not scored on {source}: ") and str(tmp_path) in record.notes[0]


def test_the_same_classes_make_a_domain() -> None:
    task, less, other = (make_task(name, classes=classes) for name, classes in (("a", 4), ("b", 2), ("c", 6)))
    assert (role_of(task, less), role_of(task, other)) == ("domain", "other set")
    assert columns(task, less) == [0, 1]
    assert columns(task, other) is None
    assert role_of(make_task(kind="retrieval"), make_task(kind="retrieval")) == "other set"
