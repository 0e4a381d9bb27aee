"""One run against another."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table as Grid
from rich.text import Text

from bench.cli.console import print_wide

if TYPE_CHECKING:
    from bench.compare.changes import Change, ChangedRow, Level
    from bench.compare.verdict import Comparison

LISTED = 20  # lost scores and offending rows shown one by one; all of them are in --json
WIDTH = 200  # characters, so that no figure is broken in two


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path), required=False)
@click.option(
    "--methods",
    metavar="LABEL,LABEL",
    help="Two methods of run A, example by example: McNemar's test on each task, a paired bootstrap over tasks.",
)
@click.option(
    "--fail-if",
    "rules",
    multiple=True,
    metavar="METRIC:±NUMBER[%]",
    help="A change that is too much: accuracy:-1.0 (points; on retrieval the mean recall at 1), "
    "time:+20%, joules:+50 (J), memory:+10 (MiB), parameters:+0, "
    "or a metric of the records. May be given several times.",
)
@click.option(
    "--per",
    "level",
    type=click.Choice(["method", "task", "cell"]),
    default="method",
    show_default=True,
    help="What rules are held against: the mean change of each method, of each method on each task, or of each cell.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, with every cell that is in one run only.")
def compare(a: Path, b: Path | None, methods: str | None, rules: tuple[str, ...], level: Level, as_json: bool) -> None:
    """What changed from run A to run B, both results folders or files of records; or two methods of run A.

    Cells are paired by method, parameters, task, shots, seed, protocol, recipe, precision and backbone; intervals are those
    of paired differences. Exit code 1 if a rule is broken. A cell that had a score in A and has none in B breaks every rule
    on a score: it is in no mean, and leaving it out would hide the worst drop of all.
    """
    if (b is None) == (methods is None):
        raise click.UsageError("give two runs to compare, or one and --methods LABEL,LABEL")
    if methods is not None:
        _print_methods(a, methods, as_json)
        return
    assert b is not None
    from bench.compare import compare as compared
    from bench.compare.export import to_builtins

    found = compared(a, b, rules, level)
    if as_json:
        click.echo(json.dumps(to_builtins(found), indent=1, allow_nan=False))
    else:
        _print(found)
    if found.failed:
        raise click.exceptions.Exit(1)


def _print_methods(out: Path, text: str, as_json: bool) -> None:
    from dataclasses import asdict

    from bench.compare.two_methods import two_methods
    from bench.report.numbers import sizes
    from bench.report.text.display import p_value
    from bench.spec import parse_names
    from bench.text import plain

    labels = [str(name) for name in parse_names(text, "methods")]
    if len(labels) != 2:
        raise click.UsageError(f"--methods {text}: give two labels, as a leaderboard has them")
    found = two_methods(out, *labels)
    if as_json:
        click.echo(json.dumps([{**asdict(one), "shots": sizes.typed(one.shots)} for one in found], indent=1, allow_nan=False))
        return
    for one in found:
        title = f"{one.section.title}; {sizes.title(one.shots)}: A is {labels[0]}, B is {labels[1]}"
        grid = Grid(title=Text(plain(title)), title_justify="left", pad_edge=False)
        for header in ("task", "test examples", "seeds", "A", "B", "better for A", "better for B", "p (McNemar)"):
            grid.add_column(header, justify="left" if header == "task" else "right", no_wrap=True)
        for task in one.tasks:
            figures = (task.examples, len(task.seeds) or 1, f"{100 * task.a:.1f}", f"{100 * task.b:.1f}")
            row = (plain(task.task), *figures, task.only_a, task.only_b, p_value(task.p))
            grid.add_row(*(Text(str(cell)) for cell in row))
        print_wide(grid, WIDTH)
        low, high = (100 * end for end in one.interval)
        click.echo(
            f"A - B, mean over {len(one.tasks)} tasks: {100 * one.difference:+.1f} points, "
            f"[{low:+.1f}, {high:+.1f}] with other test examples (paired bootstrap, 95 %)"
        )


def _print(found: Comparison) -> None:
    for section, rows in groupby(found.rows, key=lambda row: row.section):
        print_wide(_table(section.title, list(rows), found.level), WIDTH)
    for line in _counts(found):
        click.echo(line)
    for line in _verdict(found):
        click.secho(line, fg="red" if found.failed else None)


def _table(title: str, rows: list[ChangedRow], level: Level) -> Grid:
    from bench.text import plain

    names = [name for name in ("time", "joules measured", "joules estimated", "memory") if any(name in r.changes for r in rows)]
    places = {"method": (), "task": ("task",), "cell": ("task", "size", "seed")}[level]
    table = Grid(title=Text(title), title_justify="left", pad_edge=False)
    table.add_column("method", no_wrap=True)
    for place in places:
        table.add_column("shots" if place == "size" else place, justify="left" if place == "task" else "right", no_wrap=True)
    titles = {"time": "seconds", "memory": "peak MiB"}
    for header in ("cells", "score", "change", "trained parameters", *(titles.get(name, name) for name in names)):
        table.add_column(header, justify="right")
    for row in rows:
        score = row.changes["score"]
        cells = [plain(row.label), *(plain(str(getattr(row, place))) for place in places), str(score.pairs)]
        cells += [f"{score.before:.1f} → {score.after:.1f}", _signed(score.change, score.half_width)]
        cells += [
            _cost(row.changes.get(name), score.pairs, "~" if name == "joules estimated" else "")
            for name in ("parameters", *names)
        ]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _signed(change: float, half_width: float | None) -> str:
    return f"{change:+.1f}" + ("" if half_width is None else f" ± {half_width:.1f}")


def _cost(change: Change | None, cells: int, mark: str = "") -> str:
    """Means in A and B and the change in percent of A's, with its interval; one number where nothing changed."""
    if change is None:
        return ""
    of = "" if change.pairs == cells else f" ({change.pairs} cells)"
    if change.change == 0 and not change.half_width:
        return f"{mark}{_number(change.before)}{of}"
    percent = ""
    if change.percent is not None:
        share = "" if change.half_width is None else f"±{100 * change.half_width / abs(change.before):.0f}"
        percent = f" {change.percent:+.0f}{share}%"
    return f"{mark}{_number(change.before)} → {mark}{_number(change.after)}{percent}{of}"


def _number(value: float) -> str:
    """Counts in full, anything else with three significant digits."""
    from bench.report.text.display import significant

    return f"{value:,.0f}" if value >= 100 and value == round(value) else significant(value)


def _counts(found: Comparison) -> list[str]:
    from bench.text import plain

    pairing = found.pairing
    scored = sum(pair.scored for pair in pairing.pairs)
    gained = sum(pair.gained for pair in pairing.pairs)
    lines = [
        f"{scored} cells compared; only in A {len(pairing.only_a)}, only in B {len(pairing.only_b)}, "
        f"not comparable {len(pairing.strangers)}, score lost {len(found.lost)}, gained {gained}, "
        f"without a score in either {len(pairing.pairs) - scored - len(found.lost) - gained}",
    ]
    for reason, count in Counter(strangers.reason for strangers in pairing.strangers).most_common(LISTED):
        lines.append(f"not comparable, {count} cells: {plain(reason, 300)}")
    if found.devices[0] != found.devices[1] and scored:
        names = [plain(", ".join(devices) or "unknown") for devices in found.devices]
        lines.append(f"A ran on {names[0]}, B on {names[1]}: seconds, joules and memory compare these machines, too")
    if any(change.half_width is not None for row in found.rows for change in row.changes.values()):
        lines.append(
            "± is half the 95 % interval of the mean paired difference; the cells of one task and seed count as one draw"
        )
    lines += [f"passed over: {plain(problem, 300)}" for problem in found.problems]
    return lines


def _verdict(found: Comparison) -> list[str]:
    from bench.compare.export import error_line
    from bench.text import plain

    lines = []
    for pair in found.lost[:LISTED]:
        cell, why = pair.b.cell, error_line(pair.b)
        what = "offends any rule on a score" if found.lost_offends else "score lost"
        where = f"{cell.label} on {cell.task}, {cell.size}, seed {cell.seed}"
        lines.append(plain(f"{what}: {where}: ok in A, {pair.b.status} in B{f' ({why})' if why else ''}", 300))
    if len(found.lost) > LISTED:
        lines.append(f"and {len(found.lost) - LISTED} more lost scores; --json lists them all")
    for offence in found.offences[:LISTED]:
        change = offence.change
        percent = "" if change.percent is None else f", {change.percent:+.1f} %"
        figure = f"{offence.figure} {_number(change.before)} → {_number(change.after)} {change.unit}".strip()
        lines.append(plain(f"offends {offence.rule}: {offence.row.where}: {figure} ({change.change:+.4g}{percent})", 300))
    if len(found.offences) > LISTED:
        lines.append(f"and {len(found.offences) - LISTED} more; --json lists them all")
    if found.rules and not found.failed:
        lines.append(f"no row offends {', '.join(map(str, found.rules))}")
    return lines
