"""Pictures are decoded by threads: in order, the same by one or many, errors still naming the file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from bench.backbone import load
from bench.backbone.tower import Tower
from bench.errors import DataError
from bench.features.bank import Account, Bank
from bench.features.frozen import BATCH, Frozen, crop_box, in_order
from bench.meter import Meter
from methods.base import Views
from tasks.base import Split, Task
from tasks.find import find_task


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            size = (int(random.integers(20, 120)), int(random.integers(20, 120)), 3)
            Image.fromarray(random.integers(0, 255, size, np.uint8)).save(tmp_path / "photos" / name / f"{number}.jpg")
    return tmp_path / "photos"


@pytest.fixture(params=[1, 4])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def frozen(root: Path, task: Task) -> Frozen:
    return Frozen(load("bundled"), task, Bank(root, Meter("cpu")), Account(), "cpu", "fp32")


@pytest.mark.parametrize("views", [None, Views(3, 0.08, True)])
def test_many_threads_give_what_one_gives(tmp_path: Path, photos: Path, views: Views | None) -> None:
    task = find_task(f"imagefolder:{photos}")
    before, made = torch.get_num_threads(), []
    for threads in (1, 4):
        torch.set_num_threads(threads)
        made.append(frozen(tmp_path / str(threads), task).images(task.train, range(len(task.train)), 0, views))
    torch.set_num_threads(before)
    assert torch.equal(*made)


@pytest.mark.parametrize("views", [None, Views(3, 0.08, True)])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_row_is_the_same_to_the_bit_whichever_others_were_missing(
    tmp_path: Path, photos: Path, precision: str, views: Views | None
) -> None:
    """A bank that a kill left half filled, or that another order of cells has filled, changes no score."""
    task = find_task(f"imagefolder:{photos}")
    split, texts = task.train, [f"a photo number {10 + number} of a dog" for number in range(40)]  # of one length
    whole, parts = (replace(frozen(tmp_path / name, task), precision=precision) for name in ("whole", "parts"))
    stage = len(whole.backbone.clip.image.stages)
    rows, order = list(range(len(split))), torch.randperm(len(split), generator=torch.Generator().manual_seed(0)).tolist()
    expected = whole.images(split, rows, stage, views)
    for part in (order[:1], order[1:5], order):
        assert torch.equal(parts.images(split, part, stage, views), expected[part])
    _, encoded = whole.texts(texts, len(whole.backbone.clip.text.stages))
    for text_part in (texts[5:6], texts[::-1]):
        _, again = parts.texts(text_part, len(parts.backbone.clip.text.stages))
        assert encoded is not None and again is not None
        assert torch.equal(again, encoded[[texts.index(text) for text in text_part]])


@pytest.mark.parametrize(("count", "views", "encoded"), [(5, 10, 64), (4, 20, 96), (5, 0, 32), (1, 64, 64)])
def test_batches_are_filled_with_views_and_not_with_images(
    tmp_path: Path, photos: Path, count: int, views: int, encoded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = find_task(f"imagefolder:{photos}")
    one, seen = frozen(tmp_path, task), []
    forward = Tower.forward

    def counted(tower: Tower, inputs: torch.Tensor, *arguments: object, **options: object) -> torch.Tensor:
        seen.append(len(inputs))
        return forward(tower, inputs, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Tower, "forward", counted)
    stage = len(one.backbone.clip.image.stages)
    made = one.images(task.train, range(count), stage, Views(views, 0.08, True) if views else None)
    assert len(made) == count and set(seen) == {BATCH["cpu"]} and sum(seen) == encoded


@pytest.mark.parametrize("views", [None, Views(3, 0.08, True)])
def test_few_images_wait_for_the_tower_at_a_time(
    tmp_path: Path, photos: Path, views: Views | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = find_task(f"imagefolder:{photos}")
    rows = [*range(len(task.train)), 0]
    whole, parts = frozen(tmp_path / "whole", task), frozen(tmp_path / "parts", task)
    stage = len(whole.backbone.clip.image.stages)
    expected, seen = whole.images(task.train, rows, stage, views), []

    def through(tower: Tower, inputs: torch.Tensor, stop: int) -> torch.Tensor:
        seen.append(len(inputs))
        return Frozen._through(parts, tower, inputs, stop)

    monkeypatch.setattr(parts, "_through", through)
    monkeypatch.setattr("bench.features.frozen.PIXEL_BYTES", 3 * 3 * parts.backbone.size**2)
    assert torch.equal(parts.images(task.train, rows, stage, views), expected)
    assert len(seen) > 1 and parts.account.usage.seconds > 0


def test_rows_come_in_order_and_threads_stay_within_their_share(threads: int) -> None:
    lock, inside, most = threading.Lock(), 0, 0

    def make(item: int) -> np.ndarray:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        row = np.full((2, 2), item)
        with lock:
            inside -= 1
        return row

    rows = in_order(make, list(range(50, 0, -1)))
    assert rows[:, 0, 0].tolist() == list(range(50, 0, -1))
    assert most <= threads


def test_the_first_bad_row_is_the_one_that_is_told(threads: int) -> None:
    def make(item: int) -> np.ndarray:
        if item in (7, 11):
            raise DataError(f"row {item}")
        return np.zeros(1)

    with pytest.raises(DataError, match="row 7"):
        in_order(make, range(20))


def test_bad_images_are_skipped_and_counted_once(tmp_path: Path, photos: Path, threads: int) -> None:
    task = find_task(f"imagefolder:{photos}")
    bad = [1, 4]
    for row in bad:
        (photos / task.train.ids[row]).write_bytes(b"broken")
    context = frozen(tmp_path / "bank", task)
    rows = list(range(len(task.train)))
    with pytest.raises(DataError, match=task.train.ids[1]):
        context.images(task.train, rows, 0)
    assert context.readable(task.train, rows) == context.readable(task.train, rows) == [row for row in rows if row not in bad]
    assert len(context.skipped) == 2 and task.train.ids[4] in context.skipped[1]


def test_an_image_is_decoded_once_where_none_is_bad(tmp_path: Path, photos: Path) -> None:
    task, opened = find_task(f"imagefolder:{photos}"), []

    def counting(split: Split) -> Split:
        return replace(split, image=lambda row: opened.append(row) or split.image(row))  # type: ignore[func-returns-value]

    context, split = frozen(tmp_path / "bank", task), counting(task.train)
    context.readable(split, range(len(split)))
    context.images(split, range(len(split)), 0)
    assert sorted(opened) == list(range(len(split)))


@given(st.integers(1, 400), st.integers(1, 400), st.floats(0.05, 1.0), st.integers(0, 2**31))
def test_crops_are_those_that_torchvision_draws(width: int, height: int, smallest: float, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        theirs = transforms.RandomResizedCrop.get_params(Image.new("L", (width, height)), [smallest, 1.0], [3 / 4, 4 / 3])
        after = torch.rand(())
    random = torch.Generator().manual_seed(seed)
    assert crop_box((width, height), smallest, random) == tuple(theirs)
    assert torch.rand((), generator=random) == after
