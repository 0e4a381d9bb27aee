"""The main job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.cli.config import read_config
from bench.cli.console import DATA_ROOT, PLUGIN, print_wide, tell_absent, tell_broken
from bench.forks import fork_from_here

DEFAULT_SHOTS = "1,4,16"
DEFAULT_SEEDS = "1,2,3"


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    callback=read_config,
    help="A TOML file of the options below by their names, as in shots = [1, 4]; what is typed goes before it.",
)
@click.option(
    "--methods",
    default="all",
    show_default=True,
    help="Names or groups, with parameters if wanted: coop[n_ctx=4],lora; all,-cocoop.",
)
@click.option(
    "--tasks",
    default="core",
    show_default=True,
    help="Names (see list tasks), core (four bundled ones), bundled (all seven), or your own: card:FILE, imagefolder:PATH, ...",
)
@DATA_ROOT
@click.option(
    "--other-counts",
    is_flag=True,
    help="Take data sets of other counts than the catalogue's, in tables of their own.",
)
@click.option(
    "--support",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of CoOp's published few-shot index files, instead of supports that are drawn here.",
)
@click.option("--shots", default=DEFAULT_SHOTS, show_default=True, help="Labelled examples per class; n=500 for 500 in all; all.")
@click.option("--seeds", default=DEFAULT_SEEDS, show_default=True, help="One support set each.")
@click.option(
    "--suite",
    metavar="NAME|FILE.toml",
    help="A table that the field reads (see list suites): tasks, shots, backbone and more, where no option says otherwise.",
)
@click.option(
    "--evaluate",
    default="none",
    show_default=True,
    metavar="new-classes,corruptions,forgetting,task:NAME",
    help="What the fitted models are scored on besides: the half of the classes that they haven't seen, their test images "
    "corrupted, the other classifications of the run, or a task by name.",
)
@click.option(
    "--backbone",
    default="bundled",
    show_default=True,
    help="bundled, bundled-unaligned, MODEL/PRETRAINED, MODEL/FILE, MODEL/random, local-dir:PATH, hf-hub:NAME, align(...).",
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
    default="tuned",
    show_default=True,
    metavar="tuned|paper|steps=N[,batch=N,...]",
    help="paper: as published, also on bundled tasks; steps=N: that, in at most N steps. rate=X and length=X multiply; batch=N; "
    "on retrieval chunk=N pairs in memory at a time, negatives=N (or local) to tell apart; lr=X of an alignment.",
)
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), default="auto", show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps; ray, slurm: auto, cpu, cuda.")
@click.option(
    "--executor",
    type=click.Choice(["local", "ray", "slurm"]),
    default="local",
    show_default=True,
    help="Where cells run: docs/cluster.md has a page for each.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Cells at a time; by default one per core, one for a GPU, or what a cluster has room for.",
)
@click.option(
    "--cpus", type=click.IntRange(1), help="Cores of each worker; by default a share of this machine's, 1 in a cluster."
)
@click.option("--gpus", help="local: GPUs of this machine, as in 0,1; each worker sees one.")
@click.option("--per-gpu", type=click.IntRange(1), help="local and ray: workers that share a GPU.")
@click.option("--address", help="ray: HOST:PORT of the cluster, or auto, the default.")
@click.option("--slurm", multiple=True, metavar="KEY=VALUE", help="slurm: an option of sbatch, as in partition=gpu.")
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
@PLUGIN
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
    if options["executor"] == "local" and not options["dry_run"] and "torch" not in sys.modules:  # else who knows what ran
        fork_from_here("bench.api", "bench.cell.worker")
    from bench import api
    from bench.executors import Placement
    from bench.plan.budget import parse_recipe
    from bench.plan.evaluation import parse_evaluation
    from bench.plan.grid import Request
    from bench.plan.settings import Settings
    from bench.plan.suites import check_data, load_suite
    from bench.report.text.terminal import WIDTH, terminal_table
    from bench.spec import parse_numbers, parse_shots
    from bench.text import plain
    from tasks.base import Sources
    from tasks.catalog import ENTRIES
    from tasks.find import more_tasks

    source = click.get_current_context().get_parameter_source
    console = Console(stderr=True)
    device = api.resolve_device(options["device"], options["executor"])
    plugins = tuple(options["plugin"])
    registry = api.find_methods(plugins)
    sources = Sources(options["data_root"], options["support"], options["other_counts"], plugins)
    tell_broken(console, registry.broken, more_tasks(sources).broken)

    suite = None if options["suite"] is None else load_suite(options["suite"])

    def given(name: str) -> bool:
        return source(name) is not click.core.ParameterSource.DEFAULT

    def chosen(name: str, quick: str | None = None) -> str:
        """What was typed, else what the suite says, else the default; in a quick run `quick` is the default."""
        if given(name) or (suite is None and quick is None):
            return str(options[name])
        if suite is not None and (quick is None or not options["quick"]):
            return suite.option(name)
        return quick if quick is not None and options["quick"] else str(options[name])

    if suite is not None and not given("tasks") and not given("evaluate"):
        check_data(options["suite"], suite, sources)
    shots, counts = parse_shots(chosen("shots", ",".join(map(str, api.QUICK_SHOTS))))
    request = Request(
        methods=api.resolve_methods(chosen("methods"), registry),
        tasks=api.resolve_tasks(chosen("tasks", None if suite else "quick")),
        shots=shots,
        counts=counts,
        evaluation=parse_evaluation(chosen("evaluate")),
        seeds=tuple(parse_numbers(chosen("seeds", "1"), "seeds", least=0)),
        backbone=chosen("backbone"),
        protocol=chosen("protocol"),  # type: ignore[arg-type]
        precision=api.resolve_precision(options["precision"], device),
        recipe=str(parse_recipe(chosen("recipe"))),
        quick=options["quick"],
        sources=sources,
    )
    tell_absent(console, registry.absent)
    placement = Placement(
        executor=options["executor"],
        workers=options["workers"],
        timeout_s=options["timeout"],
        cpus=options["cpus"],
        gpus=tuple(parse_numbers(options["gpus"], "gpus", least=0)) if options["gpus"] else (),
        per_gpu=options["per_gpu"],
        address=options["address"],
        slurm=options["slurm"],
    )
    out: Path = options["out"]
    settings = Settings(
        out=out,
        bank=options["bank"] or out / "bank",
        device=device,
        products=api.resolve_products(device, options["executor"]),
        command=api.command_line(),
        plugins=plugins,
        skip_bad_images=options["skip_bad_images"],
        save_weights=options["save_weights"],
    )

    def announce(plan: Any, executor: Any) -> None:
        known = f", {plan.done} already in {out}" if plan.done else ""
        again = f" ({plan.failed_before} failed before: --resume failed runs them again)" if plan.failed_before else ""
        skipped = f", {len(plan.not_applicable)} not applicable" if plan.not_applicable else ""
        console.print(
            f"{len(plan.run)} cells to run with {executor.description}, {request.precision}{skipped}{known}{again}",
            markup=False,
            highlight=False,
        )
        for name in request.tasks:
            if name in ENTRIES:
                console.print(f"{name}: {ENTRIES[name].state(request.sources)}", markup=False, highlight=False)
        for line in plan.told:
            console.print(plain(line), markup=False, highlight=False, style="yellow", soft_wrap=True)
        if options["dry_run"]:
            for cell in plan.run:
                click.echo(f"{cell.info.label}\t{cell.info.task}\t{cell.info.size}\tseed {cell.info.seed}")

    outcome = api.run(
        request,
        settings,
        placement=placement,
        resume=options["resume"],
        dry_run=options["dry_run"],
        console=console,
        announce=announce,
    )
    if outcome.summary is not None:
        print_wide(terminal_table(outcome.summary), WIDTH)
        console.print(f"leaderboard, page (index.html), tables and plots: {out}", markup=False, highlight=False)
    if outcome.stopped:
        click.echo("stopped; the same command goes on with what is missing", err=True)
        raise click.exceptions.Exit(128 + outcome.stopped)
    if outcome.failed:
        raise click.exceptions.Exit(1)
