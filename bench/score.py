"""The one place where labels meet scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import log_softmax
from torch import Tensor

from bench.record import Metric, Reliability
from tasks.base import Split

RECALL_AT = (1, 5, 10)
CALIBRATION_BINS = 15


def classification_metrics(scores: np.ndarray, labels: np.ndarray) -> dict[str, Metric]:
    """Of scores [N, C] (logits) and labels [N]: accuracy, mean accuracy over classes, calibration error, log loss.

    The calibration error is the expected one over 15 equal bins of confidence (Guo et al., ICML 2017).
    """
    right = scores.argmax(1) == labels
    log_probability = log_softmax(scores.astype(np.float64), axis=1)
    bins = reliability(scores, labels)
    error = np.abs(np.subtract(bins.right, bins.confidence)).sum() / len(labels)
    return {
        "accuracy": Metric(float(right.mean())),
        "class_mean_accuracy": Metric(float(np.mean([right[labels == c].mean() for c in np.unique(labels)]))),
        "calibration_error": Metric(float(error), higher_is_better=False),
        "log_loss": Metric(float(-log_probability[np.arange(len(labels)), labels].mean()), higher_is_better=False),
    }


def reliability(scores: np.ndarray, labels: np.ndarray) -> Reliability:
    """Scores [N, C] (logits) and labels [N] by the confidence of the chosen class."""
    confidence = np.exp(log_softmax(scores.astype(np.float64), axis=1).max(1))
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(bins, values, CALIBRATION_BINS)

    right = (scores.argmax(1) == labels).astype(float)
    return Reliability(
        count=np.bincount(bins, minlength=CALIBRATION_BINS).tolist(),
        right=summed(right).astype(int).tolist(),
        confidence=summed(confidence).tolist(),
    )


def retrieval_ranks(scores: np.ndarray, image_ids: Sequence[str]) -> dict[str, np.ndarray]:
    """Rank (0 is first) of the best right answer for each query, both ways, over all candidates.

    scores: [M, M], row i the image of pair i, column j the caption of pair j. Pairs with the same image id share
    their image: it is one candidate, and each of its captions is a right answer. Ties count against the model.
    """
    first_row = {name: row for row, name in reversed(list(enumerate(image_ids)))}
    images = sorted(first_row.values())
    owner = (
        np.array([images.index(first_row[name]) for name in image_ids])
        if len(images) < len(image_ids)
        else np.arange(len(images))
    )
    matrix = scores[images]  # [images, captions]
    captions = np.arange(matrix.shape[1])
    to_image = (matrix >= matrix[owner, captions]).sum(0) - 1
    right = owner[None] == np.arange(len(images))[:, None]
    best = np.where(right, matrix, -np.inf).max(1)
    to_text = ((matrix >= best[:, None]) & ~right).sum(1)
    return {"image_to_text": to_text.astype(np.int32), "text_to_image": to_image.astype(np.int32)}


def retrieval_metrics(ranks: dict[str, np.ndarray]) -> dict[str, Metric]:
    """Recall at 1, 5 and 10 both ways, and the mean of the two at 1."""
    metrics = {f"{way}_recall@{k}": Metric(float((rank < k).mean())) for way, rank in ranks.items() for k in RECALL_AT}
    metrics["mean_recall@1"] = Metric(float(np.mean([(rank < 1).mean() for rank in ranks.values()])))
    return metrics


def evaluate(scores: Tensor, split: Split, rows: Sequence[int], kind: str) -> tuple[dict[str, Metric], dict[str, np.ndarray]]:
    """Metrics of scores [N, C] for some rows of a split, and the arrays from which they can be computed again."""
    if kind == "retrieval":
        ranks = retrieval_ranks(scores.numpy(), [split.ids[row] for row in rows])
        return retrieval_metrics(ranks), ranks
    arrays = {"scores": scores.numpy(), "labels": split.labels[list(rows)]}
    return classification_metrics(arrays["scores"], arrays["labels"]), arrays
