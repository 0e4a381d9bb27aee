"""What there is."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from bench.cli.console import PLUGIN, print_wide


@click.command("list")
@click.argument("what", type=click.Choice(["methods", "tasks", "backbones"]))
@PLUGIN
def list_(what: str, plugin: tuple[Path, ...]) -> None:
    """List methods, tasks or backbones."""
    if what == "methods":
        print_wide(_methods_table(plugin))
    elif what == "tasks":
        print_wide(_tasks_table())
    else:
        import open_clip

        for name in ["bundled", *(f"{model}/{tag}" for model, tag in open_clip.list_pretrained())]:
            click.echo(name)


def _methods_table(plugin: tuple[Path, ...]) -> Table:
    from bench.registry import find_methods, parameter_fields
    from bench.report.escape import plain

    registry = find_methods(plugin)
    table = Table("method", "family", "kinds", "parameters", "paper", title="methods")
    for name, method in sorted(registry.methods.items(), key=lambda item: (item[1].family, item[0])):
        parameters = ", ".join(f"{key}={value}" for key, value in parameter_fields(method).items())
        kinds = ", ".join(sorted(method.kinds))
        table.add_row(*map(escape, (name, method.family, kinds, parameters, f"{method.paper.title} ({method.paper.venue})")))
    for origin, reason in registry.broken.items():
        table.add_row(escape(plain(origin)), "broken plug-in", "", "", escape(plain(reason)), style="red")
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
