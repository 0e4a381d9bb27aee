"""Transformer blocks with the same parts on every tower: `ln_1`, `attn`, `ls_1`, `ln_2`, `mlp`, `ls_2`, `beside`.

They differ in where the norms stand. `attn` has plain linears q, k, v and out. Methods address these parts, and
nothing else of a block.
"""

from __future__ import annotations

from torch import Tensor, nn

from bench.backbone.attention import SplitAttention


class Block(nn.Module):
    """[B, L, W] -> [B, L, W]; `inputs` are the tower's inputs, where a text's padding is read off."""

    def __init__(
        self,
        ln_1: nn.Module,
        attn: SplitAttention,
        ln_2: nn.Module,
        mlp: nn.Module,
        scales: tuple[nn.Module, nn.Module] | None = None,
        pad: int | None = None,
    ) -> None:
        """scales: what each branch passes last, such as a layer scale; pad: the token id that nothing may attend to."""
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = ln_1, attn, ln_2, mlp
        self.ls_1, self.ls_2 = scales or (nn.Identity(), nn.Identity())
        self.beside: nn.Module | None = None  # what a method puts beside the MLP's branch
        self.pad = pad

    def mask(self, inputs: Tensor | None) -> Tensor | None:
        """[B, L], true where there is no padding; None if everything may be seen."""
        if self.pad is None:
            return None
        assert inputs is not None, "a text tower with padding needs its tokens at every stage"
        return inputs != self.pad

    def joined(self, x: Tensor, branch: Tensor) -> Tensor:
        """x [B, L, W], what the MLP's branch has made of it, and what stands beside that branch."""
        joined = x + branch
        return joined if self.beside is None else joined + self.beside(x)


class PreNormBlock(Block):
    """x + ls(attention(norm(x))), then x + ls(mlp(norm(x)))"""

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        x = x + self.ls_1(self.attn(self.ln_1(x), self.mask(inputs)))
        return self.joined(x, self.ls_2(self.mlp(self.ln_2(x))))


class PostNormBlock(Block):
    """norm(x + ls(attention(x))), then norm(x + ls(mlp(x))): BERT's"""

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        x = self.ln_1(x + self.ls_1(self.attn(x, self.mask(inputs))))
        return self.ln_2(self.joined(x, self.ls_2(self.mlp(x))))


class BranchNormBlock(Block):
    """x + ls(norm(attention(x))), then x + ls(norm(mlp(x))): EVA-02-E's"""

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        x = x + self.ls_1(self.ln_1(self.attn(x, self.mask(inputs))))
        return self.joined(x, self.ls_2(self.ln_2(self.mlp(x))))


class LayerScale(nn.Module):
    """x * gamma, gamma [W]"""

    def __init__(self, gamma: nn.Parameter) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


def in_a_row(*modules: nn.Module | None) -> nn.Module:
    """Modules one after the other, without those that do nothing."""
    idle = [module for module in modules if isinstance(module, nn.Dropout) and module.p == 0]
    some = [module for module in modules if module is not None and not isinstance(module, nn.Identity) and module not in idle]
    return some[0] if len(some) == 1 else nn.Sequential(*some) if some else nn.Identity()
