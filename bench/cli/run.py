"""The main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.cli.console import print_wide

DEFAULT_SHOTS = "1,4,16"
DEFAULT_SEEDS = "1,2,3"


@click.command()
@click.option("--methods", default="all", show_default=True, help="Names, with parameters if wanted: coop[n_ctx=4],lora[r=8].")
@click.option(
    "--tasks",
    default="core",
    show_default=True,
    help="Names, core (four bundled ones), bundled (all seven), or your own: card:FILE, imagefolder:PATH, csv:PATH, ...",
)
@click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    envvar="BENCH_DATA",
    show_envvar=True,
    help="Folder of the public data sets, each in the layout that the field has on disk.",
)
@click.option("--shots", default=DEFAULT_SHOTS, show_default=True, help="Labelled examples per class; n=500 for 500 in all.")
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
    "--quick",
    is_flag=True,
    help="A smoke run: one seed, one task of each kind, few steps and test examples; marked in the records.",
)
@click.option("--dry-run", is_flag=True, help="Say what would run.")
def run(**options: Any) -> None:
    """Run a grid of methods, tasks, shots and seeds; what the store already holds isn't run again."""
    from bench import api
    from bench.grid import Request
    from bench.report import terminal_table
    from bench.report.escape import plain
    from bench.spec import parse_numbers, parse_shots
    from bench.worker import Settings
    from tasks.base import Sources

    source = click.get_current_context().get_parameter_source
    console = Console(stderr=True)
    device = api.resolve_device(options["device"])
    plugins = tuple(options["plugin"])
    registry = api.find_methods(plugins)
    for origin, reason in registry.broken.items():
        console.print(plain(f"plug-in {origin} left out: {reason}"), markup=False, style="yellow")

    def chosen(name: str, quick: str) -> str:
        given = source(name) is not click.core.ParameterSource.DEFAULT
        return quick if options["quick"] and not given else str(options[name])

    shots, counts = parse_shots(chosen("shots", ",".join(map(str, api.QUICK_SHOTS))))
    request = Request(
        methods=api.resolve_methods(options["methods"], registry),
        tasks=api.resolve_tasks(chosen("tasks", ",".join(api.QUICK_TASKS))),
        shots=shots,
        counts=counts,
        seeds=tuple(parse_numbers(chosen("seeds", "1"), "seeds", least=0)),
        backbone=options["backbone"],
        protocol=options["protocol"],
        precision=api.resolve_precision(options["precision"], device),
        recipe=options["recipe"],
        quick=options["quick"],
        sources=Sources(data_root=options["data_root"]),
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
                click.echo(f"{cell.info.label}\t{cell.info.task}\t{cell.info.size}\tseed {cell.info.seed}")

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
    print_wide(terminal_table(outcome.summary))
    console.print(f"leaderboard, page (index.html), tables and plots: {out}", markup=False, highlight=False)
    if outcome.failed:
        raise click.exceptions.Exit(1)
