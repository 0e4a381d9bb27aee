"""Runs cells inside one process and gives a record for each, whatever happens.

The same worker serves every executor. It keeps the backbone, the task and the bank's rows in memory for as
long as the cells that it gets belong to them.
"""

from __future__ import annotations

import dataclasses
import io
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from bench.backbone import Backbone, load
from bench.cell.costs import costs
from bench.cell.fitting import Fitting, fitting
from bench.cell.train import Diverged
from bench.cell.weights import stored_bytes
from bench.errors import DataError, StoreError
from bench.features.bank import Account, Bank
from bench.features.frozen import Frozen
from bench.files import write_whole
from bench.meter import Meter, Usage
from bench.plan.budget import budget
from bench.plan.episode import Episode, content_hash, draw_episode
from bench.plan.grid import QUICK_TEST, Cell
from bench.plan.index_files import given_episode, pooled
from bench.plan.registry import Registry, find_methods
from bench.plan.settings import Settings
from bench.store.provenance import now, provenance
from bench.store.record import HEADLINE, Data, Failure, Parameters, Record, Status, Training
from bench.store.score import credit_of, different_images, evaluate, reliability, transfer_arrays, transfer_metrics
from methods.base import Method, NotApplicable
from tasks.base import Sources, Split, Task
from tasks.find import find_task

MOST_MESSAGE, MOST_TRACEBACK = 10_000, 20_000  # characters in a record: an error may quote all that it choked on
CUT = "[cut]"


class Worker:
    """Runs one cell after another."""

    def __init__(self, settings: Settings) -> None:
        torch.set_num_threads(settings.threads)
        self.settings = settings
        self.registry: Registry = find_methods(settings.plugins)
        self.meter = Meter(settings.device)
        self.meter.measure_idle()
        self.bank = Bank(settings.bank, self.meter, check_backbone=self.check_backbone)
        self._backbone: Backbone | None = None
        self._task: tuple[tuple[str, Sources, bool], Task] | None = None
        self._others: dict[tuple[str, Sources], Task] = {}

    def run(self, cell: Cell) -> Record:
        """One attempt. Never raises for what goes wrong inside the cell."""
        attempt = _Attempt(self, cell, uuid.uuid4().hex[:16], now())
        return attempt.record()

    def backbone(self, name: str) -> Backbone:
        if self._backbone is None or self._backbone.name != name:
            self._backbone = load(name, self.settings.device)
            self._checksum = checksum(self._backbone)
            self.bank.forget_memory()
        return self._backbone

    def check_backbone(self) -> None:
        """Raises ChangedBackbone, and loads it anew for the next cell, if a method has reached what all cells share."""
        if self._backbone is not None and checksum(self._backbone) != self._checksum:
            self._backbone = None
            raise ChangedBackbone(
                "the method changed the backbone that all cells share: it may change only the copy that it is given; "
                "nothing that the changed one encoded was kept"
            )

    def task(self, cell: Cell, aligned: bool = True) -> Task:
        asked = (cell.task_source, cell.sources, aligned)
        if self._task is None or self._task[0] != asked:
            task = find_task(cell.task_source, cell.sources)
            task = task if cell.sources.support is None else pooled(task)
            self._task = (asked, task if aligned else task.for_alignment())
            self.bank.forget_memory()
        return self._task[1]

    def other_task(self, source: str, sources: Sources) -> Task:
        """A task beside the cell's own."""
        if (source, sources) not in self._others:
            self._others[source, sources] = find_task(source, sources)
        return self._others[source, sources]


class ChangedBackbone(RuntimeError):
    """The shared weights aren't what was loaded."""


def checksum(backbone: Backbone) -> int:
    """Of all weights, their bytes read as whole numbers: any single change shows. A tenth of a second for ViT-B/16.

    Buffers that no checkpoint holds count, too: an image tower normalises pixels with some.
    """
    whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    values = [*backbone.clip.parameters(), *backbone.clip.buffers()]
    return sum(int(value.detach().view(whole[value.element_size()]).sum(dtype=torch.int64)) for value in values)


@dataclass
class _Attempt:
    worker: Worker
    cell: Cell
    record_id: str
    started: str
    phase: str = "load"
    fit: Usage = field(default_factory=Usage)
    predicted: Usage = field(default_factory=Usage)
    account: Account = field(default_factory=Account)
    results: dict[str, Any] = field(default_factory=dict)

    def record(self) -> Record:
        status: Status = "ok"
        failure: Failure | None = None
        try:
            try:
                self._run()
            finally:
                self.worker.check_backbone()
        except NotApplicable as reason:
            status, failure = "not_applicable", self._failure(reason, with_traceback=False)
        except (MemoryError, torch.OutOfMemoryError) as error:
            status, failure = "oom", self._failure(error)
        except Diverged as error:
            status, failure = "diverged", self._failure(error, with_traceback=False)
        except (DataError, StoreError) as error:
            status, failure = "failed", self._failure(error, with_traceback=False)
        except Exception as error:
            out_of_memory = isinstance(error, RuntimeError) and "allocate memory" in str(error)
            status, failure = "oom" if out_of_memory else "failed", self._failure(error)
        settings = self.worker.settings
        return Record(
            record_id=self.record_id,
            cell=self.cell.info,
            status=status,
            error=failure,
            provenance=provenance(settings.device, settings.command, self.started, dict(settings.flags)),
            notes=self.worker.bank.told(),
            **self.results,
        )

    def _failure(self, error: BaseException, with_traceback: bool = True) -> Failure:
        said = str(error) or type(error).__name__
        message = _beginning(said)
        # The message ends the traceback: whole, it would leave no room for the calls that led there.
        trace = _end("".join(traceback.format_exception(error)).replace(said, message)) if with_traceback else ""
        return Failure(phase=self.phase, type=type(error).__name__, message=message, traceback=trace)

    def _run(self) -> None:
        info, worker = self.cell.info, self.worker
        backbone = worker.backbone(info.backbone)
        task = worker.task(self.cell, backbone.aligned)
        method = worker.registry.build(self.cell.method)
        # The cell before may have left these otherwise.
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(worker.settings.threads)
        torch.manual_seed(info.seed)
        worker.meter.memory.release()
        self.phase = "bank"
        frozen = self._frozen(backbone, task, method)
        episode = Episode(0, info.seed, ())
        if method.uses_support:
            given = self.cell.sources.support
            episode = (
                draw_episode(task, info.shots, info.seed, info.protocol, info.by_count)
                if given is None
                else given_episode(task, given, info.shots, info.seed, info.protocol)
            )
        test = list(range(len(task.test)))
        if info.quick:
            test = np.linspace(0, len(test) - 1, min(QUICK_TEST, len(test))).round().astype(int).tolist()
        if worker.settings.skip_bad_images:
            support = tuple(frozen.readable(task.train, episode.support))
            episode = dataclasses.replace(
                episode, support=support, validation=tuple(frozen.readable(task.val, episode.validation))
            )
            test = frozen.readable(task.test, test)
        self.results["data"] = Data(
            origin=task.origin,
            classes=len(task.class_names),
            n_support=len(episode.support),
            n_val=len(episode.validation),
            n_test=len(test),
            support_hash=content_hash(task.train, episode.support) if episode.support else "",
            test_hash=content_hash(task.test, test),
            skipped_images=[_beginning(reason) for reason in frozen.skipped],
        )
        chosen: dict[str, Any] = {}
        if info.protocol == "val" and method.uses_support:
            if method.grid:
                chosen.update(method.search(lambda values: self._validate(_with(method, values), frozen, episode)))
                method = _with(method, chosen)
            torch.manual_seed(info.seed)
        fitted = self._fit(method, frozen, episode, chosen)
        self.phase = "bank"
        fitted.collect(task.test, test)
        self.phase = "predict"
        with worker.meter.measure() as usage:
            scores = fitted.predict()
        runs = worker.meter.repeat(fitted.predict, usage)
        self.predicted = Usage(kept_bytes=self.fit.kept_bytes)  # predicting needs what was fitted
        self.predicted.follow(usage)
        self.phase = "score"
        transferred = {} if backbone.aligned else self._transfer(fitted, method)
        self._score(scores, task.test, test, transferred)
        self._parameters(fitted, chosen)
        self.results |= costs(self.account, self.fit, self.predicted, worker.meter, {"predict": runs} if runs > 1 else None)
        training = fitted.training or Training(asked_steps=0, run_steps=0, capped=False, batch=0)
        self.results["training"] = msgspec.structs.replace(training, chosen=chosen)

    def _frozen(self, backbone: Backbone, task: Task, method: Method) -> Frozen:
        settings, info = self.worker.settings, self.cell.info
        squashed = method.squashes_images(task.kind)
        return Frozen(backbone, task, self.worker.bank, self.account, settings.device, info.precision, squashed)

    def _fit(self, method: Method, frozen: Frozen, episode: Episode, chosen: dict[str, Any]) -> Fitting:
        """Fit, each step in its own phase; the measured parts add up in `fit`. `chosen` gets what is chosen after training."""
        allowed = budget(self.cell.info.recipe, self.cell.info.quick, frozen.task.budget)
        cap, stretch = None, 1.0
        if allowed is not None:
            cap, stretch = allowed.steps(method.family), allowed.stretch
        fitted = fitting(method, frozen, episode, cap, stretch)
        self.fit.kept_bytes = 0  # an earlier fit of the search is gone
        for phase, step in (
            ("bank", fitted.collect_start),
            ("fit", fitted.build),
            ("bank", fitted.collect_rows),
            ("fit", fitted.train),
            ("bank", fitted.collect_validation),
            ("fit", lambda: chosen.update(fitted.finish())),
        ):
            self.phase = phase
            if phase == "bank":
                step()
                continue
            with self.worker.meter.measure() as usage:
                step()
            self.fit.follow(usage)
        return fitted

    def _validate(self, method: Method, frozen: Frozen, episode: Episode) -> float:
        """Headline metric on the validation set after fitting with these parameters; all of it is cost of fitting."""
        torch.manual_seed(self.cell.info.seed)
        fitted = self._fit(method, frozen, dataclasses.replace(episode, validation=()), {})
        self.phase = "bank"
        fitted.collect(frozen.task.val, episode.validation)
        self.phase = "fit"
        with self.worker.meter.measure() as usage:
            scores = fitted.predict()
        self.fit.follow(usage)
        metrics, _ = evaluate(scores, frozen.task.val, episode.validation, self.cell.info.kind)
        return metrics[HEADLINE[self.cell.info.kind]].value

    def _score(self, scores: Tensor, split: Split, rows: list[int], transferred: Mapping[str, np.ndarray]) -> None:
        expected = (len(rows), self.results["data"].classes)
        if self.cell.info.kind == "retrieval":
            expected = (len(different_images(split, rows)), len(rows))
        if tuple(scores.shape) != expected:
            raise ValueError(f"the method gave scores of shape {tuple(scores.shape)}, expected {expected}")
        if not bool(torch.isfinite(scores).all()):
            raise Diverged(f"{int((~torch.isfinite(scores)).sum())} of {scores.numel()} scores are not finite numbers")
        metrics, arrays = evaluate(scores, split, rows, self.cell.info.kind)
        self.results["metrics"] = metrics | transfer_metrics(transferred)
        if "scores" in arrays:
            self.results["reliability"] = reliability(arrays["scores"], arrays["labels"], credit_of(arrays))
        body = io.BytesIO()
        np.savez_compressed(body, **arrays, **transferred)  # type: ignore[arg-type]
        self.results["artifacts"] = {"predictions": self._keep("npz", body.getvalue())}

    def _transfer(self, fitted: Fitting, method: Method) -> dict[str, np.ndarray]:
        """Scores and labels on the tasks that this one names, outside of what the cell is charged for."""
        found: dict[str, np.ndarray] = {}
        for name in fitted.task.transfers:
            task = self.worker.other_task(name, self.cell.sources)
            other = fitted.on(dataclasses.replace(self._frozen(fitted.frozen.backbone, task, method), account=Account()))
            other.collect(task.test, range(len(task.test)))
            found |= transfer_arrays(name, other.predict().numpy(), task.test.labels)
        return found

    def _parameters(self, fitted: Fitting, chosen: Mapping[str, Any]) -> None:
        count, total = sum(value.numel() for value in fitted.trained().values()), fitted.total_parameters()
        body = stored_bytes(fitted, self.cell.info, self.results["data"].n_support, chosen)
        self.results["parameters"] = Parameters(
            trainable=count, total=total, share=count / total, stored_bytes=len(body) if fitted.stored() else 0
        )
        if self.worker.settings.save_weights:
            self.results["artifacts"]["weights"] = self._keep("safetensors", body)

    def _keep(self, suffix: str, body: bytes) -> str:
        """Write an artifact, whole or not at all; its path relative to the results folder. Raises StoreError."""
        path = self.worker.settings.out / "artifacts" / f"{self.record_id}.{suffix}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, body)
        except OSError as error:
            raise StoreError(f"{path}: not written ({error.strerror}): free space, then run the same command again") from error
        return f"artifacts/{path.name}"


def _with(method: Method, values: Mapping[str, Any]) -> Method:
    return type(method)(dataclasses.replace(method.params, **values))


def _beginning(message: str) -> str:
    return message if len(message) <= MOST_MESSAGE else f"{message[:MOST_MESSAGE]} {CUT}"


def _end(trace: str) -> str:
    return trace if len(trace) <= MOST_TRACEBACK else f"{CUT}\n{trace[-MOST_TRACEBACK:]}"
