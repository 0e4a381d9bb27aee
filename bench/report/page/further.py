"""What else a record says of its cell, in a few words: the drill-down shows it beside the main figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bench.report.numbers.frame import PHASES
from bench.report.text import display
from bench.text import plain

_DEVICE = [f"device_seconds_{phase}" for phase in PHASES]
_RESERVED = [f"memory_reserved_{phase}_bytes" for phase in PHASES]
# The columns of the frame that are used here; a frame may lack some.
FURTHER = (
    *("asked_steps", "run_steps", "rate_factor", "length_factor", "steps_per_second", "samples_per_second", "warmup_seconds"),
    *("seconds_bank", "seconds_fit", "seconds_predict", *_DEVICE, "memory_total_bytes", *_RESERVED),
    *("joules_total", "energy_quality", "energy_repeated_predict", "idle_watts", "chosen"),
)


def further(cell: Mapping[str, Any]) -> str:
    """One plain line; empty where nothing of it is known. Unknown figures are None in `cell`."""
    return "; ".join(_parts(cell))


def _parts(cell: Mapping[str, Any]) -> Iterator[str]:
    known = display.significant
    if cell["run_steps"]:
        speed = f" at {known(cell['steps_per_second'])} a second" if cell["steps_per_second"] else ""
        samples = f" ({known(cell['samples_per_second'])} samples)" if cell["samples_per_second"] else ""
        yield f"{cell['run_steps']:,} of {cell['asked_steps']:,} steps{speed}{samples}"
    if cell["rate_factor"] not in (None, 1):
        yield f"rates x {known(cell['rate_factor'])}"
    if cell["length_factor"] not in (None, 1):
        yield f"length x {known(cell['length_factor'])}"
    if cell["warmup_seconds"] is not None:
        yield f"warm-up {known(cell['warmup_seconds'])} s"
    seconds = [cell[f"seconds_{phase}"] for phase in PHASES]
    if None not in seconds:
        yield "bank {}, fit {}, predict {} s".format(*map(known, seconds))
    device = [cell[name] for name in _DEVICE if cell[name] is not None]
    if device:
        yield f"{known(sum(device))} s on the device"
    if cell["memory_total_bytes"] is not None:
        yield f"peak {display.mebibytes(cell['memory_total_bytes'])} MiB"
    reserved = [cell[name] for name in _RESERVED if cell[name] is not None]
    if reserved:
        yield f"{display.mebibytes(max(reserved))} MiB reserved"
    if cell["joules_total"] is not None:
        show = display.estimated if cell["energy_quality"] == "estimated" else known
        repeated = cell["energy_repeated_predict"]
        often = f" (predicting as the mean of {int(repeated)} runs)" if repeated else ""
        yield f"{show(cell['joules_total'])} J{often}"
    if cell["idle_watts"] is not None:
        yield f"{known(cell['idle_watts'])} W idle"
    if cell["chosen"]:
        yield "chosen " + ", ".join(plain(f"{name} = {value}") for name, value in json.loads(cell["chosen"]).items())
