"""BiNor: biases and norms train (the joint baseline of XtremeCLIP's and LilT's tables).

    y = W x + b with W frozen and b trained, for every linear; gain and bias of every LayerNorm, of both towers

The union of `bitfit` and `layernorm`. Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32, 300 steps per
shot, cosine to 1e-6.
"""

from __future__ import annotations

from methods.base import Clip, Count, Edit, Paper, Start
from methods.bitfit import BitFit, biases
from methods.layernorm import norm_parameters


class BiNor(BitFit):
    name = "binor"
    trains = "every bias and every LayerNorm of both towers"
    counts = (Count(203_776, "biases and norms"),)
    paper = Paper(
        "XtremeCLIP: Extremely Parameter-efficient Tuning for Low-resource Vision Language Understanding (its baseline)",
        "Findings of ACL 2023",
        "https://aclanthology.org/2023.findings-acl.397",
    )

    def adapt(self, clip: Clip, start: Start) -> Edit:
        return Edit(dict.fromkeys([*biases(clip), *norm_parameters(clip)]))
