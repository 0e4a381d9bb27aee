"""The share of this machine that each local worker gets: cores, or a GPU that it sees alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import torch

from bench.errors import UsageError
from bench.forks import POOLS

Slot = Mapping[str, str]  # environment variables of a worker
MASK = "CUDA_VISIBLE_DEVICES"


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(device: str) -> int:
    """One per core for the CPU, as small operations don't gain from several threads; one for a GPU."""
    return 1 if torch.device(device).type != "cpu" else cores()


def thread_limits(threads: int) -> Slot:
    """For the libraries beside torch, NumPy's and scikit-learn's: each reads its limit once, when it is loaded."""
    return dict.fromkeys(POOLS, str(threads))


def gpu_slots(gpus: Sequence[int], per_gpu: int) -> list[Slot]:
    """A slot for each worker, neighbours on different GPUs, so that few cells spread over all of them.

    gpus: numbers as torch counts them here. Raises UsageError for one that isn't there.
    """
    here = torch.cuda.device_count()
    for gpu in gpus:
        if gpu >= here:
            known = f"torch sees {here}, numbered from 0" if here else "torch sees none: 'python -m bench doctor' says why"
            raise UsageError(f"--gpus {','.join(map(str, gpus))}: no GPU {gpu} here ({known})")
    mask = os.environ.get(MASK)
    names = mask.split(",") if mask else [str(gpu) for gpu in range(here)]  # a mask of our own is part of the numbering
    return [{MASK: names[gpu].strip()} for _ in range(per_gpu) for gpu in gpus]
