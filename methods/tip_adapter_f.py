"""Tip-Adapter-F: Tip-Adapter whose keys are trained (Zhang et al., ECCV 2022).

    logits[b, c] = tau f[b] . t[c] + alpha * sum over k of exp(-beta (1 - f[b] . key[k])) onehot[k, c]

key [N, d] starts at Tip-Adapter's keys and is all that trains: N d numbers. AdamW, learning rate 1e-3, eps 1e-4, batch 256,
on crops and flips drawn anew for each epoch, cosine per step; 20 epochs, 100 where the support fits into one batch, as it
does for the one data set (EuroSAT, 160 images) that the published configurations train for 100. The published code reports
the best epoch on the test set; here it is the last one. Protocol `val` chooses alpha and beta after training, on the
validation set.
"""

from __future__ import annotations

from torch import nn

from methods.base import Count, Recipe, Support
from methods.tip_adapter import Cache, TipAdapter

BATCH = 256


class TipAdapterF(TipAdapter):
    name = "tip-adapter-f"
    trains = "the keys of a cache of the support"
    order_free = False
    trains_on = "fresh"
    counts = (Count(81_920, "N d", shots=16),)

    def head(self, support: Support) -> nn.Module:
        start = super().head(support)
        assert isinstance(start, Cache)
        return Cache(start.keys, start.onehot, start.alpha, start.beta, start.scale, learn_keys=True)

    def recipe(self, support: Support) -> Recipe:
        return Recipe(lr=1e-3, eps=1e-4, batch=BATCH, epochs=100 if len(support) <= BATCH else 20)
