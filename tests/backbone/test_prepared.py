"""Weights from a file get the preprocessing of their architecture's published weights, where these agree; else it is told."""

from __future__ import annotations

import sys
from pathlib import Path

import open_clip
import pytest
from safetensors.torch import save_file

from bench.backbone import load
from bench.backbone.prepared import KEYS, note_of, usual


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("ViT-B-16-SigLIP", ((0.5,) * 3, (0.5,) * 3, "bicubic", "squash")),
        ("MobileCLIP-S1", ((0.0,) * 3, (1.0,) * 3, "bilinear", "shortest")),
        ("RN50", (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD, "bicubic", "shortest")),
    ],
)
def test_it_is_that_of_the_published_weights(architecture: str, expected: tuple[object, ...]) -> None:
    found, note = usual(architecture)
    assert tuple(tuple(value) if isinstance(value, list) else value for value in found.values()) == expected and not note


def test_where_they_disagree_most_of_them_count_and_a_line_says_so() -> None:
    found, note = usual("ViT-L-14")
    assert tuple(found["mean"]) == open_clip.OPENAI_DATASET_MEAN
    assert "as for ViT-L-14/openai" in note and "laion2b_s32b_b82k would have it otherwise" in note


def test_a_file_of_weights_is_read_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On an architecture of which the published weights agree on other values than open_clip's defaults."""
    loading = sys.modules["bench.backbone.load"]  # the package has a function of that name
    monkeypatch.setattr(loading, "usual", lambda name: (dict(zip(KEYS, EXPECTED, strict=True)), ""))
    model = open_clip.create_model("ViT-S-32-alt", load_weights=False)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, tmp_path / "mine.safetensors")
    backbone = load(f"ViT-S-32-alt/{tmp_path / 'mine.safetensors'}")
    embed = backbone.clip.image.stages[0]
    assert embed.mean.flatten().tolist() == [0.5] * 3 and embed.std.flatten().tolist() == [0.25] * 3  # type: ignore[union-attr, operator]
    assert "squash" in backbone.preprocessing and backbone.notes == ()
    assert note_of("bundled") == note_of("RN50/random") == ""


EXPECTED = ((0.5,) * 3, (0.25,) * 3, "bicubic", "squash")
