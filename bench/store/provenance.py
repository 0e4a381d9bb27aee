"""Where and with what a record was made."""

from __future__ import annotations

import platform
import socket
import subprocess
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from bench.backbone.products import switch
from bench.store.record import Provenance

PACKAGES = ("torch", "open_clip_torch", "loralib", "peft", "timm", "torchvision", "numpy", "scikit-learn", "scipy", "safetensors")


def now() -> str:
    """UTC, ISO 8601, to the microsecond."""
    return datetime.now(UTC).isoformat()


@lru_cache
def packages() -> dict[str, str]:
    """Versions of the packages that results depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@lru_cache
def _commit() -> tuple[str | None, bool | None]:
    root = Path(__file__).parents[2]
    try:
        command = ["git", "-C", str(root), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
        status = ["git", "-C", str(root), "status", "--porcelain"]
        changes = subprocess.run(status, capture_output=True, text=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return None, None
    return commit, bool(changes.strip())


@lru_cache
def device_and_driver(device: str) -> tuple[str, str | None]:
    """The device's name, and the version of its driver where it has one."""
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        return device, None  # the driver of a cluster's workers need not have one itself
    if torch.device(device).type == "cuda":
        driver = getattr(torch.cuda, "driver_version", lambda: None)()
        return torch.cuda.get_device_name(device), None if driver is None else str(driver)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{device}: {name}", None


def provenance(device: str, command: str, started: str, flags: dict[str, Any]) -> Provenance:
    commit, dirty = _commit()
    name, driver = device_and_driver(device)
    return Provenance(
        commit=commit,
        dirty=dirty,
        packages=packages(),
        python=platform.python_version(),
        device=name,
        driver=driver,
        threads=torch.get_num_threads(),
        float32_products=switch(),
        host=socket.gethostname(),
        command=command,
        started=started,
        finished=now(),
        flags=flags,
    )
