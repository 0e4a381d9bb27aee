"""What the verbs share in talking to people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.errors import BenchError

TABLE_WIDTH = 150
DATA_ROOT = click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    envvar="BENCH_DATA",
    show_envvar=True,
    help="Folder of the public data sets, each in the layout that the field has on disk.",
)
PLUGIN = click.option(
    "--plugin", type=click.Path(path_type=Path), multiple=True, help="A Python file with more methods or tasks."
)

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class OneLineErrors(click.Command):
    """A command that prints what the user must put right as one line and exits with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BenchError as error:
            from bench.text import plain

            click.echo(plain(f"error: {error}"), err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("stopped; the same command goes on with what is missing", err=True)
            ctx.exit(130)


def tell_broken(console: Console, *broken: Mapping[str, str]) -> None:
    """Say which plug-ins are left out and why, each reason once."""
    from bench.text import plain

    for origin, reason in dict.fromkeys(item for each in broken for item in each.items()):
        console.print(plain(f"plug-in {origin} left out: {reason}"), markup=False, style="yellow")


def tell_absent(console: Console, absent: Mapping[str, str]) -> None:
    """Say which methods `all` leaves out and why."""
    for name, reason in absent.items():
        console.print(f"method {name} left out: {reason}", markup=False, highlight=False, style="yellow")


def print_wide(table: Any, width: int = TABLE_WIDTH) -> None:
    """Print a table; where nobody looks at a screen, or at a narrow one, its lines are as long as they need be."""
    Console(width=max(Console().width, width)).print(table)


def print_json(found: Any) -> None:
    """Built-in types; numbers that aren't finite are none."""
    click.echo(json.dumps(found, indent=1, allow_nan=False, default=str))
