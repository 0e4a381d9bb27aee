"""The recipe of the bundled backbone.

Symmetric InfoNCE (CLIP, Radford et al., 2021) where captions that happen to be the same share the target;
AdamW, warm-up and cosine, bfloat16 autocast; each batch is shifted by a few pixels, so that things don't
always meet the patch grid alike. Weights are written after every epoch, halved in precision.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbone.load import BUNDLED, MERGES, Backbone, bundled_tokenizer, load, text_length
from bench.backbone.towers import Clip, split_towers
from bench.pretrain.data import CAPTIONS, draw
from bench.pretrain.quality import quality

LARGEST_SCALE = math.log(100)


@dataclass(frozen=True)
class Recipe:
    scenes: int = 120_000
    epochs: int = 8
    batch: int = 128
    lr: float = 1e-3  # AdamW, after 200 steps of warm-up, cosine to 0
    weight_decay: float = 0.05
    shift: int = 4  # most pixels that a batch is moved by in each direction
    seed: int = 0


def pretrain(out: Path, recipe: Recipe, device: str, report: Callable[[str], None]) -> dict[str, float]:
    """Train from scratch and write config, merges, weights and `training.json` (recipe, curve, quality) to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("open_clip_config.json", MERGES):
        if out.resolve() != BUNDLED.resolve():
            shutil.copyfile(BUNDLED / name, out / name)
    started = time.perf_counter()
    tokenizer = bundled_tokenizer(out)
    pixels, tokens = draw(recipe.scenes, recipe.seed, tokenizer)
    report(f"drew {len(pixels)} scenes in {time.perf_counter() - started:.0f} s")
    torch.manual_seed(recipe.seed)
    config = json.loads((out / "open_clip_config.json").read_text())
    model = open_clip.CustomTextCLIP(**config["model_cfg"])
    model.visual.preprocess_cfg = config["preprocess_cfg"]
    fused_names = _fused_names(model)
    clip = split_towers(model).to(device)
    optimiser = torch.optim.AdamW(_groups(clip, recipe.weight_decay), lr=recipe.lr, betas=(0.9, 0.98))
    order = torch.Generator().manual_seed(recipe.seed)
    steps_per_epoch = len(pixels) // recipe.batch
    total = recipe.epochs * steps_per_epoch
    curve: list[dict[str, Any]] = []
    results: dict[str, float] = {}
    for epoch in range(recipe.epochs):
        permutation = torch.randperm(len(pixels), generator=order)
        losses = 0.0
        for step in range(steps_per_epoch):
            done = epoch * steps_per_epoch + step
            for group in optimiser.param_groups:
                group["lr"] = recipe.lr * min(1, (done + 1) / 200) * 0.5 * (1 + math.cos(math.pi * done / total))
            rows = permutation[step * recipe.batch : (step + 1) * recipe.batch]
            which = torch.randint(CAPTIONS, (len(rows),), generator=order)
            shift = torch.randint(-recipe.shift, recipe.shift + 1, (2,), generator=order).tolist()
            loss = _loss(clip, _shifted(pixels[rows], *shift).to(device), tokens[rows, which].to(device))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(clip.parameters(), 1.0)
            optimiser.step()
            with torch.no_grad():
                clip.logit_scale.clamp_(0, LARGEST_SCALE)
            losses += float(loss.detach())
        _write_weights(clip, fused_names, out)
        results = quality(_loaded(out, device))
        seconds = time.perf_counter() - started
        curve.append({"epoch": epoch + 1, "seconds": round(seconds), "loss": round(losses / steps_per_epoch, 3), **results})
        written = {"recipe": asdict(recipe), "device": device, "threads": torch.get_num_threads(), "curve": curve}
        (out / "training.json").write_text(json.dumps(written, indent=1) + "\n")
        figures = ", ".join(f"{name} {value:.3f}" for name, value in results.items())
        report(f"epoch {epoch + 1}/{recipe.epochs}, {seconds / 60:.1f} min, loss {losses / steps_per_epoch:.3f}: {figures}")
    return results


def _loaded(folder: Path, device: str) -> Backbone:
    return load("bundled" if folder.resolve() == BUNDLED.resolve() else f"local-dir:{folder}", device)


def _groups(clip: Clip, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices only."""
    matrices = [p for p in clip.parameters() if p.ndim >= 2]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": [p for p in clip.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]


def _shifted(pixels: Tensor, down: int, right: int) -> Tensor:
    """Moved by whole pixels; what comes in from outside repeats the border."""
    margin = max(abs(down), abs(right))
    if margin == 0:
        return pixels
    padded = F.pad(pixels.float(), (margin,) * 4, mode="replicate").to(torch.uint8)
    side = pixels.shape[-1]
    return padded[..., margin - down : margin - down + side, margin - right : margin - right + side]


def _loss(clip: Clip, pixels: Tensor, tokens: Tensor) -> Tensor:
    tokens = tokens[:, : text_length(tokens)]
    with torch.autocast(pixels.device.type, dtype=torch.bfloat16):
        image, text = clip.image(pixels), clip.text(tokens)
    scores = clip.logit_scale.exp() * F.normalize(image.float(), dim=-1) @ F.normalize(text.float(), dim=-1).T
    same = (tokens[:, None] == tokens[None]).all(-1).float()
    target = same / same.sum(1, keepdim=True)
    return (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2


def _fused_names(model: nn.Module) -> dict[int, str]:
    """Which name each parameter of the unsplit model has, by identity: most are shared with the split towers."""
    return {id(parameter): name for name, parameter in model.named_parameters()}


def _write_weights(clip: Clip, fused_names: dict[int, str], out: Path) -> None:
    """Write open_clip's own parameter names, attention fused again, half precision."""
    state: dict[str, Tensor] = {fused_names[id(p)]: p for p in clip.parameters() if id(p) in fused_names}
    for tower, prefix in ((clip.image, "visual.transformer"), (clip.text, "text.transformer")):
        for number, block in enumerate(tower.blocks):
            attention: Any = block.attn
            name = f"{prefix}.resblocks.{number}.attn"
            parts = (attention.q, attention.k, attention.v)
            state[f"{name}.in_proj_weight"] = torch.cat([part.weight for part in parts])
            state[f"{name}.in_proj_bias"] = torch.cat([part.bias for part in parts])
            state[f"{name}.out_proj.weight"] = attention.out.weight
            state[f"{name}.out_proj.bias"] = attention.out.bias
    half = {name: value.detach().cpu().half().contiguous() for name, value in state.items()}
    temporary = out / "open_clip_model.safetensors.part"
    save_file(half, str(temporary))
    temporary.replace(out / "open_clip_model.safetensors")
