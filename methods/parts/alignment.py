"""The recipe by which LilT aligns towers that have never met (Khan and Fu, ICLR 2023)."""

from __future__ import annotations

from methods.contract.recipe import Recipe

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
