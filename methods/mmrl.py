"""MMRL: tokens shared by both towers' upper blocks, and a projection of what they see (Guo and Gu, CVPR 2025).

    image   input of upper block 1 = [class token, patches, A[1] R],       of block i the same with A[i] R at its end
    text    input of upper block 1 = [start, B[1] R, rest of the text],    of block i the same with B[i] R after the start
    f[b]: without the n tokens, as ever; t[c]: as ever; r[b] = (mean over the n tokens of the final norm of each) P'
    logits[b, c] = tau (share f[b] + (1 - share) r[b]) . t[c]                          share 0.7
    loss = share CE(tau f . t) + (1 - share) CE(tau r . t) + weight ((1 - f . f0) + (1 - t . t0))     weight 0.5

f, r [B, d], t [C, d] are of unit length, the distances means over b and over c; f0, t0: features of the frozen towers, of the
same augmented views and of the class texts under the task's own template, which is also what the edited tower reads. The
tokens R [n, width], N(0, 0.02^2) at the start, the linear layers A[i] (width -> W image) and B[i] (width -> W text), each tower's
copies of one, and P' [W image, d], N(0, 1 / W image), are all that trains. The upper blocks are the last seven, 6 to 12 of a
ViT-B/16's towers; a tower with fewer has tokens in all. The text's tokens have no positions. A tower without class token pools
what its own tokens have become.

AdamW, learning rate 1e-3, weight decay 5e-4, batch 32, 50 epochs, cosine per epoch, first epoch at 1e-5, crops of at least half
the area: the authors' few-shot configuration. They set the weight by data set, 0.01 to 7, 0.5 on Caltech101 and ImageNet, and
width 2048 on EuroSAT. For classes and data sets that it was not fitted to they leave r out, and so is it here.

Both towers give their feature twice, [sqrt(share) f, sqrt(1 - share) r] and [sqrt(share) t, sqrt(1 - share) t]: these are of unit
length, and their cosine is the blend.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import (
    CLASSIFICATION,
    Clip,
    Count,
    Edit,
    EncoderMethod,
    Forward,
    Paper,
    Recipe,
    Start,
    TokenLayout,
    Tower,
    Views,
)
from methods.parts.blocks import transformer_blocks
from methods.parts.dassl import dassl_recipe
from methods.parts.distance import cosine_distance
from methods.parts.prompting import Mapped, PromptedBlock, Prompts


class MMRL(EncoderMethod):
    name = "mmrl"
    family = "prompt"
    kinds = frozenset({CLASSIFICATION})
    trains = "tokens shared by both towers' upper blocks, layers that map them, and a second image projection"
    paper = Paper("MMRL: Multi-Modal Representation Learning for Vision-Language Models", "CVPR 2025", "arXiv:2503.08497")
    counts = (Count(4_992_256, "5 tokens x 512, 7 x (512-768 and 512-512), projection 768 x 512"),)
    grid = {"lr": (1e-4, 1e-3, 1e-2)}

    @dataclass(frozen=True)
    class Params:
        n: int = 5  # tokens
        width: int = 512  # of the shared tokens
        blocks: int = 7  # with tokens, of each tower, up to the last one
        share: float = 0.7  # of the class token's feature in the scores and in the loss
        weight: float = 0.5  # of the distances to the frozen features
        lr: float = 1e-3  # AdamW

        def __post_init__(self) -> None:
            if min(self.n, self.width, self.blocks) < 1 or not 0 < self.share < 1:
                raise ValueError("n, width and blocks must be at least 1, and share between 0 and 1")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        n, share, layout = self.params.n, self.params.share, start.layout
        shared = Prompts.random(n, self.params.width)
        trained = list(shared.parameters())
        for tower in (clip.image, clip.text):
            count = len(transformer_blocks(tower)[-self.params.blocks :])
            layer, lowest = nn.Linear(self.params.width, tower.width), len(tower.stages) - 1 - count
            for number in range(lowest, lowest + count):
                tokens = Mapped(shared, copy.deepcopy(layer))
                trained += tokens.layer.parameters()
                block, first = tower.stages[number], number == lowest
                if tower is clip.image:
                    tower.stages[number] = PromptedBlock(block, tokens, "append" if first else "last")
                else:
                    tower.stages[number] = TextBlock(block, tokens, layout, first)
        image = ImageHead(clip.image, n, clip.features, share)
        clip.image.stages[-1], clip.text.stages[-1] = image, TextHead(clip.text, n, layout, share)
        return Edit([*trained, image.proj_rep], loss=self.loss, elsewhere=image.leave_out)

    def loss(self, forward: Forward) -> Tensor:
        share, weight = self.params.share, self.params.weight
        own, rep = (F.normalize(part, dim=-1) for part in forward.image.chunk(2, dim=-1))
        text = F.normalize(forward.text.chunk(2, dim=-1)[0], dim=-1)
        by_own, by_rep = (F.cross_entropy(forward.logit_scale * f @ text.T, forward.labels) for f in (own, rep))
        moved = cosine_distance(own, forward.frozen_image) + cosine_distance(text, forward.frozen_text)
        total: Tensor = share * by_own + (1 - share) * by_rep + weight * moved
        return total

    def recipe(self, start: Start) -> Recipe:
        return dassl_recipe("adamw", self.params.lr, batch=32, epochs=50)

    def views(self, kind: str) -> Views:
        return Views(count=10, smallest_crop=0.5)


class TextBlock(nn.Module):
    """A block that reads tokens [n, W] behind the start token: put between in the first such block, in later ones replaced."""

    def __init__(self, block: nn.Module, tokens: nn.Module, layout: TokenLayout, first: bool) -> None:
        super().__init__()
        self.block, self.tokens = block, tokens
        self.at, self.first = int(layout.start), first

    def forward(self, x: Tensor, inputs: Tensor) -> Tensor:
        tokens: Tensor = self.tokens()
        n = len(tokens)
        rest = x[:, self.at :] if self.first else x[:, self.at + n :]
        x = torch.cat([x[:, : self.at], tokens.to(x.dtype).expand(len(x), -1, -1), rest], dim=1)
        longer = torch.cat([inputs[:, :1].expand(-1, n), inputs], dim=1)  # no padding among the tokens, which all may see
        passed: Tensor = self.block(x, longer)
        return passed


class TextHead(nn.Module):
    """[sqrt(share) t, sqrt(1 - share) t]"""

    def __init__(self, tower: Tower, n: int, layout: TokenLayout, share: float) -> None:
        super().__init__()
        self.head = cast(nn.Module, tower.head)
        self.n, self.at, self.share = n, int(layout.start), share

    @property
    def projection(self) -> list[nn.Parameter]:
        return cast(list[nn.Parameter], self.head.projection)

    def forward(self, x: Tensor, inputs: Tensor) -> Tensor:
        without = torch.cat([x[:, : self.at], x[:, self.at + self.n :]], dim=1)
        text = F.normalize(self.head(without, inputs).float(), dim=-1)
        return blend(text, text, self.share)


class ImageHead(nn.Module):
    """[sqrt(share) f, sqrt(1 - share) r]"""

    def __init__(self, tower: Tower, n: int, features: int, share: float) -> None:
        super().__init__()
        self.head = cast(nn.Module, tower.head)
        self.n, self.share, self.counts = n, share, True
        self.proj_rep = nn.Parameter(torch.randn(tower.width, features) * tower.width**-0.5)

    @property
    def projection(self) -> list[nn.Parameter]:
        return cast(list[nn.Parameter], self.head.projection)

    def leave_out(self, elsewhere: bool) -> None:
        """Whether r is left out: f then stands in its place, and the blend is tau f . t."""
        self.counts = not elsewhere

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        tokens = x[:, -self.n :]
        norm = cast(nn.Module | None, self.head.norm)
        own = self.head(x[:, : -self.n], inputs)
        seen = (tokens if norm is None else norm(tokens)).mean(1) @ self.proj_rep if self.counts else own
        return blend(F.normalize(own.float(), dim=-1), F.normalize(seen.float(), dim=-1), self.share)


def blend(first: Tensor, second: Tensor, share: float) -> Tensor:
    """Unit rows [N, d] of either -> unit rows [N, 2 d]; products of two such are the blend of those of the parts."""
    return torch.cat([share**0.5 * first, (1 - share) ** 0.5 * second], dim=-1)
