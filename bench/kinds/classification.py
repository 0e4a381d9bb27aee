"""Image -> class, by the texts of the classes or by a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.kinds.kind import Batch, FrozenTexts, Kind, Scored
from bench.kinds.metrics import (
    CREDIT_PARTS,
    Metric,
    Reliability,
    best_constant,
    check_scores,
    classification_metrics,
    credit_of,
    reliability,
    worth,
)

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.base import Split


class Classification(Kind):
    name = "classification"
    headline = "accuracy"
    headline_title = "accuracy (%)"
    columns = {"class_mean_accuracy": "class mean"}
    text_per_example = False

    def expected_shape(self, split: Split, rows: Sequence[int], classes: int) -> tuple[int, int]:
        return len(rows), classes

    def majority(self, split: Split, rows: Sequence[int]) -> float | None:
        return best_constant(split.labels[list(rows)], None if split.credit is None else split.credit[list(rows)])

    def score(self, scores: np.ndarray, split: Split, rows: Sequence[int]) -> Scored:
        credit = None if split.credit is None else split.credit[list(rows)]
        arrays = {"scores": scores, "labels": split.labels[list(rows)]}
        if credit is not None:
            arrays |= {f"credit_{part}": getattr(credit, part) for part in CREDIT_PARTS}
        labels = arrays["labels"]
        return Scored(classification_metrics(scores, labels, credit), arrays, reliability(scores, labels, credit))

    def rescore(self, arrays: Mapping[str, np.ndarray], examples: int | None) -> tuple[dict[str, Metric], Reliability | None]:
        scores, labels, credit = arrays["scores"], arrays["labels"], credit_of(arrays)
        check_scores(scores, labels, examples, least=0 if credit is None else -1)
        return classification_metrics(scores, labels, credit), reliability(scores, labels, credit)

    def counted(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        return worth(arrays["scores"], arrays["labels"], credit_of(arrays))

    def loss(self, batch: Batch) -> Tensor:
        from torch.nn import functional as F

        scores = batch.scores()
        return F.cross_entropy(scores, batch.labels.to(scores.device))

    def frozen_texts(self, asked: FrozenTexts) -> tuple[Tensor | None, Tensor | None]:
        return None, asked.class_texts()
