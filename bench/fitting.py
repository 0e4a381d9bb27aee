"""One method fitted to one episode, in steps that the worker can time apart.

collect_start    frozen features that the method needs to begin           bank
build            the head, or the edited private copy of the backbone     fit
collect_rows     what stands at the cut, for training                     bank
train            the gradient loop, if there is one                       fit
collect_validation, finish   what is chosen after training                bank, fit
collect          the same for the examples to be scored                   bank
predict          scores                                                   predict
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.episode import Episode
from bench.frozen import DTYPES, Frozen, autocast
from bench.record import HEADLINE, Training
from bench.score import evaluate
from bench.train import train
from methods.base import CLASSIFICATION, PAIR, Adapted, EncoderMethod, Features, HeadMethod, Method, Start, Support
from tasks.base import Split

CHUNK = 256  # examples that are scored at once


class UndeclaredParameters(RuntimeError):
    """What a method made trainable is not what it declared."""


@dataclass
class Fitting:
    """What the two kinds of fitting share."""

    method: Any
    frozen: Frozen
    episode: Episode
    cap: int | None
    stretch: float
    training: Training | None = field(default=None, init=False)

    @property
    def task(self) -> Any:
        return self.frozen.task

    @property
    def device(self) -> str:
        return self.frozen.device

    @property
    def scale(self) -> float:
        return math.exp(float(self.frozen.backbone.clip.logit_scale.detach()))

    def collect_start(self) -> None: ...
    def build(self) -> None: ...
    def collect_rows(self) -> None: ...
    def train(self) -> None: ...
    def collect(self, split: Split, rows: Sequence[int]) -> None: ...

    def predict(self) -> Tensor:
        """Scores [N, C] of the collected examples; retrieval: [N, N], images by captions."""
        raise NotImplementedError

    def collect_validation(self) -> None: ...

    def finish(self) -> Mapping[str, Any]:
        """What the method does after training; under protocol `val` it may choose on the validation set."""
        raise NotImplementedError

    def trained(self) -> dict[str, nn.Parameter]:
        """Everything that trained, by name."""
        raise NotImplementedError

    def total_parameters(self) -> int:
        raise NotImplementedError

    def features(self, split: Split, rows: Sequence[int], candidates: bool = True) -> Features:
        """Frozen features of some rows, on the cell's device."""
        clip = self.frozen.backbone.clip
        texts = None if split.texts is None else [split.texts[row] for row in rows]
        last = len(clip.text.stages)
        image = self.frozen.images(split, rows, len(clip.image.stages))
        own, others = None, None
        if self.task.kind == "classification":
            others = self._class_features(last)
        elif self.task.kind == "retrieval":
            assert texts is not None
            others = self.frozen.texts(texts, last)[1]
        else:
            assert texts is not None
            own = self.frozen.texts(texts, last)[1]
            if candidates and self.task.candidate is not None:
                answers = [answer for text in texts for answer in self.task.candidates(text)]
                flat = self.frozen.texts(answers, last)[1]
                assert flat is not None
                others = flat.view(len(rows), len(self.task.class_names), -1)
        on_device = [None if part is None else part.to(self.device) for part in (own, others)]
        return Features(image.to(self.device), *on_device)

    def _class_features(self, last: int) -> Tensor:
        """[C, d] of the class texts; over several templates the mean of the unit features."""
        templates = self.method.templates(self.task.templates) if isinstance(self.method, HeadMethod) else self.task.templates[:1]
        by_template = [self.frozen.texts(self.task.class_texts(template), last)[1] for template in templates]
        if len(by_template) == 1:
            return by_template[0]
        return torch.stack([F.normalize(features, dim=-1) for features in by_template]).mean(0)

    def support(self, split: Split, rows: Sequence[int], candidates: bool = True, augmented: bool = True) -> Support:
        """A labelled set as a head sees it, with the views that the method asks for unless it is to be scored only."""
        views = self.frozen.narrowed(self.method.views())
        stages = len(self.frozen.backbone.clip.image.stages)
        with_views = augmented and isinstance(self.method, HeadMethod) and views.count > 0
        return Support(
            kind=self.task.kind,
            task=self.task.name,
            shots=self.episode.shots,
            classes=len(self.task.class_names),
            features=self.features(split, rows, candidates),
            labels=torch.as_tensor(split.labels[list(rows)], device=self.device),
            logit_scale=self.scale,
            views_raw=self.frozen.images(split, rows, stages, views).to(self.device) if with_views else None,
        )


@dataclass
class HeadFitting(Fitting):
    """A head on frozen features."""

    method: HeadMethod

    def collect_start(self) -> None:
        if self.method.uses_support:
            self._support = self.support(self.task.train, self.episode.support, candidates=False)
        else:
            none = Features(torch.empty(0, self.frozen.backbone.clip.features))
            classes = len(self.task.class_names)
            self._support = Support(
                self.task.kind, self.task.name, 0, classes, none, torch.empty(0, dtype=torch.long), self.scale
            )

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
        self._features = self.features(split, rows, candidates=not self.method.uses_support)

    @torch.no_grad()
    def predict(self) -> Tensor:
        self.module.eval()
        count = len(self._features.image_raw)
        chunks = torch.arange(count, device=self.device).split(CHUNK)
        return torch.cat([self.module(self._features.rows(chunk)) for chunk in chunks]).float().cpu()

    def trained(self) -> dict[str, nn.Parameter]:
        return dict(self.module.named_parameters())

    def total_parameters(self) -> int:
        backbone = sum(parameter.numel() for parameter in self.frozen.backbone.clip.parameters())
        return backbone + sum(parameter.numel() for parameter in self.module.parameters())


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
        self._start = Start(
            kind=self.task.kind,
            task=self.task.name,
            shots=self.episode.shots,
            examples=len(self.episode.support),
            class_names=self.task.class_names,
            tokenize=self.frozen.backbone.tokenize,
            support=self.support(self.task.train, self.episode.support, candidates=False) if wanted else None,
        )

    def build(self) -> None:
        clip = copy.deepcopy(self.frozen.backbone.clip)
        declared = list(self.method.adapt(clip, self._start))
        clip.train_only(declared)
        inside = {id(parameter) for parameter in clip.parameters()}
        if any(id(parameter) not in inside for parameter in declared):
            raise UndeclaredParameters(f"{self.method.name} declares parameters that are not part of the model")
        self.adapted = Adapted(clip, self.method.head(self._start)).to(self.device)
        keep_frozen_linears_in(clip, self.frozen.precision)
        self.image_cut, self.text_cut = clip.image.cut(), clip.text.cut()

    @property
    def _reads_texts(self) -> bool:
        return self.adapted.head is None or self.task.kind != "classification"

    def collect_rows(self) -> None:
        split, rows = self.task.train, self.episode.support
        views = self.frozen.narrowed(self.method.views())
        if views.count:
            self._images = self.frozen.images(split, rows, self.image_cut, views)
        else:
            self._images = self.frozen.images(split, rows, self.image_cut)[:, None]
        self._labels = torch.as_tensor(split.labels[list(rows)])
        self._texts = self._collect_texts(split, rows)

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
        return self.adapted.clip.image(rows if at_start else None, self.image_cut, None if at_start else rows).float()

    def _text_features(self, texts: Texts, which: Tensor | None = None) -> Tensor:
        """Features [U, d] of the different texts, or [B, d] of those at `which`."""
        tokens, hidden = texts.tokens, texts.hidden
        if which is not None:
            tokens, hidden = tokens[which], None if hidden is None else hidden[which]
        hidden = None if hidden is None else hidden.to(self.device)
        return self.adapted.clip.text(tokens.to(self.device), self.text_cut, hidden).float()

    def train(self) -> None:
        views = self._images.shape[1]

        def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
            view = torch.randint(views, (len(rows),), generator=generator)
            image = self._image_features(self._images[rows, view])
            if self.task.kind == "retrieval":
                assert self._texts is not None
                scores = self._compare(image, self._text_features(self._texts, self._texts.row[rows]))
                target = torch.arange(len(rows), device=scores.device)
                return (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
            return F.cross_entropy(self._scores(image, rows), self._labels[rows].to(image.device))

        self._initial = {}
        if type(self.method).finish is not EncoderMethod.finish:
            self._initial = {name: value.detach().clone() for name, value in self.trained().items()}
        head = [] if self.adapted.head is None else list(self.adapted.head.parameters())
        self.adapted.train()
        self.training = train(
            {"body": [parameter for parameter in self.adapted.clip.parameters() if parameter.requires_grad], "head": head},
            loss,
            len(self._labels),
            self.method.recipe(self._start),
            cap=self.cap,
            stretch=self.stretch,
            seed=self.episode.seed,
            device=self.device,
            precision=self.frozen.precision,
            shares=self.method.rates(self.adapted.clip),
        )

    def _compare(self, image: Tensor, text: Tensor | None) -> Tensor:
        """Scores in float32 of features [B, d] with those of texts: by the head, or by cosine.

        text: [T, d], or [B, T, d] if each image has texts of its own; [B, d] for a head, None if it takes none.
        """
        with torch.autocast(torch.device(self.device).type, enabled=False):
            if self.adapted.head is not None:
                return self.adapted.head(image, text)
            assert text is not None
            image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
            cosines = image @ text.T if text.ndim == 2 else (text @ image[:, :, None]).squeeze(-1)
            return self.adapted.clip.logit_scale.exp() * cosines

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
        text = self.method.texts_given_images(self.adapted.clip, tokens.to(self.device), unit).float()
        return self._compare(image, text if self.adapted.head is None else text[:, 0])

    def collect_validation(self) -> None:
        if self.episode.validation:
            self.collect(self.task.val, self.episode.validation)

    def finish(self) -> Mapping[str, Any]:
        rows = list(self.episode.validation)

        def score() -> float:
            found, _ = evaluate(self.predict(), self.task.val, rows, self.task.kind)
            return found[HEADLINE[self.task.kind]].value

        with torch.no_grad():
            return self.method.finish(self.adapted, self._initial, score if rows else None)

    def collect(self, split: Split, rows: Sequence[int]) -> None:
        self._test_images = self.frozen.images(split, rows, self.image_cut)
        self._test_texts = self._collect_texts(split, rows)

    @torch.no_grad()
    def predict(self) -> Tensor:
        self.adapted.eval()
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
        return {name: parameter for name, parameter in self.adapted.named_parameters() if parameter.requires_grad}

    def total_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.adapted.parameters())


def keep_frozen_linears_in(clip: nn.Module, precision: str) -> None:
    """Convert frozen linears once to what autocast would convert them to at every step; nothing computed changes."""
    if precision == "fp32":
        return
    for module in clip.modules():
        if isinstance(module, nn.Linear) and not module.weight.requires_grad:
            module.weight = nn.Parameter(module.weight.to(DTYPES[precision]), requires_grad=False)


def fitting(method: Method, frozen: Frozen, episode: Episode, cap: int | None, stretch: float) -> Fitting:
    """The right kind of fitting for a method."""
    if isinstance(method, HeadMethod):
        return HeadFitting(method, frozen, episode, cap, stretch)
    assert isinstance(method, EncoderMethod)
    return EncoderFitting(method, frozen, episode, cap, stretch)
