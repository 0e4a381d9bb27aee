"""A method for the tests of executors: next to no work, and it can be held up, die, or tell what it sees."""

from __future__ import annotations

import importlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from threadpoolctl import threadpool_info
from torch import Tensor, nn

from methods.base import CLASSIFICATION, Features, HeadMethod, NotApplicable, Paper, Recipe, Support


class Linear(nn.Module):
    def __init__(self, d: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.01 * torch.randn(classes, d))

    def forward(self, features: Features) -> Tensor:
        return features.image_raw @ self.weight.T


class Tiny(HeadMethod):
    name, kinds, paper = "tiny", frozenset({CLASSIFICATION}), Paper("none", "none")

    @dataclass(frozen=True)
    class Params:
        gate: str = ""  # a folder: each fit leaves a file `at-PID-TIME` there, waits for `open` or for `go-at-PID-TIME`
        dies: bool = False  # by SIGKILL, at the first fit that the gate sees
        tells: str = ""  # an environment variable: its value is the reason why the method doesn't apply
        pools: bool = False  # that reason is the sizes of all libraries' pools of threads

    def head(self, support: Support) -> nn.Module:
        if self.params.tells:
            raise NotApplicable(f"{os.environ.get(self.params.tells)}, CUDA untouched: {not torch.cuda.is_initialized()}")
        if self.params.pools:
            importlib.import_module("sklearn.linear_model")  # brings an OpenMP of its own
            sizes = {pool["num_threads"] for pool in threadpool_info()}
            raise NotApplicable(f"threads: {sizes}, torch: {torch.get_num_threads()}")
        if self.params.gate:
            self._wait(Path(self.params.gate))
        return Linear(support.features.image_raw.shape[1], support.classes)

    def recipe(self, support: Support) -> Recipe:
        return Recipe(steps=20, batch=8)

    def _wait(self, gate: Path) -> None:
        first = not list(gate.glob("at-*"))
        here = gate / f"at-{os.getpid()}-{time.monotonic_ns()}"
        here.touch()
        if self.params.dies and first:
            os.kill(os.getpid(), signal.SIGKILL)
        while not (gate / "open").exists() and not here.with_name(f"go-{here.name}").exists():
            time.sleep(0.01)
