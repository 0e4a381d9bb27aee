"""One attempt at one cell: what it comes to is a record, whatever happens."""

from __future__ import annotations

import dataclasses
import io
import traceback
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from bench.backbone import Backbone
from bench.backbone.cut_texts import told
from bench.backbone.products import multiply_by
from bench.cell.costs import costs
from bench.cell.evaluate import Target, evaluate, role_of
from bench.cell.fitting.fitting import Fitting, Step
from bench.cell.prepare import freeze, prepare
from bench.cell.shared import Shared
from bench.cell.train import Diverged
from bench.cell.weights import stored_bytes
from bench.errors import DataError, StoreError, UsageError
from bench.features.bank import Account
from bench.features.frozen import Frozen
from bench.kinds import KINDS
from bench.kinds.metrics import Metric, Reliability
from bench.meter import Usage
from bench.plan.budget import parse_recipe
from bench.plan.episode import Episode, content_hash, draw_episode
from bench.plan.evaluation import CORRUPTIONS
from bench.plan.grid import QUICK_ELSEWHERE, QUICK_TEST, Cell
from bench.plan.index_files import given_episode
from bench.store.provenance import now, provenance
from bench.store.record import Bytes, Data, Elsewhere, Failure, Joules, Parameters, Record, Seconds, Status, Training
from bench.tuned import tuned
from bench.writing import write_whole
from methods.base import Method, NotApplicable
from methods.contract.search import search
from tasks.base import Split, Task
from tasks.corruptions import corrupted

MOST_MESSAGE, MOST_TRACEBACK = 10_000, 20_000  # characters in a record: an error may quote all that it choked on
CUT = "[cut]"


@dataclass
class Parts:
    """The parts of the record that an attempt has come to so far; what there is when it fails is kept."""

    data: Data | None = None
    metrics: dict[str, Metric] = field(default_factory=dict)
    reliability: Reliability | None = None
    parameters: Parameters | None = None
    time_s: Seconds | None = None
    energy_j: Joules | None = None
    memory_bytes: Bytes | None = None
    training: Training | None = None
    elsewhere: dict[str, Elsewhere] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)


@dataclass
class Attempt:
    """An attempt at a cell with what the worker keeps."""

    worker: Shared
    cell: Cell
    record_id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    started: str = field(default_factory=now)
    phase: str = "load"
    fit: Usage = field(default_factory=Usage)
    predicted: Usage = field(default_factory=Usage)
    account: Account = field(default_factory=Account)
    parts: Parts = field(default_factory=Parts)
    notes: list[str] = field(default_factory=list)

    def record(self) -> Record:
        """Never raises for what goes wrong inside the cell."""
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
            notes=[*self.worker.bank.told(), *self.notes],
            **{part.name: getattr(self.parts, part.name) for part in dataclasses.fields(Parts)},
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
        multiply_by(worker.settings.products)
        torch.manual_seed(info.seed)
        worker.meter.memory.release()
        self.phase = "bank"
        frozen = self._frozen(method, backbone, task, self.account)
        episode, test = self._examples(method, frozen)
        chosen: dict[str, Any] = {}
        if info.protocol == "val" and method.uses_support:
            if method.grid:
                chosen.update(search(method.grid, lambda values: self._validate(_with(method, values), frozen, episode)))
                method = _with(method, chosen)
            torch.manual_seed(info.seed)
        fitted = self._fit(method, frozen, episode)
        chosen |= fitted.chosen
        scores = fitted.score(task.test, test, self._around_test)
        runs = worker.meter.repeat(fitted.predict, self.predicted)
        predicted = Usage(kept_bytes=self.fit.kept_bytes)  # predicting needs what was fitted
        predicted.follow(self.predicted)
        self.phase = "elsewhere"
        with worker.meter.measure() as besides:
            arrays = self._elsewhere(fitted, method, test)
        self.phase = "score"
        self._note(list(backbone.notes))
        self._note(told(frozen.cut, len(frozen.seen), backbone.tokenizer([""]).shape[1]))
        self._score(scores, task.test, test, arrays)
        self._parameters(fitted, chosen)
        repeated = {"predict": runs} if runs > 1 else None
        parts = self.parts
        parts.time_s, parts.energy_j, parts.memory_bytes = costs(self.account, self.fit, predicted, worker.meter, repeated)
        parts.time_s = msgspec.structs.replace(parts.time_s, elsewhere=besides.seconds if parts.elsewhere else 0.0)
        training = fitted.training or Training(asked_steps=0, run_steps=0, capped=False, batch=0)
        parts.training = msgspec.structs.replace(training, chosen=chosen)

    def _frozen(self, method: Method, backbone: Backbone, task: Task, account: Account) -> Frozen:
        settings = self.worker.settings
        return freeze(method, backbone, task, self.worker.bank, account, settings.device, self.cell.info.precision)

    def _examples(self, method: Method, frozen: Frozen) -> tuple[Episode, list[int]]:
        """The episode, and the rows of the test split that are scored."""
        info, task, given = self.cell.info, frozen.task, self.cell.sources.support
        episode = Episode(0, info.seed, ())
        if method.uses_support and given is None:
            episode = draw_episode(task, info.shots, info.seed, info.protocol, info.by_count)
        elif method.uses_support and given is not None:
            episode = given_episode(task, given, info.shots, info.seed, info.protocol)
        test = list(range(len(task.test)))
        if info.quick:
            test = spread(test, QUICK_TEST)
        if self.worker.settings.skip_bad_images:
            support = tuple(frozen.readable(task.train, episode.support))
            validation = tuple(frozen.readable(task.val, episode.validation))
            episode = dataclasses.replace(episode, support=support, validation=validation)
            test = frozen.readable(task.test, test)
        self.parts.data = Data(
            origin=task.origin,
            classes=len(task.class_names),
            n_support=len(episode.support),
            n_val=len(episode.validation),
            n_test=len(test),
            support_hash=content_hash(task.train, episode.support) if episode.support else "",
            test_hash=content_hash(task.test, test),
            majority=KINDS[task.kind].majority(task.test, test),
            skipped_images=[_beginning(reason) for reason in frozen.skipped],
            notes=list(task.notes),
        )
        return episode, test

    def _note(self, notes: list[str]) -> None:
        """What a reader of this cell's figures should know of the data."""
        assert self.parts.data is not None
        self.parts.data = msgspec.structs.replace(self.parts.data, notes=[*self.parts.data.notes, *notes])

    def _fit(self, method: Method, frozen: Frozen, episode: Episode) -> Fitting:
        """Fit, each step in its own phase; the measured parts add up in `fit`."""
        info = self.cell.info
        chosen = tuned(frozen.backbone.fingerprint, method.name, frozen.task.kind)
        allowance = parse_recipe(info.recipe).allowance(info.quick, frozen.task.budget, method.family, chosen)
        self.fit.kept_bytes = 0  # an earlier fit of the search is gone
        return prepare(method, frozen, episode, allowance).walk(around=self._around_fit)

    @contextmanager
    def _around_fit(self, step: Step) -> Iterator[None]:
        """What isn't banked is cost of fitting, predicting on the validation set included."""
        if step.phase == "bank":
            self.phase = "bank"
            yield
            return
        self.phase = "fit"
        with self.worker.meter.measure() as usage:
            yield
        self.fit.follow(usage)

    @contextmanager
    def _around_test(self, step: Step) -> Iterator[None]:
        self.phase = step.phase
        if step.phase == "bank":
            yield
            return
        with self.worker.meter.measure() as self.predicted:
            yield

    def _validate(self, method: Method, frozen: Frozen, episode: Episode) -> float:
        """Headline metric on the validation set after fitting with these parameters; all of it is cost of fitting."""
        torch.manual_seed(self.cell.info.seed)
        fitted = self._fit(method, frozen, dataclasses.replace(episode, validation=()))
        scores = fitted.score(frozen.task.val, episode.validation, self._around_fit)
        found = fitted.kind.score(scores.numpy(), frozen.task.val, episode.validation)
        return found.metrics[fitted.kind.headline].value

    def _score(self, scores: Tensor, split: Split, rows: list[int], elsewhere: Mapping[str, np.ndarray]) -> None:
        kind = KINDS[self.cell.info.kind]
        assert self.parts.data is not None
        expected = kind.expected_shape(split, rows, self.parts.data.classes)
        if tuple(scores.shape) != expected:
            raise ValueError(f"the method gave scores of shape {tuple(scores.shape)}, expected {expected}")
        if not bool(torch.isfinite(scores).all()):
            raise Diverged(f"{int((~torch.isfinite(scores)).sum())} of {scores.numel()} scores are not finite numbers")
        found = kind.score(scores.numpy(), split, rows)
        self.parts.metrics = found.metrics
        self.parts.reliability = found.reliability
        body = io.BytesIO()
        np.savez_compressed(body, **found.arrays, **elsewhere)  # type: ignore[arg-type]
        self.parts.artifacts = {"predictions": self._keep("npz", body.getvalue())}

    def _elsewhere(self, fitted: Fitting, method: Method, test: list[int]) -> dict[str, np.ndarray]:
        """What the fitted model scores on other tasks, outside of what the cell is charged for; the arrays to keep."""
        arrays: dict[str, np.ndarray] = {}
        for source in self.cell.elsewhere:
            try:
                target = self._target(source, fitted.task, test)
                frozen = self._frozen(method, fitted.frozen.backbone, target.task, Account())
                if self.worker.settings.skip_bad_images:
                    target = dataclasses.replace(target, rows=tuple(frozen.readable(target.task.test, target.rows)))
                self.parts.elsewhere[target.task.name], kept = evaluate(fitted, target, frozen)
            except (UsageError, DataError) as error:  # what was fitted is worth a record all the same
                self.notes.append(_beginning(f"not scored on {source}: {error}"))
                continue
            arrays |= kept
        return arrays

    def _target(self, source: str, own: Task, test: list[int]) -> Target:
        """Of a quick cell and on a small task no more examples than it is content with."""
        most = QUICK_ELSEWHERE if self.cell.info.quick else None if own.budget is None else own.budget.elsewhere
        if source == CORRUPTIONS:
            return Target(source, corrupted(own), tuple(spread(test, most)), "corruption")
        task = self.worker.other_task(source, self.cell.sources)
        return Target(source, task, tuple(spread(range(len(task.test)), most)), role_of(own, task))

    def _parameters(self, fitted: Fitting, chosen: Mapping[str, Any]) -> None:
        assert self.parts.data is not None
        count, total = sum(value.numel() for value in fitted.trained().values()), fitted.total_parameters()
        body = stored_bytes(fitted, self.cell.info, self.parts.data.n_support, chosen)
        stored = len(body) if fitted.stored() else 0
        self.parts.parameters = Parameters(trainable=count, total=total, share=count / total, stored_bytes=stored)
        if self.worker.settings.save_weights:
            self.parts.artifacts["weights"] = self._keep("safetensors", body)

    def _keep(self, suffix: str, body: bytes) -> str:
        """Write an artifact, whole or not at all; its path relative to the results folder. Raises StoreError."""
        path = self.worker.settings.out / "artifacts" / f"{self.record_id}.{suffix}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, body)
        except OSError as error:
            raise StoreError(f"{path}: not written ({error.strerror}): free space, then run the same command again") from error
        return f"artifacts/{path.name}"


def spread(rows: Sequence[int], most: int | None) -> list[int]:
    """At most so many of the rows, evenly over all of them."""
    if most is None or len(rows) <= most:
        return list(rows)
    return [rows[int(place)] for place in np.linspace(0, len(rows) - 1, most).round()]


def _with(method: Method, values: Mapping[str, Any]) -> Method:
    return type(method)(dataclasses.replace(method.params, **values))


def _beginning(message: str) -> str:
    return message if len(message) <= MOST_MESSAGE else f"{message[:MOST_MESSAGE]} {CUT}"


def _end(trace: str) -> str:
    return trace if len(trace) <= MOST_TRACEBACK else f"{CUT}\n{trace[-MOST_TRACEBACK:]}"
