"""How a pair of towers is trained from scratch: the teacher of the bundled backbone.

Symmetric InfoNCE (CLIP, Radford et al., 2021) where captions that happen to be the same share the target;
AdamW, warm-up and cosine, bfloat16 autocast where the device is fast at it; each batch is shifted by a few pixels, so
that things don't always meet the patch grid alike. Weights are written after every epoch, halved in precision.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.backbone.load import bundled_tokenizer, load, text_length
from bench.backbone.towers import Clip
from studies.pretrain.data import CAPTIONS, draw
from studies.pretrain.quality import quality
from studies.pretrain.steps import Fresh, Steps, batches, contrast, fitted, mixed, shifted

LARGEST_SCALE = math.log(100)


@dataclass(frozen=True)
class Pretraining:
    scenes: int = 120_000
    epochs: int = 8
    batch: int = 128
    lr: float = 1e-3  # AdamW, after 200 steps of warm-up, cosine to 0
    weight_decay: float = 0.05
    shift: int = 4  # most pixels that a batch is moved by in each direction
    seed: int = 0


def pretrain(shape: Path, out: Path, asked: Pretraining, device: str, report: Callable[[str], None]) -> dict[str, float]:
    """Train from scratch and write config, merges, weights and `training.json` (what was asked, curve, quality) to `out`.

    shape: the folder of the configuration.
    """
    started = time.perf_counter()
    fresh = Fresh(shape, out, asked.seed, device)
    pixels, tokens = draw(asked.scenes, asked.seed, bundled_tokenizer(out))
    report(f"drew {len(pixels)} scenes in {time.perf_counter() - started:.0f} s")
    clip = fresh.clip
    per_epoch = len(pixels) // asked.batch
    steps = Steps(clip.parameters(), asked.lr, asked.weight_decay, asked.epochs * per_epoch)
    order = torch.Generator().manual_seed(asked.seed)
    curve: list[dict[str, Any]] = []
    results: dict[str, float] = {}
    for epoch in range(asked.epochs):
        losses = 0.0
        for rows in batches(len(pixels), asked.batch, order):
            which = torch.randint(CAPTIONS, (len(rows),), generator=order)
            images = fitted(shifted(pixels[rows], asked.shift, order), fresh.side).to(device)
            loss = _loss(clip, images, tokens[rows, which].to(device))
            steps.take(loss)
            with torch.no_grad():
                clip.logit_scale.clamp_(0, LARGEST_SCALE)
            losses += float(loss.detach())
        fresh.write()
        results = quality(load(f"local-dir:{out}", device))
        seconds = time.perf_counter() - started
        curve.append({"epoch": epoch + 1, "seconds": round(seconds), "loss": round(losses / per_epoch, 3), **results})
        fresh.note({"recipe": asdict(asked), "device": device, "threads": torch.get_num_threads(), "curve": curve})
        figures = ", ".join(f"{name} {value:.3f}" for name, value in results.items())
        report(f"epoch {epoch + 1}/{asked.epochs}, {seconds / 60:.1f} min, loss {losses / per_epoch:.3f}: {figures}")
    return results


def _loss(clip: Clip, pixels: Tensor, tokens: Tensor) -> Tensor:
    tokens = tokens[:, : text_length(tokens)]
    with mixed(pixels.device.type):
        image, text = clip.image(pixels), clip.text(tokens)
    scores = clip.logit_scale.exp() * F.normalize(image.float(), dim=-1) @ F.normalize(text.float(), dim=-1).T
    return contrast(scores, (tokens[:, None] == tokens[None]).all(-1))
