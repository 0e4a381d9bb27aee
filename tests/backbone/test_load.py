"""Backbones by name, and the bundled one's quality."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from bench.backbone import load
from bench.backbone.load import BUNDLED, text_length
from bench.cli import main
from bench.errors import UsageError
from studies.pretrain.quality import BARS, quality


def test_bundled_backbone_meets_its_bar() -> None:
    results = quality(load("bundled"), scenes=500)
    assert {name: value for name, value in results.items() if value < BARS[name]} == {}


def test_bundled_backbone_is_small() -> None:
    clip = load("bundled").clip
    assert sum(parameter.numel() for parameter in clip.parameters()) <= 6_000_000
    assert sum(file.stat().st_size for file in BUNDLED.iterdir()) <= 12_000_000


def test_loaded_backbone_is_frozen_and_its_fingerprint_is_of_its_content(tmp_path: Path) -> None:
    backbone = load("bundled")
    assert not any(parameter.requires_grad for parameter in backbone.clip.parameters())
    assert not backbone.clip.training
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in BUNDLED.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    assert load(f"local-dir:{copy}").fingerprint == backbone.fingerprint
    weights = bytearray((copy / "open_clip_model.safetensors").read_bytes())
    weights[-100] ^= 1
    (copy / "open_clip_model.safetensors").write_bytes(weights)
    assert load(f"local-dir:{copy}").fingerprint != backbone.fingerprint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B-61/openai", "did you mean ViT-B-16"),
        ("ViT-B-32", "names no weights.*ViT-B-32/openai.*ViT-B-32/random"),
        ("ViT-B-32/opnai", "did you mean openai"),
        ("local-dir:/nowhere", "/nowhere"),
    ],
)
def test_a_wrong_name_says_what_to_write(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(name)


def test_the_list_tells_of_files_random_weights_and_towers_that_never_met() -> None:
    listed = CliRunner().invoke(main, ["list", "backbones"]).output
    for start in ("bundled", "ViT-B-16/openai", "MODEL/FILE", "MODEL/random", "hf-hub:", "align(image=timm/NAME"):
        assert any(line.startswith(start) for line in listed.splitlines()), start


@pytest.mark.parametrize("device", ["cuda:99", "mps", "gpu"])
def test_a_run_on_a_device_that_is_not_there_is_one_line(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    result = CliRunner().invoke(main, ["run", "--device", device])
    assert result.exit_code == 2
    assert len(result.output.strip().splitlines()) == 1 and device in result.output


def test_text_length_counts_a_zero_id_inside_the_text() -> None:
    assert text_length(torch.tensor([[5, 0, 6, 9, 0], [5, 9, 0, 0, 0]])) == 4
