"""Tuners of the library `peft` (Mangrulkar et al., 2022), each a row of its own: `peft[kind=dora]`. An optional dependency.

    y = tuner(W, b)(x)        in place of the q, k and v linears of every block of both towers

`kind` is the library's name of a tuner that wraps a linear layer, in lower case, or one of the ways in which its LoRA differs
from the plain one: dora, rslora, pissa, olora. Which there are, and which work, is found out by trying each on a linear layer;
one that does not work, in this version or on these widths, is not applicable, with what the library says. What the library
marks as trainable is all that trains. ln_tuning takes the norms of the blocks instead of linears.

Rank, scale and dropout are the library's own unless given, and all else of a tuner's configuration is; so is its start, which is
not always zero-shot's. The recipe is that of `lora` for every kind, and no rate is tuned for a kind: AdamW, learning rate 2e-4,
weight decay 1e-2, batch 32, 500 steps per shot, cosine to 1e-6, random resized crops (0.08, 1) with flips, last step.
`peft[kind=lora,r=2,dropout=0.25]` with an alpha of sqrt(2) computes what `lora` does; so does `rslora` with alpha 1.
"""

from __future__ import annotations

import dataclasses
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
from torch import nn

from methods.base import Clip, Count, Edit, EncoderMethod, NotApplicable, Paper, Recipe, Start
from methods.lora import LINEARS
from methods.parts.blocks import transformer_blocks

OF_LORA: dict[str, dict[str, Any]] = {
    "dora": {"use_dora": True},
    "rslora": {"use_rslora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "olora": {"init_lora_weights": "olora"},
}
NORMS = ("ln_tuning",)  # kinds that wrap norms
# What a configuration would otherwise look up by the name of a model, and a bar on the screen.
UNASKED: dict[str, Any] = {"feedforward_modules": [], "progressbar": False}
PROBE = 256  # width of the linear layer that a tuner is tried on: every default block size divides it
PACKAGE = "clip-adaptation-bench"


class Peft(EncoderMethod):
    name = "peft"
    trains = "what a tuner of the library peft adds to q, k and v in every block of both towers"
    paper = Paper("PEFT: State-of-the-art Parameter-Efficient Fine-Tuning methods", "2022", "https://github.com/huggingface/peft")
    varies = "kind"
    counts = (
        Count(184_320, "CLIP-LoRA, rank 2", "kind=lora,r=2"),
        Count(184_320 + 30_720 + 15_360, "the same and a magnitude per output, 3 W per block", "kind=dora,r=2"),
        Count(46_080, "3 W per block, 12 blocks of 768 and of 512", "kind=ia3"),
    )

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        kind: str = "lora"  # a tuner, as the library calls it
        r: int | None = None  # rank; None: the library's own default
        alpha: float | None = None  # scale, likewise
        dropout: float | None = None  # likewise
        where: str = "qkv"  # which linears of the attention: letters out of q, k, v, o

        def __post_init__(self) -> None:
            if not self.where or set(self.where) - set(LINEARS):
                raise ValueError(f"where must be letters out of {''.join(LINEARS)}, got {self.where!r}")
            if self.kind != Peft.Params.kind:  # which there is in every version: the library is loaded for others only
                try:
                    known = sorted(configurations())
                except NotApplicable as reason:
                    raise ValueError(str(reason)) from reason
                if self.kind not in known:
                    raise ValueError(f"peft {library().__version__} has no tuner {self.kind!r}: take one of {', '.join(known)}")

    @classmethod
    def variants(cls) -> tuple[str, ...]:
        return tuple(sorted(kind for kind in configurations() if not problem(kind)))

    def adapt(self, clip: Clip, start: Start) -> Edit:
        if reason := problem(self.params.kind):
            raise NotApplicable(reason)
        parts = ("ln_1", "ln_2") if self.params.kind in NORMS else [f"attn.{LINEARS[letter]}" for letter in self.params.where]
        blocks = {id(block) for tower in (clip.image, clip.text) for block in transformer_blocks(tower)}
        model = cast(nn.Module, clip)
        targets = [f"{name}.{part}" for name, block in model.named_modules() if id(block) in blocks for part in parts]
        given = {name: value for name in ("r", "alpha", "dropout") if (value := getattr(self.params, name)) is not None}
        return Edit(wrap(model, self.params.kind, targets, **given))

    def recipe(self, start: Start) -> Recipe:
        return Recipe(lr=self.params.lr, steps=500 * start.shots, final_lr=1e-6)


@lru_cache
def library() -> Any:
    """Takes seconds to load. Raises NotApplicable where it is not installed."""
    try:
        import peft
    except ImportError as error:
        raise NotApplicable(f"the library peft is not installed: pip install '{PACKAGE}[peft]'") from error
    return peft


def configurations() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Each kind's class of configuration, with what is set in it; only tuners that wrap modules of a model."""
    peft = library()
    tuners = {kind: tuner for kind, tuner in peft.mapping.PEFT_TYPE_TO_TUNER_MAPPING.items() if hasattr(tuner, "inject_adapter")}
    found: dict[str, tuple[Any, dict[str, Any]]] = {kind: (peft.LoraConfig, values) for kind, values in OF_LORA.items()}
    return found | {kind.value.lower(): (peft.mapping.PEFT_TYPE_TO_CONFIG_MAPPING[kind], {}) for kind in tuners}


def wrap(model: nn.Module, kind: str, targets: list[str], **given: float) -> list[nn.Parameter]:
    """Put a tuner around the modules of these names, in place; what trains. Raises NotApplicable with the library's reason."""
    peft = library()
    configuration, values = configurations()[kind]
    fields = {field.name for field in dataclasses.fields(configuration)}
    values = values | {name: value for name, value in UNASKED.items() if name in fields}
    prefix = configuration.__name__.removesuffix("Config").lower()
    for name, value in given.items():
        own = [field for field in (name, f"{prefix}_{name}") if field in fields]
        if not own:
            raise NotApplicable(f"{kind} of peft {peft.__version__} has no {name}")
        values |= dict.fromkeys(own, value)
    model.requires_grad_(False)
    try:
        with quietly():
            tuner = peft.get_peft_model(model, configuration(target_modules=targets, **values)).base_model
    except Exception as error:  # whatever a tuner raises, the library says why it does not work here
        raise NotApplicable(f"{kind} of peft {peft.__version__}: {str(error).partition(chr(10))[0]}") from error
    for name, shared in tuner.named_children():
        if shared is not model:  # what all layers share would otherwise be no part of the model
            model.add_module(f"peft_{name}", shared)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


@lru_cache
def problem(kind: str) -> str:
    """Why a kind can't be used at all: it is tried on a single layer. Raises NotApplicable without the library."""
    with torch.random.fork_rng(devices=[]):
        model = nn.ModuleDict({"layer": nn.LayerNorm(PROBE) if kind in NORMS else nn.Linear(PROBE, PROBE)})
        try:
            trained = wrap(model, kind, ["layer"])
            with quietly():
                model["layer"](torch.ones(2, PROBE)).sum().backward()
        except Exception as error:
            return str(error).partition("\n")[0]
    return "" if trained else f"{kind} of peft {library().__version__} trains nothing"


@contextmanager
def quietly() -> Iterator[None]:
    """Without what the library and torch say of models that they have not made and of kernels that they can't build."""
    disabled = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
