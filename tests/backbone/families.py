"""A tiny model of each family of towers that open_clip builds, with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.timm_model import TimmModel
from timm.models import eva, fastvit, swin_transformer, vision_transformer
from torch import nn

VISION = {"image_size": 32, "layers": 3, "width": 48, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 12, "vocab_size": 90, "width": 32, "heads": 4, "layers": 2}
TIMM = {"image_size": 32, "timm_model_name": "test_vit"}
SIGLIP_TEXT = {**TEXT, "no_causal_mask": True, "pool_type": "last", "proj_bias": True, "norm_kwargs": {"eps": 1e-6}}
SIZES = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 4}
WIDTH = 24  # of the shared space

NATIVE = {
    "plain": ({}, {}, {}),
    "quick gelu": ({}, {}, {"quick_gelu": True}),
    "average pooling, norm after it": ({"pool_type": "avg", "final_ln_after_pool": True}, {}, {}),
    "average pooling, norm before it": ({"pool_type": "avg"}, {}, {}),
    "patch dropout": ({"patch_dropout": 0.5}, {}, {}),
    "no first norm, layer scale": ({"no_ln_pre": True, "ls_init_value": 0.1}, {"ls_init_value": 0.1}, {}),
    "eos pooling, projection with bias": ({}, {"pool_type": "eos", "eos_id": 89, "proj_bias": True}, {}),
    "no text projection": ({}, {"proj_type": "none", "width": WIDTH}, {}),
    "SigLIP's text tower": ({}, SIGLIP_TEXT, {"init_logit_bias": -10}),
    "MobileCLIP's text tower": ({}, {"no_causal_mask": True}, {}),
    "RN50": ({"layers": [2, 1, 1, 1], "width": 8}, {}, {}),
    "timm ViT": ({**TIMM, "timm_pool": "token"}, {}, {}),
    "timm ViT, LilT's head": ({**TIMM, "timm_pool": "token", "timm_proj_bias": True}, {}, {}),
    "timm ViT, its own head, averaging": ({**TIMM, "timm_pool": "avg", "timm_proj": None}, {}, {}),
    "ConvNeXt": ({**TIMM, "timm_model_name": "test_convnext", "timm_pool": ""}, {}, {}),
    "timm ResNet": ({**TIMM, "timm_model_name": "test_resnet"}, {}, {}),
    "EfficientNet": ({**TIMM, "timm_model_name": "test_efficientnet"}, {}, {}),
}
TRUNKS: dict[str, Callable[[], nn.Module]] = {
    "SigLIP": lambda: vision_transformer.VisionTransformer(
        **SIZES, class_token=False, global_pool="map", num_classes=0, qk_norm=False
    ),
    "timm ViT with registers, query norm, layer scale": lambda: vision_transformer.VisionTransformer(
        **SIZES, reg_tokens=2, no_embed_class=True, qk_norm=True, scale_attn_norm=True, init_values=0.1, num_classes=WIDTH
    ),
    "EVA-01": lambda: eva.Eva(**SIZES, global_pool="token", num_classes=WIDTH, init_values=0.1),
    "EVA-02": lambda: eva.Eva(
        **SIZES, qkv_fused=False, swiglu_mlp=True, scale_mlp=True, scale_attn_inner=True, use_rot_pos_emb=True,
        ref_feat_shape=(16, 16), global_pool="token", num_classes=WIDTH,
    ),
    "EVA-02-E": lambda: eva.Eva(**SIZES, use_post_norm=True, global_pool="token", num_classes=WIDTH),
    "PE-Core": lambda: eva.Eva(
        **SIZES, attn_pool_num_heads=4, attn_pool_mlp_ratio=2.0, use_rot_pos_emb=True, rope_grid_offset=1.0,
        rope_grid_indexing="xy", rope_rotate_half=True, attn_type="rope", use_pre_transformer_norm=True, global_pool="map",
        num_classes=WIDTH,
    ),
    "MobileCLIP": lambda: fastvit.FastVit(
        layers=(1, 1, 1, 1), embed_dims=(8, 16, 32, 64), token_mixers=("repmixer",) * 3 + ("attention",), num_classes=WIDTH,
        mlp_ratios=(2,) * 4,
    ),
    "Swin": lambda: swin_transformer.SwinTransformer(
        img_size=32, patch_size=2, embed_dim=16, depths=(1, 1), num_heads=(2, 4), window_size=4, num_classes=WIDTH
    ),
}  # fmt: skip
WITHOUT_PROJECTION = {"SigLIP": 32}
HUGGING_FACE = {
    "BERT, its pooler": ("bert", "cls_pooler", "linear"),
    "BERT, class token": ("bert", "cls_last_hidden_state_pooler", "linear"),
    "RoBERTa, mean": ("roberta", "mean_pooler", "mlp"),
    "XLM-RoBERTa, mean": ("xlm-roberta", "mean_pooler", "linear"),
}
FAMILIES = [*NATIVE, *TRUNKS, *HUGGING_FACE]


def build(family: str = "plain", folder: Path | None = None) -> open_clip.CustomTextCLIP:
    """A model in eval mode with nothing at zero or one that a wrong rewrite could get away with.

    folder: where a Hugging Face text model's configuration is put.
    """
    torch.manual_seed(0)
    vision, text, model = NATIVE.get(family, ({}, {}, {}))
    width = WITHOUT_PROJECTION.get(family, WIDTH)
    if family in TRUNKS:
        vision = {**TIMM, "timm_proj": "none"}
    if family in HUGGING_FACE:
        assert folder is not None
        kind, pooler, projection = HUGGING_FACE[family]
        write_text_model(folder, kind)
        text = {
            "hf_model_name": str(folder), "hf_model_pretrained": False, "hf_pooler_type": pooler, "hf_proj_type": projection
        }  # fmt: skip
    text = text if "hf_model_name" in text else {**TEXT, **text}
    vision = vision if "timm_model_name" in vision else {**VISION, **vision}
    built: Any = open_clip.CustomTextCLIP(embed_dim=width, vision_cfg=vision, text_cfg=text, **model)
    if family in TRUNKS:
        built.visual.trunk = TRUNKS[family]()
    elif isinstance(built.visual, TimmModel):
        built.visual.set_input_size(32)
    with torch.no_grad():
        for name, value in [*built.named_parameters(), *built.named_buffers()]:
            if value.ndim == 1 and value.is_floating_point() and not name.endswith("k_bias"):
                value.copy_(
                    value.abs() + 0.3 * torch.rand_like(value) if "var" in name else value + 0.3 * torch.randn_like(value)
                )
    built.visual.preprocess_cfg = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    return built.eval()


def write_text_model(folder: Path, kind: str = "bert", weights: bool = False) -> None:
    """A two-layer text model in the transformers library's layout: configuration, vocabulary, on demand weights."""
    import transformers

    pad = 0 if kind == "bert" else 1
    config = transformers.AutoConfig.for_model(
        kind, vocab_size=90, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=40, pad_token_id=pad, type_vocab_size=2,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    if weights:
        transformers.AutoModel.from_config(config).save_pretrained(folder)
    config.save_pretrained(folder)
    letters = [f"{mark}{chr(code)}" for mark in ("", "##") for code in range(ord("a"), ord("z") + 1)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cat", "dog", "house", "red", "photo", "of", ".", *letters]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True}))


def inputs(family: str = "plain") -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 pixels [3, 3, 32, 32] and token ids [3, 12] of different lengths."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (3, 3, 32, 32), generator=generator, dtype=torch.uint8)
    tokens = torch.randint(2, 89, (3, 12), generator=generator)
    pad = 1 if family in HUGGING_FACE and HUGGING_FACE[family][0] != "bert" else 0
    for row, end in enumerate((5, 11, 8)):
        tokens[row, end] = 89
        tokens[row, end + 1 :] = pad
    return pixels, tokens


def reference(model: Any, family: str = "plain") -> tuple[torch.Tensor, torch.Tensor]:
    """What open_clip itself computes."""
    pixels, tokens = inputs(family)
    mean, std = (torch.tensor(model.visual.preprocess_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    return model.encode_image((pixels / 255 - mean) / std), model.encode_text(tokens)
