"""Every count that a method states, on ViT-B-16 with random weights, to the digit."""

from __future__ import annotations

import dataclasses

import pytest
from click.testing import CliRunner

import bench.checks.verify
from bench.backbone import Backbone, load
from bench.backbone.shapes import SHAPES
from bench.checks.verify import Counted, count
from bench.cli import main
from bench.plan.registry import find_methods
from bench.spec import parse_names
from methods.base import Count

REGISTRY = find_methods()
STATED = [
    (name, stated)
    for name, method in sorted(REGISTRY.methods.items())
    for stated in method.counts
    if stated.backbone not in SHAPES  # those are counted in tests/backbone/test_shapes.py
]

# The table of the specification, typed again: what the methods themselves state must not drift from it.
SPECIFIED = {
    "zero-shot": 0, "linear-probe": 10 * 513, "zs-linear-probe": 5_120, "class-mean-probe": 10 * 513, "lp++": 10 * 514,
    "tip-adapter": 0, "tip-adapter-f": 160 * 512, "clip-adapter": 131_072, "taskres": 5_120, "xtremeclip": 25_600,
    "coop": 8_192, "coop[n_ctx=4]": 2_048, "coop[class_specific=true]": 81_920, "cocoop": 35_360, "vpt": 73_728,
    "vpt[depth=1]": 6_144, "maple": 3_555_072, "bitfit": 171_008, "layernorm": 65_536, "binor": 203_776, "lora": 184_320,
    "lora[r=4,where=qkvo]": 491_520, "adapter": 3_965_952, "lilt-partial": 10_898_176, "lilt-partial[blocks=2]": 21_138_432,
    "lilt-ln": 720_897, "lilt-bitfit": 826_369, "lilt-lwa": 10_917_377, "lilt-lwa-ln": 10_982_913, "lilt-da": 10_897_153,
    "lilt-da[ln=true]": 10_961_153, "lilt-partial[ln=true]": 10_956_032, "lit": 63_821_313, "lit[lock=text]": 86_454_785,
    "lit[lock=both]": 655_361, "scratch": 149_620_737, "full": 86_197_760, "wise-ft": 86_197_760, "lp-ft": 86_197_770,
    "mixout": 86_197_760, "llrd": 86_197_760,
}  # fmt: skip


@pytest.fixture(scope="module")
def vit() -> Backbone:
    return load("ViT-B-16/random")


@pytest.mark.parametrize("label", SPECIFIED)
def test_the_specified_counts(vit: Backbone, label: str) -> None:
    method = REGISTRY.build(parse_names(label, "methods")[0])
    assert count(method, vit, Count(0, "", shots=16)) == SPECIFIED[label]


def test_every_method_is_in_the_specified_table() -> None:
    assert {label.partition("[")[0] for label in SPECIFIED} == set(REGISTRY.methods)
    assert {name for name, _ in STATED} == set(REGISTRY.methods)


@pytest.mark.parametrize(("name", "stated"), STATED, ids=[f"{name}-{stated.kind}-{stated.params}" for name, stated in STATED])
def test_what_the_methods_state(vit: Backbone, name: str, stated: Count) -> None:
    method = REGISTRY.build(parse_names(f"{name}[{stated.params}]" if stated.params else name, "methods")[0])
    assert count(method, vit, stated) == stated.trainable


def test_verify_prints_the_table_and_fails_on_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Counted("lora", REGISTRY.methods["lora"].counts[0], 184_320)
    for ours, code in ((184_320, 0), (184_321, 1)):
        monkeypatch.setattr(bench.checks.verify, "verify", lambda registry, ours=ours: [dataclasses.replace(row, ours=ours)])
        result = CliRunner().invoke(main, ["verify"])
        assert result.exit_code == code, result.output
        assert f"{ours:,}" in result.output and "184,320" in result.output
        assert ("differs" in result.output) == bool(code)


def test_counts_that_need_a_missing_library_are_left_out_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = REGISTRY.methods["lora"].counts[0]
    row = Counted("lora", stated, None, "transformers is not installed: pip install 'clip-adaptation-bench[hf]'")
    monkeypatch.setattr(bench.checks.verify, "verify", lambda registry: [row])
    result = CliRunner().invoke(main, ["verify"])
    assert result.exit_code == 0, result.output
    assert "pip install 'clip-adaptation-bench[hf]'" in result.output
