"""What each method reaches after the same seconds of training: as many steps as fit in, each under its whole schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.backbone import load
from bench.bank import Account, Bank
from bench.episode import draw_episode
from bench.fitting import EncoderFitting, Fitting, fitting
from bench.frozen import Frozen
from bench.meter import Meter
from bench.record import HEADLINE, Record
from bench.registry import find_methods
from bench.score import evaluate
from bench.spec import parse_names
from tasks.find import find_task

REFERENCE = "full"  # whose time for its budget of steps the others get, too
SHARES = (0.5, 1.0)


@dataclass(frozen=True)
class Reached:
    label: str
    share: float  # of the reference's time
    seconds: float  # CPU seconds of training, as measured, and of the frozen prefix
    steps: int
    recall: float  # mean recall at 1 on the test set


def race(record: Record, label: str, bank: Path) -> list[Reached]:
    """A method with a share of the time that the reference takes for its steps; `record` is the reference's.

    Steps are counted by CPU seconds of a few steps of both, measured one after the other in this process. Encoding the
    frozen prefix comes out of the time; decoding the pictures, which all have to do alike, does not.
    """
    assert record.training is not None
    mine, reference = (_seconds_per_step(record, name, bank) for name in (label, REFERENCE))
    budget, prefix = record.training.run_steps * reference, encoding(record, label, bank)
    steps = [max(1, math.floor((share * budget - prefix) / mine)) for share in SHARES]
    return [_run(record, label, bank, share, count, prefix) for share, count in zip(SHARES, steps, strict=True)]


def encoding(record: Record, label: str, bank: Path) -> float:
    """CPU seconds for the frozen prefix of all training rows, beyond those of the reference, which has no prefix."""
    mine, reference = (_made(record, name, bank, 1).frozen.account.usage.cpu_seconds for name in (label, REFERENCE))
    return max(0.0, mine - reference)


def banking(record: Record, label: str, bank: Path, steps: int = 20) -> dict[str, float]:
    """CPU seconds per step with the frozen prefix from the bank, and with every row through the whole towers.

    Beside them what it takes to encode the prefix of all training rows once.
    """
    found = {"encoding": encoding(record, label, bank)}
    for rows in ("banked", "through the towers"):
        made = _made(record, label, bank, steps, banked=rows == "banked")
        with Meter("cpu").measure() as usage:
            made.train()
        found[rows] = usage.cpu_seconds / steps
    return found


def peak(record: Record, label: str, bank: Path) -> int:
    """Peak bytes of a single step."""
    made = _made(record, label, bank, 1)
    with Meter("cpu").measure() as usage:
        made.train()
    return usage.peak_bytes


def _made(record: Record, label: str, bank: Path, steps: int, banked: bool = True) -> Fitting:
    cell = record.cell
    task = find_task(cell.task).for_alignment()
    assert task.budget is not None
    frozen = Frozen(load(cell.backbone), task, Bank(bank, Meter("cpu")), Account(), "cpu", cell.precision)
    torch.manual_seed(cell.seed)
    method = find_methods().build(parse_names(label, "methods")[0])
    made = fitting(method, frozen, draw_episode(task, cell.shots, cell.seed, cell.protocol), steps, task.budget.stretch)
    made.collect_start()
    made.build()
    if not banked:
        assert isinstance(made, EncoderFitting)
        made.image_cut = made.text_cut = 0
    made.collect_rows()
    return made


def _seconds_per_step(record: Record, label: str, bank: Path, steps: int = 6) -> float:
    made = _made(record, label, bank, steps)
    with Meter("cpu").measure() as usage:
        made.train()
    return usage.cpu_seconds / steps


def _run(record: Record, label: str, bank: Path, share: float, steps: int, prefix: float) -> Reached:
    made = _made(record, label, bank, steps)
    with Meter("cpu").measure() as usage:
        made.train()
    made.collect(made.task.test, range(len(made.task.test)))
    metrics, _ = evaluate(made.predict(), made.task.test, range(len(made.task.test)), made.task.kind)
    assert made.training is not None
    return Reached(label, share, usage.cpu_seconds + prefix, made.training.run_steps, metrics[HEADLINE[made.task.kind]].value)
