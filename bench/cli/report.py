"""The report, made from records."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.console import JSON, print_wide


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/local"), show_default=True)
@click.option(
    "--sort",
    default="score",
    show_default=True,
    help="Column that the tables are sorted by, as 'seconds', a shot count, or a metric, as 'class_mean_accuracy'.",
)
@click.option("--columns", default="", help="Columns of leaderboard.tex by their names in the terminal: '16 shots,trained'.")
@click.option(
    "--plots",
    type=click.Choice(["svg", "png", "pdf"]),
    multiple=True,
    help="Plots in this format, too, beside SVG; may be given twice.",
)
@JSON
def report(out: Path, sort: str, columns: str, plots: tuple[str, ...], as_json: bool) -> None:
    """Make leaderboard, page, tables and plots of a results folder again from its records."""
    from bench.report import Choices
    from bench.report import report as make_again
    from bench.report.text.exports import leaderboard_json
    from bench.report.text.terminal import WIDTH, terminal_table

    names = tuple(name.strip() for name in columns.split(",") if name.strip())
    summary = make_again(out, Choices(sort, names, plots))
    if as_json:
        click.echo(leaderboard_json(summary))
    else:
        print_wide(terminal_table(summary), WIDTH)
