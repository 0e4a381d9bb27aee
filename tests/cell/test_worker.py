"""Cells on the bundled backbone: privacy of the backbone, determinism, banking, costs, counts."""

from __future__ import annotations

import dataclasses
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.backbone import load
from bench.cell.attempt import Attempt
from bench.cell.fitting.encoder import EncoderFitting
from bench.cell.prepare import freeze, prepare
from bench.cell.worker import Worker
from bench.errors import UsageError
from bench.features.bank import Account, Bank
from bench.features.frozen import Frozen
from bench.meter import Meter
from bench.meter.estimate import WATTS_PER_CORE, CpuSecondsEstimate
from bench.meter.memory import PeakMemory
from bench.plan.budget import Allowance
from bench.plan.episode import draw_episode
from bench.plan.grid import Cell, Request, expand
from bench.plan.registry import find_methods
from bench.plan.resolve import resolve_methods
from bench.plan.settings import Settings
from bench.spec import parse_names
from bench.store.record import Bytes, all_metrics, headline
from bench.upkeep.rescore import recompute
from methods.base import EncoderMethod
from tasks.base import Sources
from tasks.find import find_task
from tests.meter.fakes import FakeClock, FakeSensor
from tests.tasks.test_plugged import plugin

REGISTRY = find_methods()
KIND_OF_TASK = {"classification": "sketches", "pair": "scenes-entailment", "retrieval": "scenes-retrieval"}


def cells(methods: str, task: str, shots: int = 1, **options: str) -> list[Cell]:
    named = resolve_methods(methods, REGISTRY)
    request = Request(named, (task,), (shots,), (1,), quick=True, **options)  # type: ignore[arg-type]
    return expand(request, REGISTRY, load("bundled").fingerprint)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    folder = tmp_path_factory.mktemp("worker")
    return Worker(Settings(folder, folder / "bank", threads=torch.get_num_threads()))


def test_what_does_not_suit_a_method_is_known_beforehand() -> None:
    for kind, task in KIND_OF_TASK.items():
        reasons = {cell.info.method: cell.reason for cell in cells("all", task)}
        suits = {name for name, method in REGISTRY.methods.items() if kind in method.kinds}
        assert {name for name, reason in reasons.items() if reason is None} == suits


def test_what_turns_out_not_to_apply_is_recorded(worker: Worker) -> None:
    record = worker.run(cells("zero-shot", "scenes-entailment")[0])
    assert record.status == "not_applicable"  # entailment has no candidate texts
    assert record.error is not None and "candidate texts" in record.error.message


@pytest.mark.parametrize(("place", "method"), list(enumerate(sorted(REGISTRY.methods))))
def test_every_method_runs_in_a_worker(worker: Worker, place: int, method: str) -> None:
    """On one of the kinds that it suits; conformance tries all of them."""
    kinds = sorted(REGISTRY.methods[method].kinds)
    cell, *_ = cells(method, KIND_OF_TASK[kinds[place % len(kinds)]] if method != "zero-shot" else "sketches")
    record = worker.run(cell)
    assert record.status == "ok", record.error
    assert record.parameters is not None and record.time_s is not None and record.memory_bytes is not None
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
    fit = Attempt._fit
    monkeypatch.setattr(Attempt, "_fit", lambda *given: fits.append(1) or fit(*given))
    fixed = worker.run(cells("linear-probe", "sketches", 4)[0])
    assert len(fits) == 1
    searched = worker.run(cells("linear-probe", "sketches", 4, protocol="val")[0])
    assert len(fits) > 15  # seven decades, the bisection, and the fit that counts
    assert fixed.training is not None and searched.training is not None and searched.data is not None
    assert fixed.training.chosen == {} and "strength" in searched.training.chosen
    assert searched.data.n_val == 4 * searched.data.classes


class CountingOperations(TorchDispatchMode):
    """A clock that stands still but for torch's operations: the same work takes the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        return func(*args, **(kwargs or {}))

    def perf_counter(self) -> float:
        return self.operations / 1024  # sums of such fractions are exact

    process_time = perf_counter


@pytest.mark.parametrize("method", ["xtremeclip", "coop", "lilt-partial", "full"])
def test_stand_alone_cost_does_not_depend_on_what_the_bank_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    (cell,) = cells(method, "sketches", 4)
    settings = Settings(tmp_path, tmp_path / "bank")
    monkeypatch.setattr("bench.meter.choice.Rapl", CpuSecondsEstimate)
    records = []
    for _ in range(2):
        with CountingOperations() as clock:
            for module in ("bench.meter", "bench.meter.estimate", "bench.cell.pace"):
                monkeypatch.setattr(f"{module}.time", clock)
            records.append(Worker(settings).run(cell))
    empty, full = records
    assert empty.time_s is not None and full.time_s is not None and empty.memory_bytes is not None
    assert full.time_s == msgspec.structs.replace(empty.time_s, bank_spent=0.0)
    assert min(full.time_s.bank, full.time_s.fit, full.time_s.predict) > 0
    assert full.time_s.bank_spent == 0 < empty.time_s.bank_spent
    assert full.energy_j == empty.energy_j
    assert full.energy_j is not None and full.energy_j.total == pytest.approx(WATTS_PER_CORE * full.time_s.total)
    assert full.training == empty.training
    assert full.memory_bytes is not None and full.memory_bytes.bank == empty.memory_bytes.bank
    assert full.memory_bytes.baseline is not None and full.memory_bytes.baseline > 0


@pytest.mark.skipif(not PeakMemory("cpu").resettable, reason="this system's high-water mark can't be reset")
def test_stand_alone_memory_does_not_depend_on_what_the_bank_held(tmp_path: Path) -> None:
    """Within what several threads happen to hold at once. In a process of its own: what others left would count as freed."""
    with get_context("spawn").Pool(1) as pool:
        empty, full, trainable = pool.apply(_with_and_without_a_bank, (tmp_path,))
    assert empty.fit is not None and empty.total is not None
    assert full.bank == empty.bank
    assert full.fit == pytest.approx(empty.fit, rel=0.2)
    assert full.total == pytest.approx(empty.total, rel=0.4)
    assert full.fit > 4 * 4 * trainable  # bytes: a copy of the backbone, gradients and two moments are all held at once


def _with_and_without_a_bank(folder: Path) -> tuple[Bytes, Bytes, int]:
    (cell,) = cells("full", "sketches", 4)
    Worker(Settings(folder, folder / "first")).run(cell)  # libraries load more when first used
    empty, full = (Worker(Settings(folder, folder / "bank")).run(cell) for _ in range(2))
    assert empty.memory_bytes is not None and full.memory_bytes is not None and full.parameters is not None
    return empty.memory_bytes, full.memory_bytes, full.parameters.trainable


def test_a_counter_gives_a_cell_its_joules_although_some_of_its_steps_are_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A counter of 100 W on the clock of operations, which needs a tenth of a second per window."""
    with CountingOperations() as clock:
        for module in ("bench.meter", "bench.cell.pace"):
            monkeypatch.setattr(f"{module}.time", clock)
        sensor = FakeSensor(shortest_window_s=0.1)
        monkeypatch.setattr(sensor, "joules", lambda: 100 * clock.perf_counter())
        monkeypatch.setattr("bench.meter.choice.Rapl", lambda: sensor)
        monkeypatch.setattr(clock, "sleep", lambda seconds: None, raising=False)
        record = Worker(Settings(tmp_path, tmp_path / "bank")).run(cells("lilt-partial", "sketches", 4)[0])
    assert record.energy_j is not None and record.time_s is not None
    assert record.energy_j.quality == "measured"
    assert record.energy_j.total == pytest.approx(100 * record.time_s.total)
    assert record.energy_j.fit == pytest.approx(100 * record.time_s.fit)


def test_predicting_is_repeated_for_a_counter_that_is_too_slow_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with CountingOperations() as clock:
        for module in ("bench.meter", "bench.cell.pace"):
            monkeypatch.setattr(f"{module}.time", clock)
        monkeypatch.setattr(clock, "sleep", lambda seconds: None, raising=False)
        sensor = FakeSensor(shortest_window_s=0.1)
        monkeypatch.setattr(sensor, "joules", lambda: 100 * clock.perf_counter())
        monkeypatch.setattr("bench.meter.choice.Rapl", lambda: sensor)
        record = Worker(Settings(tmp_path, tmp_path / "bank")).run(cells("zero-shot", "sketches")[0])
    assert record.energy_j is not None and record.time_s is not None and record.energy_j.repeated is not None
    assert record.time_s.predict < 0.1 <= record.energy_j.repeated["predict"] * record.time_s.predict
    assert record.energy_j.predict == pytest.approx(100 * record.time_s.predict)


def test_what_the_counter_showed_while_waiting_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = FakeSensor()
    monkeypatch.setattr("bench.meter.choice.Rapl", lambda: sensor)
    monkeypatch.setattr("bench.meter.time", FakeClock(sensor, watts=42.0))
    record = Worker(Settings(tmp_path, tmp_path / "bank")).run(cells("zero-shot", "sketches")[0])
    assert record.energy_j is not None
    assert record.energy_j.idle_watts == pytest.approx(42.0)
    assert (record.energy_j.quality, record.energy_j.total) == ("unavailable", None)  # the counter stood still
    assert record.energy_j.source.startswith("fake: no figure where")


def prepared(method: EncoderMethod, root: Path, task_name: str) -> EncoderFitting:
    task, backbone = find_task(task_name), load("bundled")
    frozen = freeze(method, backbone, task, Bank(root, Meter("cpu")))
    torch.manual_seed(0)
    made = prepare(method, frozen, draw_episode(task, 2, 1, "fixed"), Allowance(4)).walk(until="collect_rows")
    assert isinstance(made, EncoderFitting)
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
        run.walk(after="build")
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
    run.walk(after="build")
    trained = run.trained()
    for name, value in run.module.named_parameters():
        if name not in trained:
            assert torch.equal(value, before[name]), name
    assert any(not torch.equal(value, before[name]) for name, value in trained.items())


@pytest.mark.parametrize("spec", ["bitfit", "layernorm", "lora", "lilt-partial"])
def test_untrained_these_methods_are_zero_shot(worker: Worker, tmp_path: Path, spec: str) -> None:
    task, backbone = find_task("sketches"), load("bundled")
    runs = []
    for name in (spec, "zero-shot"):
        method = REGISTRY.build(parse_names(name, "methods")[0])
        frozen = freeze(method, backbone, task, Bank(tmp_path, Meter("cpu")))
        run = prepare(method, frozen, draw_episode(task, 1, 1, "fixed")).walk(until="collect_rows")
        runs.append(run.score(task.test, range(40)))
    torch.testing.assert_close(runs[0], runs[1], atol=1e-3, rtol=1e-4)


def test_the_squashed_images_reach_the_tower_with_imagenets_statistics(tmp_path: Path) -> None:
    task, backbone = find_task("sketches"), load("bundled")
    frozen = Frozen(backbone, task, Bank(tmp_path, Meter("cpu")), Account(), "cpu", "fp32", squashed=True)
    pixels = frozen.images(task.test, [0], 0)
    embed = backbone.clip.image.stages[0]
    plain = dataclasses.replace(frozen, squashed=False).images(task.test, [0], 0) / 255
    mean, std = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1), torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)
    torch.testing.assert_close((pixels / 255 - embed.mean) / embed.std, (plain - mean) / std, atol=1e-4, rtol=1e-4)


def test_towers_that_never_met_are_at_chance_and_an_alignment_is_tried_on_other_tasks(worker: Worker) -> None:
    def run(label: str, shots: int) -> Any:
        request = Request(tuple(parse_names(label, "methods")), ("scenes-retrieval",), (shots,), (1,), "bundled-unaligned")
        (cell,) = expand(request, REGISTRY, load("bundled-unaligned").fingerprint, aligned=False)
        record = worker.run(dataclasses.replace(cell, info=msgspec.structs.replace(cell.info, quick=label != "zero-shot")))
        assert record.status == "ok" and record.data is not None, record.error
        return record

    untrained = run("zero-shot", 1)
    assert untrained.data.n_test == 600
    assert untrained.metrics["mean_recall@1"].value <= 4 / 600
    assert untrained.metrics["text_to_image_recall@10"].value <= 3 * 10 / 600
    record = run("lilt-da", 48)
    assert record.data.n_support == 48  # pairs, not units of 32
    assert set(record.elsewhere) == {"sketches", "textures", "creatures", "digits"}
    others = {f"zero_shot/{name}" for name in record.elsewhere}
    assert set(all_metrics(record)) == set(record.metrics) | others
    again, _ = recompute(record, worker.settings.out / record.artifacts["predictions"])
    for name, entry in record.elsewhere.items():
        assert (entry.by, entry.role, entry.before) == ("model", "other set", {})
        assert again[f"elsewhere/{name}/accuracy"] == entry.metrics["accuracy"]


def test_a_task_of_a_plug_in_can_be_the_one_that_an_alignment_is_tried_on(worker: Worker, tmp_path: Path) -> None:
    path = plugin(tmp_path)
    assert worker.other_task("lighter-side", Sources(plugins=(path,))).name == "lighter-side"
    with pytest.raises(UsageError, match="unknown task 'lighter-side'"):
        worker.other_task("lighter-side", Sources())
