"""A private copy of the backbone, trained from the cut upwards."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from bench.cell.fitting.fitting import CHUNK, Fitting, UndeclaredParameters, load_exactly
from bench.cell.fitting.unfrozen import in_chunks, keep_temperature, meeting_point, train_where_unfrozen
from bench.cell.train import train
from bench.features.frozen import DTYPES, Frozen, autocast
from methods.base import Adapted, Edit, EncoderMethod, Forward, Recipe, Start, Support
from methods.parts.alignment import alignment
from tasks.base import Split

NO_ROWS = Split([], lambda row: Image.new("RGB", (1, 1)), np.zeros(0, np.int64))


@dataclass
class Texts:
    """Texts at the text tower's cut, each different one once."""

    tokens: Tensor  # [U, L]
    hidden: Tensor | None  # [U, ...] what the cut stage takes; None at stage 0
    row: Tensor | None  # [N] which of them each example has; None: every example is compared with all
    frozen: Tensor | None  # [U, d] unit features by the frozen backbone, for what asks for them

    def of(self, rows: Tensor) -> Tensor | None:
        """Which text each of some examples has."""
        return None if self.row is None else self.row[rows]


@dataclass
class Examples:
    """What stands at the cuts, to train on or to be scored."""

    images: Tensor  # [N, ...]; with a dimension for the views in training [N, V, ...]
    texts: Texts | None  # None where the head reads none
    frozen: Tensor | None = None  # [N, V, d] unit features of the images by the frozen backbone, for a loss of the method's own


@dataclass
class Batch:
    """Some rows of the support in one step: what the kind's loss asks for (`bench.kinds.kind.Batch`), and a penalty (`Step`)."""

    fitting: EncoderFitting
    rows: Tensor  # [B]
    view: Tensor  # [B] which view of each
    negatives: int | None
    text: Tensor | None = None  # features [T, d] of the texts, once the loss has computed them

    @property
    def labels(self) -> Tensor:
        return self.fitting.labels[self.rows]

    @property
    def image_numbers(self) -> Tensor:
        return self.fitting.image_numbers[self.rows]

    @property
    def images(self) -> Tensor:
        return self.fitting.support_rows.images[self.rows, self.view]

    @property
    def model(self) -> Adapted:
        model: Adapted = self.fitting.module
        return model

    @property
    def initial(self) -> Mapping[str, Tensor]:
        return self.fitting.initial

    def scores(self) -> Tensor:
        fitting, texts = self.fitting, self.fitting.support_rows.texts
        image = fitting.image_features(self.images)
        if texts is None:
            return fitting.compare(image, None)
        own = texts.of(self.rows)
        if fitting.edit.texts_given_images is not None:
            return fitting.conditional_scores(image, texts, own)
        self.text = fitting.text_features(texts, own)
        return fitting.compare(image, self.text)

    def pairs(self) -> tuple[Tensor, Tensor]:
        fitting, texts, chunk = self.fitting, self.fitting.support_rows.texts, self.fitting.allowance.terms.chunk
        assert texts is not None
        own = texts.of(self.rows)
        assert own is not None
        image = in_chunks(fitting.image_features, self.images, chunk, fitting.device)
        self.text = in_chunks(lambda which: fitting.text_features(texts, which), own, chunk, fitting.device)
        return image, self.text

    def texts(self) -> tuple[Tensor, Tensor]:
        texts = self.fitting.support_rows.texts
        assert texts is not None and texts.frozen is not None and self.text is not None, "the step's scores come from no texts"
        own = texts.of(self.rows)
        return F.normalize(self.text, dim=-1), (texts.frozen if own is None else texts.frozen[own]).to(self.text)

    def compare(self, image: Tensor, text: Tensor) -> Tensor:
        return self.fitting.compare(image, text)

    def forward(self) -> Forward:
        """For a loss of the method's own."""
        fitting, support = self.fitting, self.fitting.support_rows
        texts, device = support.texts, fitting.device
        assert support.frozen is not None and fitting.edit.texts_given_images is None
        assert texts is not None and texts.frozen is not None, "a loss of the method's own wants texts: bring no head with it"
        own = texts.of(self.rows)
        image, text = fitting.image_features(self.images), fitting.text_features(texts, own)
        return Forward(
            image=F.normalize(image, dim=-1),
            text=F.normalize(text, dim=-1),
            scores=fitting.compare(image, text),
            labels=self.labels.to(device),
            frozen_image=support.frozen[self.rows, self.view].to(device),
            frozen_text=(texts.frozen if own is None else texts.frozen[own]).to(device),
            logit_scale=fitting.module.clip.logit_scale.exp(),
        )


@dataclass
class EncoderFitting(Fitting):
    """A private copy of the backbone, trained from the cut upwards."""

    method: EncoderMethod
    edit: Edit = field(init=False)
    support_rows: Examples = field(init=False)
    labels: Tensor = field(init=False)  # [N] of the support
    image_numbers: Tensor = field(init=False)  # [N], equal for rows of the same image
    initial: dict[str, Tensor] = field(default_factory=dict, init=False)  # what trains, before the first step
    _fixed_texts: tuple[Texts | None, Tensor | None] | None = field(default=None, init=False, repr=False)  # and their features
    head_waits: bool = field(default=False, init=False)  # for the handover: until then scores are the cosine

    def collect_start(self) -> None:
        wanted = self.kind.head_reads_features or self.task.kind in self.method.reads_features
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
        self.edit = self.method.adapt(clip, self._start)
        declared = list(self.edit.trains)
        if not self.frozen.backbone.aligned:
            declared += meeting_point(clip)
        clip.train_only(declared)
        inside = {id(parameter) for parameter in clip.parameters()}
        if any(id(parameter) not in inside for parameter in declared):
            raise UndeclaredParameters(f"{self.method.name} declares parameters that are not part of the model")
        self.head_waits = self.edit.handover is not None
        head = self.kind.own_head(self._start) if self.edit.head is None else self.edit.head
        self.module = Adapted(clip, head).to(self.device)
        keep_frozen_linears_in(clip, self.frozen.precision)
        self.image_cut, self.text_cut = clip.image.cut(), clip.text.cut()

    def collect_rows(self) -> None:
        split, rows = self.task.train, self.episode.support
        self.labels = torch.as_tensor(split.labels[list(rows)])
        frozen = None
        if self.edit.loss is not None:
            frozen = F.normalize(self._views(split, rows, len(self.module.clip.image.stages)), dim=-1)
        self.support_rows = Examples(self._views(split, rows, self.image_cut), self._collect_texts(split, rows), frozen)
        numbers = {name: number for number, name in enumerate(dict.fromkeys(split.ids[row] for row in rows))}
        self.image_numbers = torch.tensor([numbers[split.ids[row]] for row in rows])

    def _views(self, split: Split, rows: Sequence[int], stage: int) -> Tensor:
        """[N, V, ...] what `stage` takes, of the augmented views; of the plain image alone if there are none."""
        views = self.frozen.narrowed(self.method.views(self.task.kind))
        if views.count:
            return self.frozen.images(split, rows, stage, views)
        return self.frozen.images(split, rows, stage)[:, None]

    def _collect_texts(self, split: Split, rows: Sequence[int]) -> Texts | None:
        if self.head is not None and not self.kind.text_per_example:
            return None
        (template,) = self.method.templates(self.task.templates)
        texts, row = self.kind.texts(self.task, split, rows, template)
        tokens, hidden = self.frozen.texts(texts, self.text_cut)
        tokens = tokens if self.edit.tokens is None else self.edit.tokens(tokens)
        frozen = None
        if any(asked is not None for asked in (self.edit.loss, self.edit.penalty, self.edit.texts_given_frozen)):
            frozen = F.normalize(self.encode(texts) if self.kind.text_per_example else self.class_features(), dim=-1)
        return Texts(tokens, hidden, None if row is None else torch.tensor(row), frozen)

    @property
    def head(self) -> nn.Module | None:
        """What scores; None: the cosine to the texts."""
        return None if self.head_waits else self.module.head

    def image_features(self, rows: Tensor) -> Tensor:
        """[B, ...] at the cut -> features [B, d]."""
        rows = rows.to(self.device)
        at_start = self.image_cut == 0
        features: Tensor = self.module.clip.image(rows if at_start else None, self.image_cut, None if at_start else rows)
        return features.float()

    def text_features(self, texts: Texts, which: Tensor | None = None) -> Tensor:
        """Features [U, d] of the different texts, or [B, d] of those at `which`."""
        tokens, hidden, frozen = texts.tokens, texts.hidden, texts.frozen
        if which is not None:
            tokens = tokens[which]
            hidden, frozen = (None if part is None else part[which] for part in (hidden, frozen))
        if self.edit.texts_given_frozen is not None:
            assert frozen is not None
            return self.edit.texts_given_frozen(tokens.to(self.device), frozen.to(self.device)).float()
        hidden = None if hidden is None else hidden.to(self.device)
        features: Tensor = self.module.clip.text(tokens.to(self.device), self.text_cut, hidden)
        return features.float()

    def recipe(self) -> Recipe:
        """The method's own; LilT's on towers that have never met."""
        if self.frozen.backbone.aligned:
            return self.method.recipe(self._start)
        terms = self.allowance.terms
        return alignment(self._start.examples, terms.lr or self.method.params.lr, terms.batch)

    def train(self) -> None:
        views, clip, recipe = self.support_rows.images.shape[1], self.module.clip, self.recipe()

        def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
            view = torch.randint(views, (len(rows),), generator=generator)
            batch = Batch(self, rows, view, self.allowance.terms.negatives)
            if self.edit.loss is None:
                own = self.kind.loss(batch)
                return own if self.edit.penalty is None else own + self.edit.penalty(batch)
            forward = batch.forward()
            with torch.autocast(torch.device(self.device).type, enabled=False):  # scores are of float32, as `compare`'s
                return self.edit.loss(forward)

        if self.edit.finish is not None or self.edit.penalty is not None:
            self.initial = {name: value.detach().clone() for name, value in self.trained().items()}
        head = [] if self.module.head is None else list(self.module.head.parameters())
        body = [parameter for parameter in clip.parameters() if parameter.requires_grad]
        self.module.train()
        train_where_unfrozen(clip)
        bounds = recipe.temperature if clip.logit_scale.requires_grad else None
        self.training = train(
            {"body": body, "head": head},
            loss,
            len(self.labels),
            recipe,
            self.allowance,
            seed=self.episode.seed,
            device=self.device,
            precision=self.frozen.precision,
            shares=self.edit.rates,
            after_step=(lambda: None) if bounds is None else lambda: keep_temperature(clip, bounds),
            handover=None if self.edit.handover is None else (self.edit.handover.at, self.hand_over),
        )
        for parameter in body:
            parameter.requires_grad_(True)

    @torch.no_grad()
    def hand_over(self) -> None:
        """All but the head is frozen from here on; the head starts from the texts that the model has now."""
        texts, handover = self.support_rows.texts, self.edit.handover
        assert texts is not None and handover is not None
        self.module.clip.requires_grad_(False).eval()
        with autocast(self.device, self.frozen.precision):
            handover.begin(self.text_features(texts))
        self.support_rows, self.head_waits = Examples(self.support_rows.images, None), False

    def compare(self, image: Tensor, text: Tensor | None) -> Tensor:
        """Scores in float32 of features [B, d] with those of texts: by the head, or by cosine.

        text: [T, d], or [B, T, d] if each image has texts of its own; [B, d] for a head, None if it takes none.
        """
        with torch.autocast(torch.device(self.device).type, enabled=False):
            if self.head is not None:
                scores: Tensor = self.head(image, text)
                return scores
            assert text is not None
            image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
            cosines = image @ text.T if text.ndim == 2 else (text @ image[:, :, None]).squeeze(-1)
            scores = self.module.clip.logit_scale.exp() * cosines
            return scores

    def conditional_scores(self, image: Tensor, texts: Texts, own: Tensor | None) -> Tensor:
        """Scores [B, C] where the text features depend on the image; `own` picks the one text of each image."""
        assert self.edit.texts_given_images is not None
        tokens = texts.tokens.expand(len(image), -1, -1) if own is None else texts.tokens[own][:, None]
        text = self.edit.texts_given_images(tokens.to(self.device), F.normalize(image, dim=-1)).float()
        return self.compare(image, text if self.head is None else text[:, 0])

    def collect_validation(self) -> None:
        if self.episode.validation:
            self.collect(self.task.val, self.episode.validation)

    def finish(self) -> None:
        if self.edit.finish is None:
            return
        rows = list(self.episode.validation)

        def score() -> float:
            found = self.kind.score(self.predict().numpy(), self.task.val, rows)
            return found.metrics[self.kind.headline].value

        with torch.no_grad():
            self.chosen = dict(self.edit.finish(self.module, self.initial, score if rows else None))

    def collect(self, split: Split, rows: Sequence[int]) -> None:
        images = self.frozen.images(split, self.kind.scored_images(split, rows), self.image_cut)
        texts = self._collect_texts(split, rows) if self._fixed_texts is None else self._fixed_texts[0]
        self._scored = Examples(images, texts)

    @torch.no_grad()
    def predict(self) -> Tensor:
        if self.module.training:
            self.module.eval()
        images, texts = self._scored.images, self._scored.texts
        with autocast(self.device, self.frozen.precision):
            image = torch.cat([self.image_features(part) for part in images.split(CHUNK)])
            if texts is None:
                return self.compare(image, None).float().cpu()
            if self.edit.texts_given_images is not None:
                each = max(1, CHUNK // (len(texts.tokens) if texts.row is None else 1))
                chunks = torch.arange(len(image)).split(each)
                parts = [self.conditional_scores(image[chunk], texts, texts.of(chunk)) for chunk in chunks]
                return torch.cat(parts).float().cpu()
            text = None if self._fixed_texts is None else self._fixed_texts[1]
            text = self._all_text_features(texts) if text is None else text
            if texts.row is not None:
                text = text[texts.row.to(text.device)]
        return self.compare(image, text).float().cpu()

    def _all_text_features(self, texts: Texts) -> Tensor:
        return torch.cat([self.text_features(texts, part) for part in torch.arange(len(texts.tokens)).split(CHUNK)])

    def on(self, frozen: Frozen) -> Fitting:
        other = super().on(frozen)
        assert isinstance(other, EncoderFitting)
        other._fixed_texts = None
        return other

    @torch.no_grad()
    def fix_texts(self) -> None:
        if self.kind.text_per_example:
            return
        texts = self._collect_texts(NO_ROWS, ())
        features = None
        if texts is not None and self.edit.texts_given_images is None:
            with autocast(self.device, self.frozen.precision):
                features = self._all_text_features(texts)
        self._fixed_texts = texts, features

    @property
    def compares_texts(self) -> bool:
        return self.head is None and not self.method.bound_to_classes

    def without_head(self) -> EncoderFitting | None:
        if self.head is None:
            return None
        other = copy.copy(self)
        other.module = Adapted(self.module.clip, None)
        return other

    def settle(self, elsewhere: bool) -> None:
        if self.edit.elsewhere is not None:
            self.edit.elsewhere(elsewhere)

    def trained(self) -> dict[str, nn.Parameter]:
        return {name: parameter for name, parameter in self.module.named_parameters() if parameter.requires_grad}

    def stored(self) -> dict[str, Tensor]:
        return {name: value.detach() for name, value in self.trained().items()}

    def build_blank(self, examples: int) -> EncoderFitting:
        self._start = self._start_from(examples, self.blank_support(examples))
        self.build()
        return self

    def restore(self, stored: Mapping[str, Tensor], examples: int) -> None:
        self.build_blank(examples)
        load_exactly(self.trained(), stored)
        self.head_waits = False
        if self.module.training:
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
