"""How the bundled backbone is made: a small image tower learns from a larger one, which was trained from scratch.

The teacher is trained with its text tower by `studies.pretrain.aligned`; the small backbone keeps text tower and temperature.
Its image tower is trained on the same drawings by CLIP's own loss against the texts as they stand and by feature mimicry
(CLIP-KD, Yang et al., CVPR 2024): with f and t the unit features of student and teacher,

    loss = InfoNCE(f, texts) + mimicry . mean(1 - f . t)

The student's pictures are shifted by a few pixels and made smaller, the teacher's are as they were drawn.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.backbone.load import Backbone, bundled_tokenizer, load
from bench.backbone.towers import Clip
from studies.pretrain import aligned
from studies.pretrain.data import CAPTIONS, draw
from studies.pretrain.quality import quality
from studies.pretrain.steps import Fresh, Steps, batches, contrast, fitted, mixed, shifted

TEACHER = Path(__file__).parent / "teacher"  # its configuration, and the curve of the one that the bundled weights are from


@dataclass(frozen=True)
class Pretraining:
    scenes: int = 120_000
    epochs: int = 7
    batch: int = 128
    lr: float = 1e-3  # AdamW, after 200 steps of warm-up, cosine to 0
    weight_decay: float = 0.05
    shift: int = 4  # most pixels of the drawing that a batch is moved by in each direction
    mimicry: float = 20.0  # weight of the distance to the teacher's features
    seed: int = 0
    teacher: aligned.Pretraining = field(default_factory=aligned.Pretraining)


def pretrain(name: str, out: Path, asked: Pretraining, device: str, report: Callable[[str], None]) -> dict[str, float]:
    """Train teacher and student; write config, merges, weights and `training.json` to `out`, the teacher to `out`/teacher."""
    teaching = out / "teacher"
    if not (teaching / "open_clip_model.safetensors").is_file():
        aligned.pretrain(TEACHER, teaching, asked.teacher, device, report)
    return distil(name, teaching, out, asked, device, report)


def distil(
    name: str, teaching: Path, out: Path, asked: Pretraining, device: str, report: Callable[[str], None]
) -> dict[str, float]:
    """The student alone, of a teacher in a folder."""
    started = time.perf_counter()
    teacher = load(f"local-dir:{teaching}", device)
    fresh = Fresh.of(name, out, asked.seed, device)
    pixels, tokens = draw(asked.scenes, asked.seed, bundled_tokenizer(out))
    wanted, texts, row_of = taught(teacher, pixels, tokens)
    report(f"{len(pixels)} scenes drawn and shown to the teacher in {time.perf_counter() - started:.0f} s")
    clip, scale = fresh.clip, float(teacher.clip.logit_scale.exp())
    with torch.no_grad():
        clip.logit_scale.copy_(teacher.clip.logit_scale)
    clip.text.load_state_dict(teacher.clip.text.state_dict())
    per_epoch = len(pixels) // asked.batch
    steps = Steps(clip.image.parameters(), asked.lr, asked.weight_decay, asked.epochs * per_epoch)
    order = torch.Generator().manual_seed(asked.seed)
    curve: list[dict[str, Any]] = []
    results: dict[str, float] = {}
    for epoch in range(asked.epochs):
        losses = 0.0
        for rows in batches(len(pixels), asked.batch, order):
            told = row_of[rows, torch.randint(CAPTIONS, (len(rows),), generator=order)]
            images = fitted(shifted(pixels[rows], asked.shift, order), fresh.side).to(device)
            found = features(clip, images)
            mimicry = (1 - (found * wanted[rows].to(device)).sum(-1)).mean()
            loss = contrast(scale * found @ texts[told].to(device).T, told[:, None] == told[None]) + asked.mimicry * mimicry
            steps.take(loss)
            losses += float(loss.detach())
        fresh.write()
        results = quality(load(f"local-dir:{out}", device))
        seconds = round(time.perf_counter() - started)
        curve.append({"epoch": epoch + 1, "seconds": seconds, "loss": round(losses / per_epoch, 3), **results})
        about = {"recipe": asdict(asked), "device": device, "threads": torch.get_num_threads(), "curve": curve}
        fresh.note({**about, "teacher": json.loads((teaching / "training.json").read_text())})
        figures = ", ".join(f"{name} {value:.3f}" for name, value in results.items())
        report(f"epoch {epoch + 1}/{asked.epochs}, {seconds / 60:.1f} min, loss {losses / per_epoch:.3f}: {figures}")
    return results


def features(clip: Clip, pixels: Tensor) -> Tensor:
    """Unit features [B, D] in float32."""
    with mixed(pixels.device.type):
        found = clip.image(pixels)
    return F.normalize(found.float(), dim=-1)


@torch.no_grad()
def taught(teacher: Backbone, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The teacher's unit features of pictures [N, D] and of different texts [M, D], and whose which text is [N, CAPTIONS]."""
    clip, device = teacher.clip, teacher.clip.logit_scale.device
    different, row_of = torch.unique(tokens.flatten(0, 1), dim=0, return_inverse=True)
    images = torch.cat([features(clip, fitted(part, teacher.size).to(device)).cpu() for part in pixels.split(250)])
    longest = int((different != 0).nonzero()[:, 1].max()) + 1
    texts = torch.cat(
        [F.normalize(clip.text(part[:, :longest].to(device)).float(), dim=-1).cpu() for part in different.split(500)]
    )
    return images, texts, row_of.view(tokens.shape[:2])
