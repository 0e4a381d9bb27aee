"""Image <-> caption, over all candidates both ways."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.kinds.kind import Batch, FrozenTexts, Kind, Scored
from bench.kinds.metrics import Metric, Reliability
from bench.kinds.recall import RECALL_AT, check_ranks, different_images, retrieval_metrics, retrieval_ranks

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.base import Split

    Compare = Callable[[Tensor, Tensor], Tensor]  # features [B, d] of images and of texts -> scores [B, B]

WAYS = {"image_to_text": "text R@", "text_to_image": "image R@"}  # what is looked for


class Retrieval(Kind):
    name = "retrieval"
    headline = "mean_recall@1"
    headline_title = "mean recall at 1 (%)"
    columns = {f"{way}_recall@{k}": f"{title}{k}" for way, title in WAYS.items() for k in RECALL_AT}
    shots_title = "shots"
    examples = "pairs"
    duration = 2.2
    has_classes = False

    def scored_images(self, split: Split, rows: Sequence[int]) -> Sequence[int]:
        return different_images(split, rows)

    def expected_shape(self, split: Split, rows: Sequence[int], classes: int) -> tuple[int, int]:
        return len(different_images(split, rows)), len(rows)

    def score(self, scores: np.ndarray, split: Split, rows: Sequence[int]) -> Scored:
        ranks = retrieval_ranks(scores, [split.ids[row] for row in rows])
        return Scored(retrieval_metrics(ranks), ranks)

    def rescore(self, arrays: Mapping[str, np.ndarray], examples: int | None) -> tuple[dict[str, Metric], Reliability | None]:
        ranks = {way: arrays[way] for way in WAYS}
        check_ranks(ranks["image_to_text"], ranks["text_to_image"], examples)
        return retrieval_metrics(ranks), None

    def counted(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of images as queries, then of captions; each way counts as a half, however many queries it has."""
        ways = [arrays[way] < 1 for way in WAYS]
        whole = sum(map(len, ways))
        return np.concatenate([found * (whole / (len(WAYS) * len(found))) for found in ways])

    def loss(self, batch: Batch) -> Tensor:
        image, text = batch.pairs()
        return contrastive_loss(image, text, batch.compare, batch.negatives, batch.image_numbers)

    def frozen_texts(self, asked: FrozenTexts) -> tuple[Tensor | None, Tensor | None]:
        return None, asked.encode(asked.texts)


def contrastive_loss(
    image: Tensor, text: Tensor, compare: Compare, negatives: int | None = None, image_numbers: Tensor | None = None
) -> Tensor:
    """Symmetric InfoNCE of B pairs, row i of one belonging to row i of the other (CLIP, Radford et al., 2021).

    negatives: pairs are told apart within groups of so many, as on a device that sees no others; None: all of the batch.
    image_numbers: [B] which image each pair has; other captions of the same image are neither right nor wrong then.
    """
    import torch
    from torch.nn import functional as F

    size = negatives or len(image)
    numbers = torch.arange(len(image)) if image_numbers is None else image_numbers
    total = image.new_zeros(())
    for images, texts, mine in zip(image.split(size), text.split(size), numbers.split(size), strict=True):
        scores = compare(images, texts)
        also_right = (mine[:, None] == mine) & ~torch.eye(len(mine), dtype=torch.bool, device=mine.device)
        scores = scores.masked_fill(also_right.to(scores.device), -math.inf)
        target = torch.arange(len(images), device=scores.device)
        total = total + len(images) * (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
    return total / len(image)
