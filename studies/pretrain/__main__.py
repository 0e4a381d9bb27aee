"""`python -m studies.pretrain`: make a bundled backbone again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from bench import api
from bench.cli.console import OneLineErrors
from bench.errors import BenchError
from studies.pretrain import pretraining_of


@click.command(cls=OneLineErrors)
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
def main(backbone: str, out: Path, device: str, seed: int, scenes: int | None, epochs: int | None) -> None:
    """Make a bundled backbone again; use the result as --backbone local-dir:OUT."""
    asked, make, bars = pretraining_of(backbone)
    asked = replace(asked, seed=seed, **{key: value for key, value in (("scenes", scenes), ("epochs", epochs)) if value})
    results = make(backbone, out, asked, api.resolve_device(device), click.echo)
    below = [f"{name} {results[name]:.3f} < {bar}" for name, bar in bars.items() if results[name] < bar]
    if below:
        raise BenchError(f"quality bar missed: {', '.join(below)}: train for more epochs")


if __name__ == "__main__":
    main()
