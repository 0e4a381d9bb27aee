"""What a method is: two bases and the few types that they exchange with the harness.

A *head* trains on frozen features and scores them. An *encoder* method edits a private copy of the backbone and
names what trains; the harness trains it on the kind's own loss. Neither opens a file, takes the time, picks a
device, saves anything or sees a test label.

N examples, C classes, d width of the shared space, V augmented views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.parts.logistic import logistic_regression
from methods.parts.recipe import Contrast, alignment
from methods.parts.recipe import Recipe as Recipe

Kind = Literal["classification", "pair", "retrieval"]
CLASSIFICATION: Kind = "classification"
PAIR: Kind = "pair"
RETRIEVAL: Kind = "retrieval"


class NotApplicable(Exception):
    """Raised for a cell that makes no sense for the method; the message says why and ends up in the record."""


@dataclass(frozen=True)
class Paper:
    title: str
    venue: str
    link: str = ""


@dataclass(frozen=True)
class Count:
    """How many parameters train, as a source states it; `python -m bench verify` compares it with what we train."""

    trainable: int
    source: str
    params: str = ""  # as on the command line: "n_ctx=4"
    kind: Kind = CLASSIFICATION
    classes: int = 10
    shots: int = 1
    backbone: str = "ViT-B-16"


@dataclass(frozen=True)
class Views:
    """Augmented views of each support image: a random resized crop, and a flip. The task may narrow the policy."""

    count: int = 0
    smallest_crop: float = 0.08  # share of the area; the largest is 1
    flip: bool = True


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
        if self.candidates_raw is None:
            raise NotApplicable("the task has no candidate texts to compare an image with")
        return F.normalize(self.candidates_raw, dim=-1)

    def rows(self, index: Tensor) -> Features:
        """The examples at `index`; candidates that all examples share stay as they are."""
        text, candidates = self.text_raw, self.candidates_raw
        if candidates is not None and candidates.ndim == 3:
            candidates = candidates[index]
        return Features(self.image_raw[index], None if text is None else text[index], candidates)


@dataclass(frozen=True)
class Support:
    """The k-shot examples of one episode as a head sees them: no test example, no file, no image."""

    kind: Kind
    task: str
    shots: int
    classes: int  # 0 for retrieval
    features: Features  # of the plain images
    labels: Tensor  # [N]
    logit_scale: float  # the backbone's temperature as a factor, about 100 for CLIP
    views_raw: Tensor | None = None  # [N, V, d] features of the augmented views

    def __len__(self) -> int:
        return len(self.labels)

    def mean_of_views(self) -> Tensor:
        """[N, d] normalised mean of the raw features over the augmented views; of the plain image if there are none."""
        return self.features.image if self.views_raw is None else F.normalize(self.views_raw.mean(1), dim=-1)

    def accuracy(self, scores: Tensor) -> float:
        """Share of the examples whose label has the highest of its scores [N, C]."""
        return float((scores.argmax(1) == self.labels).float().mean())


def fuse(v: Tensor, t: Tensor) -> Tensor:
    """XtremeCLIP's fusion F(v, t) = [v, t, v + t, v - t, v * t], [..., 5 d], not normalised again."""
    return torch.cat([v, t, v + t, v - t, v * t], dim=-1)


class Method:
    """What all methods declare. `params` is an instance of the class's own frozen dataclass `Params`."""

    name: ClassVar[str]
    family: ClassVar[str]  # "zero-shot", "head", "prompt", "inside the encoder"
    kinds: ClassVar[frozenset[Kind]]
    paper: ClassVar[Paper]
    trains: ClassVar[str]  # what trains, in a few words
    counts: ClassVar[tuple[Count, ...]] = ()
    uses_support: ClassVar[bool] = True
    starts_at_zero_shot: ClassVar[bool] = False  # in classification, before the first step
    order_free: ClassVar[bool] = False  # the order of the support changes nothing
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {}  # parameters that protocol `val` chooses, with their values
    chosen_after_training: ClassVar[str | None] = None  # what else it chooses, without training again
    groups: ClassVar[
        Mapping[str, tuple[str, ...]]
    ] = {}  # not inherited: names for several methods, and with which parameters it joins

    @dataclass(frozen=True)
    class Params:
        pass

    params: Any

    def __init__(self, params: Any | None = None) -> None:
        self.params = self.Params() if params is None else params

    def views(self) -> Views:
        """The augmented views that the method wants of each support image."""
        return Views()

    def squashes_images(self, kind: Kind) -> bool:
        """Whether images are squashed to a square with ImageNet's statistics instead of the backbone's own way."""
        return False

    def search(self, score: Callable[[Mapping[str, Any]], float]) -> Mapping[str, Any]:
        """Protocol `val`: the parameters to use. `score` fits with the given ones and returns validation accuracy.

        By default every combination of `grid` is tried, the first best one is taken.
        """
        combinations = [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())]
        return combinations[0] if len(combinations) == 1 else max(combinations, key=score)


class HeadMethod(Method):
    """Trains on frozen features."""

    family = "head"

    def templates(self, templates: tuple[str, ...]) -> tuple[str, ...]:
        """Which of the task's templates make the class texts; several are averaged as unit features."""
        return templates[:1]

    def head(self, support: Support) -> nn.Module:
        """A module whose `forward(features: Features)` gives scores [N, C].

        Fitted in closed form here, or ready to be trained if there is a `recipe`. Its parameters are what counts
        as trainable. Raises NotApplicable.
        """
        raise NotImplementedError

    def recipe(self, support: Support) -> Recipe | None:
        """How the head is trained; None if it already is."""
        return None

    def training_features(self, support: Support) -> Features:
        """What the head sees in training; by default the plain images."""
        return support.features

    def loss(self, scores: Tensor, labels: Tensor, support: Support) -> Tensor:
        """Of a batch: scores [B, C], labels [B]; `support` is the whole of it, for what depends on the task."""
        return F.cross_entropy(scores, labels)

    def tune(self, head: nn.Module, validation: Support) -> Mapping[str, Any]:
        """Protocol `val`: set what can be chosen after training, in place; returns what was chosen."""
        return {}


class Adapted(nn.Module):
    """A private copy of the backbone that a method has edited, and the head that is trained along, if any."""

    def __init__(self, clip: Any, head: nn.Module | None = None) -> None:
        super().__init__()
        self.clip = clip
        self.head = head


@dataclass(frozen=True)
class TokenLayout:
    """How a tokenizer frames the words of a text, and with which id it fills up."""

    start: bool = True  # with a start token
    end: bool = True  # with an end token
    pad: int = 0


@dataclass(frozen=True)
class Start:
    """What an encoder method may know before training: sizes always, frozen features where it asked for them."""

    kind: Kind
    task: str
    shots: int
    examples: int
    class_names: tuple[str, ...]
    tokenize: Callable[[list[str]], Tensor]  # texts -> token ids [N, L]
    support: Support | None = field(default=None)
    layout: TokenLayout = field(default_factory=TokenLayout)


class EncoderMethod(Method):
    """Trains inside the towers."""

    family = "inside the encoder"
    grid = {"lr": (2e-4, 1e-3)}
    kinds = frozenset({CLASSIFICATION, PAIR, RETRIEVAL})
    template: ClassVar[str | None] = None  # of class texts; None: the task's own
    conditional: ClassVar[bool] = False  # text features depend on the image that they are compared with

    @dataclass(frozen=True)
    class Params:
        lr: float = 2e-4  # AdamW

    def adapt(self, clip: Any, start: Start) -> Iterable[nn.Parameter]:
        """Edit `clip` in place and return every parameter of it that trains; the harness freezes the rest."""
        raise NotImplementedError

    def recipe(self, start: Start) -> Recipe:
        """METHODS' common default: 300 steps per shot, AdamW, cosine to 1e-6."""
        return Recipe(lr=self.params.lr, steps=300 * start.shots, final_lr=1e-6)

    def alignment(self, start: Start) -> Recipe:
        """On towers that have never met, where the projections and the temperature train along: LilT's recipe."""
        lr = getattr(self.params, "lr", None)
        if not isinstance(self.params, Contrast):
            return alignment(start.examples, lr)
        return self.params.contrasted(alignment(start.examples, lr, self.params.batch))

    def views(self) -> Views:
        return Views(count=10)

    def rates(self, clip: Any) -> Mapping[nn.Parameter, float]:
        """Shares of the recipe's rate for parameters that have a rate of their own; 1 for all others."""
        return {}

    def tokens(self, tokens: Tensor, limit: int, start: Start) -> Tensor:
        """Token ids [N, L] as the edited text tower wants them; `limit` is its context length."""
        return tokens

    def texts_given_images(self, clip: Any, tokens: Tensor, image: Tensor) -> Tensor:
        """Text features [B, T, d] where `conditional`: tokens [B, T, L] of each image's own texts, unit images [B, d]."""
        raise NotImplementedError

    def finish(self, model: Adapted, initial: Mapping[str, Tensor], score: Callable[[], float] | None) -> Mapping[str, Any]:
        """After training: edit the weights in place; returns what was chosen.

        initial: the trained parameters as they were before the first step, by their names in `model`. score:
        accuracy on the validation set as the model is now; None under protocol `fixed`.
        """
        return {}

    def needs_features(self, kind: Kind) -> bool:
        """Whether `adapt` or `head` want the support's frozen features."""
        return kind == PAIR

    def head(self, start: Start) -> nn.Module | None:
        """The head trained along: forward(image, text) on raw features gives scores. None: cosine to the texts.

        On pair tasks linear on F(v, t), started from the logistic regression on the frozen features.
        """
        if start.kind != PAIR:
            return None
        assert start.support is not None
        features = start.support.features
        fused = fuse(features.image, features.text)
        return FusedLinear(logistic_regression(fused, start.support.labels, start.support.classes))


class FusedLinear(nn.Module):
    """A linear layer on F(v, t), v and t of unit length."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        return self.linear(fuse(F.normalize(image, dim=-1), F.normalize(text, dim=-1)))
