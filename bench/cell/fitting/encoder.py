"""A private copy of the backbone, trained from the cut upwards."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.cell.fitting.alignment import contrastive_loss, in_chunks, keep_temperature, meeting_point, train_where_unfrozen
from bench.cell.fitting.base import CHUNK, Fitting, UndeclaredParameters, load_exactly
from bench.cell.train import train
from bench.features.frozen import DTYPES, autocast
from bench.store.record import HEADLINE
from bench.store.score import different_images, evaluate
from methods.base import CLASSIFICATION, PAIR, Adapted, EncoderMethod, Start, Support
from tasks.base import Split


@dataclass
class Texts:
    """The texts of some examples at the text tower's cut, each different text once."""

    tokens: Tensor  # [U, L]
    hidden: Tensor | None  # [U, ...] what the cut stage takes; None at stage 0
    row: Tensor  # [N] which of them each example has


@dataclass
class EncoderFitting(Fitting):
    """A private copy of the backbone, trained from the cut upwards."""

    method: EncoderMethod

    def collect_start(self) -> None:
        wanted = self.method.needs_features(self.task.kind)
        support = self.support(self.task.train, self.episode.support, candidates=False) if wanted else None
        self._start = self._start_from(len(self.episode.support), support)

    def _start_from(self, examples: int, support: Support | None) -> Start:
        return Start(
            kind=self.task.kind,
            task=self.task.name,
            shots=self.episode.shots,
            examples=examples,
            class_names=self.task.class_names,
            tokenize=self.frozen.backbone.tokenize,
            support=support,
            layout=self.frozen.backbone.layout,
        )

    def build(self) -> None:
        clip = copy.deepcopy(self.frozen.backbone.clip)
        declared = list(self.method.adapt(clip, self._start))
        if not self.frozen.backbone.aligned:
            declared += meeting_point(clip)
        clip.train_only(declared)
        inside = {id(parameter) for parameter in clip.parameters()}
        if any(id(parameter) not in inside for parameter in declared):
            raise UndeclaredParameters(f"{self.method.name} declares parameters that are not part of the model")
        self.module = Adapted(clip, self.method.head(self._start)).to(self.device)
        keep_frozen_linears_in(clip, self.frozen.precision)
        self.image_cut, self.text_cut = clip.image.cut(), clip.text.cut()

    @property
    def _reads_texts(self) -> bool:
        return self.module.head is None or self.task.kind != "classification"

    def collect_rows(self) -> None:
        split, rows = self.task.train, self.episode.support
        views = self.frozen.narrowed(self.method.views())
        if views.count:
            self._images = self.frozen.images(split, rows, self.image_cut, views)
        else:
            self._images = self.frozen.images(split, rows, self.image_cut)[:, None]
        self._labels = torch.as_tensor(split.labels[list(rows)])
        self._texts = self._collect_texts(split, rows)
        numbers = {name: number for number, name in enumerate(dict.fromkeys(split.ids[row] for row in rows))}
        self._image_numbers = torch.tensor([numbers[split.ids[row]] for row in rows])

    def _collect_texts(self, split: Split, rows: Sequence[int]) -> Texts | None:
        if not self._reads_texts:
            return None
        if self.task.kind == "classification":
            texts, row = self.task.class_texts(self.method.template), torch.arange(0)
        else:
            assert split.texts is not None
            mine = [split.texts[number] for number in rows]
            texts = list(dict.fromkeys(mine))
            place = {text: number for number, text in enumerate(texts)}
            row = torch.tensor([place[text] for text in mine])
        tokens, hidden = self.frozen.texts(texts, self.text_cut)
        limit = self.frozen.backbone.clip.text.context_length
        return Texts(self.method.tokens(tokens, limit, self._start), hidden, row)

    def _image_features(self, rows: Tensor) -> Tensor:
        """[B, ...] at the cut -> features [B, d]."""
        rows = rows.to(self.device)
        at_start = self.image_cut == 0
        return self.module.clip.image(rows if at_start else None, self.image_cut, None if at_start else rows).float()

    def _text_features(self, texts: Texts, which: Tensor | None = None) -> Tensor:
        """Features [U, d] of the different texts, or [B, d] of those at `which`."""
        tokens, hidden = texts.tokens, texts.hidden
        if which is not None:
            tokens, hidden = tokens[which], None if hidden is None else hidden[which]
        hidden = None if hidden is None else hidden.to(self.device)
        return self.module.clip.text(tokens.to(self.device), self.text_cut, hidden).float()

    def train(self) -> None:
        views, clip = self._images.shape[1], self.module.clip
        recipe = self.method.recipe(self._start) if self.frozen.backbone.aligned else self.method.alignment(self._start)

        def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
            view = torch.randint(views, (len(rows),), generator=generator)
            if self.task.kind == "retrieval":
                texts = self._texts
                assert texts is not None
                image = in_chunks(self._image_features, self._images[rows, view], recipe.chunk, self.device)
                text = in_chunks(lambda which: self._text_features(texts, which), texts.row[rows], recipe.chunk, self.device)
                return contrastive_loss(image, text, self._compare, recipe.negatives, self._image_numbers[rows])
            image = self._image_features(self._images[rows, view])
            return F.cross_entropy(self._scores(image, rows), self._labels[rows].to(image.device))

        self._initial = {}
        if type(self.method).finish is not EncoderMethod.finish:
            self._initial = {name: value.detach().clone() for name, value in self.trained().items()}
        head = [] if self.module.head is None else list(self.module.head.parameters())
        self.module.train()
        train_where_unfrozen(clip)
        bounds = recipe.temperature if clip.logit_scale.requires_grad else None
        self.training = train(
            {"body": [parameter for parameter in clip.parameters() if parameter.requires_grad], "head": head},
            loss,
            len(self._labels),
            recipe,
            cap=self.cap,
            stretch=self.stretch,
            seed=self.episode.seed,
            device=self.device,
            precision=self.frozen.precision,
            shares=self.method.rates(clip),
            after_step=(lambda: None) if bounds is None else lambda: keep_temperature(clip, bounds),
        )

    def _compare(self, image: Tensor, text: Tensor | None) -> Tensor:
        """Scores in float32 of features [B, d] with those of texts: by the head, or by cosine.

        text: [T, d], or [B, T, d] if each image has texts of its own; [B, d] for a head, None if it takes none.
        """
        with torch.autocast(torch.device(self.device).type, enabled=False):
            if self.module.head is not None:
                return self.module.head(image, text)
            assert text is not None
            image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
            cosines = image @ text.T if text.ndim == 2 else (text @ image[:, :, None]).squeeze(-1)
            return self.module.clip.logit_scale.exp() * cosines

    def _scores(self, image: Tensor, rows: Tensor) -> Tensor:
        """Scores [B, C] in training, image features [B, d] of the support's `rows`."""
        if self._texts is None:
            return self._compare(image, None)
        own = self._texts.row[rows] if self.task.kind == PAIR else None
        if self.method.conditional:
            return self._conditional_scores(image, self._texts, own)
        return self._compare(image, self._text_features(self._texts, own))

    def _conditional_scores(self, image: Tensor, texts: Texts, own: Tensor | None) -> Tensor:
        """Scores [B, C] where the text features depend on the image; `own` picks the one text of each image."""
        tokens = texts.tokens.expand(len(image), -1, -1) if own is None else texts.tokens[own][:, None]
        unit = F.normalize(image, dim=-1)
        text = self.method.texts_given_images(self.module.clip, tokens.to(self.device), unit).float()
        return self._compare(image, text if self.module.head is None else text[:, 0])

    def collect_validation(self) -> None:
        if self.episode.validation:
            self.collect(self.task.val, self.episode.validation)

    def finish(self) -> Mapping[str, Any]:
        rows = list(self.episode.validation)

        def score() -> float:
            found, _ = evaluate(self.predict(), self.task.val, rows, self.task.kind)
            return found[HEADLINE[self.task.kind]].value

        with torch.no_grad():
            return self.method.finish(self.module, self._initial, score if rows else None)

    def collect(self, split: Split, rows: Sequence[int]) -> None:
        images = different_images(split, rows) if self.task.kind == "retrieval" else rows
        self._test_images = self.frozen.images(split, images, self.image_cut)
        self._test_texts = self._collect_texts(split, rows)

    @torch.no_grad()
    def predict(self) -> Tensor:
        self.module.eval()
        with autocast(self.device, self.frozen.precision):
            image = torch.cat([self._image_features(part) for part in self._test_images.split(CHUNK)])
            if self._test_texts is None:
                return self._compare(image, None).float().cpu()
            texts, classification = self._test_texts, self.task.kind == CLASSIFICATION
            if self.method.conditional:
                each = max(1, CHUNK // (len(texts.tokens) if classification else 1))
                chunks = torch.arange(len(image)).split(each)
                own = [None if classification else texts.row[chunk] for chunk in chunks]
                parts = [self._conditional_scores(image[chunk], texts, which) for chunk, which in zip(chunks, own, strict=True)]
                return torch.cat(parts).float().cpu()
            numbers = torch.arange(len(texts.tokens)).split(CHUNK)
            text = torch.cat([self._text_features(texts, part) for part in numbers])
            if not classification:
                text = text[texts.row.to(text.device)]
        return self._compare(image, text).float().cpu()

    def trained(self) -> dict[str, nn.Parameter]:
        return {name: parameter for name, parameter in self.module.named_parameters() if parameter.requires_grad}

    def stored(self) -> dict[str, Tensor]:
        return {name: value.detach() for name, value in self.trained().items()}

    def restore(self, stored: Mapping[str, Tensor], examples: int) -> None:
        self._start = self._start_from(examples, self.blank_support(examples))
        self.build()
        load_exactly(self.trained(), stored)
        self.module.eval()

    def total_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.module.parameters())


def keep_frozen_linears_in(clip: nn.Module, precision: str) -> None:
    """Convert frozen linears once to what autocast would convert them to at every step; nothing computed changes."""
    if precision == "fp32":
        return
    for module in clip.modules():
        if isinstance(module, nn.Linear) and not module.weight.requires_grad:
            module.weight = nn.Parameter(module.weight.to(DTYPES[precision]), requires_grad=False)
