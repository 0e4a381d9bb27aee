"""Looking after results folders."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bench.cli.console import JSON, PLUGIN, print_json, print_wide

if TYPE_CHECKING:
    from bench.upkeep.status import Holding, Tally

LISTED = 20  # failures and differences shown one by one

FOLDER = click.argument("out", type=click.Path(path_type=Path))


@click.command()
@FOLDER
@PLUGIN
@click.option("--fail", is_flag=True, help="Exit code 1 if there are failed cells.")
@click.option("--watch", is_flag=True, help="Say what a run on OUT is at, whenever that changes, until it ends.")
@JSON
def status(out: Path, plugin: tuple[Path, ...], fail: bool, watch: bool, as_json: bool) -> None:
    """What the results folder OUT holds: cells by method and task, failures by error, what can't be read."""
    from bench import api
    from bench.executors.progress import PROGRESS
    from bench.text import plain
    from bench.upkeep.status import told_progress

    if watch:
        for line in told_progress(out / PROGRESS):
            _say(line)
    found = api.status(out, plugin)
    if as_json:
        print_json(found.as_data())
        if fail and found.total.failed:
            raise click.exceptions.Exit(1)
        return
    print_wide(_grid(found))
    for line in _summary(found):
        _say(line)
    for group in found.failures[:LISTED]:
        places = Counter(f"{label} on {task}" for label, task in group.cells).most_common()
        where = ", ".join(f"{place} ({count})" for place, count in places[:3]) + (", ..." if len(places) > 3 else "")
        why = f" while in {group.phase}: {group.type}: {plain(group.message, 200)}" if group.type else ""
        _say(f"{len(group.cells)} x {group.status}{why}; {where}")
    if len(found.failures) > LISTED:
        _say(f"and {len(found.failures) - LISTED} more kinds of failure: see cells.csv")
    for problem in found.problems:
        _say(f"can't be read: {problem}")
    if fail and found.total.failed:
        raise click.exceptions.Exit(1)


@click.command()
@FOLDER
@click.argument("sources", metavar="FROM...", type=click.Path(path_type=Path), nargs=-1, required=True)
def merge(out: Path, sources: tuple[Path, ...]) -> None:
    """Copy the records and artifacts of the results folders FROM into OUT; nothing that is there is overwritten."""
    from bench.upkeep.merge import merge as merged
    from bench.upkeep.merge import several_data

    for copied in merged(out, sources):
        parts = [f"{copied.records} records and {copied.artifacts} files copied"]
        parts += [f"{copied.known} records were there already"] if copied.known else []
        parts += [f"{copied.missing_artifacts} files that records name are not in the source"] if copied.missing_artifacts else []
        _say(f"{copied.source}: {', '.join(parts)}")
        for problem in copied.passed_over:
            _say(f"kept out: {problem}")
    for task, count in several_data(out).items():
        _say(f"{task}: records of {count} different data of that name, and tables show the newest only: give one another name")
    _say(f"to make leaderboard, tables and plots: python -m bench report --out {out}")


@click.command()
@FOLDER
@click.option("--write", is_flag=True, help="Append corrected records; those that differ stay, but no longer count.")
def rescore(out: Path, write: bool) -> None:
    """Compute the metrics of each record in OUT again from its saved predictions and say which differ.

    Exit code 1 if any record that counts differs and was not corrected, or if predictions are damaged.
    """
    from bench.upkeep.rescore import rescore as rescored

    found = rescored(out, write)
    for difference in found.different[:LISTED]:
        cell = difference.record.cell
        values = (
            f"{name} {'not recorded' if before is None else f'{before:.9g}'} → {after:.9g}"
            for name, (before, after) in difference.metrics.items()
        )
        overtaken = "" if difference.counts else " (overtaken by another record, left as it is)"
        where = f"{cell.label} on {cell.task}, {cell.size}, seed {cell.seed}"
        _say(f"{difference.record.record_id}, {where}: {', '.join(values)}{overtaken}")
    if len(found.different) > LISTED:
        _say(f"and {len(found.different) - LISTED} more")
    for problem in found.unreadable:
        _say(problem)
    for problem in found.problems:
        _say(f"passed over: {problem}")
    counting = sum(difference.counts for difference in found.different)
    _say(
        f"{found.agree} records agree with their predictions, {len(found.different)} differ, "
        f"{len(found.unreadable)} have damaged predictions, {found.missing} have none"
    )
    if found.written:
        _say(f"{found.written} corrected records written; python -m bench report --out {out} makes the tables again")
    elif counting:
        _say("--write appends corrected records")
    if found.unreadable or counting > found.written:
        raise click.exceptions.Exit(1)


@click.command()
@FOLDER
@click.option("--yes", is_flag=True, help="Remove it.")
def clean(out: Path, yes: bool) -> None:
    """Say what OUT could do without: the bank, artifacts that no record that counts refers to, unfinished files.

    Records are never removed. Not while a run is writing to OUT.
    """
    from bench.upkeep.clean import clean as cleaned

    found = cleaned(out, yes)
    for part in found.found:
        if part.files:
            _say(f"{part.what}: {part.files} files, {part.size:,} bytes")
    if found.young:
        _say(f"{found.young} further files are less than an hour old and are left, as a run may be about to record them")
    if not found.size:
        _say("nothing to remove")
    elif yes:
        _say(f"removed {found.size:,} bytes")
    else:
        _say(f"{found.size:,} bytes could go; --yes removes them")


def _grid(found: Holding) -> Table:
    from bench.text import plain

    tasks = sorted({task for _, task in found.places})
    table = Table("method", *(escape(plain(task)) for task in tasks), title="cells", title_justify="left", pad_edge=False)
    for label in sorted({label for label, _ in found.places}):
        tallies = (found.places.get((label, task)) for task in tasks)
        table.add_row(Text(plain(label)), *(Text("" if tally is None else _cell(tally)) for tally in tallies))
    return table


def _cell(tally: Tally) -> str:
    parts = ((tally.ok, "ok"), (tally.failed, "failed"), (tally.not_applicable, "n/a"))
    return ", ".join(f"{count} {what}" for count, what in parts if count) + ("*" if tally.older else "")


def _summary(found: Holding) -> list[str]:
    total = found.total
    lines = [f"{total.ok} cells ok, {total.failed} failed, {total.not_applicable} not applicable; last record {found.last}"]
    if found.overtaken:
        lines.append(f"{found.overtaken} of {found.records} records are overtaken by others of their cell")
    if total.older:
        lines.append(f"* the code of the method has changed since for {total.older} cells: the same run command makes them again")
    if found.unknown:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(found.unknown.items()))
        lines.append(f"methods that are not known here, cells in brackets: {names}; --plugin FILE makes them known")
    return lines


def _say(text: str) -> None:
    """One line, whatever records brought into it."""
    from bench.text import plain

    click.echo(plain(text))
