"""Ranks and recalls of retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.kinds.metrics import Metric

if TYPE_CHECKING:
    from tasks.base import Split

RECALL_AT = (1, 5, 10)


def different_images(split: Split, rows: Sequence[int]) -> list[int]:
    """The row of the first pair of each different image among `rows`, in their order: the candidates of text -> image."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(split.ids[row], row)
    return list(first.values())


def retrieval_ranks(scores: np.ndarray, image_ids: Sequence[str]) -> dict[str, np.ndarray]:
    """Rank (0 is first) of the best right answer for each query, both ways, over all candidates.

    scores: [I, M], row i the i-th different image in the order of the pairs, column j the caption of pair j.
    image_ids [M]: each pair's image. Captions of the same image are all right answers to it, and none of them counts
    against another. Ties count against the model.
    """
    numbers = {name: number for number, name in enumerate(dict.fromkeys(image_ids))}
    owner = np.array([numbers[name] for name in image_ids])
    own = scores[owner, np.arange(len(owner))]
    to_image = (scores >= own).sum(0) - 1
    best = np.full(len(numbers), -np.inf, scores.dtype)
    np.maximum.at(best, owner, own)
    as_good = np.bincount(owner, own >= best[owner]).astype(np.int64)  # of the image's own captions
    to_text = (scores >= best[:, None]).sum(1) - as_good
    return {"image_to_text": to_text.astype(np.int32), "text_to_image": to_image.astype(np.int32)}


def retrieval_metrics(ranks: dict[str, np.ndarray]) -> dict[str, Metric]:
    """Recall at 1, 5 and 10 both ways, and the mean of the two at 1."""
    metrics = {f"{way}_recall@{k}": Metric(float((rank < k).mean())) for way, rank in ranks.items() for k in RECALL_AT}
    metrics["mean_recall@1"] = Metric(float(np.mean([(rank < 1).mean() for rank in ranks.values()])))
    return metrics


def check_ranks(to_text: np.ndarray, to_image: np.ndarray, captions: int | None) -> None:
    """Raises ValueError unless these are ranks [I] and [M], M being `captions`."""
    if (to_text.ndim, to_image.ndim) != (1, 1) or not (to_text.size and to_image.size):
        raise ValueError("holds arrays of the wrong shape for ranks")
    if to_text.dtype.kind not in "iu" or to_image.dtype.kind not in "iu":
        raise ValueError("holds what are no ranks")
    if captions is not None and len(to_image) != captions:
        raise ValueError(f"holds {len(to_image)} predictions, its record says {captions}")
