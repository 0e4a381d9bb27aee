"""The whole job: folds, search, answer, the last fit; all records are kept, so that the same command goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from rich.console import Console

from bench.advise.advice import Advice, write_advice
from bench.advise.answer import answer
from bench.advise.asked import Asked
from bench.advise.entrants import Entrant, distinct
from bench.advise.field import Field
from bench.advise.forecast import Forecast
from bench.advise.kept import keep_adapter, lines_of_python
from bench.advise.known import image_seconds
from bench.advise.material import material
from bench.advise.page import write_page
from bench.advise.race import LAST, Clock, Search
from bench.advise.watch import Watch
from bench.backbone import load
from bench.errors import StoreError, UsageError
from bench.executors import Placement, place
from bench.executors.drive import drive
from bench.executors.local import LocalExecutor
from bench.executors.schedule import Schedule
from bench.plan.budget import parse_recipe
from bench.plan.grid import Cell
from bench.plan.registry import find_methods
from bench.plan.resolve import resolve_device, resolve_precision, resolve_products
from bench.plan.settings import Settings
from bench.store.record import Record
from bench.store.store import Store
from tasks.find import find_task

ANSWER_S = 6.0  # kept for writing the answer
MARGIN = 3.0  # times its predicted seconds that are kept for the last fit
REASONS = 3  # that are told where nobody is left
START_S = 3.0  # kept for the start of its worker, or what the first one took if that was more


def advise(asked: Asked, *, console: Console | None = None, begun: float | None = None) -> Advice:
    """Choose a method by folds of the labelled train examples, within the time; write advice.json, advice.html and the adapter.

    begun: `time.monotonic()` from which the time counts. Raises BenchError for what the user must put right, such as data
    that can't be dealt into folds or limits that leave no method; KeyboardInterrupt if it was stopped.
    """
    clock = Clock(asked.seconds, time.monotonic() if begun is None else begun)
    console = console or Console(stderr=True, quiet=True)
    job = _Job(asked, clock, console)
    chosen = job.search()
    adapter = job.last_fit(chosen)
    found = answer(
        asked, job.field.material, job.searched, clock, adapter, lines_of_python(asked, job.field.material.task, adapter)
    )
    try:
        write_advice(found, asked.out)
        write_page(found, asked.out)
    except OSError as error:
        raise StoreError(
            f"{asked.out}: the advice can't be written ({error.strerror}): free space or choose another --out"
        ) from error
    return found


class _Job:
    """What search and last fit share."""

    def __init__(self, asked: Asked, clock: Clock, console: Console) -> None:
        self.asked, self.clock, self.console = asked, clock, console
        registry = find_methods(asked.plugins)
        parse_recipe(asked.recipe)
        device = resolve_device(asked.device)
        sources = replace(asked.sources, plugins=asked.plugins, memory=asked.out / "bank" / "contents")
        task = find_task(asked.source, sources)
        backbones = {name: load(name, device) for name in asked.backbones}
        precision = resolve_precision(asked.precision, device)
        self.settings = Settings(
            out=asked.out,
            bank=asked.out / "bank",
            device=device,
            products=resolve_products(device),
            command=asked.command,
            plugins=asked.plugins,
            skip_bad_images=asked.skip_bad_images,
        )
        self.executor = self._executor(self.settings, Placement(workers=asked.workers))
        with _threads(self.executor.settings.threads):
            image_s = {name: image_seconds(backbone, precision) for name, backbone in backbones.items()}
        drawn = material(asked.source, task, asked.shots, asked.seed, max(image_s.values()), asked.seconds)
        self.field = Field(asked, registry, backbones, drawn, image_s, sources, precision)
        self.store = Store(asked.out)
        self.store.prepare()
        self.latest = self.store.latest()

    def search(self) -> Entrant:
        """Who is recommended. Raises UsageError if no method could be tried."""
        self.forecast = Forecast(self.latest.values(), self.field.image_s, self.field.material.task)
        self.clock.reserved = START_S + ANSWER_S
        self.searched = Search(
            self.field.entrants(),
            self.field.material.folds(),
            self.forecast,
            self.clock,
            self.asked.out,
            limits=self.asked.limits,
            known=self.latest.get,
            curve=self.field.learning_curve,
            variants=self.field.variants,
            last_fit=_reserved,
            workers=len(self.executor.slots),
        )
        self._drive(self.executor, self.searched, self.searched)
        leaders = self.searched.leaders()
        if not leaders:
            raise UsageError(self._nobody())
        for one in distinct(leaders)[:LAST]:
            self.field.know(one)
        return leaders[0]

    def _nobody(self) -> str:
        reasons: dict[str, list[str]] = {}
        for one in self.searched.entrants:
            reasons.setdefault(one.reason or "the time was up before", []).append(one.label)
        most = sorted(reasons.items(), key=lambda each: -len(each[1]))
        told = [f"{', '.join(names[:3])}{' and others' if len(names) > 3 else ''}: {why}" for why, names in most[:REASONS]]
        told += [f"{sum(len(names) for _, names in most[REASONS:])} more for other reasons"] if most[REASONS:] else []
        remedy = "raise the limits, name other methods, or give more --minutes"
        return f"no method is left to advise on {self.field.material.task.name}: {'; '.join(told)}: {remedy}"

    def last_fit(self, chosen: Entrant) -> str | None:
        """Fit to all examples and keep the adapter; its file in the results folder, None if the time is up."""
        cell = self.field.last_cell(chosen)
        record = self.latest.get(cell.key)
        if record is None or record.status != "ok" or "weights" not in record.artifacts:
            record = self._fit(cell)
        return None if record is None else keep_adapter(self.asked.out, record)

    def _fit(self, cell: Cell) -> Record | None:
        self.clock.reserved = ANSWER_S
        if self.clock.left <= 0:
            return None
        executor = self._executor(
            replace(self.settings, save_weights=True), Placement(workers=1, cpus=self.executor.settings.threads)
        )
        self._drive(executor, _LastFit(self.clock, cell), None)
        record = self.store.latest().get(cell.key)
        return record if record is not None and record.status == "ok" else None

    def _executor(self, settings: Settings, placement: Placement) -> LocalExecutor:
        executor = place(settings, placement)
        assert isinstance(executor, LocalExecutor)
        return executor

    def _drive(self, executor: LocalExecutor, schedule: Schedule, search: Search | None) -> None:
        with Watch(self.console, self.clock, search) as watch:
            if drive(executor, schedule, self.store, watch) is not None:
                raise KeyboardInterrupt


def _reserved(startup: float, seconds: float) -> float:
    """Seconds to keep for the last fit and the answer. startup: of workers; seconds: of a fold of the method."""
    return max(START_S, startup) + MARGIN * seconds + ANSWER_S


class _LastFit(Schedule):
    """One cell, that must end in time."""

    def __init__(self, clock: Clock, cell: Cell) -> None:
        super().__init__([cell])
        self._clock = clock

    def overdue(self, cell: Cell, seconds: float) -> bool:
        return self._clock.left < 0


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """As many as a worker has."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
