"""CLIPFit: biases in the text tower, norms in the image tower, with the texts held where they were (Li et al., EMNLP 2024).

    loss = the kind's own + 8 (1 - mean over texts of cos(t, t0))

t: text features [T, d] of a step as they are, t0: as the pretrained tower has them. What trains: the bias of the last linear of
every MLP in the text tower; gain and bias of every LayerNorm in the image tower. SGD, learning rate 2e-3, momentum 0.9, weight
decay 5e-4, batch 32, 100 epochs by Dassl's loop, crops and flips, last step. The published weight of 8 is that of the authors'
program, which says to change it by data set; it has 20 or 30 epochs where it is scored on classes that it has not seen. On pair
and retrieval tasks, which are not in the paper, the texts are those of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import Block, Clip, Count, Edit, EncoderMethod, NotApplicable, Paper, Recipe, Start, Step
from methods.layernorm import tower_norms
from methods.parts.blocks import transformer_blocks
from methods.parts.dassl import dassl_recipe


class CLIPFit(EncoderMethod):
    name = "clipfit"
    trains = "biases of the text tower's MLPs, the image tower's LayerNorms"
    starts_at_zero_shot = True
    counts = (Count(46_080, "12 x 512 biases, 26 LayerNorms of 768"),)
    paper = Paper(
        "Vision-Language Model Fine-Tuning via Simple Parameter-Efficient Modification", "EMNLP 2024", "arXiv:2409.16718"
    )
    grid = {"lr": (2e-4, 2e-3, 2e-2)}

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        lr: float | None = 2e-3  # SGD
        strength: float = 8.0  # of what holds the texts

    def adapt(self, clip: Clip, start: Start) -> Edit:
        biases = [last_bias(block, clip.text.name) for block in transformer_blocks(clip.text)]
        return Edit([*biases, *tower_norms(clip.image)], penalty=self.hold)

    def hold(self, step: Step) -> Tensor:
        now, before = step.texts()
        held: Tensor = self.params.strength * (1 - F.cosine_similarity(now, before, dim=-1).mean())
        return held

    def recipe(self, start: Start) -> Recipe:
        return dassl_recipe("sgd", self.params.lr, batch=32, epochs=100)


def last_bias(block: Block, name: str) -> nn.Parameter:
    """Of the last linear of a block's MLP. Raises NotApplicable if it has none."""
    linears = [module for module in block.mlp.modules() if isinstance(module, nn.Linear)]
    if not linears or linears[-1].bias is None:
        raise NotApplicable(f"the MLPs of the tower {name} end without a bias")
    return linears[-1].bias
