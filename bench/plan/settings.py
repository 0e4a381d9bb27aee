"""What all cells of a run share and no result depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.backbone.products import DEFAULT


@dataclass(frozen=True)
class Settings:
    """What all cells of a run share and no result depends on."""

    out: Path
    bank: Path
    device: str = "cpu"
    threads: int = 1
    products: str = DEFAULT  # torch's switch for float32 products on CPUs, see `bench.plan.precision`
    command: str = ""
    plugins: tuple[Path, ...] = ()
    skip_bad_images: bool = False
    save_weights: bool = False
    flags: Mapping[str, Any] = field(default_factory=dict)
