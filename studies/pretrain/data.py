"""The pretraining set: drawn scenes with several captions each, made by as many processes as there are cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import torch
from torch import Tensor

from tasks.scenes.draw import Thing
from tasks.scenes.grammar import Scene, caption, random_digit, random_scene

CAPTIONS = 4  # per scene; one of them is used each time the scene comes up
CHUNK = 2000
OUTLINED = ("square", "triangle", "star", "heart", "cross")  # an outlined circle would pass for a ring


def pretraining_scene(random: np.random.Generator) -> Scene:
    """One in ten shows a printed digit, three in ten two things; one in ten of the rest is black and white.

    One in five has a dark background, one thing in six of those that may be is a thick outline, three in ten are
    turned by up to 40 degrees.
    """
    if random.uniform() < 0.1:
        return random_digit(random)
    scene = random_scene(random, 2 if random.uniform() < 0.33 else 1, grey=bool(random.uniform() < 0.1))
    things = tuple(_varied(thing, random) for thing in scene.things)
    background = int(random.integers(20, 90)) if random.uniform() < 0.2 else scene.background
    return replace(scene, things=things, background=background)


def _varied(thing: Thing, random: np.random.Generator) -> Thing:
    if random.uniform() < 1 / 6 and thing.shape in OUTLINED:
        thing = replace(thing, pattern="plain", line=float(random.uniform(2.5, 4.5)))
    return replace(thing, angle=float(random.uniform(-40, 40))) if random.uniform() < 0.3 else thing


def _draw_chunk(seed: int, chunk: int) -> tuple[np.ndarray, list[list[str]]]:
    random = np.random.default_rng([seed, chunk])
    scenes = [pretraining_scene(random) for _ in range(CHUNK)]
    pictures = np.stack([scene.draw(random) for scene in scenes])
    return pictures, [[caption(scene, random) for _ in range(CAPTIONS)] for scene in scenes]


def draw(scenes: int, seed: int, tokenize: Callable[[list[str]], Tensor]) -> tuple[Tensor, Tensor]:
    """Pixels [N, 3, 64, 64] uint8 and token ids [N, CAPTIONS, L]; N is `scenes` rounded up to whole chunks."""
    chunks = range(-(-scenes // CHUNK))
    pixels, tokens = [], []
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for pictures, captions in pool.map(_draw_chunk, [seed] * len(chunks), chunks):
            pixels.append(torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous())
            tokens.append(tokenize([text for texts in captions for text in texts]).view(len(captions), CAPTIONS, -1))
    return torch.cat(pixels), torch.cat(tokens)
