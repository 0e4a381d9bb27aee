"""Scratch: the model forgets all that it knew and everything trains, the bottom line of LilT (Khan and Fu, ICLR 2023).

    theta_0 ~ the model's own initialiser          seeded by the episode
    scores = exp(s) * f . t                        symmetric InfoNCE on both towers and the temperature, as `full`

What a method reaches above this, it owes to the towers' pretraining. For retrieval, as LilT has it. Recipe: AdamW, learning
rate 2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from methods.base import RETRIEVAL, Clip, Count, Edit, Start
from methods.parts.lilt import LiltMethod


class Scratch(LiltMethod):
    name = "scratch"
    trains = "everything, from random weights"
    family = "full"
    groups = {"lilt": ("",)}
    kinds = frozenset({RETRIEVAL})
    counts = (Count(149_620_737, "all of CLIP", kind=RETRIEVAL),)

    def adapt(self, clip: Clip, start: Start) -> Edit:
        clip.forget()
        return Edit(clip.parameters())
