"""CLIP's convolutional image towers (RN50 and its kin) as stages: the stem, each bottleneck, the attention pool."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from torch import Tensor, nn

from bench.backbone.attention import SplitAttention
from bench.backbone.tower import Layer, PixelStage, Tower, part

STEM = ["conv1", "bn1", "act1", "conv2", "bn2", "act2", "conv3", "bn3", "act3", "avgpool"]


class Stem(PixelStage):
    """Three convolutions and an average pool: [B, 3, H, W] -> [B, C, H / 4, W / 4]."""

    def __init__(self, visual: ModifiedResNet) -> None:
        super().__init__(visual.preprocess_cfg)
        self.layers: Any = part(visual, STEM)

    def embed(self, pixels: Tensor) -> Tensor:
        return self.layers.stem(pixels)


class AttentionPool(nn.Module):
    """The mean of all places attends to itself and all places, with positions: [B, C, h, w] -> [B, d]."""

    norm = None
    class_token = False

    def __init__(self, pool: AttentionPool2d) -> None:
        super().__init__()
        self.positional_embedding = pool.positional_embedding
        self.attn = SplitAttention.of([pool.q_proj, pool.k_proj, pool.v_proj, pool.c_proj], pool.num_heads)

    @property
    def projection(self) -> list[nn.Parameter]:
        return list(self.attn.out.parameters())

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        places = x.flatten(2).transpose(1, 2)
        places = torch.cat([places.mean(1, keepdim=True), places], 1) + self.positional_embedding.to(x.dtype)
        return self.attn(places, queries=places[:, :1])[:, 0]


def resnet(visual: ModifiedResNet) -> Tower:
    bottlenecks = [block for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4) for block in layer]
    stages = [Stem(visual), *map(Layer, bottlenecks), AttentionPool(visual.attnpool)]
    return Tower(stages, "ModifiedResNet", visual.attnpool.q_proj.in_features)
