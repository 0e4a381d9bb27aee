"""A backbone as two towers of stages.

A stage is the unit that the frozen prefix is cut at: `embed`, each transformer block, `head`. Every stage takes
and gives [B, length, width] (the first takes the tower's inputs, the last gives features [B, d]), so running
from any stage is part of the tower and not of a method.

Inputs are uint8 pixels [B, 3, H, W] for the image tower (normalising is part of its first stage, so that
images are kept small) and token ids [B, L] for the text tower. Texts may be cut to the longest one of the
batch: in a causal tower what stands behind the end-of-text token can't reach the feature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import open_clip
import torch
from open_clip.transformer import TextTransformer, Transformer, VisionTransformer, text_global_pool
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbone.attention import SplitAttention
from bench.errors import UsageError


class PatchEmbedding(nn.Module):
    """A convolution whose kernel equals its stride, as one matrix product: several times faster backward on CPUs."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = convolution.weight  # [W, 3, p, p]
        self.bias = convolution.bias

    def forward(self, pixels: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, patches, W]"""
        batch, channels, height, width = pixels.shape
        side = self.weight.shape[-1]
        patches = pixels.reshape(batch, channels, height // side, side, width // side, side)
        patches = patches.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * side * side)
        return F.linear(patches, self.weight.flatten(1), self.bias)


class ImageEmbed(nn.Module):
    """Pixels -> normalised -> patches, class token, positions, first norm: [B, 1 + patches, W]."""

    mean: Tensor
    std: Tensor

    def __init__(self, visual: VisionTransformer, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.patches = PatchEmbedding(visual.conv1)
        self.class_embedding = visual.class_embedding
        self.positional_embedding = visual.positional_embedding
        self.ln_pre = visual.ln_pre
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor, inputs: Tensor | None = None) -> Tensor:
        x = self.patches((pixels.to(self.mean.dtype) / 255 - self.mean) / self.std)
        first = self.class_embedding.to(x.dtype).expand(x.shape[0], 1, -1)
        return self.ln_pre(torch.cat([first, x], 1) + self.positional_embedding.to(x.dtype))


class ImageHead(nn.Module):
    """Final norm, pooling, projection: [B, L, W] -> [B, d]."""

    def __init__(self, visual: VisionTransformer) -> None:
        super().__init__()
        self.ln_post = visual.ln_post
        self.proj = visual.proj
        self.average = visual.pool_type == "avg"
        self.norm_after_pooling = visual.final_ln_after_pool

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        if not self.norm_after_pooling and self.average:
            x = self.ln_post(x)
        pooled = x[:, 1:].mean(1) if self.average else x[:, 0]
        if self.norm_after_pooling or not self.average:  # the norm works per token: the class token alone suffices
            pooled = self.ln_post(pooled)
        return pooled if self.proj is None else pooled @ self.proj


class TextEmbed(nn.Module):
    """Token ids -> embeddings with positions: [B, L, W]."""

    def __init__(self, text: TextTransformer) -> None:
        super().__init__()
        self.token_embedding = text.token_embedding
        self.positional_embedding = text.positional_embedding

    def forward(self, tokens: Tensor, inputs: Tensor | None = None) -> Tensor:
        return self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]


class TextHead(nn.Module):
    """Final norm, the end-of-text position, projection: [B, L, W] and tokens [B, L] -> [B, d]."""

    def __init__(self, text: TextTransformer) -> None:
        super().__init__()
        self.ln_final = text.ln_final
        self.text_projection = text.text_projection
        self.pool_type = text.pool_type
        self.eos_id = getattr(text, "eos_id", None)

    def forward(self, x: Tensor, inputs: Tensor) -> Tensor:
        pooled = self.ln_final(text_global_pool(x, inputs, pool_type=self.pool_type, eos_token_id=self.eos_id))
        if self.text_projection is None:
            return pooled
        if isinstance(self.text_projection, nn.Linear):
            return self.text_projection(pooled)
        return pooled @ self.text_projection


class Tower(nn.Module):
    """Stages in a row; `stages[0]` embeds, `stages[-1]` gives the features, the others are blocks."""

    stages: nn.ModuleList

    def __init__(self, stages: list[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    @property
    def blocks(self) -> list[nn.Module]:
        return list(self.stages[1:-1])

    @property
    def head(self) -> nn.Module:
        return self.stages[-1]

    @property
    def width(self) -> int:
        """Width of the hidden states."""
        return int(self._positions().shape[-1])

    @property
    def context_length(self) -> int:
        """Most tokens or patches that the tower takes."""
        return int(self._positions().shape[0])

    def _positions(self) -> Tensor:
        embed: Any = self.stages[0]
        return embed.positional_embedding

    def cut(self) -> int:
        """The first stage that holds something trainable; the number of stages if the whole tower is frozen."""
        for number, stage in enumerate(self.stages):
            if any(parameter.requires_grad for parameter in stage.parameters()):
                return number
        return len(self.stages)

    def forward(self, inputs: Tensor | None, start: int = 0, hidden: Tensor | None = None, stop: int | None = None) -> Tensor:
        """Run stages start .. stop - 1.

        inputs: pixels or tokens; the text tower needs its tokens at any start (where the text ends), the image
        tower only at start 0. hidden: what stage `start` takes, if start > 0.
        """
        x = inputs if start == 0 else hidden
        assert x is not None
        last = len(self.stages) - 1
        for number in range(start, last + 1 if stop is None else stop):
            x = self.stages[number](x, inputs) if number in (0, last) else self.stages[number](x)
        return x


class Clip(nn.Module):
    """Two towers and a temperature. Features are not normalised here; `logit_scale` is a logarithm, as in open_clip."""

    def __init__(self, image: Tower, text: Tower, logit_scale: nn.Parameter) -> None:
        super().__init__()
        self.image = image
        self.text = text
        self.logit_scale = logit_scale
        self.anew: Callable[[], Clip] | None = None  # the same model with random weights; set where it is loaded

    def forget(self) -> None:
        """All weights become random again, by the model's own initialiser, drawn from torch's global generator.

        Raises UsageError for a model that was not loaded by name.
        """
        if self.anew is None:
            raise UsageError("this model can't forget: nobody has said how it is built anew")
        self.load_state_dict(self.anew().state_dict())

    @property
    def features(self) -> int:
        """Width d of the shared space."""
        head: Any = self.image.head
        return int(head.proj.shape[-1])

    def train_only(self, parameters: list[nn.Parameter]) -> None:
        """Freeze everything, then make exactly these trainable."""
        self.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)


def _split_blocks(transformer: Transformer, causal: bool) -> list[nn.Module]:
    blocks = list(transformer.resblocks)
    for block in blocks:
        if not isinstance(getattr(block, "attn", None), nn.MultiheadAttention):
            raise UsageError(f"transformer blocks of type {type(block).__name__} are not supported: use a standard ViT")
        block.attn = SplitAttention.from_fused(block.attn, causal)
    return blocks


def split_towers(model: open_clip.CustomTextCLIP) -> Clip:
    """Rewrite an open_clip model with native towers, in place; its weights are taken over, not copied.

    Raises UsageError for towers that have no stages here.
    """
    visual, text = model.visual, model.text
    if not isinstance(visual, VisionTransformer) or visual.attn_pool is not None:
        raise UsageError(f"image tower {type(visual).__name__} is not supported: use a plain ViT such as ViT-B-16")
    if not isinstance(text, TextTransformer) or text.cls_emb is not None or text.use_pad_mask:
        raise UsageError(f"text tower {type(text).__name__} is not supported: use open_clip's native causal transformer")
    image_stages = [
        ImageEmbed(visual, visual.preprocess_cfg["mean"], visual.preprocess_cfg["std"]),
        *_split_blocks(visual.transformer, causal=False),
        ImageHead(visual),
    ]
    text_stages = [TextEmbed(text), *_split_blocks(text.transformer, causal=text.attn_mask is not None), TextHead(text)]
    return Clip(Tower(image_stages), Tower(text_stages), model.logit_scale)
