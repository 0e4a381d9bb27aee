"""How a method is trained: optimiser, length, schedule; and the recipe by which towers that have never met are aligned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """How to train: optimiser, length, schedule.

    The length is given in `steps` or in `epochs` of ceil(N / batch) steps. The schedule runs from `lr` to
    `final_lr`; a recipe that is cut short by a task's budget keeps its shape over the steps that it gets.
    """

    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = 2e-4
    batch: int = 32
    steps: int | None = None
    epochs: int | None = None
    weight_decay: float = 1e-2
    decay_vectors: bool = True  # whether biases and other one-dimensional parameters decay, too
    momentum: float = 0.9  # sgd only
    eps: float = 1e-8  # adam and adamw only
    schedule: Literal["cosine", "constant"] = "cosine"
    stairs: bool = False  # the rate changes once per epoch, counted from the run's start, instead of once per step
    final_lr: float = 0.0
    warmup: float = 0.0  # share of the run over which the rate rises from warmup_lr to lr
    warmup_stairs: int | None = None  # the rise goes in so many stairs instead of once per step
    warmup_epochs: int = 0  # epochs at the constant rate warmup_lr instead
    warmup_lr: float = 0.0
    clip_gradient: float | None = None  # largest norm
    head_lr: float | None = None  # of the parameters of a head that is trained along with an encoder
    negatives: int | None = None  # contrastive loss: pairs are told apart within groups of so many; None: within the batch
    chunk: int | None = None  # contrastive loss: pairs that go through the towers at once; the gradient is the batch's
    temperature: tuple[float, float] | None = None  # contrastive loss: between which it is kept

    def __post_init__(self) -> None:
        if self.lr <= 0 or self.batch < 1:
            raise ValueError(
                f"a recipe needs a learning rate above 0 and a batch of at least 1, got {self.lr:g} and {self.batch}"
            )
        for name in ("negatives", "chunk"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")

    def length(self, examples: int) -> int:
        """Steps that the recipe asks for."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None, "a recipe needs steps or epochs"
        return self.epochs * self.steps_per_epoch(examples)

    def steps_per_epoch(self, examples: int) -> int:
        return -(-examples // self.batch)


DEVICE_BATCH = 128  # pairs on each device of LilT's published runs, whose code contrasts within a device
LEAST_STEPS = 2000  # of an alignment: with few pairs 15 epochs would end before the warm-up of 1,000 steps does
TEMPERATURE = (0.001, 0.5)  # bounds


def alignment(pairs: int, lr: float | None = None, batch: int | None = None) -> Recipe:
    """LilT's recipe (Khan and Fu, ICLR 2023) for so many pairs.

    Theirs is for COCO's 591,753: 15 epochs of batch 512, AdamW 1e-4 with weight decay 0.02 on matrices; 1,000 steps of
    warm-up from 1e-5 in stairs of 100; then each epoch e of n has the rate 1e-5 + 4.5e-5 (1 + cos(pi e / n)). Of fewer
    pairs a batch takes a 64th, but at least 64, and epochs are added until there are 2,000 steps. At another `lr` both
    ends of the schedule stay a tenth of it.
    """
    lr = lr or 1e-4
    batch = batch or min(512, max(64, pairs // 64))
    per_epoch = -(-pairs // batch)
    return Recipe(
        lr=lr,
        batch=batch,
        epochs=max(15, -(-LEAST_STEPS // per_epoch)),
        weight_decay=0.02,
        decay_vectors=False,
        stairs=True,
        final_lr=lr / 10,
        warmup=1000 / (15 * -(-591_753 // 512)),
        warmup_stairs=10,
        warmup_lr=lr / 10,
        temperature=TEMPERATURE,
    )


@dataclass(frozen=True)
class Contrast:
    """What a step sees: parameters of the methods of LilT's table. `negatives` and `chunk` concern the contrastive loss."""

    batch: int | None = None  # pairs per step; None: the recipe's
    negatives: Literal["global", "local"] = "global"  # local: among 128, as on each of the published runs' devices
    chunk: int | None = None  # pairs in memory at a time, at the price of a second forward pass; the gradient stays the same

    def __post_init__(self) -> None:
        for name in ("batch", "chunk"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.negatives == "local" and self.batch is not None and self.batch <= DEVICE_BATCH:
            raise ValueError(f"negatives=local is among {DEVICE_BATCH} pairs: with a batch of {self.batch} it changes nothing")

    def contrasted(self, recipe: Recipe) -> Recipe:
        """The recipe with batch, negatives and chunk as these parameters say."""
        negatives = DEVICE_BATCH if self.negatives == "local" else None
        return replace(recipe, batch=self.batch or recipe.batch, negatives=negatives, chunk=self.chunk)
