"""How methods train: figures of every recipe, rates by depth, weights mixed while training, names of what trains."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench.backbone import Clip
from bench.plan.registry import find_methods
from bench.spec import parse_names
from methods.base import EncoderMethod, HeadMethod, Kind, Method, Recipe, Start
from methods.llrd import LLRD
from methods.mixout import Mixout
from tests.methods.conftest import random_support

TOKENS = torch.tensor([[1, 5, 7, 6, 9, 89]])
SHOTS = (1, 2, 4, 8, 16)

SGD = {"optimiser": "sgd", "momentum": 0.9, "schedule": "cosine", "final_lr": 0.0, "warmup": 0.0, "clip_gradient": None}
FIRST_EPOCH_LOW = {"warmup_epochs": 1, "warmup_lr": 1e-5, "stairs": True}
NO_WARMUP = {"warmup": 0.0, "warmup_epochs": 0, "stairs": False}
PROMPTS = {**SGD, **FIRST_EPOCH_LOW, "weight_decay": 5e-4}
ADAMW = {"optimiser": "adamw", "schedule": "cosine", "clip_gradient": None, "head_lr": None, **NO_WARMUP}
DEFAULT = {**ADAMW, "lr": 2e-4, "weight_decay": 1e-2, "batch": 32, "final_lr": 1e-6, "epochs": None, "eps": 1e-8}
XTREMECLIP = {**ADAMW, "eps": 1e-4, "weight_decay": 0.01, "batch": 16, "final_lr": 0.0}
FULL: dict[str, Any] = {"optimiser": "adamw", "schedule": "cosine", "weight_decay": 0.1, "batch": 32, "clip_gradient": 1.0}
STRONG = {**FULL, "lr": 1e-5, "head_lr": 1e-4}

HEADS: dict[str, dict[str, Any] | None] = {
    "zero-shot": None,
    "linear-probe": None,
    "lp++": None,
    "tip-adapter": None,
    "zs-linear-probe": {**SGD, **NO_WARMUP, "lr": 0.1, "batch": 256, "epochs": 300},
    "class-mean-probe": {**XTREMECLIP, "epochs": 200},
    "tip-adapter-f": {**ADAMW, "lr": 1e-3, "eps": 1e-4, "batch": 256, "epochs": 20, "final_lr": 0.0},
    "clip-adapter": {"optimiser": "sgd", "lr": 0.01, "batch": 32, "epochs": 200},
    "taskres": {"optimiser": "adam", "lr": 2e-3, "batch": 256, "schedule": "cosine", **FIRST_EPOCH_LOW},
    "xtremeclip": {**XTREMECLIP, "epochs": 200},
}
ENCODERS: dict[str, dict[str, Any]] = {
    "coop": {**PROMPTS, "lr": 2e-3, "batch": 32},
    "cocoop": {**PROMPTS, "lr": 2e-3, "batch": 1, "epochs": 10},
    "vpt": {**SGD, **FIRST_EPOCH_LOW, "lr": 2.5e-3, "batch": 4, "epochs": 5},
    "maple": {**SGD, **FIRST_EPOCH_LOW, "lr": 3.5e-3, "batch": 4, "epochs": 5},
    **dict.fromkeys(["bitfit", "layernorm", "binor", "adapter"], DEFAULT),
    **dict.fromkeys(["lilt-partial", "lilt-lwa", "lilt-da", "lilt-ln", "lilt-bitfit", "lilt-lwa-ln", "lit", "scratch"], DEFAULT),
    "lora": DEFAULT,
    **dict.fromkeys(["full", "wise-ft", "lp-ft", "mixout", "llrd"], STRONG),
    "full[recipe=xtremeclip]": {**FULL, "lr": 5e-7, "head_lr": 2e-3},
}
EPOCHS = {
    "coop": (50, 100, 100, 200, 200),
    "cocoop": (10, 10, 10, 10, 10),
    "taskres": (100, 100, 100, 200, 200),
    "clip-adapter": (200, 200, 200, 200, 200),
    "maple": (5, 5, 5, 5, 5),
}


def build(spec: str) -> Method:
    return find_methods().build(parse_names(spec, "methods")[0])


def start(shots: int = 4, kind: Kind = "classification") -> Start:
    return Start(kind, "anything", shots, 3 * shots, ("cat", "dog", "bird"), lambda texts: TOKENS)


def recipe_of(spec: str, shots: int = 4, kind: Kind = "classification", **changes: Any) -> Recipe | None:
    method = build(spec)
    if isinstance(method, HeadMethod):
        return method.recipe(dataclasses.replace(random_support(kind), shots=shots, **changes))
    assert isinstance(method, EncoderMethod)
    return method.recipe(start(shots, kind))


def figures(recipe: Recipe | None, names: Any) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in names}


def test_the_tables_name_every_method() -> None:
    assert {spec.partition("[")[0] for spec in [*HEADS, *ENCODERS]} == set(find_methods().methods)


@pytest.mark.parametrize("spec", HEADS)
def test_recipes_of_heads(spec: str) -> None:
    expected, recipe = HEADS[spec], recipe_of(spec)
    assert (recipe is None) == (expected is None)
    assert figures(recipe, expected or ()) == (expected or {})


@pytest.mark.parametrize("spec", ENCODERS)
def test_recipes_inside_the_encoder(spec: str) -> None:
    assert figures(recipe_of(spec), ENCODERS[spec]) == ENCODERS[spec]


@pytest.mark.parametrize("spec", EPOCHS)
def test_epochs_by_shots(spec: str) -> None:
    recipes = [recipe_of(spec, shots) for shots in SHOTS]
    assert tuple(recipe.epochs for recipe in recipes if recipe) == EPOCHS[spec]
    assert recipes[0] is not None and recipes[0].length(65) == EPOCHS[spec][0] * -(-65 // recipes[0].batch)


@pytest.mark.parametrize("shots", SHOTS)
@pytest.mark.parametrize("spec", [spec for spec in ENCODERS if spec not in ("coop", "cocoop", "vpt", "maple")])
def test_steps_by_shots(spec: str, shots: int) -> None:
    recipe = recipe_of(spec, shots)
    assert recipe is not None and recipe.steps == recipe.length(1_000) == (500 if spec == "lora" else 300) * shots


@pytest.mark.parametrize("spec", ["full", "full[recipe=xtremeclip]", "wise-ft", "lp-ft", "mixout", "llrd"])
def test_full_fine_tuning_warms_up(spec: str) -> None:
    recipe = recipe_of(spec)
    assert recipe is not None and recipe.head_lr is not None
    assert 0 < recipe.warmup < 0.5 and recipe.warmup_lr < recipe.lr
    assert recipe.head_lr == pytest.approx((4_000 if "xtremeclip" in spec else 10) * recipe.lr)


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
def test_xtremeclips_published_recipe(kind: Kind, task: str, classes: int, lr: float, epochs: int) -> None:
    recipe = recipe_of("xtremeclip[paper=true]", kind=kind, task=task, classes=classes)
    expected = {**XTREMECLIP, "lr": lr, "epochs": epochs}
    assert figures(recipe, expected) == expected


@pytest.mark.parametrize(("spec", "views"), [("linear-probe", 0), ("tip-adapter", 10), ("tip-adapter-f", 10), ("xtremeclip", 10)])
def test_augmented_views_of_heads(spec: str, views: int) -> None:
    assert build(spec).views().count == views


def test_lora_trains_on_flipped_crops_of_any_size() -> None:
    views = build("lora").views()
    assert views.count > 1 and views.smallest_crop == 0.08 and views.flip


def test_rates_decay_by_stage_from_the_top(clip: Clip) -> None:
    method = LLRD()
    list(method.adapt(clip, start(kind="retrieval")))
    rates = method.rates(clip)
    tops = {"image": 4, "text": 3}
    for name, parameter in clip.named_parameters():
        if name == "logit_scale":
            assert parameter not in rates
            continue
        tower, _, stage = name.split(".")[:3]
        assert rates[parameter] == pytest.approx(0.9 ** (tops[tower] - int(stage))), name
    assert LLRD(LLRD.Params(decay=0.5)).rates(clip)[clip.image.stages[0].class_embedding] == 0.5**4  # type: ignore[index]


def linears(clip: Clip) -> dict[str, Any]:
    return {name: module for name, module in clip.named_modules() if isinstance(module, nn.Linear)}


def effective(linear: Any) -> np.ndarray:
    """The weight that acts in one forward pass, read off with unit vectors."""
    return (linear(torch.eye(linear.in_features)) - linear.bias).T.detach().double().numpy()


def mixed(clip: Clip, p: float) -> tuple[dict[str, Any], Clip]:
    """Linears after `mixout` with their weights moved, and the pretrained backbone."""
    pretrained = copy.deepcopy(clip)
    torch.manual_seed(3)
    list(Mixout(Mixout.Params(p=p)).adapt(clip, start()))
    with torch.no_grad():
        for linear in linears(clip).values():
            linear.weight += torch.randn_like(linear.weight)
            linear.bias.normal_()
    return linears(clip), pretrained


@pytest.mark.parametrize("p", [0.7, 0.3])
def test_mixout_takes_each_weight_by_the_formula_with_one_mask_or_the_other(clip: Clip, p: float) -> None:
    moved, pretrained = mixed(clip, p)
    assert len(moved) == 6 * 5 and Mixout().params.p == 0.7
    held = []
    for name, before in linears(pretrained).items():
        linear = moved[name].train()
        w0, w = before.weight.detach().double().numpy(), linear.weight.detach().double().numpy()
        now = effective(linear)
        candidates = [((1 - mask) * w + mask * w0 - p * w0) / (1 - p) for mask in (0, 1)]
        distance = np.abs(np.stack([now - each for each in candidates]))
        assert distance.min(0).max() < 1e-4, name
        held.append(distance.argmin(0).ravel())
    share, count = np.concatenate(held).mean(), np.concatenate(held).size
    assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / count)


def test_mixout_is_the_trained_weight_in_expectation(clip: Clip) -> None:
    moved, _ = mixed(clip, 0.7)
    linear = moved["image.stages.1.attn.q"].train()
    draws = np.stack([effective(linear) for _ in range(400)])
    error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    off = (draws.mean(0) - linear.weight.detach().double().numpy()) / error
    assert np.abs(off).max() < 6 and abs(off.mean()) < 5 / np.sqrt(off.size) and off.std() == pytest.approx(1, abs=0.15)


def test_mixout_lets_the_gradient_through_where_the_weight_is_its_own(clip: Clip) -> None:
    linear = mixed(clip, 0.7)[0]["text.stages.1.mlp.c_fc"].train()
    inputs = torch.ones(1, linear.in_features)
    linear.weight.requires_grad_(True)
    linear(inputs).sum().backward()
    slopes = linear.weight.grad
    assert set(np.round(slopes.unique().tolist(), 4)) == {0.0, round(1 / 0.3, 4)}
    assert float((slopes == 0).float().mean()) == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize(("p", "training"), [(0.7, False), (0.0, True)])
def test_mixout_is_the_plain_linear_in_scoring_and_without_a_probability(clip: Clip, p: float, training: bool) -> None:
    for name, linear in mixed(clip, p)[0].items():
        np.testing.assert_allclose(effective(linear.train(training)), linear.weight.detach().numpy(), atol=2e-5, err_msg=name)


BLOCKS = {"image": 3, "text": 2}
BLOCK_LINEARS = ("attn.q", "attn.k", "attn.v", "attn.out", "mlp.c_fc", "mlp.c_proj")
OUTER_NORMS = ("image.stages.0.ln_pre", "image.stages.4.ln_post", "text.stages.3.ln_final")
INSIDE = {f"{tower}.stages.{stage}" for tower, count in BLOCKS.items() for stage in range(1, count + 1)}
NORM_MODULES = {*OUTER_NORMS, *(f"{block}.{norm}" for block in INSIDE for norm in ("ln_1", "ln_2"))}
NORMS = {f"{module}.{part}" for module in NORM_MODULES for part in ("weight", "bias")}
BIASES = {f"{module}.bias" for module in {*NORM_MODULES, *(f"{block}.{part}" for block in INSIDE for part in BLOCK_LINEARS)}}
LINEAR_WEIGHTS = {f"{block}.{part}.weight" for block in INSIDE for part in BLOCK_LINEARS}
IMAGE_EMBEDDING = {f"image.stages.0.{part}" for part in ("class_embedding", "positional_embedding", "patches.weight")}
TEXT_EMBEDDING = {"text.stages.0.positional_embedding", "text.stages.0.token_embedding.weight"}
PROJECTIONS = {"image.stages.4.proj", "text.stages.3.text_projection"}
TOWERS = NORMS | BIASES | LINEAR_WEIGHTS | IMAGE_EMBEDDING | TEXT_EMBEDDING | PROJECTIONS
SCALE = {"logit_scale"}


def within(*prefixes: str) -> set[str]:
    return {name for name in TOWERS if name.startswith(prefixes)}


TRAINED = {
    ("bitfit", "classification"): BIASES,
    ("layernorm", "classification"): NORMS,
    ("binor", "classification"): NORMS | BIASES,
    ("lilt-ln", "retrieval"): NORMS | PROJECTIONS | SCALE,
    ("lilt-bitfit", "retrieval"): BIASES | PROJECTIONS | SCALE,
    ("lit", "retrieval"): within("text.") | PROJECTIONS | SCALE,
    ("lilt-partial", "retrieval"): within("image.stages.3", "image.stages.4", "text.stages.2", "text.stages.3"),
    ("lilt-partial[blocks=0]", "retrieval"): within("image.stages.4", "text.stages.3"),
    ("lilt-lwa", "retrieval"): PROJECTIONS | SCALE,
    ("lilt-lwa-ln", "retrieval"): NORMS | PROJECTIONS | SCALE,
    ("lilt-da", "retrieval"): PROJECTIONS | SCALE | within("image.stages.4.ln_post"),
    ("full", "classification"): within("image."),
    ("full", "pair"): TOWERS,
    ("full", "retrieval"): TOWERS | SCALE,
    **{(spec, "classification"): set() for spec in ("coop", "cocoop", "vpt", "maple", "lora", "adapter")},
}


@pytest.mark.parametrize(("spec", "kind"), TRAINED)
def test_names_of_the_backbones_own_parameters_that_train(clip: Clip, spec: str, kind: Kind) -> None:
    names = {parameter: name for name, parameter in clip.named_parameters()}
    assert set(names.values()) == TOWERS | SCALE
    method = build(spec)
    assert isinstance(method, EncoderMethod)
    trained = list(method.adapt(clip, start(kind=kind)))
    assert len(trained) == len(set(trained))
    assert {names[parameter] for parameter in trained if parameter in names} == TRAINED[spec, kind]
    assert {id(parameter) for parameter in trained} <= {id(parameter) for parameter in clip.parameters()}
