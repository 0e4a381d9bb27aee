"""ProGrad: CoOp's context, moved only where zero-shot doesn't object (Zhu et al., ICCV 2023).

    g = gradient of the cross-entropy in v
    z = gradient in v of the cross-entropy to zero-shot's answers, - mean over b of sum over c of p0[b, c] log p[b, c]
    step along g                                       where g . z >= 0
               g - strength (g . z) z / |z|^2          where it would raise the latter

v [n_ctx, W] is CoOp's context, one for all classes and all that trains; p, p0 [B, C]: softmax of the scores and of zero-shot's on
the same augmented views, the latter with the class texts under the task's own template. strength 1; the authors take 0.8
on Flowers102, DTD and EuroSAT at 8 and 16 shots. The last four vectors of v start at the embeddings of "a photo of a" and those
before at 0; the authors start from each data set's template, which for most is that. Recipe as `coop`'s.

The published configurations are for ResNet-50; those of the figures for ViT-B/16, which others ran, are not known: n_ctx 16
as in the authors' commands is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.base import CLASSIFICATION, Clip, Count, Edit, Forward, Paper, Start
from methods.coop import CoOp
from methods.parts.prompting import PromptedEmbedding, Prompts, context_tokens, learned_context, make_room


class ProGrad(CoOp):
    name = "prograd"
    kinds = frozenset({CLASSIFICATION})
    trains = "context vectors before the class name, not against zero-shot"
    paper = Paper("Prompt-aligned Gradient for Prompt Tuning", "ICCV 2023", "arXiv:2205.14865")
    counts = (Count(8_192, "16 contexts x 512"), Count(2_048, "4 contexts x 512", "n_ctx=4"))

    @dataclass(frozen=True)
    class Params:
        n_ctx: int = 16  # context vectors
        strength: float = 1.0  # share of the opposing part of the gradient that is removed
        lr: float = 2e-3  # SGD

        def __post_init__(self) -> None:
            if self.n_ctx < 4:
                raise ValueError('n_ctx must be at least 4, as the context ends with "a photo of a" at the start')

    def adapt(self, clip: Clip, start: Start) -> Edit:
        words = learned_context(clip.text, context_tokens(start)).detach()[-self.params.n_ctx :]
        nothing = words.new_zeros(self.params.n_ctx - len(words), clip.text.width)
        context = nn.Parameter(torch.cat([nothing, words]))
        clip.text.stages[0] = PromptedEmbedding(clip.text.stages[0], Prompts(context), start.layout)
        limit, n_ctx = clip.text.context_length, self.params.n_ctx
        return Edit(
            [context],
            tokens=lambda ids: make_room(ids, ids[0, :1].expand(n_ctx), limit, start.layout),
            loss=lambda forward: self.aligned(forward, context),
        )

    def aligned(self, forward: Forward, context: nn.Parameter) -> Tensor:
        """A scalar with the cross-entropy's value whose gradient is the one that is left."""
        own = forward.cross_entropy
        zero_shot = -(forward.frozen_scores.softmax(1) * forward.scores.log_softmax(1)).sum(1).mean()
        (wanted,) = torch.autograd.grad(own, context, retain_graph=True)
        (general,) = torch.autograd.grad(zero_shot, context)
        left = without_conflict(wanted, general, self.params.strength)
        return own.detach() + (left * (context - context.detach())).sum()

    def frozen_templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return own[:1]


def without_conflict(gradient: Tensor, other: Tensor, strength: float) -> Tensor:
    """The gradient without this share of its part that points against the other's."""
    along = (gradient * other).sum() / other.square().sum().clamp(min=torch.finfo(other.dtype).tiny)
    return gradient - strength * along.clamp(max=0) * other
