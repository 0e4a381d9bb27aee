"""timm's image models as towers: vision transformers and EVA block by block, every other model stage by stage.

A model is cut apart into shallow copies that hold a part of its children each and run timm's own code on them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from open_clip.timm_model import TimmModel
from timm.layers import AttentionPoolLatent
from timm.models import eva, vision_transformer
from torch import Tensor, nn

from bench.backbone.attention import Rotary, SplitAttention, linear_of, split_linear
from bench.backbone.blocks import Block, BranchNormBlock, LayerScale, PreNormBlock, in_a_row
from bench.backbone.tower import Layer, PixelStage, Tower, part
from bench.errors import UsageError

CHAINS = (("stages",), ("layers",), ("blocks",), ("layer1", "layer2", "layer3", "layer4"))  # what runs one after the other
AFTER_BLOCKS = ("norm", "attn_pool", "fc_norm", "head_drop", "head")  # of vision transformers


def timm_tower(visual: TimmModel) -> Tower:
    """Raises UsageError for a model that can't be cut into stages that compute the same. Stochastic depth is off."""
    trunk, preprocess = visual.trunk, visual.preprocess_cfg
    name = type(trunk).__name__
    if type(trunk) in (vision_transformer.VisionTransformer, eva.Eva):
        return _transformer(visual, preprocess, name)
    for module in trunk.modules():
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    names = next((names for names in CHAINS if all(hasattr(trunk, each) for each in names)), None)
    if names is None:
        raise UsageError(f"image tower {name}: has no stages that could be run one after the other: use another model")
    order = list(trunk._modules)
    before, after = order[: order.index(names[0])], order[order.index(names[-1]) + 1 :]
    links = [block for each in names for block in _flat(trunk._modules[each])]
    embed, head = TimmEmbed(trunk, before, preprocess, names), ChainHead(visual, after, names)
    tower = Tower([embed, *map(Layer, links), head], name, trunk.num_features)
    _check(tower, visual, name)
    return tower


class TimmEmbed(PixelStage):
    """Pixels -> normalised -> what the first block takes."""

    def __init__(self, trunk: Any, names: Collection[str], preprocess: dict[str, Any], chain: Collection[str]) -> None:
        super().__init__(preprocess)
        self.trunk = part(trunk, names, chain, parameters=True)

    @property
    def ln_pre(self) -> nn.Module:
        """What prompts pass before they enter a vision transformer."""
        return self.trunk.norm_pre

    def embed(self, pixels: Tensor) -> Tensor:
        return self.trunk.forward_features(pixels)


class TimmHead(nn.Module):
    """What timm does after the last block, then open_clip's projection: -> [B, d]."""

    class_token = False

    def __init__(self, visual: TimmModel, names: Collection[str], chain: Collection[str]) -> None:
        super().__init__()
        self.trunk = part(visual.trunk, names, chain)
        self.proj = visual.head

    @property
    def norm(self) -> nn.Module | None:
        return next((module for module in self.trunk.modules() if isinstance(module, nn.LayerNorm)), None)

    @property
    def projection(self) -> list[nn.Parameter]:
        """Of open_clip's layer, if there is one, otherwise of timm's classifier, which then gives the features."""
        own = [getattr(self.proj, name) for name in ("proj", "mlp") if hasattr(self.proj, name)]
        return [parameter for module in own or [self.trunk.get_classifier()] for parameter in module.parameters()]

    def pool(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        return self.proj(self.pool(x))


class ChainHead(TimmHead):
    def pool(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        return self.trunk.forward_head(self.trunk.forward_features(x))


class TransformerHead(TimmHead):
    """Final norm, pooling and projection of a vision transformer: [B, L, W] -> [B, d]."""

    def __init__(self, visual: TimmModel, names: Collection[str], chain: Collection[str]) -> None:
        super().__init__(visual, names, chain)
        self.class_token = visual.trunk.global_pool == "token" and visual.trunk.attn_pool is None

    @property
    def norm(self) -> nn.Module | None:
        norms = (self.trunk.norm, self.trunk.fc_norm)
        return next((norm for norm in norms if not isinstance(norm, nn.Identity)), None)

    def pool(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        if self.class_token:  # what follows works per token: the class token alone suffices
            x = x[:, :1]
        return self.trunk.forward_head(self.trunk.norm(x))


class LatentPool(nn.Module):
    """A learned query attends to all tokens, then an MLP (SigLIP's pooling): [B, L, W] -> [B, W]."""

    def __init__(self, pool: Any) -> None:
        super().__init__()
        if pool.pos_embed is not None or pool.pool != "token" or not isinstance(pool.q, nn.Linear) or pool.mlp is None:
            raise UsageError("attention pooling with positions or without projections is not supported: use another model")
        self.latent = pool.latent
        self.attn = SplitAttention.of([pool.q, *split_linear(pool.kv.weight, pool.kv.bias, 2), pool.proj], pool.num_heads)
        self.attn.q_norm, self.attn.k_norm = pool.q_norm, pool.k_norm
        self.norm, self.mlp = pool.norm, pool.mlp

    def forward(self, x: Tensor) -> Tensor:
        x = self.attn(x, queries=self.latent.to(x.dtype).expand(len(x), -1, -1))[:, 0]
        return x + self.mlp(self.norm(x))


def _transformer(visual: TimmModel, preprocess: dict[str, Any], name: str) -> Tower:
    trunk: Any = visual.trunk
    trunk.patch_drop = None if isinstance(trunk, eva.Eva) else nn.Identity()
    if isinstance(trunk.attn_pool, AttentionPoolLatent):
        trunk.attn_pool = LatentPool(trunk.attn_pool)
    blocks = [_block(block, _rotary(trunk)) for block in trunk.blocks]
    before = [child for child in trunk._modules if child not in (*AFTER_BLOCKS, "blocks")]
    embed = TimmEmbed(trunk, before, preprocess, ["blocks"])
    return Tower([embed, *blocks, TransformerHead(visual, AFTER_BLOCKS, ["blocks"])], name, trunk.embed_dim)


def _rotary(trunk: Any) -> Rotary | None:
    rope = getattr(trunk, "rope", None)
    if rope is None:
        return None
    if getattr(trunk, "rope_mixed", False) or not hasattr(rope, "feat_shape"):
        raise UsageError(f"rotary positions of type {type(rope).__name__} are not supported: use another model")
    return Rotary(rope.get_embed(), trunk.num_prefix_tokens, getattr(trunk.blocks[0].attn, "rotate_half", False))


def _block(block: Any, rotary: Rotary | None) -> Block:
    scales = [in_a_row(_scale(block, number), block.attn.proj_drop if number == 1 else None) for number in (1, 2)]
    kinds = {
        vision_transformer.Block: PreNormBlock,
        eva.EvaBlock: PreNormBlock,
        eva.EvaBlockPostNorm: BranchNormBlock,
    }
    if type(block) not in kinds:
        raise UsageError(f"transformer blocks of type {type(block).__name__} are not supported: use a standard ViT")
    attention = _attention(block.attn)
    attention.rotary = rotary
    return kinds[type(block)](block.norm1, attention, block.norm2, block.mlp, (scales[0], scales[1]))


def _scale(block: Any, number: int) -> nn.Module | None:
    gamma = getattr(block, f"gamma_{number}", None)
    return getattr(block, f"ls{number}", None) if gamma is None else LayerScale(gamma)


def _attention(fused: Any) -> SplitAttention:
    known = type(fused) in (vision_transformer.Attention, eva.EvaAttention, eva.AttentionRope)
    if not known or getattr(fused, "gate", None) is not None or getattr(fused, "num_kv_groups", 1) > 1:
        raise UsageError(f"attention of type {type(fused).__name__} is not supported: use a standard ViT")
    if fused.qkv is None:
        parts = [fused.q_proj, fused.k_proj, fused.v_proj]
    elif getattr(fused, "q_bias", None) is None:
        parts = split_linear(fused.qkv.weight, fused.qkv.bias, 3)
    else:  # EVA's keys have no bias
        parts = list(map(linear_of, fused.qkv.weight.chunk(3), (fused.q_bias, None, fused.v_bias)))
    split = SplitAttention.of([*parts, fused.proj], fused.num_heads, dropout=fused.attn_drop.p)
    split.q_norm, split.k_norm, split.norm = fused.q_norm, fused.k_norm, fused.norm
    return split


def _flat(chain: Any) -> list[nn.Module]:
    """The links of a chain, sequences within it opened."""
    if isinstance(chain, nn.Sequential | nn.ModuleList) and type(chain) in (nn.Sequential, nn.ModuleList):
        return [link for child in chain for link in _flat(child)]
    return [chain]


@torch.no_grad()
def _check(tower: Tower, visual: TimmModel, name: str) -> None:
    """Stages found by structure are trusted only after they computed what the whole model computes."""
    height, width = visual.image_size
    pixels = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    visual.eval()
    try:
        embed: Any = tower.stages[0]
        ours = tower(None, 1, embed.embed(pixels))
        same = torch.allclose(ours, visual(pixels), rtol=1e-3, atol=1e-4)
    except (RuntimeError, AttributeError, TypeError, IndexError, AssertionError) as error:
        raise UsageError(f"image tower {name}: can't be cut into stages ({str(error).splitlines()[0]}): use another") from error
    if not same:
        raise UsageError(f"image tower {name}: cut into stages it computes something else: use another model")
