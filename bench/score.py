"""The one place where labels meet scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import log_softmax
from torch import Tensor

from bench.record import Metric
from tasks.base import Split

RECALL_AT = (1, 5, 10)
CALIBRATION_BINS = 15
TRANSFER = "zero_shot/"  # what begins the names of metrics and arrays of other tasks


def classification_metrics(scores: np.ndarray, labels: np.ndarray) -> dict[str, Metric]:
    """Of scores [N, C] (logits) and labels [N]: accuracy, mean accuracy over classes, calibration error, log loss.

    The calibration error is the expected one over 15 equal bins of confidence (Guo et al., ICML 2017).
    """
    chosen = scores.argmax(1)
    right = chosen == labels
    log_probability = log_softmax(scores.astype(np.float64), axis=1)
    confidence = np.exp(log_probability.max(1))
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    error = sum(abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    return {
        "accuracy": Metric(float(right.mean())),
        "class_mean_accuracy": Metric(float(np.mean([right[labels == c].mean() for c in np.unique(labels)]))),
        "calibration_error": Metric(float(error), higher_is_better=False),
        "log_loss": Metric(float(-log_probability[np.arange(len(labels)), labels].mean()), higher_is_better=False),
    }


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


def transfer_arrays(task: str, scores: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Scores [N, C] and labels [N] of another task, named so that they can be kept beside the cell's own arrays."""
    return {f"{TRANSFER}{task}/scores": scores, f"{TRANSFER}{task}/labels": labels}


def transfer_metrics(arrays: Mapping[str, np.ndarray]) -> dict[str, Metric]:
    """The accuracy on each other task whose arrays are there."""
    tasks = [name.split("/")[1] for name in arrays if name.startswith(TRANSFER) and name.endswith("/labels")]
    return {
        f"{TRANSFER}{task}": Metric(
            float((arrays[f"{TRANSFER}{task}/scores"].argmax(1) == arrays[f"{TRANSFER}{task}/labels"]).mean())
        )
        for task in tasks
    }


def evaluate(scores: Tensor, split: Split, rows: Sequence[int], kind: str) -> tuple[dict[str, Metric], dict[str, np.ndarray]]:
    """Metrics of scores [N, C] for some rows of a split, and the arrays from which they can be computed again."""
    if kind == "retrieval":
        ranks = retrieval_ranks(scores.numpy(), [split.ids[row] for row in rows])
        return retrieval_metrics(ranks), ranks
    arrays = {"scores": scores.numpy(), "labels": split.labels[list(rows)]}
    return classification_metrics(arrays["scores"], arrays["labels"]), arrays
