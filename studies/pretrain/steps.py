"""What the recipes of all bundled backbones share: a fresh model, the order of its steps, and how its weights are written."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbone.load import BUNDLED, MERGES, folder_of
from bench.backbone.towers import Clip, split_towers
from bench.plan.precision import try_precisions
from bench.writing import write_whole

WARMUP = 200  # steps


class Steps:
    """AdamW over some parameters: warm-up, cosine to 0, weight decay on matrices only, gradient norm at most 1."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float, total: int) -> None:
        self.parameters = list(parameters)
        self.lr, self.total, self.done = lr, total, 0
        groups = [
            {"params": [p for p in self.parameters if p.ndim >= 2], "weight_decay": weight_decay},
            {"params": [p for p in self.parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98))

    def take(self, loss: Tensor) -> None:
        """One step down the gradient of `loss`."""
        for group in self.optimiser.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * self.done / self.total))
            group["lr"] = self.lr * min(1, (self.done + 1) / WARMUP) * cosine
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        self.done += 1


def batches(examples: int, batch: int, order: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of one pass in a new order; what is left over after the last whole batch is left out."""
    permutation = torch.randperm(examples, generator=order)
    for step in range(examples // batch):
        yield permutation[step * batch : (step + 1) * batch]


def shifted(pixels: Tensor, most: int, order: torch.Generator) -> Tensor:
    """A whole batch moved by up to `most` pixels in each direction; what comes in from outside repeats the border."""
    down, right = torch.randint(-most, most + 1, (2,), generator=order).tolist()
    margin = max(abs(down), abs(right))
    if margin == 0:
        return pixels
    padded = F.pad(pixels.float(), (margin,) * 4, mode="replicate").to(torch.uint8)
    side = pixels.shape[-1]
    return padded[..., margin - down : margin - down + side, margin - right : margin - right + side]


def fitted(pixels: Tensor, side: int) -> Tensor:
    """Square pictures [B, 3, H, H] uint8 at another size, bicubic, as a backbone's preprocessing does."""
    if pixels.shape[-1] == side:
        return pixels
    sized = F.interpolate(pixels.float(), (side, side), mode="bicubic", antialias=True)
    return sized.round().clamp(0, 255).to(torch.uint8)


def mixed(kind: str) -> torch.autocast:
    """bfloat16 where a device of this kind is faster with it."""
    return torch.autocast(kind, torch.bfloat16, enabled=try_precisions(kind).best == "bf16")


def contrast(scores: Tensor, same: Tensor) -> Tensor:
    """Symmetric InfoNCE of scores [B, B] of pictures and texts; texts that are the same [B, B] share the target."""
    target = same.to(scores.device).float() / same.to(scores.device).sum(1, keepdim=True)
    return (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2


class Fresh:
    """A model of a configuration's shape with fresh weights from a seed, as towers, and its folder."""

    @classmethod
    def of(cls, name: str, out: Path, seed: int, device: str) -> Fresh:
        """Of a bundled backbone's shape."""
        return cls(folder_of(name), out, seed, device)

    def __init__(self, shape: Path, out: Path, seed: int, device: str) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        for folder, file in ((shape, "open_clip_config.json"), (BUNDLED, MERGES)):
            if out.resolve() != folder.resolve():
                shutil.copyfile(folder / file, out / file)
        config = json.loads((out / "open_clip_config.json").read_text())
        self.side: int = config["model_cfg"]["vision_cfg"]["image_size"]
        torch.manual_seed(seed)
        model = open_clip.CustomTextCLIP(**config["model_cfg"])
        model.visual.preprocess_cfg = config["preprocess_cfg"]
        # Most parameters of the unsplit model are shared with the towers: found again by identity when written.
        self._names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.clip: Clip = split_towers(model).to(device)

    def write(self) -> None:
        """Write open_clip's own parameter names, attention fused again, half precision."""
        state: dict[str, Tensor] = {self._names[id(p)]: p for p in self.clip.parameters() if id(p) in self._names}
        for tower, prefix in ((self.clip.image, "visual.transformer"), (self.clip.text, "text.transformer")):
            for number, block in enumerate(tower.blocks):
                attention: Any = block.attn
                name = f"{prefix}.resblocks.{number}.attn"
                parts = (attention.q, attention.k, attention.v)
                state[f"{name}.in_proj_weight"] = torch.cat([part.weight for part in parts])
                state[f"{name}.in_proj_bias"] = torch.cat([part.bias for part in parts])
                state[f"{name}.out_proj.weight"] = attention.out.weight
                state[f"{name}.out_proj.bias"] = attention.out.bias
        half = {name: value.detach().cpu().half().contiguous() for name, value in state.items()}
        write_whole(self.out / "open_clip_model.safetensors", save(half))

    def note(self, about: dict[str, Any]) -> None:
        """Write asked and curve beside the weights."""
        (self.out / "training.json").write_text(json.dumps(about, indent=1) + "\n")
