"""What an encoder method did to its copy of the model, and what of a step of training its loss may ask.

N examples, C classes, d width of the shared space, L tokens of a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from methods.contract.forward import Forward


class Adapted(nn.Module):
    """A private copy of the backbone that a method has edited, and the head that is trained along, if any."""

    def __init__(self, clip: nn.Module, head: nn.Module | None = None) -> None:
        super().__init__()
        self.clip = clip
        self.head = head


class Step(Protocol):
    """What a penalty may ask of one step of training."""

    @property
    def model(self) -> Adapted: ...
    @property
    def initial(self) -> Mapping[str, Tensor]:
        """The trained parameters by name, as they were before the first step."""
        ...

    def texts(self) -> tuple[Tensor, Tensor]:
        """Unit features [T, d] of the texts that the step compares with its images: as the model has them, and as the
        backbone had those of `frozen_templates`. Only where scores come from texts."""
        ...


# model, trained parameters by name as they were before the first step, accuracy on the validation set as the model is
# now (None under protocol `fixed`) -> what was chosen
Finish = Callable[[Adapted, Mapping[str, Tensor], Callable[[], float] | None], Mapping[str, Any]]


@dataclass(frozen=True)
class Handover:
    """Training in two stages, in classification: first `trains`, scored by the cosine to the class texts; then the head alone."""

    at: float  # after this share of the steps; the schedule then begins again
    begin: Callable[[Tensor], None]  # raw features [C, d] of the class texts as they have become: starts the head, in place


@dataclass(frozen=True)
class Edit:
    """What a method did to its copy of the model, beside changing it in place."""

    trains: Iterable[nn.Parameter]  # every parameter of the model that trains; the harness freezes the rest
    head: nn.Module | None = None  # forward(image, text) on raw features gives scores, and trains; None: the kind's own way
    rates: Mapping[nn.Parameter, float] = field(default_factory=dict)  # shares of the recipe's rate; 1 for all others
    tokens: Callable[[Tensor], Tensor] | None = None  # ids [N, L] of texts as the edited text tower wants them
    # Tokens [B, T, L] of each image's own texts, unit images [B, d] -> features [B, T, d]; None: texts know no image.
    texts_given_images: Callable[[Tensor, Tensor], Tensor] | None = None
    # Tokens [T, L] of texts, unit features [T, d] of the same texts by the frozen backbone -> features [T, d].
    texts_given_frozen: Callable[[Tensor, Tensor], Tensor] | None = None
    loss: Callable[[Forward], Tensor] | None = None  # what training descends on instead of the kind's own loss
    penalty: Callable[[Step], Tensor] | None = None  # what a step adds to the kind's own loss
    handover: Handover | None = None  # the head stands aside until the rest has trained
    finish: Finish | None = None  # after training: edits the weights in place
    # Told before scoring whether what follows are classes or data that it was not fitted to; None: that changes nothing.
    elsewhere: Callable[[bool], None] | None = None
