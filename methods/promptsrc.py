"""PromptSRC: deep prompts in both towers, held at the frozen towers and averaged (Khattak et al., ICCV 2023).

    loss = cross-entropy + 25 mean |t - t0| + 10 mean |f - f0| + sum over b, c of p0 (log p0 - log p) / (B C)
    kept: the mean over epochs e of the prompts after e, weighted by exp(- (e - mean)^2 / (2 deviation^2))

Prompts, towers and recipe are those of `ivlp`. t [C, d], f [B, d]: unit features of the prompted towers; f0: those of the frozen
tower on the same augmented views; t0: those of the frozen text tower, averaged over many hand-written templates; p, p0 [B, C]:
softmax of tau f . t and of tau f0 . t0. The means are over all numbers of a matrix. At the end the prompts are their weighted
mean: 30 and 30 epochs of 50, as the authors have it on six data sets (45 and 5 on StanfordCars, Flowers102, FGVCAircraft, DTD
and EuroSAT). A run that is cut short has the same weights over the same shares of it.

The authors' templates are sixty of CLIP's for ImageNet on every data set; here they are all that the task has, unit features
averaged where theirs are raw. A task with a single template has no ensemble.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Clip, Edit, Forward, Recipe, Start
from methods.ivlp import IVLP


class PromptSRC(IVLP):
    name = "promptsrc"
    kinds = frozenset({CLASSIFICATION})
    trains = "prompts in both towers, held at the frozen towers"

    @dataclass(frozen=True)
    class Params(IVLP.Params):
        text_weight: float = 25.0  # of the distance of class texts from the frozen ones
        image_weight: float = 10.0  # of the distance of images from the frozen ones
        mean: float = 30.0  # of the Gaussian over epochs
        deviation: float = 30.0  # of the Gaussian over epochs

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.deviation <= 0:
                raise ValueError("deviation must be above 0")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        return replace(super().adapt(clip, start), loss=self.loss)

    def loss(self, forward: Forward) -> Tensor:
        text = F.l1_loss(forward.text, forward.frozen_text)
        image = F.l1_loss(forward.image, forward.frozen_image)
        log_p, log_p0 = forward.scores.log_softmax(1), forward.frozen_scores.log_softmax(1)
        logits = (log_p0.exp() * (log_p0 - log_p)).mean()
        held: Tensor = self.params.text_weight * text + self.params.image_weight * image
        return forward.cross_entropy + held + logits

    def frozen_templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return own

    def recipe(self, start: Start) -> Recipe:
        return replace(super().recipe(start), average=(self.params.mean, self.params.deviation))
