"""LLRD: full fine-tuning with a rate that decays from the top block to the bottom one (Howard and Ruder, ACL 2018).

    rate of the stage k below the top = lr * decay^k        decay 0.9; the head and the tower's projection have k = 0

Stages are counted in each tower: projection and final norm, the last block, ..., the first block, the embedding.
Everything else is as in `full`: one of XtremeCLIP's regularised baselines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from methods.base import Clip, Edit, Paper, Start
from methods.full import Full


class LLRD(Full):
    name = "llrd"
    trains = "everything, lower blocks at lower rates"
    paper = Paper("Universal Language Model Fine-tuning for Text Classification", "ACL 2018", "arXiv:1801.06146")

    @dataclass(frozen=True)
    class Params(Full.Params):
        decay: float = 0.9  # of the rate, per block from the top

        def __post_init__(self) -> None:
            if not 0 < self.decay <= 1:
                raise ValueError("decay must be above 0 and at most 1")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        rates = {
            parameter: self.params.decay**below
            for tower in (clip.image, clip.text)
            for below, stage in enumerate(reversed(tower.stages))
            for parameter in stage.parameters()
        }
        return replace(super().adapt(clip, start), rates=rates)
