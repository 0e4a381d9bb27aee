"""Cells, the expansion of what was asked into cells, and the plan of what is still to do."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from bench.errors import UsageError
from bench.plan.episode import everything
from bench.plan.evaluation import CORRUPTIONS, NOWHERE, Evaluation
from bench.plan.index_files import file_hash, support_file, support_name
from bench.plan.registry import Registry, told
from bench.plugins.code import method_code
from bench.spec import EVERYTHING, Named
from bench.store.record import CellInfo, Record
from bench.store.store import cell_key
from bench.tuned import code_with_choice
from tasks.base import NO_SOURCES, Sources, Task
from tasks.find import find_task

RENAME = "give one another name, as in imagefolder:PATH[name=NAME], or by a card"
QUICK_TEST = 200  # test examples of a quick cell
QUICK_ELSEWHERE = 60  # test examples of any other task that a quick cell is scored on
Resume = Literal["missing", "failed", "always", "never"]


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line."""

    methods: tuple[Named, ...]
    tasks: tuple[str, ...]
    shots: tuple[int, ...]
    seeds: tuple[int, ...]
    backbone: str = "bundled"
    protocol: Literal["fixed", "val"] = "fixed"
    precision: str = "fp32"
    recipe: str = "tuned"  # of `bench.plan.budget.Terms`, as text
    quick: bool = False
    sources: Sources = NO_SOURCES
    counts: tuple[int, ...] = ()  # support sizes by count of examples in all, beside the shots per class
    evaluation: Evaluation = NOWHERE  # what fitted models are scored on beside their own test set


@dataclass(frozen=True)
class Cell:
    """One cell with all that a worker needs to find method and task again."""

    info: CellInfo
    method: Named
    task_source: str  # as typed: a name, or SCHEME:PATH
    sources: Sources = NO_SOURCES
    reason: str | None = None  # why the method doesn't apply, where that is known beforehand
    elsewhere: tuple[str, ...] = ()  # sources of the other tasks that the fitted model is scored on; `CORRUPTIONS`: of its own

    @cached_property
    def key(self) -> Hashable:
        """What makes it the same cell as another."""
        return cell_key(self.info)


@dataclass(frozen=True)
class Plan:
    """What is to run, what doesn't apply, and how many cells are already in the store."""

    run: tuple[Cell, ...]
    not_applicable: tuple[Cell, ...]
    done: int
    failed_before: int
    wanted: frozenset[Hashable] = frozenset()
    told: tuple[str, ...] = ()  # what the user should know of the data before anything runs, a line each


def find_tasks(request: Request) -> dict[str, Task]:
    """The tasks that models are fitted to, by source: as typed, or halves of those. Raises UsageError for two of one name."""
    found = {source: find_task(source, request.sources) for source in request.tasks}
    names = [task.name for task in found.values()]
    if len(set(names)) < len(names):
        raise UsageError(f"two tasks have the same name in {', '.join(request.tasks)}: {RENAME}")
    return request.evaluation.learnt(found)


def expand(
    request: Request,
    registry: Registry,
    fingerprint: str,
    *,
    tasks: Mapping[str, Task] | None = None,
    random_weights: bool = False,
    aligned: bool = True,
) -> list[Cell]:
    """All cells of a request. Methods that use no support have one cell per task, at zero shots and seed zero.

    tasks: those of `find_tasks`, where they are known already.
    """
    tasks = find_tasks(request) if tasks is None else tasks
    elsewhere = _elsewhere(request, tasks, aligned)
    cells: dict[Hashable, Cell] = {}
    given = request.sources.support
    if given and request.counts:
        raise UsageError("--support gives supports of so many shots per class: leave out n=COUNT and all from --shots")
    for named in request.methods:
        method = registry.build(named)
        code = method_code(type(method))
        params = dataclasses.asdict(method.params)
        label = _label(named.name, method.params, type(method).Params(), method.varies)
        for source, task in tasks.items():
            chosen = code_with_choice(code, request.recipe, fingerprint, named.name, task.kind)
            reason = _reason(method.kinds, task)
            counts = [everything(task) if count == EVERYTHING else count for count in request.counts]
            sizes = [*((shots, False) for shots in request.shots), *((count, True) for count in counts)]
            points = [(*size, seed) for size in sizes for seed in request.seeds] if method.uses_support else [(0, False, 0)]
            for shots, by_count, seed in points:
                info = CellInfo(
                    method=named.name,
                    label=label,
                    params=params,
                    method_code=chosen,
                    family=method.family,
                    sees=told(method.sees),
                    task=task.name,
                    task_version=task.version,
                    kind=task.kind,
                    shots=shots,
                    seed=seed,
                    protocol=request.protocol,
                    backbone=request.backbone,
                    fingerprint=fingerprint,
                    random_weights=random_weights,
                    aligned=aligned,
                    precision=request.precision,
                    recipe=request.recipe,
                    quick=request.quick,
                    by_count=by_count,
                    split_origin=task.split_origin,
                    support="" if given is None else support_name(given),
                    support_file=file_hash(support_file(given, task, shots, seed)) if given and method.uses_support else "",
                    half=task.half,  # type: ignore[arg-type]
                )
                cell = Cell(info, named, source, request.sources, reason, elsewhere[source])
                cells.setdefault(cell.key, cell)
    return list(cells.values())


def _elsewhere(request: Request, tasks: Mapping[str, Task], aligned: bool) -> dict[str, tuple[str, ...]]:
    """For each of the tasks the sources of what its fitted models are scored on besides."""
    asked = request.evaluation
    others = {source.removeprefix("base:"): task for source, task in tasks.items()}
    others |= {source: find_task(source, request.sources) for source in asked.tasks if source not in others}
    asked.check(tasks, others)
    found = {}
    for source, task in tasks.items():
        sources = [*asked.of(source, task, others), *(() if aligned else task.transfers)]
        found[source] = tuple(dict.fromkeys([*sources, *([CORRUPTIONS] if asked.corruptions else [])]))
    return found


def _reason(kinds: Iterable[str], task: Task) -> str | None:
    return None if task.kind in kinds else f"the method is for {', '.join(sorted(kinds))} tasks, this one is {task.kind}"


def _label(name: str, params: object, defaults: object, varies: str | None) -> str:
    """The name with what differs from the defaults, and always with the parameter by which the method varies."""
    changed = {
        field.name: getattr(params, field.name)
        for field in dataclasses.fields(params)  # type: ignore[arg-type]
        if getattr(params, field.name) != getattr(defaults, field.name) or field.name == varies
    }
    text = ",".join(f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in changed.items())
    return f"{name}[{text}]" if text else name


def of_other_data(tasks: Iterable[Task], records: Iterable[Record]) -> list[str]:
    """A line for each task of whose name there are records, but none of its data: they leave the tables for its."""
    held: dict[str, Counter[str]] = {}
    for record in records:
        held.setdefault(record.cell.task, Counter())[record.cell.task_version] += 1
    return [
        f"{task.name}: the {held[task.name].total()} records of this name are of other data (another version, or another data "
        f"set) and leave the tables for those of this run: if both are to stay, {RENAME}"
        for task in tasks
        if task.name in held and task.version not in held[task.name]
    ]


def plan(cells: list[Cell], latest: Mapping[Hashable, Record], resume: Resume, told: tuple[str, ...] = ()) -> Plan:
    """Which cells are to run.

    missing: those without a record, or whose record has not been scored elsewhere as is asked; failed: those too whose last
    attempt failed; always: all; never: all, and it is an error if the store already holds one of them. What a record was
    scored on elsewhere is asked for again, so that no later attempt takes it from the tables.
    told: what the plan says beside that.
    """
    run: list[Cell] = []
    not_applicable: list[Cell] = []
    done = failed = 0
    for cell in cells:
        record = latest.get(cell.key)
        if record is not None:
            if resume == "never":
                raise UsageError(
                    f"the store already holds {cell.info.label} on {cell.info.task} at {cell.info.size}, "
                    f"seed {cell.info.seed}: use --resume missing, or another --out"
                )
            bad = record.status not in ("ok", "not_applicable")
            failed += bad
            held = {entry.source: entry.task_version for entry in record.elsewhere.values()}
            lacking = record.status == "ok" and not _held(cell, held)
            if not lacking and (resume == "missing" or (resume == "failed" and not bad)):
                done += 1
                continue
            cell = dataclasses.replace(cell, elsewhere=tuple(dict.fromkeys([*cell.elsewhere, *held])))
        (not_applicable if cell.reason else run).append(cell)
    return Plan(tuple(run), tuple(not_applicable), done, failed, frozenset(cell.key for cell in cells), told)


def _held(cell: Cell, held: Mapping[str, str]) -> bool:
    """Whether a record, of which `held` has source -> version, was scored on all that the cell asks for, as it is now."""
    return all(
        source in held and (source == CORRUPTIONS or held[source] == find_task(source, cell.sources).version)
        for source in cell.elsewhere
    )
