"""How a method is trained, and on which views of its images."""

from __future__ import annotations

from dataclasses import dataclass
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
    drop_last: bool = False  # an epoch's last batch is left out where it is short, unless it is the only one
    steps: int | None = None
    epochs: int | None = None
    weight_decay: float = 1e-2
    decay_vectors: bool = True  # whether biases and other one-dimensional parameters decay, too
    momentum: float = 0.9  # sgd only
    eps: float = 1e-8  # adam and adamw only
    schedule: Literal["cosine", "constant"] = "cosine"
    stairs: bool = False  # the rate changes once per epoch, counted from the end of warmup_epochs, instead of once per step
    final_lr: float = 0.0
    warmup: float = 0.0  # share of the run over which the rate rises from warmup_lr to lr
    warmup_stairs: int | None = None  # the rise goes in so many stairs instead of once per step
    warmup_epochs: int = 0  # epochs at the constant rate warmup_lr instead
    warmup_lr: float = 0.0
    clip_gradient: float | None = None  # largest norm
    head_lr: float | None = None  # of the parameters of a head that is trained along with an encoder
    # Mean and deviation, in epochs, of a Gaussian over the epochs 1, 2, ...: what is kept is not the last parameters but
    # their mean over the ends of epochs, so weighted.
    average: tuple[float, float] | None = None
    temperature: tuple[float, float] | None = None  # contrastive loss: between which it is kept

    def __post_init__(self) -> None:
        if self.lr <= 0 or self.batch < 1:
            raise ValueError(
                f"a recipe needs a learning rate above 0 and a batch of at least 1, got {self.lr:g} and {self.batch}"
            )

    def length(self, examples: int) -> int:
        """Steps that the recipe asks for."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None, "a recipe needs steps or epochs"
        return self.epochs * self.steps_per_epoch(examples)

    def steps_per_epoch(self, examples: int) -> int:
        return max(1, examples // self.batch) if self.drop_last else -(-examples // self.batch)


@dataclass(frozen=True)
class Views:
    """Augmented views of each support image: a random resized crop, and a flip. The task may narrow the policy."""

    count: int = 0
    smallest_crop: float = 0.08  # share of the area; the largest is 1
    flip: bool = True
    squash: bool = False  # plain images are squashed to a square, and ImageNet's statistics stand in for the backbone's
