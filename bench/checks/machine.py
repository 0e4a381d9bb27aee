"""What of this program works on this machine, and what would make the rest work."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.checks.access import DataAccess, data_access
from bench.executors.slots import default_workers
from bench.meter import Meter, Sensor
from bench.meter.choice import Candidate, amd_candidates, candidates, nvidia_candidates
from bench.meter.estimate import CpuSecondsEstimate
from bench.meter.rapl import Rapl
from bench.plan.precision import try_precisions
from bench.plan.resolve import resolve_device, resolve_precision
from bench.store.provenance import device_and_driver, packages

GPU = "cuda"  # also what ROCm's torch calls AMD's
NO_RESET = "make /proc/self/clear_refs writable (Linux, /proc mounted as usual); else peaks are those since the worker's start"
ONE_WORKER = "the counter covers what all workers do: run with --workers 1 for joules of single cells"


@dataclass(frozen=True)
class SensorFinding:
    """One energy sensor here. `reason` and `remedy` are empty where it works."""

    name: str
    works: bool
    scope: str = ""
    shared: bool | None = None  # whether others are charged to the same counter; None: not known
    watts: float | None = None  # drawn while this program waits
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings; the field names are the keys of `doctor --json`."""

    device: str  # what `--device auto` takes
    device_name: str
    gpus: list[str]
    cores: int  # that this process may use
    cores_of_machine: int | None
    workers: int  # that `run` starts unless told otherwise
    threads: int  # of each of them
    precision: str  # what `--precision auto` takes
    precision_trial: str  # what it was chosen by
    energy: str  # the sensor that `run` would use
    energy_quality: str
    energy_advice: str
    sensors: list[SensorFinding]
    memory: str  # where peaks of memory come from
    memory_resets: bool  # whether the peak can be reset, so that it is each phase's own
    memory_remedy: str
    out: str
    writable: bool
    out_problem: str
    free_bytes: int | None
    data: DataAccess
    python: str
    packages: dict[str, str]


def diagnose(device: str, out: Path, data_root: Path | None = None) -> Diagnosis:
    """Look at everything; takes some seconds where counters work, and leaves nothing behind.

    device, data_root: as of `run`. out: the results folder, which need not exist. Raises UsageError for a device that
    isn't there.
    """
    device = resolve_device(device)
    meter = Meter(device)
    workers = default_workers(device)
    problem, free = _folder(out)
    return Diagnosis(
        device=device,
        device_name=device_and_driver(device)[0],
        gpus=[torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
        cores=default_workers("cpu"),
        cores_of_machine=os.cpu_count(),
        workers=workers,
        threads=max(1, default_workers("cpu") // workers),
        precision=resolve_precision("auto", device),
        precision_trial=str(try_precisions(device)),
        energy=meter.sensor.source,
        energy_quality=meter.sensor.quality,
        energy_advice=ONE_WORKER if meter.sensor.quality == "measured" and workers > 1 else "",
        sensors=[try_sensor(*candidate) for candidate in _all_candidates(device)],
        memory=meter.memory.source,
        memory_resets=meter.memory.resettable,
        memory_remedy="" if meter.memory.resettable else NO_RESET,
        out=str(out),
        writable=not problem,
        out_problem=problem,
        free_bytes=free,
        data=data_access(data_root),
        python=platform.python_version(),
        packages=packages(),
    )


def _all_candidates(device: str) -> list[Candidate]:
    """Every sensor there is, those of the device first."""
    gpu = device if torch.device(device).type == GPU else GPU
    found = [*candidates(device), *nvidia_candidates(gpu), *amd_candidates(gpu), ("RAPL, CPU packages", Rapl)]
    return [*dict(found).items(), ("estimate from CPU seconds", CpuSecondsEstimate)]


def try_sensor(name: str, make: Callable[[], Sensor]) -> SensorFinding:
    """Whether a sensor can be read here, and whether its counter moves."""
    try:
        sensor = make()
    except OSError as error:
        return SensorFinding(name, False, reason=str(error), remedy=getattr(error, "remedy", ""))
    meter = Meter("cpu")
    meter.sensor = sensor
    meter.measure_idle()
    if sensor.quality == "measured" and meter.idle_watts is None:
        reason = f"the counter gave nothing in a moment of waiting: {meter.why_no_joules}"
        return SensorFinding(
            name, False, sensor.scope, reason=reason, remedy="a virtual machine may show a counter that never moves"
        )
    return SensorFinding(name, True, sensor.scope, sensor.shared, meter.idle_watts)


def _folder(out: Path) -> tuple[str, int | None]:
    """What keeps the folder, or the nearest one above it that exists, from being written (empty: nothing); free bytes."""
    nearest = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest) as probe:
            probe.write(bytes(65536))
        return "", shutil.disk_usage(nearest).free
    except OSError as error:
        return str(error), None
