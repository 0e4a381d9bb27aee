"""The one place where labels meet scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.special import log_softmax
from torch import Tensor

from bench.store.record import Metric, Reliability
from tasks.base import Split

CREDIT_PARTS = ("data", "indices", "indptr")  # of a sparse matrix, as they are saved
RECALL_AT = (1, 5, 10)
CALIBRATION_BINS = 15
TRANSFER = "zero_shot/"  # what begins the names of metrics and arrays of other tasks


def classification_metrics(scores: np.ndarray, labels: np.ndarray, credit: csr_array | None = None) -> dict[str, Metric]:
    """Of scores [N, C] (logits) and labels [N]: accuracy, mean accuracy over classes, calibration error, log loss.

    credit [N, C], 0..1: what each answer is worth; then a prediction counts as much as its credit instead of 1 or 0, so
    that accuracy is the mean credit of the predicted answers. Rows labelled -1 have no class that is right: they count
    in accuracy and calibration, not in the mean over classes and the log loss.
    The calibration error is the expected one over 15 equal bins of confidence (Guo et al., ICML 2017).
    """
    right = _right(scores, labels, credit)
    rows, labelled = np.arange(len(labels)), labels >= 0
    log_probability = log_softmax(scores.astype(np.float64), axis=1)
    bins = reliability(scores, labels, credit)
    error = np.abs(np.subtract(bins.right, bins.confidence)).sum() / len(labels)
    metrics = {
        "accuracy": Metric(float(right.mean())),
        "calibration_error": Metric(float(error), higher_is_better=False),
    }
    if labelled.any():
        by_class = [right[labels == c].mean() for c in np.unique(labels[labelled])]
        losses = -log_probability[rows[labelled], labels[labelled]]
        metrics["class_mean_accuracy"] = Metric(float(np.mean(by_class)))
        metrics["log_loss"] = Metric(float(losses.mean()), higher_is_better=False)
    return metrics


def different_images(split: Split, rows: Sequence[int]) -> list[int]:
    """The row of the first pair of each different image among `rows`, in their order: the candidates of text -> image."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(split.ids[row], row)
    return list(first.values())


def _right(scores: np.ndarray, labels: np.ndarray, credit: csr_array | None) -> np.ndarray:
    """What the predictions of scores [N, C] count, [N] float64: 1 or 0, or their credit."""
    chosen = scores.argmax(1)
    if credit is None:
        return (chosen == labels).astype(np.float64)
    return np.asarray(credit[np.arange(len(labels)), chosen], np.float64).ravel()


def reliability(scores: np.ndarray, labels: np.ndarray, credit: csr_array | None = None) -> Reliability:
    """Scores [N, C] (logits), labels [N] and perhaps credit [N, C] by the confidence of the chosen class."""
    confidence = np.exp(log_softmax(scores.astype(np.float64), axis=1).max(1))
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(bins, values, CALIBRATION_BINS)

    return Reliability(
        count=np.bincount(bins, minlength=CALIBRATION_BINS).tolist(),
        right=summed(_right(scores, labels, credit)).tolist(),
        confidence=summed(confidence).tolist(),
    )


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
    credit = None if split.credit is None else split.credit[list(rows)]
    arrays = {"scores": scores.numpy(), "labels": split.labels[list(rows)]}
    if credit is not None:
        arrays |= {f"credit_{part}": getattr(credit, part) for part in CREDIT_PARTS}
    return classification_metrics(arrays["scores"], arrays["labels"], credit), arrays


def credit_of(arrays: Mapping[str, np.ndarray]) -> csr_array | None:
    """The credit [N, C] among saved arrays, None if there is none. Raises ValueError, KeyError for what doesn't fit."""
    if "credit_data" not in arrays:
        return None
    shape = arrays["scores"].shape
    return csr_array(tuple(arrays[f"credit_{part}"] for part in CREDIT_PARTS), shape=shape)
