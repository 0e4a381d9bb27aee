"""Which method for one's own data."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.cli.console import DATA_ROOT, PLUGIN, tell_broken
from bench.forks import fork_from_here


@click.command()
@click.argument("source", metavar="TASK")
@click.option("--minutes", type=float, default=5.0, show_default=True, help="It ends within these.")
@click.option(
    "--shots",
    type=int,
    help="Labelled examples per class, drawn as run draws them with seed 1; all, or as many as the time allows.",
)
@click.option("--methods", default="all", show_default=True, help="Among which to choose, as for run.")
@click.option("--backbone", default="bundled", show_default=True, metavar="A,B", help="Among which to choose, as for run.")
@click.option("--max-memory", metavar="2GB", help="Most peak memory of fitting.")
@click.option("--max-parameters", metavar="1M", help="Most parameters that train.")
@click.option("--max-predict-ms", type=float, metavar="MS", help="Most milliseconds per image.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), default="auto", show_default=True)
@click.option("--recipe", default="tuned", show_default=True, metavar="tuned|paper|steps=N", help="As for run.")
@click.option("--workers", type=click.IntRange(1), help="Cells at a time; by default one per core, one for a GPU.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results/advice"),
    show_default=True,
    help="Folder of records, advice and adapter; what it holds already isn't run again.",
)
@click.option("--skip-bad-images", is_flag=True, help="Leave out images that can't be read, instead of failing.")
@DATA_ROOT
@PLUGIN
def advise(source: str, **options: Any) -> None:
    """Choose a method for TASK, say what it will score and cost, and keep it fitted.

    TASK is what run takes as --tasks: imagefolder:PATH, csv:FILE, card:FILE, hf:NAME, or a name. Only its labelled train
    examples are looked at, in folds.
    """
    begun = time.monotonic()
    if "torch" not in sys.modules:  # else who knows what ran
        fork_from_here("bench.api", "bench.cell.worker")
    from bench import api
    from bench.advise.limits import parse_limits
    from bench.advise.lines import told
    from bench.spec import parse_backbones
    from tasks.base import Sources
    from tasks.find import more_tasks

    console, plugins = Console(stderr=True), tuple(options["plugin"])
    sources = Sources(options["data_root"], plugins=plugins)
    asked = api.Asked(
        source=source,
        out=options["out"],
        minutes=options["minutes"],
        shots=options["shots"],
        methods=options["methods"],
        backbones=parse_backbones(options["backbone"]),
        limits=parse_limits(options["max_memory"], options["max_parameters"], options["max_predict_ms"]),
        device=options["device"],
        precision=options["precision"],
        recipe=options["recipe"],
        workers=options["workers"],
        sources=sources,
        plugins=plugins,
        skip_bad_images=options["skip_bad_images"],
        command=api.command_line(),
    )
    tell_broken(console, api.find_methods(plugins).broken, more_tasks(sources).broken)
    advice = api.advise(asked, console=console, begun=begun)
    for line in told(advice):
        click.echo(line)
    console.print(f"page (advice.html), advice.json, records: {asked.out}", markup=False, highlight=False)
