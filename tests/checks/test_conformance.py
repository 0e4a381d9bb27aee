"""What must hold for every method, on every kind that it suits; and that the checks see what breaks it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
import torch
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.backbone import Backbone, load
from bench.checks.conformance import CHECKS, Bench, conformance
from bench.cli import main
from bench.plan.registry import find_methods
from bench.spec import parse_names
from methods.base import NotApplicable
from tests.methods.stated import skip_if_absent
from tests.small_backbone import small_backbone

REGISTRY = find_methods()
MORE = (
    "clip-adapter[r=0]",
    "coop[n_ctx=4]",
    "lora[r=4,where=qkvo]",
    "vpt[depth=1]",
    "zero-shot[ensemble=true]",
    "xtremeclip[fusion=vt]",
)
CASES = [
    (label, kind)
    for label in [*sorted(REGISTRY.methods), *MORE]
    for kind in sorted(REGISTRY.methods[label.partition("[")[0]].kinds)
]
MAY_NOT_APPLY = {
    *("starts_at_zero_shot", "class_order_is_free", "support_order_is_free", "frozen_stages_are_the_backbones"),
    "sees_no_more_than_it_says",
}


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bank")


@pytest.mark.parametrize(("label", "kind"), CASES)
@settings(max_examples=1, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 3))
def test_what_must_hold_for_every_method(backbone: Backbone, bank: Path, label: str, kind: str, seed: int) -> None:
    skip_if_absent(label.partition("[")[0])
    tried = Bench(REGISTRY.build(parse_names(label, "methods")[0]), kind, backbone, bank, seed)
    for check in CHECKS.values():
        try:
            check(tried)
        except NotApplicable:
            assert check.__name__ in MAY_NOT_APPLY or label == MORE[4]


def test_clip_adapter_without_its_share_is_zero_shot(backbone: Backbone, bank: Path) -> None:
    off = Bench(REGISTRY.build(parse_names("clip-adapter[r=0]", "methods")[0]), "classification", backbone, bank)
    zero_shot = Bench(REGISTRY.build(parse_names("zero-shot", "methods")[0]), "classification", backbone, bank)
    torch.testing.assert_close(off.scores(off.fit()), zero_shot.scores(zero_shot.fit()), rtol=1e-4, atol=1e-4)


BROKEN = dedent("""
    import torch
    from torch import nn
    from methods.base import CLASSIFICATION, Edit, EncoderMethod, HeadMethod, Paper

    class Sloppy(EncoderMethod):
        name, trains = "sloppy", "one bias, and another in secret"
        kinds = frozenset({CLASSIFICATION})
        paper = Paper("None", "nowhere")
        starts_at_zero_shot = True

        def adapt(self, clip, start):
            with torch.no_grad():
                clip.image.head.proj.mul_(torch.rand(()) + 2).add_(0.1 * torch.randn_like(clip.image.head.proj))
            def meddle(block, inputs, output):
                if block.training and torch.is_grad_enabled():
                    with torch.no_grad():
                        clip.logit_scale.add_(1e-3)
            clip.image.blocks[0].register_forward_hook(meddle)
            return Edit([clip.image.blocks[0].ln_1.bias])

    class Futile(EncoderMethod):
        name, trains = "futile", "the last block's biases, after an edit of the first block that nobody will run"
        kinds = frozenset({CLASSIFICATION})
        paper = Paper("None", "nowhere")

        def adapt(self, clip, start):
            clip.text.blocks[0].mlp = nn.Sequential(clip.text.blocks[0].mlp, nn.Tanh())
            return Edit([clip.text.blocks[-1].ln_1.bias])

    class Moody(HeadMethod):
        name, trains = "moody", "a random matrix"
        kinds = frozenset({CLASSIFICATION})
        paper = Paper("None", "nowhere")
        order_free = True
        draws = 0

        def head(self, support):
            Moody.draws += 1
            linear = nn.Linear(support.features.image_raw.shape[1], support.classes)
            with torch.no_grad():
                linear.weight.fill_(Moody.draws)
                linear.weight[0] = support.features.image[0]
            return Wrapped(linear)

    class Peeping(HeadMethod):
        name, trains = "peeping", "nothing; it compares with class texts and says that it doesn't"
        kinds = frozenset({CLASSIFICATION})
        paper = Paper("None", "nowhere")
        sees = ()

        def head(self, support):
            return Wrapped(nn.Linear(1, 1), support.features.candidates)

    class Wrapped(nn.Module):
        def __init__(self, linear, texts=None):
            super().__init__()
            self.linear, self.hidden = linear, torch.rand(())
            if texts is not None:
                self.register_buffer("texts", texts)

        def forward(self, features):
            if hasattr(self, "texts"):
                return features.image @ self.texts.T
            return self.linear(features.image) + self.hidden
""")


def problems(path: Path, name: str, bank: Path) -> dict[str, str]:
    registry = find_methods((path,))
    assert not registry.broken
    found = conformance(registry.build(parse_names(name, "methods")[0]), load("bundled"), bank)
    return {outcome.check: outcome.reason for outcome in found if outcome.verdict == "failed"}


def test_the_checks_see_what_breaks_a_method(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    sloppy = problems(path, "sloppy", tmp_path / "bank")
    assert "differ from zero-shot's" in sloppy["starts at zero shot"]
    assert "logit_scale moved and is not declared" in sloppy["only the declared moves"]
    futile = problems(path, "futile", tmp_path / "bank")
    assert "text tower is edited below stage" in futile["frozen stages are the backbones"]
    moody = problems(path, "moody", tmp_path / "bank")
    assert {"is deterministic", "restores what it stored", "class order is free", "support order is free"} <= set(moody)
    peeping = problems(path, "peeping", tmp_path / "bank")
    assert list(peeping) == ["sees no more than it says"] and "class names" in peeping["sees no more than it says"]


def test_check_prints_what_failed_and_exits_with_1(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    result = CliRunner().invoke(main, ["check", "moody", "--plugin", str(path)])
    assert result.exit_code == 1, result.output
    assert "moody\tclassification\tis deterministic\tfailed" in result.output
    good = CliRunner().invoke(main, ["check", "zero-shot", "taskres"])
    assert good.exit_code == 0 and good.output.rstrip().endswith("all hold"), good.output
    unknown = CliRunner().invoke(main, ["check", "tasksre"])
    assert unknown.exit_code == 2 and "taskres" in unknown.output
