"""The bottleneck that adapters inside a tower are made of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Bottleneck(nn.Module):
    """x + U gelu(D x + d) + u        D [w, W], U [W, w]; [.., W] -> [.., W]

    Weights start at N(0, std^2), those of U at zero if `zero`, so that the start is the identity; biases at zero.
    """

    def __init__(self, width: int, inner: int, std: float = 0.02, zero: bool = False) -> None:
        super().__init__()
        self.down = nn.Linear(width, inner)
        self.up = nn.Linear(inner, width)
        nn.init.normal_(self.down.weight, std=std)
        nn.init.normal_(self.up.weight, std=0.0 if zero else std)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.up(F.gelu(self.down(x)))
        return x + added
