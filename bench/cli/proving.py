"""Whether methods are what they claim to be."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.cli.console import JSON, PLUGIN, print_json, print_wide, tell_absent, tell_broken
from bench.cli.verbs_page import verbs_page


@click.command()
@PLUGIN
@JSON
def verify(plugin: tuple[Path, ...], as_json: bool) -> None:
    """Count what each method trains and compare it with what its source states; exit code 1 on any difference."""
    from bench.checks.verify import verify as count_all
    from bench.kinds import KINDS
    from bench.plan.registry import find_methods

    table = Table("method", "backbone", "kind", "classes", "shots", "ours", "stated", "source", "", title="trainable parameters")
    wrong, reasons, rows = 0, set(), list(count_all(find_methods(plugin)))
    if as_json:
        print_json([{"method": row.label, **asdict(row.stated), "ours": row.ours, "agrees": row.agrees} for row in rows])
        raise click.exceptions.Exit(int(not all(row.agrees for row in rows)))
    for row in rows:
        stated = row.stated
        sizes = (stated.backbone, stated.kind, str(stated.classes) if KINDS[stated.kind].has_classes else "-", str(stated.shots))
        counts = ("-" if row.ours is None else f"{row.ours:,}", f"{stated.trainable:,}")
        verdict = "not counted" if row.ours is None else "ok" if row.agrees else "differs"
        reasons |= {row.reason} - {""}
        wrong += not row.agrees
        table.add_row(*map(escape, (row.label, *sizes, *counts, stated.source, verdict)), style=None if row.agrees else "red")
    print_wide(table)
    for reason in sorted(reasons):
        click.echo(f"not counted: {reason}", err=True)
    if wrong:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("names", nargs=-1, required=True)
@PLUGIN
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the small task.")
@click.option("--backbone", default="bundled", show_default=True, help="As for run: ViT-B-32/random, too.")
def check(names: tuple[str, ...], plugin: tuple[Path, ...], seed: int, backbone: str) -> None:
    """Try what must hold for every method on NAMES, or all, on small drawn tasks; exit code 1 if anything fails."""
    from bench.api import resolve_methods
    from bench.backbone import load
    from bench.checks.conformance import conformance
    from bench.plan.registry import find_methods

    registry = find_methods(plugin)
    tell_broken(Console(stderr=True), registry.broken)
    wanted = resolve_methods(",".join(names), registry)
    tell_absent(Console(stderr=True), registry.absent)
    tried, failed = load(backbone), 0
    for named in wanted:
        with tempfile.TemporaryDirectory() as bank:
            for outcome in conformance(registry.build(named), tried, Path(bank), seed):
                failed += outcome.verdict == "failed"
                why = f": {outcome.reason}" if outcome.reason else ""
                click.echo(f"{named}\t{outcome.kind}\t{outcome.check}\t{outcome.verdict}{why}")
    click.echo(f"{failed} failed" if failed else "all hold")
    if failed:
        raise click.exceptions.Exit(1)


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("docs/methods.md"), show_default=True, help="The page to write."
)
@click.option(
    "--readme",
    type=click.Path(path_type=Path),
    default=Path("README.md"),
    show_default=True,
    help="Its leaderboard is made anew.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results/reference"),
    show_default=True,
    help="Folder with the records that give each method its place.",
)
@click.option(
    "--verbs", type=click.Path(path_type=Path), default=Path("docs/verbs.md"), show_default=True, help="The page on the verbs."
)
@click.option(
    "--picture", type=click.Path(path_type=Path), default=Path("docs/budgets.svg"), show_default=True, help="README's picture."
)
def docs(out: Path, readme: Path, results: Path, verbs: Path, picture: Path) -> None:
    """Write the pages that list methods and verbs, what README tells of methods and records, and its picture of costs."""
    from bench.checks.methods_page import methods_page
    from bench.checks.readme import draw_budgets, with_count, with_leaderboard
    from bench.plan.registry import find_methods
    from bench.report import summarise_records
    from bench.store.store import Store

    registry, summary = find_methods(), summarise_records(Store(results).latest().values())
    group = click.get_current_context().find_root().command
    assert isinstance(group, click.Group)
    texts = {out: methods_page(registry, summary), verbs: verbs_page(group)}
    if readme.is_file():
        texts[readme] = with_count(with_leaderboard(readme.read_text(encoding="utf-8"), summary), registry)
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        click.echo(f"{path}")
    picture.parent.mkdir(parents=True, exist_ok=True)
    draw_budgets(summary, picture)
    click.echo(f"{picture}")
