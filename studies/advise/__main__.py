"""`python -m studies.advise`: advise on tasks, and see what the best of all methods would have scored."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from bench import api
from bench.cli.console import OneLineErrors
from bench.plan.resolve import resolve_tasks
from bench.spec import parse_numbers
from bench.store.store import Store
from studies.advise.compare import row, table


@click.command(cls=OneLineErrors)
@click.option("--tasks", default="bundled", show_default=True)
@click.option("--shots", default="4,16", show_default=True)
@click.option("--minutes", type=float, default=2.0, show_default=True, help="For each advice.")
@click.option("--methods", default="all", show_default=True)
@click.option("--results", type=click.Path(path_type=Path), required=True, help="A run of the same, seed 1.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/advice-study"), show_default=True)
def main(tasks: str, shots: str, minutes: float, methods: str, results: Path, out: Path) -> None:
    """Each task and size of support in turn; the table says how far the advised method is behind the best."""
    records = list(Store(results).latest().values())
    rows = []
    for name in resolve_tasks(tasks):
        for count in parse_numbers(shots, "shots"):
            folder = out / f"{name.replace(':', '-').replace('/', '-')}-{count}"
            asked = api.Asked(name, folder, minutes, count, methods, command="python -m studies.advise")
            rows.append(row(api.advise(asked, console=Console(stderr=True)), count, records))
    for line in table(rows):
        click.echo(line)


if __name__ == "__main__":
    main()
