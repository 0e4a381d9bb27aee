"""Where a tower family's Hugging Face model is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backbone.families import HUGGING_FACE


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Of a Hugging Face model; skips the families that need the library where it isn't installed."""
    if request.node.callspec.params["family"] in HUGGING_FACE:
        pytest.importorskip("transformers", reason="Hugging Face text towers need the extra [hf]")
    return tmp_path / "text model"
