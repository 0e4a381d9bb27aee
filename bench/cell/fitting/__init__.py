"""One method fitted to one episode, in steps that the worker can time apart.

collect_start    frozen features that the method needs to begin           bank
build            the head, or the edited private copy of the backbone     fit
collect_rows     what stands at the cut, for training                     bank
train            the gradient loop, if there is one                       fit
collect_validation   the validation set, under protocol `val`             bank
finish           what the method does after training                      fit
collect          what stands at the cut, for the examples to be scored    bank
predict          scores                                                   predict
"""

from __future__ import annotations

from bench.cell.fitting.base import Fitting, UndeclaredParameters
from bench.cell.fitting.encoder import EncoderFitting
from bench.cell.fitting.head import HeadFitting
from bench.features.frozen import Frozen
from bench.plan.episode import Episode
from methods.base import EncoderMethod, HeadMethod, Method

__all__ = ["EncoderFitting", "Fitting", "HeadFitting", "UndeclaredParameters", "fitting"]


def fitting(method: Method, frozen: Frozen, episode: Episode, cap: int | None, stretch: float) -> Fitting:
    """The right kind of fitting for a method."""
    if isinstance(method, HeadMethod):
        return HeadFitting(method, frozen, episode, cap, stretch)
    assert isinstance(method, EncoderMethod)
    return EncoderFitting(method, frozen, episode, cap, stretch)
