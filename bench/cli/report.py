"""The report, made from records."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.console import print_wide


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/local"), show_default=True)
@click.option(
    "--sort", default="score", show_default=True, help="Column that the tables are sorted by, as 'seconds', or a shot count."
)
def report(out: Path, sort: str) -> None:
    """Make leaderboard, page, tables and plots of a results folder again from its records."""
    from bench.report import report as make_again
    from bench.report.text.terminal import WIDTH, terminal_table

    print_wide(terminal_table(make_again(out, sort)), WIDTH)
