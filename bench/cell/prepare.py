"""What everybody begins with who walks through a cell: the worker, `check`, `verify`, stored weights and studies."""

from __future__ import annotations

from bench.backbone import Backbone
from bench.cell.fitting.encoder import EncoderFitting
from bench.cell.fitting.fitting import Fitting
from bench.cell.fitting.head import HeadFitting
from bench.errors import UsageError
from bench.features.bank import Account, Bank
from bench.features.frozen import Frozen
from bench.plan.budget import Allowance
from bench.plan.episode import Episode
from methods.base import EncoderMethod, HeadMethod, Method
from tasks.base import Task


def freeze(
    method: Method, backbone: Backbone, task: Task, bank: Bank, account: Account | None = None,
    device: str = "cpu", precision: str = "fp32",
) -> Frozen:  # fmt: skip
    """The frozen backbone on a task, with images as the method wants them."""
    return Frozen(backbone, task, bank, account or Account(), device, precision, method.views(task.kind).squash)


def prepare(method: Method, frozen: Frozen, episode: Episode, allowance: Allowance | None = None) -> Fitting:
    """A fitting of the method to an episode, before its first step. Raises UsageError."""
    if isinstance(method, HeadMethod):
        return HeadFitting(method, frozen, episode, allowance or Allowance())
    if isinstance(method, EncoderMethod):
        return EncoderFitting(method, frozen, episode, allowance or Allowance())
    raise UsageError(f"{method.name}: is neither a head nor an encoder method")
