"""Affinity matching and its loss by plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from methods.base import Features, NotApplicable
from methods.parts.affinity import ANSWERING, CLASSIFYING, ENTAILMENT, AffinityMatching, Script, affinity_loss, published_script
from tests.methods.heads import CLASSES, WIDTH, array, close, fusion, random_features, random_support, unit


@given(st.sampled_from(["softmax", "raw", "raw-sum", None]), st.integers(1, 6), st.integers(2, 5), st.integers(0, 10_000))
def test_loss_by_plain_loops(affinity: str | None, examples: int, classes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    s, y = generator.normal(size=(examples, classes)), generator.integers(0, classes, examples)
    p = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    entropy = -np.mean([np.log(p[i, y[i]]) for i in range(examples)])
    q = p if affinity == "softmax" else s
    excess = [max(0.0, q[i, c] - q[i, y[i]]) for i in range(examples) for c in range(classes)]
    contrast = 0.0 if affinity is None else np.sum(excess) if affinity == "raw-sum" else np.mean(excess)
    assert float(affinity_loss(torch.tensor(s), torch.tensor(y), affinity)) == pytest.approx(entropy + contrast)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("kind", ["classification", "pair"])
def test_scores_are_dot_products_with_the_prototypes(kind: str, full: bool) -> None:
    features = random_features(kind, 4)
    matching = AffinityMatching(kind, CLASSES, WIDTH, full)
    torch.manual_seed(0)
    torch.nn.init.normal_(matching.prototypes)
    w, v = array(matching.prototypes), unit(features.image_raw)
    texts = unit(features.text_raw if kind == "pair" else features.candidates_raw)
    expected = np.zeros((4, CLASSES))
    for b in range(4):
        for c in range(CLASSES):
            t = texts[b] if kind == "pair" else texts[c]
            expected[b, c] = w[c] @ (fusion(v[b], t) if full else np.concatenate([v[b], t]))
    close(matching(features), expected)


def test_a_class_without_examples_keeps_zeros() -> None:
    support = random_support("pair")
    matching = AffinityMatching("pair", CLASSES, WIDTH)
    matching.start_at_class_means(support.features, torch.where(support.labels == 1, 0, support.labels))
    assert not matching.prototypes[1].any() and matching.prototypes[0].any() and matching.prototypes[2].any()


def test_classes_meet_every_image_with_their_own_text() -> None:
    features = Features(torch.ones(2, WIDTH), None, torch.eye(WIDTH)[:CLASSES])
    assert AffinityMatching("classification", CLASSES, WIDTH).fused(features).shape == (2, CLASSES, 5 * WIDTH)


def test_the_published_scripts() -> None:
    assert Script(6e-3, 20, "raw") == ENTAILMENT and Script(1e-3, 20, "raw-sum") == ANSWERING
    rates = {"dtd": 2e-3, "eurosat": 5e-3, "fgvc-aircraft": 4e-3}
    assert {task: Script(lr, 200, "softmax") for task, lr in rates.items()} == CLASSIFYING
    for task, script in CLASSIFYING.items():
        assert published_script(random_support(task=task)) == script
    assert published_script(random_support("pair", classes=3)) == ENTAILMENT
    assert published_script(random_support("pair", classes=2)) == ANSWERING
    with pytest.raises(NotApplicable, match="no script was published for digits"):
        published_script(random_support(task="digits"))
