"""Methods of each kind on towers of each kind, in every precision: finite scores, or one plain reason why not."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision import transforms

from bench.backbone import Backbone, split_towers
from bench.cell.prepare import freeze, prepare
from bench.checks.conformance import PER_CLASS, small_task
from bench.features.bank import Bank
from bench.meter import Meter
from bench.plan.budget import Allowance
from bench.plan.episode import Episode
from bench.plan.registry import find_methods
from bench.spec import parse_names
from methods.base import CLASSIFICATION, NotApplicable
from tests.backbone.families import TEXT, build

REGISTRY = find_methods()
METHODS = (
    "zero-shot", "linear-probe", "coop[n_ctx=2]", "cocoop", "vpt[n_ctx=2]", "maple", "lora", "adapter", "bitfit", "layernorm",
    "lilt-lwa-ln", "lilt-da", "lilt-partial", "lit", "full", "mixout", "llrd",
)  # fmt: skip
FAMILIES = (
    "timm ViT", "SigLIP", "SigLIP's text tower", "EVA-02", "PE-Core", "RN50", "ConvNeXt", "MobileCLIP", "BERT, class token",
    "RoBERTa, mean",
)  # fmt: skip
CONVOLUTIONAL = {"RN50", "ConvNeXt", "MobileCLIP"}
WITHOUT_LAYER_NORMS = {"RN50", "MobileCLIP"}
IN_BLOCKS = {"lora", "adapter", "lilt-lwa-ln", "lilt-da", "mixout"}
AMONG_PATCHES = {"vpt", "maple"}
NORMS = {"layernorm", "lilt-lwa-ln"}


def tokenizer(pad: int, length: int, framed: bool):  # type: ignore[no-untyped-def]
    """Words by a checksum, between a start and an end token, or bare."""

    def encode(texts: list[str]) -> Tensor:
        rows = torch.full((len(texts), length), pad)
        for number, text in enumerate(texts):
            words = [3 + zlib.crc32(word.encode()) % 80 for word in text.split()]
            ids = [2, *words[: length - 2], 89] if framed else words[:length]
            rows[number, : len(ids)] = torch.tensor(ids)
        return rows

    return encode


def backbone(family: str, folder: Path) -> Backbone:
    clip = split_towers(build(family, folder)).eval().requires_grad_(False)
    encode = tokenizer(clip.text.pad, TEXT["context_length"], framed=family != "SigLIP's text tower")
    resize = transforms.Resize((32, 32))
    return Backbone(family, clip, encode, resize, 32, family, family)


def scores(label: str, on: Backbone, bank: Path, precision: str) -> Tensor:
    method = REGISTRY.build(parse_names(label, "methods")[0])
    task = small_task(CLASSIFICATION, 0)
    frozen = freeze(method, on, task, Bank(bank, Meter("cpu")), precision=precision)
    support = tuple(range(PER_CLASS * 3)) if method.uses_support else ()
    fitted = prepare(method, frozen, Episode(PER_CLASS, 0, support), Allowance(1)).walk()
    return fitted.score(task.test, range(len(task.test)))


def expected_not_applicable(family: str, method: str) -> bool:
    return (family in CONVOLUTIONAL and method in IN_BLOCKS | AMONG_PATCHES) or (
        family in WITHOUT_LAYER_NORMS and method in NORMS
    )


def test_the_page_says_what_does_not_apply() -> None:
    page = (Path(__file__).parents[2] / "docs" / "backbones.md").read_text()
    rows = [
        line.strip("| ").split(" | ")
        for line in page.splitlines()
        if line.startswith("| `") and line.endswith((" yes |", " no |"))
    ]
    columns = ("ConvNeXt", "SigLIP", "RN50")
    names = sorted(label.partition("[")[0] for label in METHODS)
    expected = [[f"`{name}`", *("no" if expected_not_applicable(tower, name) else "yes" for tower in columns)] for name in names]
    assert rows == [row for row in expected if "no" in row]


@pytest.mark.parametrize("family", FAMILIES)
def test_each_method_gives_scores_or_says_why_not(family: str, folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    on, found = backbone(family, folder), {}
    for label in METHODS:
        try:
            found[label] = bool(torch.isfinite(scores(label, on, tmp_path / "bank", "fp32")).all())
        except NotApplicable as reason:
            assert on.clip.image.name in str(reason), reason
            found[label] = None
    assert found == {label: None if expected_not_applicable(family, label.partition("[")[0]) else True for label in METHODS}


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_gives_about_the_same_scores(family: str, folder: Path, tmp_path: Path, precision: str) -> None:
    on = backbone(family, folder)
    for label in ("zero-shot", "bitfit"):
        exact, half = (scores(label, on, tmp_path / each, each) for each in ("fp32", precision))
        assert bool(torch.isfinite(half).all())
        if label == "zero-shot":
            torch.testing.assert_close(half, exact, atol=0.6, rtol=0.1)
