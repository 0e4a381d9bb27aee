"""The drawn classification tasks: a class shows in its picture, and nothing else tells it."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from types import ModuleType

import numpy as np
import pytest
from scipy import ndimage

from tasks.scenes import creatures, sketches, textures
from tasks.scenes.draw import OVERSAMPLING, SHAPES, SIZE, polygon_mask
from tasks.scenes.textures import second_colour

ATTRIBUTES = ("body", "eyes", "top", "coat", "tail")


@pytest.mark.parametrize("module", [sketches, textures, creatures], ids=lambda module: module.__name__)
def test_the_same_randomness_gives_every_class_a_picture_of_its_own(module: ModuleType) -> None:
    for seed in range(5):
        pictures = [module.draw(label, np.random.default_rng(seed)).astype(float) for label in range(len(module.CLASSES))]
        for one, other in combinations(pictures, 2):
            assert (np.abs(one - other).max(2) > 40).sum() > 20  # pixels that differ by more than noise does


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_no_single_part_gives_a_species_away(attribute: str) -> None:
    counts = Counter(getattr(species, attribute) for species in creatures.SPECIES)
    assert min(counts.values()) >= 2


def test_species_differ_from_each_other_in_two_parts_or_more() -> None:
    for one, other in combinations(creatures.SPECIES, 2):
        assert sum(getattr(one, part) != getattr(other, part) for part in ATTRIBUTES) >= 2


def test_creatures_show_as_many_pupils_as_their_species_has() -> None:
    for label, species in enumerate(creatures.SPECIES):
        for seed in range(6):
            dark = creatures.draw(label, np.random.default_rng(seed)).max(2) < 75
            blobs, count = ndimage.label(dark)
            sizes = ndimage.sum(dark, blobs, range(1, count + 1))
            assert (sizes >= 3).sum() == species.eyes, (species.name, seed)


def test_an_outline_is_a_closed_thin_line() -> None:
    for shape, (solid, holes) in SHAPES.items():
        mask = polygon_mask([polygon / 1.25 for polygon in solid], [polygon / 1.25 for polygon in holes], 25, 10)
        line = sketches.outline(mask, 2)
        assert 0.03 < line.sum() / mask.sum() < 0.75, shape
        assert np.all(line <= mask)


def test_a_wobble_of_no_strength_changes_nothing() -> None:
    polygon = SHAPES["star"][0][0]
    np.testing.assert_allclose(sketches.wobbly(polygon, 0, np.random.default_rng(0)), polygon)


@pytest.mark.parametrize("kind", textures.CLASSES)
def test_textures_cover_about_the_share_that_their_name_promises(kind: str) -> None:
    share = second_colour(kind, 8, 20, np.array([0.3, 0.6]))
    assert share.shape == (SIZE * OVERSAMPLING, SIZE * OVERSAMPLING)
    expected = {"plain": 0.0, "dotted": np.pi * 0.3**2}.get(kind, 0.5)
    assert share.mean() == pytest.approx(expected, abs=0.06)


def test_stripes_run_one_way_and_checks_both() -> None:
    stripes = second_colour("striped", 8, 0, np.zeros(2))
    checks = second_colour("checkered", 8, 0, np.zeros(2))
    assert (np.diff(stripes, axis=0) == 0).all()
    assert (np.diff(stripes, axis=1) != 0).any()
    assert (np.diff(checks, axis=0) != 0).any()
    assert (np.diff(checks, axis=1) != 0).any()
