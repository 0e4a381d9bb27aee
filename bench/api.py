"""The verbs as Python functions, for notebooks and other programs; the command line is thin over this."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.advise import Advice as Advice
from bench.advise import Asked as Asked
from bench.advise import advise as advise
from bench.backbone import load as load_backbone
from bench.cell.own_fit import fit_own
from bench.cell.scorer import Picture, Scorer
from bench.cell.weights import read_stored
from bench.compare import compare as compare
from bench.errors import UsageError, unknown
from bench.executors import Executor, Placement, place
from bench.executors.drive import drive
from bench.executors.durations import Durations
from bench.executors.progress import PROGRESS, Display
from bench.executors.schedule import Schedule
from bench.executors.slots import default_workers as default_workers
from bench.plan.budget import parse_recipe
from bench.plan.grid import Plan, Request, Resume, expand, find_tasks, of_other_data, plan
from bench.plan.registry import find_methods
from bench.plan.resolve import resolve_device as resolve_device
from bench.plan.resolve import resolve_methods as resolve_methods
from bench.plan.resolve import resolve_precision as resolve_precision
from bench.plan.resolve import resolve_products as resolve_products
from bench.plan.resolve import resolve_tasks as resolve_tasks
from bench.plan.settings import Settings
from bench.plugins.code import method_code
from bench.report import Summary, write_report
from bench.report import report as report
from bench.store.claims import Claims
from bench.store.following import Follower
from bench.store.provenance import now, provenance
from bench.store.record import CellInfo, Failure, Record
from bench.store.store import Store, artifact
from bench.text import plain
from bench.tuned import code_with_choice
from bench.upkeep.clean import clean as clean
from bench.upkeep.merge import merge as merge
from bench.upkeep.rescore import rescore as rescore
from bench.upkeep.status import Holding
from bench.upkeep.status import status as status_of

QUICK_SHOTS = (16,)
DEFAULT_OUT = Path("results/local")


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    plan: Plan
    records: tuple[Record, ...]  # those of the cells asked for, old ones included
    summary: Summary | None
    stopped: int | None = None  # the number of the signal that ended it early

    @property
    def failed(self) -> int:
        return sum(record.status not in ("ok", "not_applicable") for record in self.records)


def run(
    request: Request,
    settings: Settings,
    *,
    placement: Placement = Placement(workers=1),  # noqa: B008 - frozen
    resume: Resume = "missing",
    dry_run: bool = False,
    console: Console | None = None,
    announce: Callable[[Plan, Executor], None] = lambda plan, executor: None,
) -> Outcome:
    """Run what is missing of a grid and write the report. Raises BenchError for what the user must put right.

    Ctrl-C once: the running cells finish and the report is written; twice, SIGTERM or SIGHUP: it ends now, without.
    """
    console = console or Console(stderr=True, quiet=True)
    registry = find_methods(settings.plugins)
    store = Store(settings.out)
    backbone = load_backbone(request.backbone)
    if backbone.aligned and parse_recipe(request.recipe).lr is not None:
        raise UsageError(
            f"--recipe {request.recipe}: lr is the rate at which towers that have never met are aligned, and those of "
            f"{request.backbone} have: give methods their own, as in lora[lr=1e-4]"
        )
    facts: dict[str, Any] = {"random_weights": backbone.random_weights, "aligned": backbone.aligned}
    if not dry_run or settings.bank.exists():  # a dry run leaves no trace
        request = replace(request, sources=replace(request.sources, memory=settings.bank / "contents"))
    tasks = find_tasks(request)
    cells = expand(request, registry, backbone.fingerprint, tasks=tasks, **facts)
    follower = Follower(store)
    latest = store.latest()
    notes = [*backbone.notes, *(f"{task.name}: {note}" for task in tasks.values() for note in task.notes)]
    todo = plan(cells, latest, resume, (*notes, *of_other_data(tasks.values(), latest.values())))
    executor = place(settings, placement)
    announce(todo, executor)
    if dry_run:
        return Outcome(todo, (), None)
    store.prepare()
    for cell in todo.not_applicable:
        failure = Failure(phase="plan", type="NotApplicable", message=cell.reason or "")
        origin = provenance(settings.device, settings.command, now(), dict(settings.flags))
        store.append(
            Record(record_id=uuid.uuid4().hex[:16], cell=cell.info, status="not_applicable", error=failure, provenance=origin)
        )
    stopped = None
    if todo.run:
        durations = Durations(latest.values())
        with Display(console, todo.run, durations.seconds, settings.out / PROGRESS) as display, Claims(settings.out) as claims:
            schedule = Schedule(todo.run, durations, claims, follower, display.found)
            stopped = drive(executor, schedule, store, display)
        if schedule.stopped:
            return Outcome(todo, (), None, stopped)
    latest = store.latest()
    for problem in store.problems:
        console.print(plain(f"passed over: {problem}"), markup=False, highlight=False, style="yellow")
    summary = write_report(latest.values(), settings.out)
    return Outcome(todo, tuple(record for key, record in latest.items() if key in todo.wanted), summary, stopped)


def load(
    source: Record | Path | str,
    out: Path = DEFAULT_OUT,
    device: str = "cpu",
    plugins: tuple[Path, ...] = (),
    backbone: str | None = None,
    whole_batches: bool = False,
) -> Scorer:
    """A scorer from what a cell stored under `--save-weights`: from its record in the folder `out`, or from the file.

    backbone: where the backbone is now, if it has moved. whole_batches: see `Scorer`. Raises UsageError if there is no such
    file, or if record, file, backbone, method and parameters don't agree; StoreError if the record names a file outside of
    `out`.
    """
    if isinstance(source, Record):
        found = artifact(out, source, "weights")
        if found is None:
            raise UsageError(f"record {source.record_id} has no stored weights: run the cell again with --save-weights")
        path = found
    else:
        path = Path(source)
    about, tensors = read_stored(path)
    registry = find_methods(plugins)
    if about.method not in registry.methods:
        raise unknown("method", about.method, registry.methods)
    kind = registry.methods[about.method]
    if isinstance(source, Record):
        chosen = {} if source.training is None else source.training.chosen
        expected = {**source.cell.params, **{key: value for key, value in chosen.items() if key in source.cell.params}}
        for what, ours, theirs in (
            ("method", source.cell.method, about.method),
            ("parameters", expected, about.params),
            ("backbone", source.cell.fingerprint, about.fingerprint),
        ):
            if ours != theirs:
                raise UsageError(f"{path}: holds {what} {theirs}, the record says {ours}")
    try:
        method = kind(kind.Params(**about.params))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: {about.method} does not take the stored parameters {about.params}: {error}") from error
    try:
        found_on = load_backbone(backbone or about.backbone, device)
    except UsageError as error:
        if backbone is not None:
            raise
        raise UsageError(f"{path}: its backbone isn't where it was ({error}): say where it is now by backbone") from error
    return Scorer(about, method, found_on, tensors, device, whole_batches)


def fit(
    method: str,
    images: Sequence[Picture],
    labels: Sequence[str] | Sequence[int],
    classes: Sequence[str] | None = None,
    *,
    texts: Sequence[str] | None = None,
    templates: Sequence[str] = ("a photo of a {}.",),
    backbone: str = "bundled",
    recipe: str = "paper",
    seed: int = 1,
    device: str = "auto",
    precision: str = "auto",
    plugins: tuple[Path, ...] = (),
) -> Scorer:
    """A method, as in "lora[r=4]", fitted to images at hand: PIL's, files, or arrays [H, W, 3] of uint8.

    labels: names of classes, or their numbers from 0 in `classes`. texts: the question or sentence of each image, whose
    answers are then the labels. Raises UsageError for what doesn't go together, DataError for a file that can't be read.
    """
    registry = find_methods(plugins)
    (named, *others) = resolve_methods(method, registry)
    if others:
        raise UsageError(f"{method}: name one method")
    device = resolve_device(device)
    fitted_on = load_backbone(backbone, device)
    return fit_own(
        registry.build(named), fitted_on, images, labels, classes, texts, templates, recipe, seed, device,
        resolve_precision(precision, device),
    )  # fmt: skip


def status(out: Path, plugins: tuple[Path, ...] = ()) -> Holding:
    """What a results folder holds, and which of its cells were made with method code older than the present one."""
    codes = {name: method_code(method) for name, method in find_methods(plugins).methods.items()}

    def now_of(cell: CellInfo) -> str | None:
        code = codes.get(cell.method)
        return code and code_with_choice(code, cell.recipe, cell.fingerprint, cell.method, cell.kind)

    return status_of(out, now_of)


def command_line(arguments: Sequence[str] | None = None) -> str:
    return " ".join(["python -m bench", *(sys.argv[1:] if arguments is None else arguments)])
