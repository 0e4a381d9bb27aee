"""AdaptFormer: a bottleneck beside the MLP of every block (Chen et al., NeurIPS 2022).

    x = x + attention(norm1(x))
    x = x + mlp(norm2(x)) + s (U dropout(relu(D x + d)) + u)       D [width, W], U [W, width], s 0.1, dropout 0.1

D, U, d and u of every block of both towers train; the bottleneck takes x before the norm, as in the authors' program. D starts
Kaiming-uniform, U and the biases at zero, so that the start is zero-shot. The paper adapts image towers, with a new linear head,
by SGD, 100 epochs of whole data sets; here it has the recipe of `adapter`: AdamW, learning rate 2e-4, weight decay 1e-2, batch
32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Start
from methods.parts.blocks import transformer_blocks


class AdaptFormer(EncoderMethod):
    name = "adaptformer"
    trains = "a bottleneck beside the MLP of every block"
    starts_at_zero_shot = True
    paper = Paper("AdaptFormer: Adapting Vision Transformers for Scalable Visual Recognition", "NeurIPS 2022", "arXiv:2205.13535")
    counts = (Count(1_982_976, "12 (2 x 64 x W + 64 + W), W = 768 and 512"),)

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        width: int = 64  # of the bottleneck
        scale: float = 0.1  # of what it adds
        dropout: float = 0.1  # inside it

        def __post_init__(self) -> None:
            if self.width < 1:
                raise ValueError("width must be at least 1")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        added: list[nn.Parameter] = []
        for tower in (clip.image, clip.text):
            for block in transformer_blocks(tower):
                block.beside = ParallelBottleneck(tower.width, self.params.width, self.params.scale, self.params.dropout)
                added += block.beside.parameters()
        return Edit(added)


class ParallelBottleneck(nn.Module):
    """s (U dropout(relu(D x + d)) + u)"""

    def __init__(self, width: int, inner: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.down, self.dropout, self.up = nn.Linear(width, inner), nn.Dropout(dropout), nn.Linear(inner, width)
        self.scale = scale
        for start_at_zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(start_at_zero)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.up(self.dropout(F.relu(self.down(x))))
        return self.scale * added
