"""Rows from the frozen part of a backbone: pixels, activations at a cut, features, all through the bank."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import functional as images

from bench.backbone import Backbone
from bench.backbone.cut_texts import cut
from bench.backbone.tower import Tower
from bench.errors import DataError
from bench.features.bank import Account, Bank, Shelf
from bench.features.passing import Passing
from methods.base import Views
from tasks.base import Split, Task

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RATIOS = (3 / 4, 4 / 3)  # of width to height that a random resized crop may have
_LOG_RATIOS = torch.log(torch.tensor(RATIOS)).tolist()
CHUNK = 128  # examples whose images are decoded at once
BATCH = {"cpu": 32}  # examples that go through a frozen tower at once, always so many: a product of another shape may
OTHER_BATCH = 128  # round its last digits otherwise. Larger ones are no faster on a CPU
PIXEL_BYTES = 2**29  # of decoded images that wait for a frozen tower at a time
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Mixed precision as the cell has it; float32 runs plain."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=DTYPES[precision])


def crop_box(size: tuple[int, int], smallest: float, random: torch.Generator) -> tuple[int, int, int, int]:
    """Top, left, height, width of a random resized crop: what torchvision's `RandomResizedCrop` draws from this generator.

    torchvision draws from torch's own generator only, which several threads can't share. size: width, height.
    """
    width, height = size
    for _ in range(10):
        area = width * height * torch.empty(1).uniform_(smallest, 1.0, generator=random).item()
        ratio = torch.exp(torch.empty(1).uniform_(*_LOG_RATIOS, generator=random)).item()
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top = int(torch.randint(0, height - h + 1, (1,), generator=random))
            return top, int(torch.randint(0, width - w + 1, (1,), generator=random)), h, w
    w, h = min(width, round(height * RATIOS[1])), min(height, round(width / RATIOS[0]))  # the largest part of a long picture
    return (height - h) // 2, (width - w) // 2, h, w


def in_order(make: Callable[[int], np.ndarray], items: Sequence[int]) -> np.ndarray:
    """`make` of each item [N, ...], by as many threads as the worker has cores.

    Each thread holds one picture at a time; Pillow lets go of Python's lock while it decodes and resizes. numpy, as an
    operation of torch's would start threads of its own in each. What is raised is what the first failing item raised,
    whichever thread came to it first; what has not begun by then is left.
    """
    threads = min(torch.get_num_threads(), len(items))
    if threads == 1:  # also where drawing in Python would only wait for its turn
        return _gathered(map(make, items), len(items))
    with ThreadPoolExecutor(threads) as pool:
        return _gathered(pool.map(make, items), len(items))


def _gathered(made: Iterator[np.ndarray], count: int) -> np.ndarray:
    first = next(made)
    rows = np.empty((count, *first.shape), first.dtype)
    rows[0] = first
    for number, row in enumerate(made, 1):
        rows[number] = row
    return rows


@dataclass
class Frozen:
    """The frozen backbone on one task, as one cell sees it. Every row goes to the cell's account."""

    backbone: Backbone
    task: Task
    bank: Bank | Passing
    account: Account
    device: str
    precision: str
    squashed: bool = False  # images squashed with ImageNet's statistics, as XtremeCLIP's scripts do for pairs
    whole_batches: bool = True  # fill up the last batch: products of one shape give a row the same last digits in any company
    skipped: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)  # texts that were tokenized
    cut: dict[str, bytes] = field(default_factory=dict)  # those that are longer than the tower reads, see `bench.backbone.cut`

    def readable(self, split: Split, rows: Sequence[int]) -> list[int]:
        """The rows whose images can be decoded; the others' errors go to `skipped`, each image once."""
        good: list[int] = []
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            try:
                self._pixels(split, chunk, None, self.account)
                good += chunk
            except DataError:
                good += [row for row in chunk if self._is_readable(split, row)]
        return good

    def _is_readable(self, split: Split, row: int) -> bool:
        try:
            self._pixels(split, [row], None, self.account)
        except DataError as error:
            if str(error) not in self.skipped:
                self.skipped.append(str(error))
            return False
        return True

    def images(self, split: Split, rows: Sequence[int], stage: int, views: Views | None = None) -> Tensor:
        """What stage `stage` of the image tower takes: [N, ...] of the plain images, [N, V, ...] of augmented views.

        Stage 0 takes pixels; the number of stages stands for the features. `views` must be narrowed to the task.
        """
        if stage == 0:
            return self._pixels(split, rows, views, self.account)
        each = 3 * self.backbone.size**2 * (1 if views is None else views.count)
        part = max(1, PIXEL_BYTES // each)
        return torch.cat([self._encoded(split, rows[start : start + part], stage, views) for start in range(0, len(rows), part)])

    def _encoded(self, split: Split, rows: Sequence[int], stage: int, views: Views | None) -> Tensor:
        shelf = self._shelf(stage, views, self.backbone.fingerprint, self.precision)
        by_id = {split.ids[row]: row for row in rows}
        ids = [split.ids[row] for row in rows]
        missing = self.bank.missing(shelf, ids)
        upstream = Account()
        pixels = self._pixels(split, [by_id[row] for row in missing], views, upstream) if missing else None
        place = {row: number for number, row in enumerate(missing)}

        def build(positions: Sequence[int]) -> Tensor:
            assert pixels is not None
            wanted = pixels[[place[ids[position]] for position in positions]]
            through = self._through(self.backbone.clip.image, wanted.flatten(0, -4), stage)
            return through.view(*wanted.shape[:-3], *through.shape[1:])

        self.account.spent.add(upstream.spent)
        together = max(1, self._batch // (1 if views is None else views.count))  # images whose views fill a batch, or nearly
        return self.bank.rows(shelf, ids, build, self.account, upstream.usage, together)

    def narrowed(self, views: Views) -> Views:
        """The part of a policy that keeps the task's labels true; a count of 0 if nothing is left of it."""
        crop = max(views.smallest_crop, self.task.augmentation.smallest_crop)
        flip = views.flip and self.task.augmentation.flip
        return Views(views.count if crop < 1 or flip else 0, crop, flip)

    def texts(self, texts: Sequence[str], stage: int) -> tuple[Tensor, Tensor | None]:
        """Token ids [N, L] and what stage `stage` of the text tower takes [N, ...] (None for stage 0, the tokens)."""
        new = set(texts) - self.seen
        self.seen |= new
        self.cut |= cut(self.backbone.tokenizer, sorted(new), self.backbone.clip.text.pad)
        tokens = self.backbone.tokenize(list(texts))
        if stage == 0:
            return tokens, None
        shelf = Shelf(
            backbone=self.backbone.fingerprint,
            task=self.task.data,
            task_version=self.task.version,
            preprocessing="",
            tower="text",
            stage=stage,
            precision=self.precision,
            length=tokens.shape[1],
        )

        def build(positions: Sequence[int]) -> Tensor:
            return self._through(self.backbone.clip.text, tokens[list(positions)], stage)

        return tokens, self.bank.rows(shelf, list(texts), build, self.account, batch=self._batch)

    def _pixels(self, split: Split, rows: Sequence[int], views: Views | None, account: Account) -> Tensor:
        """[N, 3, H, W] or [N, V, 3, H, W]: uint8, or float where ImageNet's statistics stand in for the backbone's."""
        ids = [split.ids[row] for row in rows]

        def build(positions: Sequence[int]) -> Tensor:
            return torch.from_numpy(in_order(lambda position: self._picture(split, rows[position], views), positions))

        pixels = self.bank.rows(self._shelf(0, views, "", ""), ids, build, account)
        return self._as_imagenet(pixels) if self.squashed else pixels

    def _picture(self, split: Split, row: int, views: Views | None) -> np.ndarray:
        """[3, H, W] of one image, or [V, 3, H, W] of its views; the image is decoded once."""
        picture = split.image(row)
        side = self.backbone.size
        if views is not None:
            return np.stack([_pixels(self._view(picture, f"{split.ids[row]} {number}", views)) for number in range(views.count)])
        if self.squashed:
            return _pixels(picture.resize((side, side), Image.Resampling.BICUBIC))
        return _pixels(self.backbone.resize(picture))

    def _view(self, picture: Image.Image, which: str, policy: Views) -> Image.Image:
        """One augmented view, the same whenever it is asked for."""
        seed = hashlib.sha256(f"{which} {policy.smallest_crop:g} {policy.flip}".encode()).digest()[:7]
        random = torch.Generator().manual_seed(int.from_bytes(seed, "big"))
        box = crop_box(picture.size, policy.smallest_crop, random)
        flip = policy.flip and bool(torch.rand((), generator=random) < 0.5)
        if policy.smallest_crop < 1:
            side = self.backbone.size
            picture = images.resized_crop(picture, *box, [side, side], transforms.InterpolationMode.BICUBIC)
        else:
            picture = self.backbone.resize(picture)
        return images.hflip(picture) if flip else picture

    def _as_imagenet(self, pixels: Tensor) -> Tensor:
        """Pixels that come out as ImageNet-normalised after the image tower has normalised them its own way."""
        embed: Any = self.backbone.clip.image.stages[0]
        mean, std = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)
        return 255 * ((pixels / 255 - mean) / std * embed.std.cpu() + embed.mean.cpu())

    @property
    def _batch(self) -> int:
        return BATCH.get(torch.device(self.device).type, OTHER_BATCH)

    @torch.no_grad()
    def _through(self, tower: Tower, inputs: Tensor, stage: int) -> Tensor:
        made = []
        with autocast(self.device, self.precision):
            for part in inputs.split(self._batch):
                filling = self._batch - len(part) if self.whole_batches else 0
                filled = torch.cat([part, part[:1].expand(filling, *part.shape[1:])])
                made.append(tower(filled.to(self.device), stop=stage).float().cpu()[: len(part)])
        return torch.cat(made)

    def _shelf(self, stage: int, views: Views | None, fingerprint: str, precision: str) -> Shelf:
        return Shelf(
            backbone=fingerprint,
            task=self.task.data,
            task_version=self.task.version,
            preprocessing=f"{self.backbone.size} px, squashed, ImageNet" if self.squashed else self.backbone.preprocessing,
            tower="image",
            stage=stage,
            views=0 if views is None else views.count,
            policy="" if views is None else f"crop {views.smallest_crop:g}-1{' flip' if views.flip else ''}",
            precision=precision,
        )


def _pixels(picture: Image.Image) -> np.ndarray:
    """[3, H, W] uint8."""
    return np.asarray(picture).transpose(2, 0, 1)
