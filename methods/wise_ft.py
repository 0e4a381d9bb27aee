"""WiSE-FT: the mean of the weights before and after full fine-tuning (Wortsman et al., CVPR 2022).

    theta = (1 - alpha) theta_0 + alpha theta_1        alpha 0.5

for every weight that `full` trains, its text-initialised head included: alpha 0 is zero-shot, 1 is `full`. Protocol
`val` takes the best of alpha 0, 0.1 .. 1 on the validation set, after a single fine-tuning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from methods.base import Adapted, Clip, Edit, Paper, Start
from methods.full import Full

ALPHAS = tuple(step / 10 for step in range(11))


class WiseFT(Full):
    name = "wise-ft"
    trains = "everything, then averaged with the weights before"
    chosen_after_training = "alpha"
    paper = Paper("Robust fine-tuning of zero-shot models", "CVPR 2022", "arXiv:2109.01903")

    @dataclass(frozen=True)
    class Params(Full.Params):
        alpha: float = 0.5  # share of the fine-tuned weights

        def __post_init__(self) -> None:
            if not 0 <= self.alpha <= 1:
                raise ValueError("alpha must be between 0 and 1")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        return replace(super().adapt(clip, start), finish=self.average)

    def average(self, model: Adapted, initial: Mapping[str, Tensor], score: Callable[[], float] | None) -> Mapping[str, Any]:
        weights = dict(model.named_parameters())
        tuned = {name: weights[name].detach().clone() for name in initial}

        def mix(alpha: float) -> None:
            for name, before in initial.items():
                weights[name].copy_((1 - alpha) * before + alpha * tuned[name])

        def quality(alpha: float) -> float:
            assert score is not None
            mix(alpha)
            return score()

        alpha = self.params.alpha if score is None else max(ALPHAS, key=quality)
        mix(alpha)
        return {} if score is None else {"alpha": alpha}
