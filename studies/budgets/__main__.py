"""`python -m studies.budgets rates|arrived|page`: choose rates and lengths, see whether methods arrive, write the tables."""

from __future__ import annotations

import click

from bench.backbone import load
from bench.cli.console import OneLineErrors
from bench.plan.registry import Registry, find_methods
from bench.plan.resolve import resolve_methods, resolve_precision
from studies.budgets.data import PAGE, keep, page
from studies.budgets.trials import Arrival, Found, Job, in_processes
from tasks.development import TASKS

METHODS = click.option("--methods", default="all", show_default=True)
BACKBONE = click.option("--backbone", default="bundled", show_default=True)
WORKERS = click.option("--workers", default=2, show_default=True, help="Processes of one thread each.")


@click.group()
def main() -> None:
    """The bundled budget: what is chosen for it on development tasks, and whether methods have arrived under it."""


@main.command(cls=OneLineErrors)
@METHODS
@BACKBONE
@WORKERS
@click.option("--kinds", default="classification,pair,retrieval", show_default=True)
def rates(methods: str, backbone: str, workers: int, kinds: str) -> None:
    """Choose each method's rate and length, and keep them where recipes read them; takes an hour or more."""
    fingerprint, precision = load(backbone).fingerprint, resolve_precision("auto", "cpu")
    registry = find_methods()
    jobs = [
        (Job(name, kind, backbone, precision),)
        for name in _slow_first(methods, registry)
        for kind in kinds.split(",")
        if kind in registry.methods[name].kinds and any(task.kind == kind for task in TASKS)
    ]
    found: Found
    for found in in_processes("find", jobs, workers):
        keep(fingerprint, backbone, [found])
        tried = ", ".join(f"{point.rate:g} x {point.length:g}: {point.score:.3f}" for point in found.tried)
        click.echo(f"{found.job.method} {found.job.kind}: {found.taken.rate:g} x {found.taken.length:g} of {tried}")


@main.command(cls=OneLineErrors)
@METHODS
@BACKBONE
@WORKERS
@click.option("--seeds", default="1", show_default=True)
def arrived(methods: str, backbone: str, workers: int, seeds: str) -> None:
    """Run every method at 16 shots under the budget and with four times the steps."""
    fingerprint, precision = load(backbone).fingerprint, resolve_precision("auto", "cpu")
    numbers = tuple(map(int, seeds.split(",")))
    one: Arrival
    for one in in_processes(
        "arrive", [(name, numbers, backbone, precision) for name in _slow_first(methods, find_methods())], workers
    ):
        keep(fingerprint, backbone, arrivals=[one])
        click.echo(f"{one.method}: {one.budget:.3f}, with four times the steps {one.longer:.3f}")


@main.command(name="page")
def write_page() -> None:
    """Write the tables of docs/budgets.md."""
    PAGE.write_text(page())


def _slow_first(methods: str, registry: Registry) -> list[str]:
    """Their names, so that no process waits at the end for one that trains long."""
    order = ("full", "inside the encoder", "prompt", "head", "zero-shot")
    return sorted(
        dict.fromkeys(named.name for named in resolve_methods(methods, registry)),
        key=lambda name: order.index(registry.methods[name].family),
    )


if __name__ == "__main__":
    main()
