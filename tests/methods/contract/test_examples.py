"""What methods see of examples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.base import Features, NotApplicable
from tests.methods.heads import CLASSES, SHOTS, WIDTH, array, close, random_features, random_support, unit


def test_features_without_raw_in_their_name_are_of_unit_length() -> None:
    pairs, classes = random_features("pair", 4), random_features("classification", 4)
    close(pairs.image, unit(pairs.image_raw))
    close(pairs.text, unit(pairs.text_raw))
    close(classes.candidates, unit(classes.candidates_raw))


def test_what_a_kind_lacks_raises() -> None:
    with pytest.raises(NotApplicable, match="no candidate texts"):
        _ = random_features("pair", 4).candidates
    with pytest.raises(AssertionError, match="only pair tasks have a text per example"):
        _ = random_features("classification", 4).text


def test_rows_take_an_examples_own_candidates_and_keep_shared_ones() -> None:
    index, answers = torch.tensor([2, 0]), torch.randn(4, 3, WIDTH)
    shared, own = random_features("classification", 4), Features(torch.randn(4, WIDTH), torch.randn(4, WIDTH), answers)
    assert torch.equal(shared.rows(index).image_raw, shared.image_raw[index])
    assert shared.rows(index).candidates_raw is shared.candidates_raw and shared.rows(index).text_raw is None
    assert own.text_raw is not None
    assert torch.equal(own.rows(index).candidates, answers[index] / answers[index].norm(dim=-1, keepdim=True))
    assert torch.equal(own.rows(index).text_raw, own.text_raw[index])  # type: ignore[arg-type]


def test_the_mean_of_views_is_of_raw_features_and_of_the_plain_image_without_any() -> None:
    viewed, plain = random_support(views=3), random_support()
    assert viewed.views_raw is not None
    close(viewed.mean_of_views(), unit(viewed.views_raw.mean(1)))
    close(viewed.each_view(), unit(viewed.views_raw))
    close(plain.each_view(), unit(plain.features.image_raw)[:, None])
    averaged = viewed.averaged()
    assert torch.equal(averaged.image_raw, viewed.mean_of_views())
    assert averaged.text_raw is viewed.features.text_raw and averaged.candidates_raw is viewed.features.candidates_raw
    close(plain.mean_of_views(), unit(plain.features.image_raw))


def test_size_and_accuracy() -> None:
    support = random_support()
    assert len(support) == CLASSES * SHOTS
    scores = np.random.default_rng(0).normal(size=(len(support), CLASSES))
    right = [int(np.argmax(row)) == label for row, label in zip(scores, array(support.labels), strict=True)]
    assert support.accuracy(torch.tensor(scores)) == pytest.approx(np.mean(right))
