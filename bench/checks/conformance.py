"""What must hold for every method, tried on a small drawn task: `python -m bench check NAME`, and the tests.

A check gets a `Bench`: a method on a kind of task that it suits, with a bundled backbone in float32 and a few
steps of training. It raises `Violation` with one line that says what is wrong.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from bench.backbone import Backbone
from bench.cell.fitting.encoder import EncoderFitting
from bench.cell.fitting.fitting import Fitting
from bench.cell.prepare import freeze, prepare
from bench.features.bank import Bank
from bench.kinds import KINDS
from bench.meter import Meter
from bench.plan.budget import Allowance
from bench.plan.episode import Episode
from methods.base import CLASSIFICATION, FAMILIES, SEES, EncoderMethod, Method, NotApplicable
from tasks.base import Augmentation, Split, SplitName, Task

CLASSES = ("circle", "square", "star")
COLOURS = ((220, 40, 40), (40, 160, 60), (50, 70, 210))
PER_CLASS = 4  # examples of a class in every split
STEPS = 3
BEFORE_TRAINING = "collect_rows"  # the last step before it
TOLERANCE = 2e-3  # of the largest score


class Violation(AssertionError):
    """What a method breaks."""


@dataclass(frozen=True)
class Bench:
    """A method on a small task. All fits share frozen features, as the bank is keyed by content."""

    method: Method
    kind: str
    backbone: Backbone
    bank: Path
    seed: int = 0

    @cached_property
    def task(self) -> Task:
        return small_task(self.kind, self.seed)

    @property
    def episode(self) -> Episode:
        return Episode(PER_CLASS, self.seed, tuple(range(PER_CLASS * len(CLASSES))) if self.method.uses_support else ())

    def start(self, task: Task | None = None, episode: Episode | None = None) -> Fitting:
        """A fitting that is built and not yet trained; dropout is off, as its draws depend on the order of a batch."""
        frozen = freeze(self.method, self.backbone, task or self.task, Bank(self.bank, Meter("cpu")))
        torch.manual_seed(self.seed)
        fitted = prepare(self.method, frozen, episode or self.episode, Allowance(STEPS)).walk(until="train")
        for module in fitted.module.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        return fitted

    def fit(self, task: Task | None = None, episode: Episode | None = None) -> Fitting:
        return self.start(task, episode).walk(after=BEFORE_TRAINING)

    @cached_property
    def fitted(self) -> Fitting:
        return self.fit()

    @cached_property
    def own_scores(self) -> Tensor:
        return self.scores(self.fitted)

    def scores(self, fitted: Fitting) -> Tensor:
        return fitted.score(fitted.task.test, range(len(fitted.task.test)))


def small_task(kind: str, seed: int, order: tuple[int, ...] = (0, 1, 2)) -> Task:
    """Noisy pictures in a colour per class; `order` renumbers the classes and changes nothing else."""
    its, rank = KINDS[kind], {old: new for new, old in enumerate(order)}
    examples = PER_CLASS * len(CLASSES)

    def load(split: SplitName) -> Split:
        def draw(row: int) -> Image.Image:
            random = np.random.default_rng([seed, row, *split.encode()])
            pixels = np.array(COLOURS[row % len(CLASSES)]) + random.normal(0, 60, (64, 64, 3))
            return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

        labels = np.array([rank[row % len(CLASSES)] if its.has_classes else -1 for row in range(examples)])
        texts = [f"a {CLASSES[row * 5 % 3]} number {row // 3}" for row in range(examples)] if its.text_per_example else None
        return Split([f"{split}-{row}" for row in range(examples)], draw, labels, texts)

    names = tuple(CLASSES[old] for old in order) if its.has_classes else ()
    return Task(
        name=f"conformance {kind} {seed}",
        kind=kind,
        version="1",
        class_names=names,
        load=load,
        templates=("a photo of a {}.", "a drawing of a {}."),
        candidate="{text} {answer}",
        augmentation=Augmentation(smallest_crop=0.5),
    )


def declares_itself(bench: Bench) -> None:
    """names, parameters with defaults, and a validation grid over its own parameters"""
    kind = type(bench.method)
    for attribute in ("name", "family", "kinds", "paper", "trains"):
        if not hasattr(kind, attribute):
            raise Violation(f"the class has no {attribute!r}")
    if kind.family not in FAMILIES:
        raise Violation(f"the family is {kind.family!r}: take one of {', '.join(FAMILIES)}, as it decides the step cap")
    if not kind.kinds or kind.kinds - KINDS.keys():
        raise Violation(f"the kinds are {sorted(kind.kinds)}: take some of {', '.join(KINDS)}")
    if not is_dataclass(kind.Params) or not kind.Params.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise Violation("Params must be a frozen dataclass")
    if set(kind.sees) - set(SEES):
        raise Violation(f"it sees {', '.join(kind.sees)}: take some of {', '.join(SEES)}, or nothing")
    unknown = set(kind.grid) - {field.name for field in fields(kind.Params)}
    if unknown:
        raise Violation(f"the grid names {', '.join(sorted(unknown))}, which are not parameters")
    parameters = kind.Params()
    if issubclass(kind, EncoderMethod) and not hasattr(parameters, "lr"):
        raise Violation("Params has no lr, the rate at which towers that have never met are aligned")


def scores_are_finite(bench: Bench) -> None:
    """a finite score for every example and class"""
    scores = bench.own_scores
    test = bench.task.test
    expected = KINDS[bench.kind].expected_shape(test, range(len(test)), len(bench.task.class_names))
    if tuple(scores.shape) != expected:
        raise Violation(f"scores of shape {tuple(scores.shape)}, expected {expected}")
    if not bool(torch.isfinite(scores).all()):
        raise Violation("scores that are not finite")


def starts_at_zero_shot(bench: Bench) -> None:
    """where it says so, zero-shot's scores before the first step"""
    if not bench.method.starts_at_zero_shot or bench.kind != CLASSIFICATION:
        raise NotApplicable("it does not say so of this kind")
    start, test = bench.start(), bench.task.test
    features = start.features(test, range(len(test)))
    zero_shot = start.scale * features.image @ features.candidates.T
    close(bench.scores(start), zero_shot, "before training, scores differ from zero-shot's")


def class_order_is_free(bench: Bench) -> None:
    """renumbered classes give the same scores, renumbered"""
    if not KINDS[bench.kind].has_classes:
        raise NotApplicable(f"{bench.kind} has no classes")
    order = tuple(int(number) for number in np.random.default_rng(bench.seed).permutation(len(CLASSES)))
    other = bench.fit(small_task(bench.kind, bench.seed, order))
    close(bench.scores(other), bench.own_scores[:, list(order)], f"with the classes in the order {order} scores differ")


def sees_no_more_than_it_says(bench: Bench) -> None:
    """where it doesn't say that it sees class names, others give the same scores to the bit"""
    if bench.kind != CLASSIFICATION or "class names" in bench.method.sees:
        raise NotApplicable("it says that it sees them, or there are none")
    renamed = replace(bench.task, class_names=tuple(f"{name} of another name" for name in bench.task.class_names))
    if not torch.equal(bench.scores(bench.fit(renamed)), bench.own_scores):
        raise Violation("with other class names scores differ, and 'class names' is not among what it sees")


def support_order_is_free(bench: Bench) -> None:
    """where it says so, the order of the support changes nothing"""
    if not bench.method.order_free or not bench.method.uses_support:
        raise NotApplicable("it does not say so")
    shuffled = np.random.default_rng(bench.seed).permutation(bench.episode.support)
    other = bench.fit(episode=replace(bench.episode, support=tuple(int(row) for row in shuffled)))
    close(bench.scores(other), bench.own_scores, "with the support in another order scores differ")


def only_the_declared_moves(bench: Bench) -> None:
    """what it didn't declare is bit-identical after training; the shared backbone is untouched"""
    shared = copy.deepcopy(bench.backbone.clip.state_dict())
    fitted = bench.start()
    everything = {**dict(fitted.module.named_parameters()), **dict(fitted.module.named_buffers())}
    before = {name: value.detach().clone() for name, value in everything.items()}
    declared = set(fitted.trained())
    fitted.walk(after=BEFORE_TRAINING)
    for name, value in everything.items():
        if name not in declared and not torch.equal(value, before[name]):
            raise Violation(f"{name} moved and is not declared as trained")
    for name, value in bench.backbone.clip.state_dict().items():
        if not torch.equal(value, shared[name]):
            raise Violation(f"{name} of the shared backbone moved")


def frozen_stages_are_the_backbones(bench: Bench) -> None:
    """below the first stage that trains nothing is edited: what stands there is read from the bank and not run again"""
    fitted = bench.start()
    if not isinstance(fitted, EncoderFitting):
        raise NotApplicable("it works on frozen features")
    towers = {"image": fitted.image_cut}
    if fitted.support_rows.texts is not None:  # a head of the method's own may need no text tower
        towers["text"] = fitted.text_cut
    for name, cut in towers.items():
        ours, theirs = (getattr(clip, name).stages[:cut] for clip in (fitted.module.clip, bench.backbone.clip))
        same = [type(module) for module in ours.modules()] == [type(module) for module in theirs.modules()]
        values = [*zip(ours.state_dict().values(), theirs.state_dict().values(), strict=False)]
        if not same or not all(torch.equal(*pair) for pair in values):
            raise Violation(f"the {name} tower is edited below stage {cut}, the first that trains: the edit would do nothing")


def never_reads_the_test_set(bench: Bench) -> None:
    """fits without the test split"""

    def load(split: SplitName) -> Split:
        if split == "test":
            raise Violation("the test split was read while fitting")
        return bench.task.load(split)

    bench.fit(replace(bench.task, load=load))


def is_deterministic(bench: Bench) -> None:
    """fitted twice, the same scores to the bit"""
    if not torch.equal(bench.scores(bench.fit()), bench.own_scores):
        raise Violation("a second fit with the same seed gives other scores")


def restores_what_it_stored(bench: Bench) -> None:
    """what is stored is enough to give the same scores to the bit"""
    again = prepare(bench.method, bench.fitted.frozen, Episode(PER_CLASS, 0, ()))
    torch.manual_seed(bench.seed + 1)
    again.restore(copy.deepcopy(bench.fitted.stored()), len(bench.episode.support))
    if not torch.equal(bench.scores(again), bench.own_scores):
        raise Violation("restored from what it stored, it gives other scores")


def close(ours: Tensor, theirs: Tensor, message: str) -> None:
    difference = float((ours - theirs).abs().max())
    if difference > TOLERANCE * max(1.0, float(theirs.abs().max())):
        raise Violation(f"{message} by up to {difference:.3g}")


Check = Callable[[Bench], None]
CHECKS: Mapping[str, Check] = {
    check.__name__.replace("_", " "): check
    for check in (
        declares_itself,
        scores_are_finite,
        starts_at_zero_shot,
        class_order_is_free,
        sees_no_more_than_it_says,
        support_order_is_free,
        only_the_declared_moves,
        frozen_stages_are_the_backbones,
        never_reads_the_test_set,
        is_deterministic,
        restores_what_it_stored,
    )
}


@dataclass(frozen=True)
class Finding:
    """One row of `python -m bench check`."""

    kind: str
    check: str
    verdict: Literal["ok", "failed", "not applicable"]
    reason: str = ""


def conformance(method: Method, backbone: Backbone, bank: Path, seed: int = 0) -> Iterator[Finding]:
    """All checks on all kinds that the method says it suits; whatever a check raises is its problem."""
    for kind in sorted(method.kinds):
        tried = Bench(method, kind, backbone, bank, seed)
        for name, check in CHECKS.items():
            try:
                check(tried)
                yield Finding(kind, name, "ok")
            except NotApplicable as reason:
                yield Finding(kind, name, "not applicable", str(reason))
            except Exception as error:
                line = str(error) if isinstance(error, Violation) else f"{type(error).__name__}: {error}"
                yield Finding(kind, name, "failed", line.splitlines()[0] if line else type(error).__name__)
