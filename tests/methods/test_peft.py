"""The bridge to the library peft: its kinds found and named, its LoRA against ours, and what must hold for many kinds."""

from __future__ import annotations

import builtins
import copy
import logging
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.api import resolve_methods
from bench.backbone import Backbone, Clip
from bench.checks.conformance import CHECKS, Bench
from bench.errors import UsageError
from bench.plan.registry import find_methods
from methods import peft as bridge
from methods.base import Edit, NotApplicable
from methods.lora import LoRA
from methods.peft import Peft
from tests.methods.encoders import INSIDE, names_that_train, start
from tests.methods.recipes import SHOTS, common
from tests.methods.stated import build, check_counts, check_refused, trains
from tests.methods.towers import PIXELS, TOKENS
from tests.small_backbone import small_backbone

pytest.importorskip("peft", reason="the extra [peft] is not installed")

KINDS = (
    *("boft", "delora", "dora", "fourierft", "glora", "gralora", "hira", "hra", "ia3", "ln_tuning", "loha"),
    *("lokr", "lora", "miss", "oft", "olora", "pissa", "psoft", "randlora", "rslora", "shira", "vera"),
)
MOVES = {"fourierft"}  # whose start the library draws away from zero-shot's
# Where the library's default is more than the towers here have room for.
SMALLER: dict[str, dict[str, Any]] = {"miss": {"r": 8}, "shira": {"r": 8}}


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone()


def of(kind: str) -> Peft:
    return Peft(Peft.Params(kind=kind, **SMALLER.get(kind, {})))


def edited(clip: Clip, method: Any) -> tuple[Clip, Edit]:
    mine = copy.deepcopy(clip)
    return mine, method.adapt(mine, start())


def test_each_kind_that_works_is_a_row_and_the_name_stands_for_all() -> None:
    registry = find_methods()
    rows = [str(named) for named in resolve_methods("peft", registry)]
    assert set(rows) >= {f"peft[kind={kind}]" for kind in KINDS}
    assert set(rows) <= {str(named) for named in resolve_methods("all", registry)} and not registry.absent
    assert not {"poly", "prompt_tuning", "xlora"} & set(Peft.variants())


@pytest.mark.parametrize("kind", KINDS)
def test_what_must_hold(backbone: Backbone, tmp_path: Path, kind: str) -> None:
    tried = Bench(of(kind), "classification", backbone, tmp_path)
    for check in CHECKS.values():
        try:
            check(tried)
        except NotApplicable:
            assert check.__name__ in ("starts_at_zero_shot", "support_order_is_free", "sees_no_more_than_it_says")


@pytest.mark.parametrize("kind", sorted({*KINDS} - MOVES))
def test_most_start_at_zero_shot(clip: Clip, kind: str) -> None:
    mine, _ = edited(clip, of(kind))
    torch.testing.assert_close(mine.image(PIXELS), clip.image(PIXELS), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(mine.text(TOKENS), clip.text(TOKENS), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("kind", "alpha"), [("lora", 2 * math.sqrt(3)), ("rslora", 2.0)])
def test_its_lora_is_ours_to_float_precision_over_first_steps(clip: Clip, kind: str, alpha: float) -> None:
    ours, our_edit = edited(clip, LoRA(LoRA.Params(r=3, alpha=2.0, dropout=0.0, where="qkvo")))
    theirs, their_edit = edited(clip, Peft(Peft.Params(kind=kind, r=3, alpha=alpha, where="qkvo")))
    named = {name.replace(".default.weight", ""): value for name, value in theirs.named_parameters()}
    pairs = [(value, named[name]) for name, value in ours.named_parameters() if ".lora_" in name]
    assert len(pairs) == len(list(our_edit.trains)) == len(list(their_edit.trains)) == 40
    with torch.no_grad():
        for a, b in pairs:
            b.copy_(a)
    for model, trained in ((ours, [a for a, _ in pairs]), (theirs, [b for _, b in pairs])):
        optimiser = torch.optim.AdamW(trained, lr=0.01)
        for _ in range(3):  # in the first one all but B has no gradient
            optimiser.zero_grad()
            (model.image(PIXELS) @ model.text(TOKENS).T).logsumexp(1).sum().backward()
            optimiser.step()
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(ours.image(PIXELS), theirs.image(PIXELS), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(ours.image(PIXELS), clip.image(PIXELS), atol=1e-2)


def test_counts(vit: Backbone) -> None:
    expected = (
        trains(184_320, params="kind=lora,r=2"),
        trains(230_400, params="kind=dora,r=2"),
        trains(46_080, params="kind=ia3"),
    )
    check_counts(vit, Peft, *expected)


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_what_trains(clip: Clip, kind: str) -> None:
    names = {f"{block}.attn.{part}.lora_{matrix}.default.weight" for block in INSIDE for part in "qkv" for matrix in "AB"}
    assert names_that_train(Peft(), clip, kind) == names
    norms = {f"{block}.{norm}.ln_tuning_layers.default" for block in INSIDE for norm in ("ln_1", "ln_2")}
    found = names_that_train(Peft(Peft.Params(kind="ln_tuning")), clip, kind)
    assert found == {f"{norm}.{part}" for norm in norms for part in ("weight", "bias")}


def test_what_all_layers_share_is_part_of_the_model(clip: Clip) -> None:
    mine, _ = edited(clip, of("frod"))
    assert any(name.startswith("peft_frod_V.") for name, _ in mine.named_buffers())


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert Peft().recipe(start(shots)) == common(shots, steps=500 * shots) == LoRA().recipe(start(shots))
    assert Peft().views("classification") == LoRA().views("classification")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"kind": "poly"}, "task_ids should not be None"),
        ({"kind": "c3a"}, "c3a of peft .*block size"),
        ({"kind": "ia3", "r": 4}, "ia3 of peft .* has no r"),
    ],
)
def test_a_kind_that_does_not_work_here_is_not_applicable_with_the_reason(
    clip: Clip, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(NotApplicable, match=message):
        edited(clip, Peft(Peft.Params(**params)))


@pytest.mark.parametrize(
    ("text", "message"), [("kind=lorra", "has no tuner 'lorra': take one of ada"), ("where=qx", "letters out of qkvo, got 'qx'")]
)
def test_refused_values(text: str, message: str) -> None:
    check_refused(f"peft[{text}]", message)


def test_trying_a_kind_draws_nothing_and_leaves_warnings_as_they_were() -> None:
    bridge.problem.cache_clear()
    before, disabled = torch.get_rng_state(), logging.root.manager.disable
    assert not bridge.problem("lora")
    assert torch.equal(before, torch.get_rng_state()) and logging.root.manager.disable == disabled


def test_without_the_library_all_leaves_it_out_and_its_name_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "peft":
            raise ImportError(name)
        return real(name, *arguments, **named)

    bridge.library.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    try:
        registry = find_methods()
        assert not any(named.name == "peft" for named in resolve_methods("all", registry))
        assert list(registry.absent) == ["peft"] and "clip-adaptation-bench[peft]" in registry.absent["peft"]
        for text in ("peft", "peft[kind=dora]"):
            with pytest.raises(UsageError, match=r"not installed: pip install .*\[peft\]"):
                resolve_methods(text, registry)
    finally:
        bridge.library.cache_clear()


def test_the_library_is_loaded_late() -> None:
    code = "import sys; from bench.api import *; resolve_methods('lora,coop', find_methods()); sys.exit('peft' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_row_is_built_as_it_is_named() -> None:
    assert build("peft[kind=dora,r=4]").params == Peft.Params(kind="dora", r=4)
