"""What a method may know of the examples: no test example, no file.

N examples, C classes, d width of the shared space, V augmented views.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from methods.contract.declared import NotApplicable

Base = Literal["raw", "unit"]  # class texts as the text tower gives them, or of unit length


@dataclass(frozen=True)
class Features:
    """Frozen features of N examples; what ends in `_raw` is not normalised."""

    image_raw: Tensor  # [N, d]
    text_raw: Tensor | None = None  # [N, d], the example's own sentence or question; pair tasks
    candidates_raw: Tensor | None = None  # [C, d] class texts, [N, C, d] answers to each question, [M, d] captions

    @property
    def image(self) -> Tensor:
        return F.normalize(self.image_raw, dim=-1)

    @property
    def text(self) -> Tensor:
        assert self.text_raw is not None, "only pair tasks have a text per example"
        return F.normalize(self.text_raw, dim=-1)

    @property
    def candidates(self) -> Tensor:
        return F.normalize(self.texts_of("raw"), dim=-1)

    def texts_of(self, base: Base) -> Tensor:
        """The candidates as the text tower gives them, or of unit length. Raises NotApplicable where there are none."""
        if self.candidates_raw is None:
            raise NotApplicable("the task has no candidate texts to compare an image with")
        return self.candidates_raw if base == "raw" else self.candidates

    def rows(self, index: Tensor) -> Features:
        """The examples at `index`; candidates that all examples share stay as they are."""
        text, candidates = self.text_raw, self.candidates_raw
        if candidates is not None and candidates.ndim == 3:
            candidates = candidates[index]
        return Features(self.image_raw[index], None if text is None else text[index], candidates)


@dataclass(frozen=True)
class Support:
    """The k-shot examples of one episode as a head sees them."""

    kind: str
    task: str
    shots: int
    classes: int  # 0 for retrieval
    features: Features  # of the plain images
    labels: Tensor  # [N]
    logit_scale: float  # the backbone's temperature as a factor, about 100 for CLIP
    views_raw: Tensor | None = None  # [N, V, d] features of the augmented views

    def __len__(self) -> int:
        return len(self.labels)

    def each_view(self) -> Tensor:
        """[N, V, d] unit features of the augmented views; of the plain image alone if there are none."""
        return self.features.image[:, None] if self.views_raw is None else F.normalize(self.views_raw, dim=-1)

    def mean_of_views(self) -> Tensor:
        """[N, d] normalised mean of the raw features over the augmented views; of the plain image if there are none."""
        return self.features.image if self.views_raw is None else F.normalize(self.views_raw.mean(1), dim=-1)

    def averaged(self) -> Features:
        """The features with each image as the mean of its views."""
        return Features(self.mean_of_views(), self.features.text_raw, self.features.candidates_raw)

    def accuracy(self, scores: Tensor) -> float:
        """Share of the examples whose label has the highest of its scores [N, C]."""
        return float((scores.argmax(1) == self.labels).float().mean())


@dataclass(frozen=True)
class TokenLayout:
    """How a tokenizer frames the words of a text, and with which id it fills up."""

    start: bool = True  # with a start token
    end: bool = True  # with an end token
    pad: int = 0


@dataclass(frozen=True)
class Start:
    """What an encoder method may know before training: sizes always, frozen features where it asked for them."""

    kind: str
    task: str
    shots: int
    examples: int
    class_names: tuple[str, ...]
    tokenize: Callable[[list[str]], Tensor]  # texts -> token ids [N, L]
    support: Support | None = None
    layout: TokenLayout = field(default_factory=TokenLayout)
