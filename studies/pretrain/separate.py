"""How the unaligned backbones are trained: two towers that have never met.

The image tower learns to name a drawing's own parameters, without any text (supervised, as DeiT's class labels, Touvron
et al., ICML 2021):

    loss = mean over labels l of BCE(w[l] . norm(x)[class token] + b[l], whether the drawing holds l)

The text tower is a language model (next token; Radford et al., 2018) of captions alone, its output tied to its embedding E:

    loss = - mean over positions of log softmax(E norm(x)[i])[token i + 1]

Labels' weights w, b are thrown away. The projections into the shared space are never trained: they are those of a fresh
model of the recipe's seed, and the temperature is open_clip's own start, 0.07.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbone.load import bundled_tokenizer
from bench.backbone.towers import Clip
from studies.pretrain.corpora import LABELS, documents, draw_labelled
from studies.pretrain.steps import Fresh, Steps, batches, mixed, shifted
from tasks.scenes.draw import COLOURS, PATTERNS, SHAPES

HELD_OUT = 2000  # scenes, and as many documents
HELD_OUT_SEED = 987_654
BARS = {"shape": 0.75, "colour": 0.90, "pattern": 0.90}


@dataclass(frozen=True)
class Pretraining:
    scenes: int = 60_000  # for the image tower; the text tower reads twice as many documents, each once
    epochs: int = 8  # over the scenes
    batch: int = 128
    lr: float = 1e-3  # AdamW, after 200 steps of warm-up, cosine to 0
    weight_decay: float = 0.05
    shift: int = 4  # most pixels that a batch is moved by in each direction
    seed: int = 0


def pretrain(name: str, out: Path, asked: Pretraining, device: str, report: Callable[[str], None]) -> dict[str, float]:
    """Train both towers and write config, merges, weights and `training.json` (what was asked, both curves) to `out`."""
    fresh = Fresh.of(name, out, asked.seed, device)
    curves: dict[str, list[dict[str, Any]]] = {"image": [], "text": []}

    def keep(tower: str, **figures: float) -> None:
        curves[tower].append({key: round(value, 4) for key, value in figures.items()})
        fresh.write()
        fresh.note(
            {
                "recipe": asdict(asked),
                "labels": LABELS,
                "device": device,
                "threads": torch.get_num_threads(),
                **{f"curve, {name}": curve for name, curve in curves.items()},
            }
        )
        report(f"{tower}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))

    results = train_image(fresh.clip, asked, device, lambda **figures: keep("image", **figures))
    return results | train_text(fresh.clip, asked, device, out, lambda **figures: keep("text", **figures))


def train_image(clip: Clip, asked: Pretraining, device: str, keep: Callable[..., None]) -> dict[str, float]:
    """Accuracies on held-out scenes."""
    started = time.perf_counter()
    pixels, held = draw_labelled(asked.scenes, asked.seed)
    test_pixels, test_held = draw_labelled(HELD_OUT, HELD_OUT_SEED)
    classifier = nn.Linear(clip.image.width, len(LABELS)).to(device)
    per_epoch = len(pixels) // asked.batch
    steps = Steps([*clip.image.parameters(), *classifier.parameters()], asked.lr, asked.weight_decay, asked.epochs * per_epoch)
    order = torch.Generator().manual_seed(asked.seed)

    def logits(pixels: Tensor) -> Tensor:
        with mixed(torch.device(device).type):
            return classifier(clip.image.pooled(pixels.to(device))).float()

    found: dict[str, float] = {}
    for epoch in range(asked.epochs):
        losses = 0.0
        for rows in batches(len(pixels), asked.batch, order):
            loss = F.binary_cross_entropy_with_logits(logits(shifted(pixels[rows], asked.shift, order)), held[rows].to(device))
            steps.take(loss)
            losses += float(loss.detach())
        with torch.no_grad():
            found = accuracies(torch.cat([logits(part).cpu() for part in test_pixels.split(250)]), test_held)
        keep(epoch=epoch + 1, seconds=round(time.perf_counter() - started), loss=losses / per_epoch, **found)
    return found


def accuracies(logits: Tensor, held: Tensor) -> dict[str, float]:
    """How often the likeliest label of a kind is right, over the scenes that hold exactly one of that kind."""
    found = {}
    for kind, names in (("shape", SHAPES), ("colour", COLOURS), ("pattern", PATTERNS)):
        columns = [LABELS.index(name) for name in names]
        one = held[:, columns].sum(1) == 1
        found[kind] = float((logits[one][:, columns].argmax(1) == held[one][:, columns].argmax(1)).float().mean())
    found["all labels"] = float(((logits > 0) == (held > 0)).all(1).float().mean())
    return found


def train_text(clip: Clip, asked: Pretraining, device: str, out: Path, keep: Callable[..., None]) -> dict[str, float]:
    """Loss on held-out documents, nats per token."""
    started = time.perf_counter()
    tokenizer = bundled_tokenizer(out)
    tokens = documents(2 * asked.scenes, asked.seed, tokenizer)
    test = documents(HELD_OUT, HELD_OUT_SEED, tokenizer)
    total = len(tokens) // asked.batch
    steps = Steps(clip.text.parameters(), asked.lr, asked.weight_decay, total)
    losses = 0.0
    for number, rows in enumerate(batches(len(tokens), asked.batch, torch.Generator().manual_seed(asked.seed)), start=1):
        loss = next_token_loss(clip, tokens[rows].to(device))
        steps.take(loss)
        losses += float(loss.detach())
        if number * 4 // total > (number - 1) * 4 // total:
            with torch.no_grad():
                found = {"nats per token": float(next_token_loss(clip, test.to(device)))}
            keep(steps=number, seconds=round(time.perf_counter() - started), loss=losses / number, **found)
    return found


def next_token_loss(clip: Clip, tokens: Tensor) -> Tensor:
    """Mean over all positions of tokens [B, L] but the paddings (0)."""
    head: Any = clip.text.head
    embed: Any = clip.text.stages[0]
    with mixed(tokens.device.type):
        states = head.ln_final(clip.text(tokens, stop=len(clip.text.stages) - 1))[:, :-1]
        logits = F.linear(states, embed.token_embedding.weight).float()
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0)
