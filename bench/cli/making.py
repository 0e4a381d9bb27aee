"""What is made from what is there: the report from records, the bundled backbone from drawn scenes."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.console import print_wide
from bench.errors import BenchError


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/local"), show_default=True)
@click.option(
    "--sort", default="score", show_default=True, help="Column that the tables are sorted by, as 'seconds', or a shot count."
)
def report(out: Path, sort: str) -> None:
    """Make leaderboard, page, tables and plots of a results folder again from its records."""
    from bench import api
    from bench.report import terminal_table

    print_wide(terminal_table(api.report(out, sort)))


@click.command()
@click.option(
    "--backbone",
    default="bundled",
    show_default=True,
    help="bundled, bundled-unaligned or bundled-unaligned-small, whose image tower saw no text and whose text tower no image.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("pretrained"), show_default=True, help="Folder for weights and curve."
)
@click.option("--device", default="auto", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--scenes", type=click.IntRange(2000), help="Scenes to draw; by default the recipe's.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over them; by default the recipe's.")
def pretrain(backbone: str, out: Path, device: str, seed: int, scenes: int | None, epochs: int | None) -> None:
    """Make a bundled backbone again; use the result as --backbone local-dir:OUT."""
    from dataclasses import replace

    from bench import api
    from bench.pretrain import recipe_of

    recipe, make, bars = recipe_of(backbone)
    recipe = replace(recipe, seed=seed, **{key: value for key, value in (("scenes", scenes), ("epochs", epochs)) if value})
    results = make(backbone, out, recipe, api.resolve_device(device), click.echo)
    below = [f"{name} {results[name]:.3f} < {bar}" for name, bar in bars.items() if results[name] < bar]
    if below:
        raise BenchError(f"quality bar missed: {', '.join(below)}: train for more epochs")
