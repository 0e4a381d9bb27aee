"""Image + text -> class: entailment, question answering over closed answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.kinds.classification import Classification
from bench.kinds.kind import FrozenTexts

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.base import Start


class Pair(Classification):
    name = "pair"
    duration = 1.6
    text_per_example = True

    def own_head(self, start: Start) -> nn.Module | None:
        """Linear on F(v, t), started from the logistic regression on the frozen features."""
        from methods.parts.pair_head import pair_head

        assert start.support is not None
        return pair_head(start.support)

    @property
    def head_reads_features(self) -> bool:
        return True

    def frozen_texts(self, asked: FrozenTexts) -> tuple[Tensor | None, Tensor | None]:
        """The candidates [N, C, d] of a closed-answer task: what its questions and answers read together."""
        task, texts = asked.task, asked.texts
        own = asked.encode(texts)
        if not asked.candidates or task.candidate is None:
            return own, None
        answers = [answer for text in texts for answer in task.candidates(text) or ()]
        return own, asked.encode(answers).view(len(texts), len(task.class_names), -1)
