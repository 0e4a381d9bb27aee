"""The training loop that most of the field's repositories share: Dassl, which CoOp's came with."""

from __future__ import annotations

from typing import Literal

from methods.base import Recipe, Views

VIEWS = Views(count=10, smallest_crop=0.08)  # a random resized crop and a flip, drawn anew for each epoch


def dassl_recipe(
    optimiser: Literal["adam", "adamw", "sgd"], lr: float, batch: int, epochs: int, weight_decay: float = 5e-4
) -> Recipe:
    """Its defaults: the first epoch at 1e-5, then a cosine per epoch that starts only there, decay 5e-4, momentum 0.9.

    Its loader leaves out an epoch's last batch where it is short, and takes a support smaller than a batch whole.
    """
    return Recipe(
        optimiser,
        lr,
        batch=batch,
        drop_last=True,
        epochs=epochs,
        weight_decay=weight_decay,
        stairs=True,
        warmup_epochs=1,
        warmup_lr=1e-5,
    )
