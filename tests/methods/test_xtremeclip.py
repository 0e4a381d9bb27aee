"""XtremeCLIP against plain numpy, and the linear probe that it is in disguise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from bench.backbone import Backbone
from methods.base import NotApplicable
from methods.xtremeclip import XtremeClip
from tests.methods.heads import CLASSES, SHOTS, WIDTH, array, close, fusion, random_features, random_support, unit
from tests.methods.recipes import xtremeclip
from tests.methods.stated import check_counts, check_refused, trains


def test_pair_scores_are_dot_products_with_class_means() -> None:
    support, test = random_support("pair"), random_features("pair", 5, seed=7)
    scores = XtremeClip().head(support)(test).detach().numpy()
    fused = fusion(unit(support.features.image_raw), unit(support.features.text_raw))
    queries = fusion(unit(test.image_raw), unit(test.text_raw))
    for c in range(CLASSES):
        prototype = np.mean([fused[i] for i in range(c * SHOTS, (c + 1) * SHOTS)], axis=0)
        for b in range(5):
            assert scores[b, c] == pytest.approx(prototype @ queries[b], rel=1e-4)


def test_classification_pairs_each_image_with_every_class_text() -> None:
    support, test = random_support(views=3), random_features("classification", 5, seed=7)
    scores = XtremeClip().head(support)(test).detach().numpy()
    assert support.views_raw is not None
    v, t, images = unit(support.views_raw.mean(1)), unit(test.candidates_raw), unit(test.image_raw)
    for c in range(CLASSES):
        prototype = np.mean([fusion(v[i], t[c]) for i in range(c * SHOTS, (c + 1) * SHOTS)], axis=0)
        for b in range(5):
            assert scores[b, c] == pytest.approx(prototype @ fusion(images[b], t[c]), rel=1e-4)


def drawn_anew(kind: str, seed: int) -> Any:
    head: Any = XtremeClip().head(random_support(kind))
    torch.manual_seed(seed)
    torch.nn.init.normal_(head.prototypes)
    return head


@given(st.integers(0, 10_000))
def test_classification_is_a_linear_probe_with_a_bias(seed: int) -> None:
    """For any W: scores equal (w1 + w3 + w4 + w5 * t) . v + (w2 + w3 - w4) . t."""
    head, test = drawn_anew("classification", seed), random_features("classification", 4, seed=seed)
    w1, w2, w3, w4, w5 = np.split(array(head.prototypes), 5, axis=1)
    v, t = unit(test.image_raw), unit(test.candidates_raw)
    close(head(test), v @ (w1 + w3 + w4 + w5 * t).T + ((w2 + w3 - w4) * t).sum(1))


@given(st.integers(0, 10_000))
def test_pair_scores_are_linear_in_image_text_and_product(seed: int) -> None:
    head, test = drawn_anew("pair", seed), random_features("pair", 4, seed=seed)
    w1, w2, w3, w4, w5 = np.split(array(head.prototypes), 5, axis=1)
    v, t = unit(test.image_raw), unit(test.text_raw)
    close(head(test), v @ (w1 + w3 + w4).T + t @ (w2 + w3 - w4).T + (v * t) @ w5.T)


def test_in_training_it_sees_the_mean_of_the_views() -> None:
    assert XtremeClip.trains_on == "mean" and XtremeClip().views("classification").count == 10


def test_the_fusion_of_two_parts_and_the_random_start() -> None:
    support = random_support("pair")
    head: Any = XtremeClip(XtremeClip.Params(fusion="vt")).head(support)
    fused = np.concatenate([unit(support.features.image_raw), unit(support.features.text_raw)], axis=1)
    prototypes = [fused[c * SHOTS : (c + 1) * SHOTS].mean(0) for c in range(CLASSES)]
    close(head.prototypes, np.array(prototypes))
    close(head(support.features), fused @ np.array(prototypes).T)
    torch.manual_seed(0)
    random: Any = XtremeClip(XtremeClip.Params(init="random")).head(support)
    assert float(random.prototypes.detach().std()) == pytest.approx(0.02, rel=0.3)


@pytest.mark.parametrize("affinity", ["softmax", "raw", "raw-sum", None])
def test_its_loss_has_the_contrast_that_its_parameters_say(affinity: Any) -> None:
    support, labels = random_support("pair"), torch.tensor([0, 1, 2, 0, 1])
    scores = torch.randn(5, CLASSES, generator=torch.Generator().manual_seed(0))
    params = XtremeClip.Params(contrast=False) if affinity is None else XtremeClip.Params(affinity=affinity)
    q = array(scores.softmax(1) if affinity == "softmax" else scores)
    excess = [max(0.0, q[b, c] - q[b, int(labels[b])]) for b in range(5) for c in range(CLASSES)]
    contrast = 0.0 if affinity is None else np.sum(excess) if affinity == "raw-sum" else np.mean(excess)
    ours = XtremeClip(params).loss(scores, labels, support)
    assert float(ours) == pytest.approx(float(F.cross_entropy(scores, labels)) + contrast, rel=1e-5)


def test_counts(vit: Backbone) -> None:
    check_counts(
        vit,
        XtremeClip,
        trains(25_600),
        trains(120_320, classes=47),
        trains(256_000, classes=100),
        trains(5_120, kind="pair", classes=2),
        trains(7_680, kind="pair", classes=3),
    )


def test_recipe() -> None:
    assert XtremeClip().recipe(random_support()) == xtremeclip(lr=2e-3, epochs=200)
    assert XtremeClip().recipe(random_support("pair")) == xtremeclip(lr=2e-3, epochs=20)


@pytest.mark.parametrize(
    ("kind", "task", "classes", "lr", "epochs"),
    [
        ("pair", "anything", 3, 6e-3, 20),  # entailment
        ("pair", "anything", 2, 1e-3, 20),  # answering
        ("classification", "dtd", 47, 2e-3, 200),
        ("classification", "eurosat", 10, 5e-3, 200),
        ("classification", "fgvc-aircraft", 100, 4e-3, 200),
    ],
)
def test_the_published_recipes(kind: str, task: str, classes: int, lr: float, epochs: int) -> None:
    published = XtremeClip(XtremeClip.Params(paper=True))
    assert published.recipe(random_support(kind, task=task, classes=classes)) == xtremeclip(lr=lr, epochs=epochs)


def test_for_other_classifications_no_script_was_published() -> None:
    with pytest.raises(NotApplicable, match="no script was published for anything: paper=true is for dtd, eurosat, fgvc-"):
        XtremeClip(XtremeClip.Params(paper=True)).recipe(random_support())


@pytest.mark.parametrize(("classes", "reduce"), [(3, np.mean), (2, np.sum)])
def test_the_published_loss_of_pairs_contrasts_the_scores_themselves(classes: int, reduce: Any) -> None:
    scores, labels = torch.randn(4, classes, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 1, 0])
    excess = [max(0.0, float(row[c] - row[label])) for row, label in zip(scores, labels, strict=True) for c in range(classes)]
    ours = XtremeClip(XtremeClip.Params(paper=True)).loss(scores, labels, random_support("pair", classes=classes))
    assert float(ours) == pytest.approx(float(F.cross_entropy(scores, labels)) + reduce(excess), rel=1e-5)


def test_views_are_squashed_where_the_published_scripts_do_so() -> None:
    paper, plain = XtremeClip(XtremeClip.Params(paper=True)), XtremeClip()
    assert paper.views("pair").squash and not paper.views("classification").squash and not plain.views("pair").squash
    assert (plain.views("pair").count, plain.views("pair").smallest_crop) == (10, 0.5)


def test_what_is_stored() -> None:
    stored = XtremeClip().head(random_support()).state_dict()
    assert {name: tuple(value.shape) for name, value in stored.items()} == {"prototypes": (CLASSES, 5 * WIDTH)}


def test_refused_values() -> None:
    check_refused("xtremeclip[affinity=raw-sums]", "did you mean raw-sum")
    check_refused("xtremeclip[init=zero]", "unknown value")
