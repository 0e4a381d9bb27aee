"""open_clip's own transformers as towers."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.transformer import ResidualAttentionBlock, TextTransformer, Transformer, VisionTransformer, text_global_pool
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbone.attention import SplitAttention
from bench.backbone.blocks import PreNormBlock
from bench.backbone.tower import PixelStage, Tower
from bench.errors import UsageError


class PatchEmbedding(nn.Module):
    """A convolution whose kernel equals its stride, as one matrix product: several times faster backward on CPUs."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = convolution.weight  # [W, 3, p, p]
        self.bias = convolution.bias

    def forward(self, pixels: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, patches, W]; what a last incomplete patch would cover is left out."""
        side = self.weight.shape[-1]
        rows, columns = pixels.shape[2] // side, pixels.shape[3] // side
        patches = pixels[:, :, : rows * side, : columns * side].reshape(len(pixels), -1, rows, side, columns, side)
        patches = patches.permute(0, 2, 4, 1, 3, 5).reshape(len(pixels), rows * columns, -1)
        return F.linear(patches, self.weight.flatten(1), self.bias)


class ImageEmbed(PixelStage):
    """Pixels -> normalised -> patches, class token, positions, first norm: [B, 1 + patches, W]."""

    def __init__(self, visual: VisionTransformer) -> None:
        super().__init__(visual.preprocess_cfg)
        self.patches = PatchEmbedding(visual.conv1)
        self.class_embedding = visual.class_embedding
        self.positional_embedding = visual.positional_embedding
        self.ln_pre = visual.ln_pre

    def embed(self, pixels: Tensor) -> Tensor:
        x = self.patches(pixels)
        first = self.class_embedding.to(x.dtype).expand(x.shape[0], 1, -1)
        return self.ln_pre(torch.cat([first, x], 1) + self.positional_embedding.to(x.dtype))


class ImageHead(nn.Module):
    """Final norm, pooling, projection: [B, L, W] -> [B, d]."""

    def __init__(self, visual: VisionTransformer) -> None:
        super().__init__()
        self.ln_post = visual.ln_post
        self.proj = visual.proj
        self.class_token = visual.pool_type == "tok"
        self.norm_after_pooling = visual.final_ln_after_pool

    @property
    def norm(self) -> nn.Module:
        return self.ln_post

    @property
    def projection(self) -> list[nn.Parameter]:
        return [] if self.proj is None else [self.proj]

    def pool(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        if self.class_token:  # the norm works per token: the class token alone suffices
            return self.ln_post(x[:, 0])
        if self.norm_after_pooling:
            return self.ln_post(x[:, 1:].mean(1))
        return self.ln_post(x)[:, 1:].mean(1)

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        pooled = self.pool(x)
        return pooled if self.proj is None else pooled @ self.proj


class TextEmbed(nn.Module):
    """Token ids -> embeddings with positions: [B, L, W]."""

    def __init__(self, text: TextTransformer) -> None:
        super().__init__()
        self.token_embedding = text.token_embedding
        self.positional_embedding = text.positional_embedding

    def place(self, x: Tensor, tokens: Tensor) -> Tensor:
        """x [B, L, W] with the positions of `tokens` added."""
        return x + self.positional_embedding[: x.shape[1]]

    def forward(self, tokens: Tensor, inputs: Tensor | None = None) -> Tensor:
        return self.place(self.token_embedding(tokens), tokens)


class TextHead(nn.Module):
    """Final norm, the end-of-text position, projection: [B, L, W] and tokens [B, L] -> [B, d]."""

    def __init__(self, text: TextTransformer) -> None:
        super().__init__()
        self.ln_final = text.ln_final
        self.text_projection = text.text_projection
        self.pool_type = text.pool_type
        self.eos_id = getattr(text, "eos_id", None)

    @property
    def norm(self) -> nn.Module:
        return self.ln_final

    @property
    def projection(self) -> list[nn.Parameter]:
        if isinstance(self.text_projection, nn.Linear):
            return list(self.text_projection.parameters())
        return [] if self.text_projection is None else [self.text_projection]

    def pool(self, x: Tensor, inputs: Tensor) -> Tensor:
        return self.ln_final(text_global_pool(x, inputs, pool_type=self.pool_type, eos_token_id=self.eos_id))

    def forward(self, x: Tensor, inputs: Tensor) -> Tensor:
        pooled = self.pool(x, inputs)
        if self.text_projection is None:
            return pooled
        if isinstance(self.text_projection, nn.Linear):
            return self.text_projection(pooled)
        return pooled @ self.text_projection


def native_image(visual: VisionTransformer) -> Tower:
    """Raises UsageError for CoCa's attentional pooling and for a tower that doesn't pool."""
    if visual.attn_pool is not None or visual.pool_type not in ("tok", "avg"):
        raise UsageError("an image tower with attentional pooling (CoCa) or none is not supported: use a ViT such as ViT-B-16")
    stages = [ImageEmbed(visual), *_split_blocks(visual.transformer, causal=False), ImageHead(visual)]
    return Tower(stages, "ViT", visual.transformer.width)


def native_text(text: TextTransformer) -> Tower:
    """Raises UsageError for CoCa's text tower.

    Texts may be cut where no position looks at those behind it and the feature is read at the end of the text.
    """
    if text.cls_emb is not None or text.use_pad_mask or text.pool_type == "none":
        raise UsageError(
            "a text tower with a class embedding (CoCa) or without pooling is not supported: use one such as ViT-B-16's"
        )
    causal = text.attn_mask is not None
    stages = [TextEmbed(text), *_split_blocks(text.transformer, causal), TextHead(text)]
    whole = not causal or text.pool_type == "last"
    return Tower(stages, "open_clip text", text.width, text.context_length, text.pad_id, whole)


def _split_blocks(transformer: Transformer, causal: bool) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for block in transformer.resblocks:
        if type(block) is not ResidualAttentionBlock:
            raise UsageError(f"transformer blocks of type {type(block).__name__} are not supported: use a standard ViT")
        attention: Any = SplitAttention.from_fused(block.attn, causal)
        blocks.append(PreNormBlock(block.ln_1, attention, block.ln_2, block.mlp, (block.ls_1, block.ls_2)))
    return blocks
