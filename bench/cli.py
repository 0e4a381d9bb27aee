"""The command line; thin over `bench.api`.

Exit codes: 0 all cells ok or not applicable, 1 some failed, 2 something that the user must put right,
130 stopped by Ctrl-C (the same command goes on with what is missing).
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import __version__
from bench.errors import BenchError

DEFAULT_SHOTS = "1,4,16"
DEFAULT_SEEDS = "1,2,3"
TABLE_WIDTH = 150


class Verbs(click.Group):
    """Prints what the user must put right as one line and exits with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BenchError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("stopped; the same command goes on with what is missing", err=True)
            ctx.exit(130)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Compare parameter-efficient ways of adapting CLIP-like models."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # the libraries' warnings say nothing to the user of a command


@main.command()
@click.option("--methods", default="all", show_default=True, help="Names, with parameters if wanted: coop[n_ctx=4],lora[r=8].")
@click.option("--tasks", default="all", show_default=True, help="Names, imagefolder:PATH, or all bundled ones.")
@click.option("--shots", default=DEFAULT_SHOTS, show_default=True, help="Labelled examples per class.")
@click.option("--seeds", default=DEFAULT_SEEDS, show_default=True, help="One support set each.")
@click.option(
    "--backbone",
    default="bundled",
    show_default=True,
    help="bundled, MODEL/PRETRAINED of open_clip, MODEL/random, local-dir:PATH.",
)
@click.option(
    "--protocol",
    type=click.Choice(["fixed", "val"]),
    default="fixed",
    show_default=True,
    help="val chooses hyper-parameters on a validation set.",
)
@click.option(
    "--recipe",
    type=click.Choice(["capped", "paper"]),
    default="capped",
    show_default=True,
    help="paper lifts the step budgets of bundled tasks.",
)
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), default="auto", show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--workers", type=click.IntRange(1), help="Processes; by default one per core, or one for a GPU.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds that a cell may take.")
@click.option(
    "--resume",
    type=click.Choice(["missing", "failed", "always", "never"]),
    default="missing",
    show_default=True,
    help="Which cells of the store run again.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results/local"),
    show_default=True,
    help="Folder of records and report.",
)
@click.option("--bank", type=click.Path(path_type=Path), help="Folder of banked activations; by default OUT/bank.")
@click.option("--plugin", type=click.Path(path_type=Path), multiple=True, help="A Python file with more methods.")
@click.option("--skip-bad-images", is_flag=True, help="Leave out images that can't be decoded, and count them.")
@click.option("--save-weights", is_flag=True, help="Keep what each cell trained, as safetensors.")
@click.option(
    "--quick", is_flag=True, help="A smoke run: one seed, one task of each kind, few test examples; marked in the records."
)
@click.option("--dry-run", is_flag=True, help="Say what would run.")
def run(**options: Any) -> None:
    """Run a grid of methods, tasks, shots and seeds; what the store already holds isn't run again."""
    from bench import api
    from bench.grid import Request
    from bench.report import terminal_table
    from bench.spec import parse_numbers
    from bench.worker import Settings

    source = click.get_current_context().get_parameter_source
    console = Console(stderr=True)
    device = api.resolve_device(options["device"])
    plugins = tuple(options["plugin"])
    registry = api.find_methods(plugins)
    for origin, reason in registry.broken.items():
        console.print(f"plug-in {origin} left out: {reason}", markup=False, style="yellow")

    def chosen(name: str, quick: str) -> str:
        given = source(name) is not click.core.ParameterSource.DEFAULT
        return quick if options["quick"] and not given else str(options[name])

    request = Request(
        methods=api.resolve_methods(options["methods"], registry),
        tasks=api.resolve_tasks(chosen("tasks", ",".join(api.QUICK_TASKS))),
        shots=tuple(parse_numbers(chosen("shots", ",".join(map(str, api.QUICK_SHOTS))), "shots")),
        seeds=tuple(parse_numbers(chosen("seeds", "1"), "seeds", least=0)),
        backbone=options["backbone"],
        protocol=options["protocol"],
        precision=api.resolve_precision(options["precision"], device),
        recipe=options["recipe"],
        quick=options["quick"],
    )
    workers = options["workers"] or api.default_workers(device)
    out: Path = options["out"]
    settings = Settings(
        out=out,
        bank=options["bank"] or out / "bank",
        device=device,
        threads=max(1, api.default_workers("cpu") // workers),
        command=api.command_line(),
        plugins=plugins,
        skip_bad_images=options["skip_bad_images"],
        save_weights=options["save_weights"],
        flags={"workers": workers, "timeout_s": options["timeout"]},
    )

    def announce(plan: Any) -> None:
        known = f", {plan.done} already in {out}" if plan.done else ""
        again = f" ({plan.failed_before} failed before: --resume failed runs them again)" if plan.failed_before else ""
        skipped = f", {len(plan.not_applicable)} not applicable" if plan.not_applicable else ""
        console.print(
            f"{len(plan.run)} cells to run with {workers} workers on {device}, {request.precision}{skipped}{known}{again}",
            markup=False,
            highlight=False,
        )
        if options["dry_run"]:
            for cell in plan.run:
                click.echo(f"{cell.info.label}\t{cell.info.task}\t{cell.info.shots} shots\tseed {cell.info.seed}")

    outcome = api.run(
        request,
        settings,
        workers=workers,
        timeout_s=options["timeout"],
        resume=options["resume"],
        dry_run=options["dry_run"],
        console=console,
        announce=announce,
    )
    if outcome.summary is None:
        return
    _print_wide(terminal_table(outcome.summary))
    console.print(f"leaderboard, tables and plots: {out}", markup=False, highlight=False)
    if outcome.failed:
        raise click.exceptions.Exit(1)


def _print_wide(table: Any) -> None:
    """Print a table; where nobody looks at a screen, or at a narrow one, its lines are as long as they need be."""
    Console(width=max(Console().width, TABLE_WIDTH)).print(table)


@main.command("list")
@click.argument("what", type=click.Choice(["methods", "tasks", "backbones"]))
@click.option("--plugin", type=click.Path(path_type=Path), multiple=True, help="A Python file with more methods.")
def list_(what: str, plugin: tuple[Path, ...]) -> None:
    """List methods, tasks or backbones."""
    if what == "methods":
        _print_wide(_methods_table(plugin))
    elif what == "tasks":
        _print_wide(_tasks_table())
    else:
        import open_clip

        for name in ["bundled", *(f"{model}/{tag}" for model, tag in open_clip.list_pretrained())]:
            click.echo(name)


def _methods_table(plugin: tuple[Path, ...]) -> Table:
    from bench.registry import find_methods, parameter_fields

    registry = find_methods(plugin)
    table = Table("method", "family", "kinds", "parameters", "paper", title="methods")
    for name, method in sorted(registry.methods.items(), key=lambda item: (item[1].family, item[0])):
        parameters = ", ".join(f"{key}={value}" for key, value in parameter_fields(method).items())
        kinds = ", ".join(sorted(method.kinds))
        table.add_row(*map(escape, (name, method.family, kinds, parameters, f"{method.paper.title} ({method.paper.venue})")))
    for origin, reason in registry.broken.items():
        table.add_row(escape(origin), "broken plug-in", "", "", escape(reason), style="red")
    return table


def _tasks_table() -> Table:
    from tasks.bundled import TASKS

    table = Table("task", "kind", "classes", "test", "template", "licence", "source", title="tasks (and imagefolder:PATH)")
    for task in TASKS:
        template = task.candidate or (task.templates[0] if task.kind == "classification" else "")
        cells = (
            task.name,
            task.kind,
            str(len(task.class_names) or "-"),
            str(len(task.test)),
            template,
            task.licence,
            task.origin,
        )
        table.add_row(*map(escape, cells))
    return table


@main.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/local"), show_default=True)
def report(out: Path) -> None:
    """Make leaderboard, tables and plots of a results folder again from its records."""
    from bench import api
    from bench.report import terminal_table

    _print_wide(terminal_table(api.report(out)))


@main.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("pretrained"), show_default=True, help="Folder for weights and curve."
)
@click.option("--device", default="auto", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--scenes", type=click.IntRange(2000), help="Scenes to draw; by default the recipe's.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over them; by default the recipe's.")
def pretrain(out: Path, device: str, seed: int, scenes: int | None, epochs: int | None) -> None:
    """Make the bundled backbone again; use the result as --backbone local-dir:OUT."""
    from dataclasses import replace

    from bench import api
    from bench.pretrain.quality import BARS
    from bench.pretrain.train import Recipe
    from bench.pretrain.train import pretrain as make

    recipe = replace(Recipe(seed=seed), **{key: value for key, value in (("scenes", scenes), ("epochs", epochs)) if value})
    results = make(out, recipe, api.resolve_device(device), click.echo)
    below = [f"{name} {value:.3f} < {BARS[name]}" for name, value in results.items() if value < BARS[name]]
    if below:
        raise BenchError(f"quality bar missed: {', '.join(below)}: train for more epochs")
