"""Zero-shot: cosines to class texts, answers and captions; and the mean over templates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bench.backbone import Backbone
from bench.cell.fitting.head import HeadFitting
from methods.base import Features, NotApplicable
from methods.zero_shot import ZeroShot
from tests.methods.heads import SCALE, WIDTH, close, random_features, random_support, unit
from tests.methods.stated import check_counts, check_refused, trains


def test_on_classes_answers_and_captions() -> None:
    test = random_features("classification", 4)
    head = ZeroShot().head(random_support())
    close(head(test), SCALE * unit(test.image_raw) @ unit(test.candidates_raw).T)
    answers = torch.randn(4, 3, WIDTH, generator=torch.Generator().manual_seed(1))
    scores = head(Features(test.image_raw, None, answers))
    for b in range(4):
        close(scores[b], SCALE * unit(answers[b]) @ unit(test.image_raw[b]))
    captions = torch.randn(7, WIDTH, generator=torch.Generator().manual_seed(2))
    close(head(Features(test.image_raw, None, captions)), SCALE * unit(test.image_raw) @ unit(captions).T)


def test_pairs_without_closed_answers_have_nothing_to_compare() -> None:
    with pytest.raises(NotApplicable, match="no candidate texts"):
        ZeroShot().head(random_support("pair"))(random_features("pair", 4))


def test_the_ensemble_averages_unit_features_of_all_templates() -> None:
    templates, names = ("a photo of a {}.", "a drawing of a {}.", "the {}."), ("cat", "dog", "old house")
    generator = torch.Generator().manual_seed(0)
    known = {t.format(n): torch.randn(WIDTH, generator=generator) * 5 * len(t) for t in templates for n in names}

    def class_texts(template: str) -> list[str]:
        return [template.format(name) for name in names]

    def encode(texts: list[str]) -> torch.Tensor:
        return torch.stack([known[text] for text in texts])

    frozen: Any = SimpleNamespace(task=SimpleNamespace(templates=templates, class_texts=class_texts))
    nothing: Any = None
    test = random_features("classification", 4)
    for ensemble, used in ((True, templates), (False, templates[:1])):
        method = ZeroShot(ZeroShot.Params(ensemble=ensemble))
        assert method.templates(templates) == used
        fitting: Any = HeadFitting(method, frozen, nothing)
        fitting.encode = encode
        averaged = fitting.class_features()
        scores = method.head(random_support())(Features(test.image_raw, None, averaged))
        for b in range(4):
            for c, name in enumerate(names):
                text = unit(np.mean([unit(known[template.format(name)]) for template in used], axis=0))
                assert float(scores[b, c]) == pytest.approx(SCALE * unit(test.image_raw[b]) @ text, rel=1e-4, abs=1e-5)


def test_an_ensemble_needs_several_templates_and_classes() -> None:
    method = ZeroShot(ZeroShot.Params(ensemble=True))
    with pytest.raises(NotApplicable, match="single template"):
        method.templates(("a photo of a {}.",))
    with pytest.raises(NotApplicable, match="class texts"):
        method.head(random_support("pair"))


def test_nothing_trains_and_nothing_is_stored(vit: Backbone) -> None:
    check_counts(vit, ZeroShot, trains(0))
    assert ZeroShot().recipe(random_support()) is None
    assert not ZeroShot().head(random_support()).state_dict()


def test_refused_values() -> None:
    check_refused("zero-shot[ensemble=1]", "true or false")
