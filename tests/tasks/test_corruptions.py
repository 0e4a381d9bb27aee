"""Corrupted test images."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tasks.corruptions import CONDITIONS, CORRUPTIONS, SIDE, STRENGTHS, conditions, corrupt, corrupted
from tasks.find import find_task


def picture(side: int = 64, seed: int = 0) -> Image.Image:
    """Areas of one colour with edges between them."""
    values = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((side, side), Image.Resampling.NEAREST)


def change(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_is_seeded_keeps_the_form_and_grows_with_its_strength(name: str) -> None:
    before = picture()
    changes = []
    for strength in STRENGTHS:
        after = corrupt(before, "id", name, strength)
        assert (after.mode, after.size) == ("RGB", before.size)
        assert after.tobytes() == corrupt(before, "id", name, strength).tobytes()
        changes.append(change(before, after))
    assert 0 < changes[0] < changes[1] < changes[2]


def test_they_are_what_they_are_called() -> None:
    before = np.asarray(picture(), np.float64)
    noisy = np.asarray(corrupt(picture(), "id", "noise", 1), np.float64)
    inside = (before > 60) & (before < 195)  # where nothing is clipped
    assert np.std((noisy - before)[inside]) == pytest.approx(0.08 * 255, rel=0.05)
    pale = np.asarray(corrupt(picture(), "id", "contrast", 2), np.float64)
    assert pale.std((0, 1)) == pytest.approx(0.2 * before.std((0, 1)), rel=0.03)
    assert pale.mean((0, 1)) == pytest.approx(before.mean((0, 1)), abs=1)
    assert len(np.unique(np.asarray(corrupt(picture(), "id", "pixelation", 3)).reshape(-1, 3), axis=0)) <= 16 * 16
    body = io.BytesIO()
    picture().save(body, "JPEG", quality=25)
    assert corrupt(picture(), "id", "jpeg", 1).tobytes() == Image.open(body).convert("RGB").tobytes()


def test_noise_differs_from_image_to_image() -> None:
    assert corrupt(picture(), "one", "noise", 1).tobytes() != corrupt(picture(), "two", "noise", 1).tobytes()


def test_a_large_picture_is_made_smaller_first() -> None:
    assert corrupt(picture(500), "id", "blur", 1).size == (SIDE, SIDE)
    assert corrupt(Image.new("RGB", (896, 448)), "id", "blur", 1).size == (2 * SIDE, SIDE)


@given(count=st.integers(0, 200), name=st.text(max_size=5))
def test_conditions_are_dealt_evenly_and_always_alike(count: int, name: str) -> None:
    chosen = conditions(count, name)
    assert chosen.tolist() == conditions(count, name).tolist()
    each = Counter(chosen.tolist())
    assert max(each.values(), default=0) - min((each[number] for number in range(len(CONDITIONS))), default=0) <= 1


def test_only_test_images_are_corrupted() -> None:
    task = find_task("digits")
    other = corrupted(task)
    assert other.train.image(0).tobytes() == task.train.image(0).tobytes()
    assert other.data == "digits-corrupted" != task.data
    condition = CONDITIONS[conditions(len(task.test), "digits")[3]]
    assert other.test.image(3).tobytes() == corrupt(task.test.image(3), task.test.ids[3], *condition).tobytes()
    assert other.test.labels is task.test.labels
