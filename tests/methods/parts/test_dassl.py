"""The loop that most repositories share, typed out."""

from __future__ import annotations

from methods.base import Views
from methods.parts.dassl import VIEWS, dassl_recipe
from tests.methods.recipes import dassl


def test_the_recipe_that_the_papers_share() -> None:
    assert dassl_recipe("sgd", 3e-3, batch=7, epochs=11) == dassl(3e-3, batch=7, epochs=11)
    assert dassl_recipe("adam", 3e-3, 7, 11, weight_decay=0.0) == dassl(3e-3, 7, 11, optimiser="adam", weight_decay=0.0)


def test_its_loader_leaves_out_a_short_last_batch() -> None:
    assert dassl_recipe("sgd", 2e-3, batch=32, epochs=100).length(40) == 100
    assert dassl_recipe("sgd", 2e-3, batch=32, epochs=100).length(20) == 100


def test_its_crops() -> None:
    assert Views(count=10, smallest_crop=0.08, flip=True) == VIEWS
