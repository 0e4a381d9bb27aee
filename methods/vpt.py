"""VPT: prompt tokens among the image tower's patches (Jia et al., ECCV 2022; on CLIP as MaPLe's authors rerun it).

    input of block 1 = [class token, patches, ln_pre(P[1])]
    input of block i = [the same without its last n_ctx tokens, P[i]]       i = 2 .. depth
    logits[b, c] = tau * f[b] . t[c]

P[i] [n_ctx, W] starts at N(0, 0.02^2) and is all that trains, so that the start is near zero-shot but not at it. depth 1 is
VPT-shallow, anything above VPT-deep; a tower with fewer blocks has prompts in all of them. f: unit image features [B, d]
of the prompted tower, read from the class token, or pooled without the prompts where a tower has none (SigLIP, PE-Core);
t: class texts [C, d] under "a photo of a {}.", fixed. SGD, learning rate 2.5e-3, momentum 0.9, weight decay 5e-4, batch 4, 5
epochs, cosine per epoch, first epoch at 1e-5.
"""

from __future__ import annotations

from dataclasses import dataclass

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Recipe, Start
from methods.parts.dassl import dassl_recipe
from methods.parts.prompting import Prompts, prompt_image_tower


class VPT(EncoderMethod):
    name = "vpt"
    family = "prompt"
    trains = "prompt tokens in the image tower"
    paper = Paper("Visual Prompt Tuning", "ECCV 2022", "arXiv:2203.12119")
    counts = (
        Count(73_728, "12 blocks x 8 prompts x 768"),
        Count(6_144, "8 prompts x 768", "depth=1"),
    )
    grid = {"lr": (2.5e-4, 2.5e-3, 2.5e-2)}

    @dataclass(frozen=True)
    class Params:
        n_ctx: int = 8  # prompt tokens per block
        depth: int = 12  # blocks with prompts, from the first one
        lr: float = 2.5e-3  # SGD

        def __post_init__(self) -> None:
            if self.n_ctx < 1 or self.depth < 1:
                raise ValueError("n_ctx and depth must be at least 1")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        depth = min(self.params.depth, len(clip.image.blocks))
        prompts = [Prompts.random(self.params.n_ctx, clip.image.width) for _ in range(depth)]
        prompt_image_tower(clip.image, prompts)
        return Edit([each.prompts for each in prompts])

    def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return ("a photo of a {}.",)

    def recipe(self, start: Start) -> Recipe:
        return dassl_recipe("sgd", self.params.lr, batch=4, epochs=5)
