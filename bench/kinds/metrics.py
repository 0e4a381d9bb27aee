"""The metrics of scores, each from arrays alone, so that they can be computed again."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from scipy.sparse import csr_array
from scipy.special import log_softmax

CREDIT_PARTS = ("data", "indices", "indptr")  # of a sparse matrix, as they are saved
CALIBRATION_BINS = 15


class Metric(msgspec.Struct, frozen=True):
    value: float
    higher_is_better: bool = True


class Reliability(msgspec.Struct, frozen=True, kw_only=True):
    """Test examples in equal bins of confidence from 0 to 1: what reliability diagrams and the calibration error are made of."""

    count: list[int]
    right: list[float]  # how many of them were classified rightly, or the sum of what their answers are worth
    confidence: list[float]  # sum over them


def classification_metrics(scores: np.ndarray, labels: np.ndarray, credit: csr_array | None = None) -> dict[str, Metric]:
    """Of scores [N, C] (logits) and labels [N]: accuracy, mean accuracy over classes, and how far confidence can be relied on.

    credit [N, C], 0..1: what each answer is worth; then a prediction counts as much as its credit instead of 1 or 0, so
    that accuracy is the mean credit of the predicted answers. Rows labelled -1 have no class that is right: they count
    in accuracy and calibration, not in the mean over classes and the log loss.
    The calibration error is the expected one over 15 equal bins of confidence (Guo et al., ICML 2017); the Brier score is the
    squared distance of the probabilities from the label, summed over classes (0..2); `risk_coverage` is the area under risk
    and coverage: the mean error of the most confident n, over all n (Geifman and El-Yaniv, NeurIPS 2017).
    """
    right = worth(scores, labels, credit)
    rows, labelled = np.arange(len(labels)), labels >= 0
    log_probability = log_softmax(scores.astype(np.float64), axis=1)
    bins = reliability(scores, labels, credit)
    error = np.abs(np.subtract(bins.right, bins.confidence)).sum() / len(labels)
    metrics = {
        "accuracy": Metric(float(right.mean())),
        "calibration_error": Metric(float(error), higher_is_better=False),
        "risk_coverage": Metric(risk_coverage(log_probability.max(1), right), higher_is_better=False),
    }
    if labelled.any():
        by_class = [right[labels == c].mean() for c in np.unique(labels[labelled])]
        losses = -log_probability[rows[labelled], labels[labelled]]
        metrics["class_mean_accuracy"] = Metric(float(np.mean(by_class)))
        metrics["log_loss"] = Metric(float(losses.mean()), higher_is_better=False)
        wanted = np.eye(scores.shape[1])[labels[labelled]]
        brier = np.square(np.exp(log_probability[labelled]) - wanted).sum(1)
        metrics["brier"] = Metric(float(brier.mean()), higher_is_better=False)
    return metrics


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> float:
    """Area under risk and coverage, 0..1, of confidence [N] and what each prediction counts [N], 0..1.

    Examples of equal confidence come in no order of their own: each stands for the mean of them.
    """
    _, place, count = np.unique(-confidence, return_inverse=True, return_counts=True)
    risk = 1 - (np.bincount(place, right) / count)[np.sort(place)]
    return float((np.cumsum(risk) / np.arange(1, len(risk) + 1)).mean())


def best_constant(labels: np.ndarray, credit: csr_array | None = None) -> float:
    """Accuracy of the one class that is best given to all of labels [N], or that has most credit [N, C] in all."""
    if credit is not None:
        return float(credit.sum(axis=0).max()) / len(labels)
    labelled = labels[labels >= 0]
    return float(np.bincount(labelled).max()) / len(labels) if len(labelled) else 0.0


def worth(scores: np.ndarray, labels: np.ndarray, credit: csr_array | None) -> np.ndarray:
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
        right=summed(worth(scores, labels, credit)).tolist(),
        confidence=summed(confidence).tolist(),
    )


def credit_of(arrays: Mapping[str, np.ndarray]) -> csr_array | None:
    """The credit [N, C] among saved arrays, None if there is none. Raises ValueError, KeyError for what doesn't fit."""
    if "credit_data" not in arrays:
        return None
    shape = arrays["scores"].shape
    return csr_array(tuple(arrays[f"credit_{part}"] for part in CREDIT_PARTS), shape=shape)


def check_scores(scores: np.ndarray, labels: np.ndarray, examples: int | None, least: int) -> None:
    """Raises ValueError unless these are finite scores [N, C] with labels [N] from `least` to C - 1, N being `examples`."""
    if (scores.ndim, labels.ndim) != (2, 1) or not (scores.size and labels.size):
        raise ValueError("holds arrays of the wrong shape for scores with labels")
    if scores.dtype.kind not in "iuf" or labels.dtype.kind not in "iu" or not np.isfinite(scores).all():
        raise ValueError("holds what are no finite scores with labels")
    expected = len(labels) if examples is None else examples
    if not len(scores) == len(labels) == expected:
        raise ValueError(f"holds {len(labels)} predictions, its record says {expected}")
    if labels.min() < least or labels.max() >= scores.shape[1]:
        raise ValueError(f"holds labels outside 0 to {scores.shape[1] - 1}")
