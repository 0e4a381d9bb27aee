"""A start that leaves out what the run has no use for, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.backbone import load
from tests.backbone.families import write_text_model

LOADED = "print('transformers' in sys.modules)"


def printed(*lines: str) -> list[str]:
    """What a fresh interpreter prints."""
    program = "\n".join(("import sys", *lines))
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_transformers_is_loaded_when_a_tower_of_it_is_built(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="Hugging Face text towers need the extra [hf]")
    torch.manual_seed(5)
    write_text_model(tmp_path / "bert", weights=True)
    name = f"align(image=timm/test_vit/random, text=hf/{tmp_path / 'bert'}, dim=24, size=64)"
    build = f"print(load({name!r}).fingerprint)"
    lines = printed("from bench.backbone import load", "load('bundled')", LOADED, build, LOADED)
    assert lines == ["False", load(name).fingerprint, "True"]


def test_who_has_loaded_transformers_keeps_open_clip_as_it_is() -> None:
    pytest.importorskip("transformers", reason="nothing to keep without it")
    check = "print(hf_model.transformers is transformers, hf_model.HFTextEncoder.__init__.__name__)"
    assert printed("import transformers, bench.backbone", "from open_clip import hf_model", check) == ["True", "__init__"]
