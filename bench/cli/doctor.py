"""What works on this machine."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.console import DATA_ROOT

if TYPE_CHECKING:
    from bench.checks.access import DataAccess
    from bench.checks.machine import Diagnosis, SensorFinding

INDENT = 12


@click.command()
@click.option("--device", default="auto", show_default=True, help="As of run: auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results/local"),
    show_default=True,
    help="The results folder; it need not exist.",
)
@DATA_ROOT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def doctor(device: str, out: Path, data_root: Path | None, as_json: bool) -> None:
    """Say what works on this machine, why the rest doesn't, and the remedy; changes nothing, exit code 0."""
    import msgspec

    from bench.checks.machine import diagnose

    found = diagnose(device, out, data_root)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    for heading, lines in _sections(found):
        for number, line in enumerate(lines):
            click.echo(f"{heading if number == 0 else '':<{INDENT}}{line}")


def _sections(found: Diagnosis) -> list[tuple[str, list[str]]]:
    folder = f"{found.out} can be written, {(found.free_bytes or 0) / 1e9:.1f} GB free"
    if not found.writable:
        folder = f"{found.out} can't be written ({found.out_problem}): choose another folder with --out"
    memory = (
        [f"{found.memory} (reset for each step)"] if found.memory_resets else [found.memory, f"remedy: {found.memory_remedy}"]
    )
    versions = ", ".join(f"{name} {version}" for name, version in {"python": found.python, **found.packages}.items())
    advice = [found.energy_advice] if found.energy_advice else []
    return [
        ("device", [f"{found.device_name} (--device {found.device})"]),
        ("GPUs", found.gpus or ["none that torch can use"]),
        ("cores", [f"{found.cores} of {found.cores_of_machine or 'an unknown number'} may be used"]),
        ("workers", [f"{found.workers} with {found.threads} torch {'thread' if found.threads == 1 else 'threads'} each"]),
        ("precision", [f"{found.precision} (--precision auto)", found.precision_trial]),
        ("results", [folder]),
        ("data", _data(found.data)),
        ("hub", _hub(found.data)),
        ("memory", memory),
        ("energy", [f"{found.energy} ({found.energy_quality})", *advice, *_sensors(found.sensors)]),
        ("versions", [versions]),
    ]


def _data(data: DataAccess) -> list[str]:
    """Where public data sets are read from, those that are whole, and what the others lack."""
    if data.problem:
        return [data.problem, f"remedy: {data.remedy}"]
    ready = f"{data.root}, ready in it: {', '.join(data.ready) or 'nothing'}"
    return [ready, *(f"- {name}: {lacking}" for name, lacking in data.incomplete.items())]


def _hub(data: DataAccess) -> list[str]:
    return [f"{data.hub} can be reached"] if not data.hub_problem else [data.hub_problem, f"remedy: {data.hub_remedy}"]


def _sensors(sensors: list[SensorFinding]) -> list[str]:
    """A line for each that works, and for those that don't for the same reason a line and the remedy."""
    lines, names = [], defaultdict(list)
    for one in sensors:
        if one.works:
            idle = "" if one.watts is None else f", {one.watts:.1f} W while idle"
            others = ", others are charged to it, too" if one.shared else ""
            lines.append(f"+ {one.name}: works, covers {one.scope}{others}{idle}")
        else:
            names[one.reason, one.remedy].append(one.name)
    for (reason, remedy), alike in names.items():
        lines += [f"- {'; '.join(alike)}: {reason}", *([f"  remedy: {remedy}"] if remedy else [])]
    return lines
