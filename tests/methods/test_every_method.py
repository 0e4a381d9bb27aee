"""What must hold for every method here, without a table: each has its test file, and names what it trains."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

import methods
from bench.backbone import Clip
from bench.cell.blank import blank_support
from bench.kinds import KINDS
from methods.base import EncoderMethod, HeadMethod
from tests.methods.encoders import names_that_train, start
from tests.methods.heads import random_support
from tests.methods.stated import REGISTRY, skip_if_absent

HERE = Path(__file__).parent
MODULES = sorted({method.__module__.removeprefix("methods.") for method in REGISTRY.methods.values()})
OWN = sorted(name for name in REGISTRY.methods if REGISTRY.methods[name].__module__.startswith("methods."))
HEADS = [
    (name, kind)
    for name in OWN
    for kind in sorted(REGISTRY.methods[name].kinds)
    if issubclass(REGISTRY.methods[name], HeadMethod) and REGISTRY.methods[name].uses_support and kind != "retrieval"
]
ENCODERS = [
    (name, kind)
    for name in OWN
    for kind in sorted(REGISTRY.methods[name].kinds)
    if issubclass(REGISTRY.methods[name], EncoderMethod)
]


def test_a_method_is_one_file_and_its_one_test_file() -> None:
    untested = [module for module in MODULES if not (HERE / f"test_{module}.py").is_file()]
    assert not untested, f"write tests/methods/test_{untested[0]}.py"
    folder = Path(methods.__file__).parent
    assert all((folder / f"{module}.py").is_file() for module in MODULES)


@pytest.mark.parametrize(("name", "kind"), ENCODERS)
def test_what_trains_stands_in_the_model_and_is_named_once(clip: Clip, name: str, kind: str) -> None:
    skip_if_absent(name)
    method = REGISTRY.methods[name]()
    assert isinstance(method, EncoderMethod)
    assert names_that_train(method, clip, kind)


@pytest.mark.parametrize(
    "name", [name for name in OWN if "lr" in getattr(REGISTRY.methods[name].Params, "__dataclass_fields__", {})]
)
def test_the_rate_reaches_the_recipe(name: str) -> None:
    kind = REGISTRY.methods[name]
    method = kind(dataclasses.replace(kind.Params(), lr=0.003))
    assert isinstance(method, HeadMethod | EncoderMethod)
    recipe = method.recipe(random_support() if isinstance(method, HeadMethod) else start(kind=sorted(kind.kinds)[0]))  # type: ignore[arg-type]
    assert recipe is not None and recipe.lr == 0.003


@pytest.mark.parametrize(("name", "kind"), HEADS)
def test_a_head_takes_a_support_without_some_classes(name: str, kind: str) -> None:
    """A support drawn by count may lack classes: every head still gives each of them a finite score."""
    method = REGISTRY.methods[name]()
    assert isinstance(method, HeadMethod)
    support = blank_support(KINDS[kind], 5, 3, 16, shots=1)  # classes 0, 1 and 2 of five
    head = method.head(support)
    scores = head(support.features)
    assert scores.shape == (3, 5)
    assert bool(torch.isfinite(scores).all())
    recipe = method.recipe(support)
    if recipe is not None:
        loss = method.loss(head(support.features), support.labels, support)
        assert bool(torch.isfinite(loss))
