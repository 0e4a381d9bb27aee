"""A head fitted to frozen features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.cell.fitting.base import CHUNK, Fitting, load_exactly
from bench.cell.train import train
from bench.store.score import different_images
from methods.base import HeadMethod
from tasks.base import Split


@dataclass
class HeadFitting(Fitting):
    """A head on frozen features."""

    method: HeadMethod

    def collect_start(self) -> None:
        if self.method.uses_support:
            self._support = self.support(self.task.train, self.episode.support, candidates=False)
        else:
            self._support = self.blank_support(0)

    def build(self) -> None:
        self.module = self.method.head(self._support).to(self.device)

    def train(self) -> None:
        recipe = self.method.recipe(self._support)
        if recipe is None:
            return
        features, labels = self.method.training_features(self._support), self._support.labels

        def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
            rows = rows.to(self.device)
            return self.method.loss(self.module(features.rows(rows)), labels[rows], self._support)

        self.training = train(
            {"head": list(self.module.parameters())},
            loss,
            len(labels),
            recipe,
            cap=self.cap,
            stretch=self.stretch,
            seed=self.episode.seed,
            device=self.device,
            precision="fp32",
        )

    def collect_validation(self) -> None:
        rows = self.episode.validation
        self._validation = self.support(self.task.val, rows, augmented=False) if rows else None

    def finish(self) -> Mapping[str, Any]:
        return {} if self._validation is None else self.method.tune(self.module, self._validation)

    def collect(self, split: Split, rows: Sequence[int]) -> None:
        images = different_images(split, rows) if self.task.kind == "retrieval" else None
        self._features = self.features(split, rows, candidates=not self.method.uses_support, images=images)

    @torch.no_grad()
    def predict(self) -> Tensor:
        self.module.eval()
        count = len(self._features.image_raw)
        chunks = torch.arange(count, device=self.device).split(CHUNK)
        return torch.cat([self.module(self._features.rows(chunk)) for chunk in chunks]).float().cpu()

    def trained(self) -> dict[str, nn.Parameter]:
        return dict(self.module.named_parameters())

    def stored(self) -> dict[str, Tensor]:
        return self.module.state_dict()

    def restore(self, stored: Mapping[str, Tensor], examples: int) -> None:
        self._support = self.blank_support(examples)
        self.build()
        load_exactly(self.module.state_dict(), stored)

    def total_parameters(self) -> int:
        backbone = sum(parameter.numel() for parameter in self.frozen.backbone.clip.parameters())
        return backbone + sum(parameter.numel() for parameter in self.module.parameters())
