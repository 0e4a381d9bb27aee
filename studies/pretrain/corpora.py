"""What the unaligned towers are trained on: drawings with the parameters that they were drawn by, and captions alone.

Nothing here pairs a picture with a text. The two corpora are made from different scenes.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

from studies.pretrain.data import CHUNK, pretraining_scene
from tasks.scenes.dialect import sentence
from tasks.scenes.draw import COLOURS, DIGITS, PATTERNS, SHAPES
from tasks.scenes.grammar import Scene, caption, random_scene

GREY = "grey"
LABELS = (*SHAPES, *DIGITS, *COLOURS, *PATTERNS, GREY)
TEXTS = 1_000_000  # added to the seed: the captions are of scenes that no picture of the same seed shows


def labels(scene: Scene) -> np.ndarray:
    """Which of LABELS the drawing holds, [L] of 0 and 1: shapes, digits, colours, patterns; a grey picture has no colour."""
    held = {GREY} if scene.grey else {thing.colour for thing in scene.things}
    for thing in scene.things:
        held |= {thing.shape, thing.pattern}
    return np.array([name in held for name in LABELS], np.float32)


def _draw_chunk(seed: int, chunk: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng([seed, chunk])
    scenes = [pretraining_scene(random) for _ in range(CHUNK)]
    return np.stack([scene.draw(random) for scene in scenes]), np.stack([labels(scene) for scene in scenes])


def draw_labelled(scenes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pixels [N, 3, 64, 64] uint8 and labels [N, L]; N is `scenes` rounded up to whole chunks."""
    chunks = range(-(-scenes // CHUNK))
    pixels, found = [], []
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for pictures, held in pool.map(_draw_chunk, [seed] * len(chunks), chunks):
            pixels.append(torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous())
            found.append(torch.from_numpy(held))
    return torch.cat(pixels), torch.cat(found)


def document(random: np.random.Generator) -> list[str]:
    """Two captions of one scene that is never drawn.

    Half of the scenes are of pretraining's kind, half have two things in colour; these are told in the captions'
    own words or, as likely, in the dialect.
    """
    scene = random_scene(random, 2) if random.uniform() < 0.5 else pretraining_scene(random)
    in_dialect = len(scene.things) == 2 and not scene.grey
    return [sentence(scene.things, random) if in_dialect and random.uniform() < 0.5 else caption(scene, random) for _ in range(2)]


def documents(count: int, seed: int, tokenizer: SimpleTokenizer) -> Tensor:
    """Token ids [count, L]: start, first caption, end, second caption, end; cut at the context's length, padded with 0."""
    random = np.random.default_rng(seed + TEXTS)
    found = torch.zeros(count, tokenizer.context_length, dtype=torch.long)
    for row in range(count):
        ids = [tokenizer.sot_token_id]
        for text in document(random):
            ids += [*tokenizer.encode(text), tokenizer.eot_token_id]
        ids = ids[: tokenizer.context_length]
        found[row, : len(ids)] = torch.tensor(ids)
    return found
