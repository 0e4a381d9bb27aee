"""L2-SP: full fine-tuning that is pulled back to where it started, instead of to zero (Li et al., ICML 2018).

    loss = the kind's own + alpha / 2 |w - w0|^2           w: everything that trains, w0: its value before the first step

Everything else is as in `full`, but that nothing decays: one of XtremeCLIP's regularised baselines. In the paper a new last layer
has no start and decays to zero, by 0.01; here every head has one, the class texts or the logistic regression, and is pulled to
it as all else is. Protocol `val` chooses alpha on validation data; that it is 0.01 under `fixed` is an assumption, the default
of the Transfer Learning Library's program. AdamW divides the pull by the size of the gradient, as it does with all that is part
of the loss; the paper has SGD.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from methods.base import Clip, Edit, Paper, Recipe, Start, Step
from methods.full import Full
from methods.parts.anchor import distance


class L2SP(Full):
    name = "l2-sp"
    trains = "everything, pulled back to its pretrained value"
    paper = Paper("Explicit Inductive Bias for Transfer Learning with Convolutional Networks", "ICML 2018", "arXiv:1802.01483")
    grid = {"alpha": (1e-3, 1e-2, 1e-1, 1.0)}

    @dataclass(frozen=True)
    class Params(Full.Params):
        alpha: float = 0.01  # strength of the pull

        def __post_init__(self) -> None:
            if self.alpha < 0:
                raise ValueError("alpha must be at least 0")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        return replace(super().adapt(clip, start), penalty=self.pull)

    def pull(self, step: Step) -> Tensor:
        pulled: Tensor = self.params.alpha / 2 * distance(step)
        return pulled

    def recipe(self, start: Start) -> Recipe:
        return replace(super().recipe(start), weight_decay=0.0)
