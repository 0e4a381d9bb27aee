"""A head fitted to frozen features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from bench.cell.fitting.fitting import CHUNK, Fitting, load_exactly
from bench.cell.train import train
from methods.base import HeadMethod
from tasks.base import Split


@dataclass
class HeadFitting(Fitting):
    """A head on frozen features."""

    method: HeadMethod

    def collect_start(self) -> None:
        if self.method.uses_support:
            self._support = self.support(self.task.train, self.episode.support, candidates=False, views=True)
        else:
            self._support = self.blank_support(0)

    def build(self) -> None:
        self.module = self.method.head(self._support).to(self.device)

    def train(self) -> None:
        recipe = self.method.recipe(self._support)
        if recipe is None:
            return
        support, how = self._support, self.method.trains_on
        views = None if how in ("plain", "mean") else support.views_raw
        plain = support.averaged() if how == "mean" else support.features
        pool = views.shape[1] if views is not None and how == "pooled" else 1

        def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
            examples = (rows // pool).to(self.device)
            features = plain.rows(examples)
            if views is not None:
                drawn = rows % pool if pool > 1 else torch.randint(views.shape[1], rows.shape, generator=generator)
                features = replace(features, image_raw=views[examples, drawn.to(self.device)])
            own = self.method.loss(self.module(features), support.labels[examples], support)
            return own + self.method.penalty(self.module, support)

        self.training = train(
            {"head": list(self.module.parameters())},
            loss,
            len(support),
            recipe,
            self.allowance,
            seed=self.episode.seed,
            device=self.device,
            precision="fp32",
            pool=pool,
        )

    def collect_validation(self) -> None:
        rows = self.episode.validation
        self._validation = self.support(self.task.val, rows) if rows else None

    def finish(self) -> None:
        self.chosen = {} if self._validation is None else dict(self.method.tune(self.module, self._validation))

    def collect(self, split: Split, rows: Sequence[int]) -> None:
        images = self.kind.scored_images(split, rows)
        self._features = self.features(split, rows, candidates=not self.method.uses_support, images=images)

    @torch.no_grad()
    def predict(self) -> Tensor:
        if self.module.training:
            self.module.eval()
        count = len(self._features.image_raw)
        chunks = torch.arange(count, device=self.device).split(CHUNK)
        return torch.cat([self.module(self._features.rows(chunk)) for chunk in chunks]).float().cpu()

    @property
    def compares_texts(self) -> bool:
        return not self.method.bound_to_classes

    def trained(self) -> dict[str, nn.Parameter]:
        return dict(self.module.named_parameters())

    def stored(self) -> dict[str, Tensor]:
        return dict(self.module.state_dict())

    def build_blank(self, examples: int) -> HeadFitting:
        self._support = self.blank_support(examples)
        self.build()
        return self

    def restore(self, stored: Mapping[str, Tensor], examples: int) -> None:
        load_exactly(self.build_blank(examples).module.state_dict(), stored)

    def total_parameters(self) -> int:
        return sum(value.numel() for part in (self.frozen.backbone.clip, self.module) for value in part.parameters())
