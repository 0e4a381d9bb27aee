"""A tower: stages in a row.

A stage is the unit that the frozen prefix is cut at: `embed`, each block, `head`. Every stage takes (x, inputs) and
gives one tensor whose first dimension is the batch: [B, length, width] in transformers, [B, channels, height, width]
in convolutional towers; the last gives features [B, d]. The first takes the tower's inputs as x. So running from any
stage is part of the tower and not of a method.

Inputs are uint8 pixels [B, 3, H, W] for the image tower (normalising is part of its first stage, so that images are
kept small) and token ids [B, L] for the text tower.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Tower(nn.Module):
    """`stages[0]` embeds, `stages[-1]` gives the features, the others are blocks.

    A head tells `projection`, the parameters that map what was pooled to the shared space, and `norm`, the tower's final
    norm or None; `pool(x, inputs)` gives what the projection takes [B, W], but in open_clip's ResNets, whose attention
    pools and projects at once. A text tower's `stages[0]` has `token_embedding` and `place(x, tokens)`, which adds positions.
    """

    stages: nn.ModuleList

    def __init__(
        self,
        stages: list[nn.Module],
        name: str,
        width: int,
        context_length: int = 0,
        pad: int = 0,
        whole: bool = False,
    ) -> None:
        """name: of the tower's class, for messages. width: of the hidden states.

        Text towers: context_length, the most tokens; pad, the id of padding; whole, whether padding takes part in
        the feature, so that texts may not be cut to the longest one of a batch.
        """
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.name, self.width, self.context_length = name, width, context_length
        self.pad, self.whole = pad, whole
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.register_forward_pre_hook(keep_statistics)

    @property
    def blocks(self) -> list[nn.Module]:
        return list(self.stages[1:-1])

    @property
    def head(self) -> Any:
        return self.stages[-1]

    def cut(self) -> int:
        """The first stage that holds something trainable; the number of stages if the whole tower is frozen."""
        for number, stage in enumerate(self.stages):
            if any(parameter.requires_grad for parameter in stage.parameters()):
                return number
        return len(self.stages)

    def pooled(self, inputs: Tensor) -> Tensor:
        """What the projection takes, [B, W]."""
        return self.head.pool(self(inputs, stop=len(self.stages) - 1), inputs)

    def forward(self, inputs: Tensor | None, start: int = 0, hidden: Tensor | None = None, stop: int | None = None) -> Tensor:
        """Run stages start .. stop - 1.

        inputs: pixels or tokens; the text tower needs its tokens at any start (where the text ends), the image
        tower only at start 0. hidden: what stage `start` takes, if start > 0.
        """
        x = inputs if start == 0 else hidden
        assert x is not None
        for number in range(start, len(self.stages) if stop is None else stop):
            x = self.stages[number](x, inputs)
        return x


def keep_statistics(norm: nn.Module, inputs: Any) -> None:
    """Batch norms use the statistics of pretraining in training, too: those of a few images aren't worth having."""
    norm.eval()


class PixelStage(nn.Module):
    """The first stage of an image tower: uint8 pixels are normalised by `mean` and `std` [3, 1, 1], then embedded."""

    mean: Tensor
    std: Tensor

    def __init__(self, preprocess: dict[str, Any]) -> None:
        super().__init__()
        for key in ("mean", "std"):
            self.register_buffer(key, torch.tensor(preprocess[key]).view(3, 1, 1), persistent=False)

    def embed(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [B, 3, H, W] -> what the first block takes."""
        raise NotImplementedError

    def forward(self, pixels: Tensor, inputs: Tensor | None = None) -> Tensor:
        return self.embed((pixels.to(self.mean.dtype) / 255 - self.mean) / self.std)


class Layer(nn.Module):
    """Someone else's module as a stage."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        return self.module(x)


def part(model: Any, names: Collection[str], chain: Collection[str] = (), parameters: bool = False) -> Any:
    """A shallow copy of a model with some of its children (and its own parameters), to run the model's own code on them.

    Other children do nothing there; what the model runs one after the other, `chain`, is empty. The weights are shared.
    """
    copy = model.__class__.__new__(model.__class__)
    copy.__dict__.update(model.__dict__)
    copy._modules = {}
    for name, child in model._modules.items():
        if name in names or child is None:
            copy._modules[name] = child
        else:
            copy._modules[name] = nn.Sequential() if name in chain else nn.Identity()
    copy._parameters = dict(model._parameters) if parameters else dict.fromkeys(model._parameters)
    return copy
