"""What each method reaches after the same seconds of training: as many steps as fit in, each under its whole schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench.backbone import load
from bench.cell.fitting.encoder import EncoderFitting
from bench.cell.fitting.fitting import Fitting
from bench.cell.prepare import freeze, prepare
from bench.features.bank import Bank
from bench.meter import Meter, Usage
from bench.plan.budget import Terms, parse_recipe
from bench.plan.episode import draw_episode
from bench.plan.registry import find_methods
from bench.spec import parse_names
from bench.store.record import Record
from bench.tuned import tuned
from studies.lilt.subject import Subject
from tasks.find import find_task

REFERENCE = "full"  # whose time for its budget of steps the others get, too


@dataclass(frozen=True)
class Reached:
    label: str
    share: float  # of the reference's time
    seconds: float  # CPU seconds of training, as measured, and of the frozen prefix
    steps: int
    recall: float  # mean recall at 1 on the test set


@dataclass(frozen=True)
class Clock:
    """Methods on the episode of a cell, each made anew from the store's bank."""

    record: Record  # of the reference, with the most steps
    subject: Subject
    bank: Path

    def race(self, label: str) -> list[Reached]:
        """A method with each share of the time that the reference takes for its steps.

        Steps are counted by CPU seconds of a few steps of both, measured one after the other in this process. Encoding
        the frozen prefix comes out of the time; decoding the pictures, which all have to do alike, does not.
        """
        assert self.record.training is not None
        mine, reference = (self._seconds_per_step(name) for name in (label, REFERENCE))
        whole, prefix = self.record.training.run_steps * reference, self.encoding(label)
        steps = [max(1, math.floor((share * whole - prefix) / mine)) for share in self.subject.shares]
        return [self._run(label, share, count, prefix) for share, count in zip(self.subject.shares, steps, strict=True)]

    def encoding(self, label: str) -> float:
        """CPU seconds for the frozen prefix of all training rows, beyond those of the reference, which has no prefix."""
        mine, reference = (self._made(name, 1).frozen.account.usage.cpu_seconds for name in (label, REFERENCE))
        return max(0.0, mine - reference)

    def banking(self, label: str, steps: int = 20) -> dict[str, float]:
        """CPU seconds per step with the frozen prefix from the bank, and with every row through the whole towers.

        Beside them what it takes to encode the prefix of all training rows once.
        """
        found = {"encoding": self.encoding(label)}
        for rows in ("banked", "through the towers"):
            _, usage = self._trained(self._made(label, steps, banked=rows == "banked"))
            found[rows] = usage.cpu_seconds / steps
        return found

    def peak(self, which: str) -> int:
        """Peak bytes of a single step of a method under terms of its own, as in "lora batch=512,chunk=64"."""
        label, _, terms = which.partition(" ")
        return self._trained(self._made(label, 1, terms=parse_recipe(terms)))[1].peak_bytes

    def _seconds_per_step(self, label: str, steps: int = 6) -> float:
        return self._trained(self._made(label, steps))[1].cpu_seconds / steps

    def _run(self, label: str, share: float, steps: int, prefix: float) -> Reached:
        made, usage = self._trained(self._made(label, steps))
        rows = range(len(made.task.test))
        found = made.kind.score(made.score(made.task.test, rows).numpy(), made.task.test, rows)
        assert made.training is not None
        recall = found.metrics[made.kind.headline].value
        return Reached(label, share, usage.cpu_seconds + prefix, made.training.run_steps, recall)

    def _trained(self, made: Fitting) -> tuple[Fitting, Usage]:
        with Meter("cpu").measure() as usage:
            made.walk(after="collect_rows", until="collect_validation")
        return made, usage

    def _made(self, label: str, steps: int, banked: bool = True, terms: Terms | None = None) -> Fitting:
        cell = self.record.cell
        task = find_task(cell.task, self.subject.sources).for_alignment()
        method = find_methods().build(parse_names(label, "methods")[0])
        frozen = freeze(method, load(cell.backbone), task, Bank(self.bank, Meter("cpu")), precision=cell.precision)
        chosen = tuned(cell.fingerprint, cell.method, cell.kind)
        allowed = parse_recipe(cell.recipe).allowance(cell.quick, task.budget, method.family, chosen)
        torch.manual_seed(cell.seed)
        episode = draw_episode(task, cell.shots, cell.seed, cell.protocol)
        made = prepare(method, frozen, episode, replace(allowed, cap=steps, terms=terms or allowed.terms)).walk(
            until="collect_rows"
        )
        if not banked:
            assert isinstance(made, EncoderFitting)
            made.image_cut = made.text_cut = 0
        return made.walk(after="build", until="train")
