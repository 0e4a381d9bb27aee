"""What a method is: two bases, and the few types that they exchange with the harness.

A *head* trains on frozen features and scores them. An *encoder* method edits a private copy of the backbone and
names what trains; the harness trains it on the kind's own loss. Neither opens a file, takes the time, picks a
device, saves anything or sees a test label.

N examples, C classes, d width of the shared space, L tokens of a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from methods.contract.declared import CLASSIFICATION, FAMILIES, PAIR, RETRIEVAL, SEES, Count, Family, NotApplicable, Paper, Sees
from methods.contract.edit import Adapted, Edit, Handover, Step
from methods.contract.examples import Base, Features, Start, Support, TokenLayout
from methods.contract.forward import Forward
from methods.contract.model import Block, Clip, TextEmbedding, Tower
from methods.contract.recipe import Recipe, Views
from methods.contract.search import Decades

# fmt: off
__all__ = [
    "CLASSIFICATION", "FAMILIES", "PAIR", "RETRIEVAL", "SEES",
    "Adapted", "Base", "Block", "Clip", "Count", "Decades", "Edit", "EncoderMethod", "Family", "Features", "Forward", "Handover",
    "HeadMethod", "Method", "NotApplicable", "Paper", "Recipe", "Sees", "Start", "Step", "Support", "TextEmbedding",
    "TokenLayout", "Tower", "Views",
]
# fmt: on


class Method:
    """What all methods declare. `params` is an instance of the class's own frozen dataclass `Params`."""

    name: ClassVar[str]
    family: ClassVar[Family]  # decides the step cap of a bundled task, and the place in tables and plots
    kinds: ClassVar[frozenset[str]]
    paper: ClassVar[Paper]
    trains: ClassVar[str]  # what trains, in a few words
    counts: ClassVar[tuple[Count, ...]] = ()
    sees: ClassVar[tuple[Sees, ...]] = ("class names",)  # what it uses beyond its support, in classification
    uses_support: ClassVar[bool] = True
    starts_at_zero_shot: ClassVar[bool] = False  # in classification, before the first step
    order_free: ClassVar[bool] = False  # the order of the support changes nothing
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {}  # parameters that protocol `val` chooses, with their values
    chosen_after_training: ClassVar[str | None] = None  # what else it chooses, without training again
    groups: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # names for several methods -> with which parameters it joins them
    varies: ClassVar[str | None] = None  # a parameter whose values, those of `variants`, make a row each

    @dataclass(frozen=True)
    class Params:
        pass

    params: Any

    def __init__(self, params: Any | None = None) -> None:
        self.params = self.Params() if params is None else params

    @property
    def bound_to_classes(self) -> bool:
        """Whether what it fits belongs to the classes of its support, so that other class names give no scores by it.

        A head of an encoder method's own does so in any case.
        """
        return False

    @classmethod
    def variants(cls) -> tuple[str, ...]:
        """The values of `varies` that the name stands for. Raises NotApplicable, such as without an optional library."""
        return ()

    def views(self, kind: str) -> Views:
        """The augmented views that the method wants of each support image."""
        return Views()

    def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        """The templates of the class texts; by default the first of the task's own.

        The features of several are averaged, each of unit length; what trains inside the encoders takes one.
        """
        return own[:1]

    def frozen_templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        """The templates of the class texts that the frozen backbone reads; by default `templates`.

        They differ where what trains writes texts of its own and is held at hand-written ones. Several are averaged here
        for what trains inside the encoders, too.
        """
        return self.templates(own)


class HeadMethod(Method):
    """Trains on frozen features."""

    family: ClassVar[Family] = "head"
    # What a step sees of an image: itself, the mean of its views, or one of them, drawn anew each time. `pooled`: batches
    # are drawn from the views of all images, as if each was an image; epochs are counted in images all the same.
    trains_on: ClassVar[Literal["plain", "mean", "fresh", "pooled"]] = "plain"

    @property
    def bound_to_classes(self) -> bool:
        """False where the head scores by the candidates of the features that it is given."""
        return True

    def head(self, support: Support) -> nn.Module:
        """A module whose `forward(features: Features)` gives scores [N, C].

        Fitted in closed form here, or ready to be trained if there is a `recipe`. Its parameters are what counts
        as trainable. Raises NotApplicable.
        """
        raise NotImplementedError

    def recipe(self, support: Support) -> Recipe | None:
        """How the head is trained; None if it already is."""
        return None

    def loss(self, scores: Tensor, labels: Tensor, support: Support) -> Tensor:
        """Of a batch: scores [B, C], labels [B]; `support` is the whole of it, for what depends on the task."""
        return F.cross_entropy(scores, labels)

    def penalty(self, head: nn.Module, support: Support) -> Tensor | float:
        """What is added to the loss for the head's weights; `support` is the whole of it."""
        return 0.0

    def tune(self, head: nn.Module, validation: Support) -> Mapping[str, Any]:
        """Protocol `val`: set what can be chosen after training, in place; returns what was chosen."""
        return {}


class EncoderMethod(Method):
    """Trains inside the towers."""

    family: ClassVar[Family] = "inside the encoder"
    grid = {"lr": (2e-4, 1e-3)}
    kinds = frozenset({CLASSIFICATION, PAIR, RETRIEVAL})
    reads_features: ClassVar[frozenset[str]] = frozenset()  # kinds in which `adapt` wants the support's frozen features

    @dataclass(frozen=True)
    class Params:
        lr: float | None = 2e-4  # AdamW; every encoder method has a rate of this name

    def adapt(self, clip: Clip, start: Start) -> Edit:
        """Edit `clip` in place and say what trains. Raises NotApplicable."""
        raise NotImplementedError

    def recipe(self, start: Start) -> Recipe:
        """METHODS' common default: 300 steps per shot, AdamW, cosine to 1e-6."""
        return Recipe(lr=self.params.lr, steps=300 * start.shots, final_lr=1e-6)

    def views(self, kind: str) -> Views:
        return Views(count=10)
