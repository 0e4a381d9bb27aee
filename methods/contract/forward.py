"""What one step of training inside the encoders computed, for a loss of the method's own.

B examples, C classes, d width of the shared space. On pair tasks each example has a text of its own: B texts, not C.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Forward:
    """Features are of unit length. What is `frozen` comes from the backbone as it was before the edit, without gradient."""

    image: Tensor  # [B, d], of one augmented view of each example
    text: Tensor  # [C, d]
    scores: Tensor  # [B, C]
    labels: Tensor  # [B]
    frozen_image: Tensor  # [B, d], of the very same views
    frozen_text: Tensor  # [C, d], under the method's `frozen_templates`
    logit_scale: Tensor  # the temperature as a factor, about 100 for CLIP

    @property
    def cross_entropy(self) -> Tensor:
        return F.cross_entropy(self.scores, self.labels)

    @property
    def frozen_scores(self) -> Tensor:
        """Zero-shot's scores [B, C] of these views."""
        return self.logit_scale.detach() * self.frozen_image @ self.frozen_text.T
