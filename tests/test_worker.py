"""Cells on the bundled backbone: privacy of the backbone, determinism, banking, costs, counts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.backbone import load
from bench.bank import Account, Bank
from bench.episode import draw_episode
from bench.fitting import EncoderFitting, fitting
from bench.frozen import Frozen
from bench.grid import Cell, Request, expand
from bench.meter import Meter
from bench.record import headline
from bench.registry import find_methods, find_task
from bench.spec import parse_names
from bench.worker import Settings, Worker, _Attempt
from methods.base import EncoderMethod

REGISTRY = find_methods()
TRAINED = sorted(set(REGISTRY.methods) - {"zero-shot", "tip-adapter"})
KIND_OF_TASK = {"classification": "sketches", "pair": "scenes-entailment", "retrieval": "scenes-retrieval"}


def cells(methods: str, task: str, shots: int = 1, **options: str) -> list[Cell]:
    request = Request(tuple(parse_names(methods, "methods")), (task,), (shots,), (1,), quick=True, **options)  # type: ignore[arg-type]
    return expand(request, REGISTRY, load("bundled").fingerprint)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    folder = tmp_path_factory.mktemp("worker")
    return Worker(Settings(folder, folder / "bank", threads=torch.get_num_threads()))


@pytest.mark.parametrize("kind", KIND_OF_TASK)
@pytest.mark.parametrize("method", sorted(REGISTRY.methods))
def test_every_method_runs_on_every_kind_that_it_suits(worker: Worker, method: str, kind: str) -> None:
    (cell,) = cells(method, KIND_OF_TASK[kind])
    if cell.reason is not None:
        assert kind not in REGISTRY.methods[method].kinds
        return
    record = worker.run(cell)
    if (method, kind) == ("zero-shot", "pair"):
        assert record.status == "not_applicable"  # entailment has no candidate texts
        return
    assert record.status == "ok", record.error
    assert record.parameters is not None and record.time_s is not None and record.memory_bytes is not None
    assert (record.parameters.trainable > 0) == (method in TRAINED)
    assert record.time_s.total == pytest.approx(record.time_s.bank + record.time_s.fit + record.time_s.predict)
    assert record.energy_j is not None and record.energy_j.quality in ("measured", "estimated", "unavailable")


def test_the_same_cell_gives_the_same_predictions_and_leaves_the_backbone_alone(worker: Worker) -> None:
    backbone = worker.backbone("bundled")
    before = {name: value.clone() for name, value in backbone.clip.state_dict().items()}
    for method in ("full", "lora", "coop", "xtremeclip"):
        (cell,) = cells(method, "sketches", 4)
        scores = []
        for _ in range(2):
            record = worker.run(cell)
            with np.load(worker.settings.out / record.artifacts["predictions"]) as arrays:
                scores.append(arrays["scores"])
        np.testing.assert_array_equal(scores[0], scores[1])
    after = backbone.clip.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("method", ["lora", "coop", "mixout", "vpt"])
def test_a_resumed_run_gives_the_predictions_of_an_undisturbed_one(tmp_path: Path, method: str) -> None:
    """A new process, another cell before it, a bank that is already full: none of it reaches the predictions."""
    scores = []
    for earlier in ("linear-probe", method):
        settings = Settings(tmp_path, tmp_path / "bank", threads=1)
        worker = Worker(settings)
        if earlier != method:
            worker.run(cells(earlier, "sketches", 4)[0])
        record = worker.run(cells(method, "sketches", 1)[0])
        with np.load(tmp_path / record.artifacts["predictions"]) as arrays:
            scores.append(arrays["scores"])
    np.testing.assert_array_equal(scores[0], scores[1])


def test_predictions_are_enough_to_compute_the_score_again(worker: Worker) -> None:
    record = worker.run(cells("linear-probe", "digits", 4)[0])
    with np.load(worker.settings.out / record.artifacts["predictions"]) as arrays:
        assert headline(record) == np.mean(arrays["scores"].argmax(1) == arrays["labels"])


def test_validation_protocol_fits_once_for_every_value_it_tries(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []
    fit = _Attempt._fit
    monkeypatch.setattr(_Attempt, "_fit", lambda *given: fits.append(1) or fit(*given))
    fixed = worker.run(cells("linear-probe", "sketches", 4)[0])
    assert len(fits) == 1
    searched = worker.run(cells("linear-probe", "sketches", 4, protocol="val")[0])
    assert len(fits) > 15  # seven decades, the bisection, and the fit that counts
    assert fixed.training is not None and searched.training is not None and searched.data is not None
    assert fixed.training.chosen == {} and "strength" in searched.training.chosen
    assert searched.data.n_val == 4 * searched.data.classes


def test_stand_alone_cost_does_not_depend_on_what_the_bank_held(tmp_path: Path) -> None:
    (cell,) = cells("xtremeclip", "sketches", 4)
    settings = Settings(tmp_path, tmp_path / "bank")
    empty, full = (Worker(settings).run(cell) for _ in range(2))
    assert empty.time_s is not None and full.time_s is not None
    assert full.time_s.bank == pytest.approx(empty.time_s.bank)
    assert full.time_s.bank_spent == 0 < empty.time_s.bank_spent


def prepared(method: EncoderMethod, root: Path, task_name: str) -> EncoderFitting:
    task, backbone = find_task(task_name), load("bundled")
    frozen = Frozen(backbone, task, Bank(root, Meter("cpu")), Account(), "cpu", "fp32")
    torch.manual_seed(0)
    made = fitting(method, frozen, draw_episode(task, 2, 1, "fixed"), cap=4, stretch=1.0)
    assert isinstance(made, EncoderFitting)
    made.collect_start()
    made.build()
    return made


@pytest.mark.parametrize("task", ["sketches", "scenes-entailment", "scenes-retrieval"])
@pytest.mark.parametrize("spec", ["lilt-partial", "lilt-partial[blocks=2]", "coop"])
def test_banked_and_unbanked_training_give_the_same_weights(tmp_path: Path, spec: str, task: str) -> None:
    method = REGISTRY.build(parse_names(spec, "methods")[0])
    assert isinstance(method, EncoderMethod)
    banked, plain = (prepared(method, tmp_path, task) for _ in range(2))
    assert banked.image_cut > 0
    plain.image_cut = plain.text_cut = 0  # everything from pixels and tokens
    for run in (banked, plain):
        run.collect_rows()
        run.train()
    ours, theirs = banked.trained(), plain.trained()
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize("spec", ["bitfit", "layernorm", "lora", "lilt-partial", "coop", "full"])
def test_only_what_is_declared_moves(tmp_path: Path, spec: str) -> None:
    method = REGISTRY.build(parse_names(spec, "methods")[0])
    assert isinstance(method, EncoderMethod)
    run = prepared(method, tmp_path, "scenes-retrieval")
    before = {name: value.detach().clone() for name, value in run.module.named_parameters()}
    run.collect_rows()
    run.train()
    trained = run.trained()
    for name, value in run.module.named_parameters():
        if name not in trained:
            assert torch.equal(value, before[name]), name
    assert any(not torch.equal(value, before[name]) for name, value in trained.items())


@pytest.mark.parametrize("spec", ["bitfit", "layernorm", "lora", "lilt-partial"])
def test_untrained_these_methods_are_zero_shot(worker: Worker, tmp_path: Path, spec: str) -> None:
    task, backbone = find_task("sketches"), load("bundled")
    frozen = Frozen(backbone, task, Bank(tmp_path, Meter("cpu")), Account(), "cpu", "fp32")
    runs = []
    for name in (spec, "zero-shot"):
        run = fitting(REGISTRY.build(parse_names(name, "methods")[0]), frozen, draw_episode(task, 1, 1, "fixed"), None, 1.0)
        run.collect_start()
        run.build()
        run.collect(task.test, range(40))
        runs.append(run.predict())
    torch.testing.assert_close(runs[0], runs[1], atol=1e-3, rtol=1e-4)


def test_the_squashed_images_reach_the_tower_with_imagenets_statistics(tmp_path: Path) -> None:
    task, backbone = find_task("sketches"), load("bundled")
    frozen = Frozen(backbone, task, Bank(tmp_path, Meter("cpu")), Account(), "cpu", "fp32", squashed=True)
    pixels = frozen.images(task.test, [0], 0)
    embed = backbone.clip.image.stages[0]
    plain = dataclasses.replace(frozen, squashed=False).images(task.test, [0], 0) / 255
    mean, std = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1), torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)
    torch.testing.assert_close((pixels / 255 - embed.mean) / embed.std, (plain - mean) / std, atol=1e-4, rtol=1e-4)
