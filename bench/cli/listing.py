"""What there is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Column, Table

from bench.cli.console import DATA_ROOT, JSON, PLUGIN, TABLE_WIDTH, print_json, print_wide, tell_broken

if TYPE_CHECKING:
    from tasks.base import SplitName

NARROW = 120  # columns of the screen, below which these stand under a task's name
UNDER = ("kind", "licence", "state")

OTHER_BACKBONES = """\
MODEL/FILE                    one of the models above with a checkpoint of yours: OpenAI's, open_clip's or safetensors
MODEL/random                  one of them with random weights, marked in every table
local-dir:FOLDER              a folder in open_clip's own layout
hf-hub:OWNER/NAME             the same, from the Hugging Face hub
align(image=timm/NAME, text=hf/NAME, dim=256)
                              two towers that never met; image: timm/NAME:FILE or timm/NAME/random, too; text: hf/FOLDER or
                              minilm, too; docs/backbones.md says more"""


@click.command("list")
@click.argument("what", type=click.Choice(["methods", "tasks", "backbones", "suites"]))
@DATA_ROOT
@PLUGIN
@JSON
def list_(what: str, data_root: Path | None, plugin: tuple[Path, ...], as_json: bool) -> None:
    """List methods, tasks, backbones or suites; of data, whether they are ready, need a folder or would be downloaded."""
    if as_json:
        print_json(_as_data(what, data_root, plugin))
    elif what == "methods":
        print_wide(_methods_table(plugin))
    elif what == "tasks":
        _print_tasks(data_root, plugin)
    elif what == "suites":
        print_wide(_suites_table(data_root, plugin))
    else:
        for name in _backbones():
            click.echo(name)
        click.echo(OTHER_BACKBONES)


def _backbones() -> list[str]:
    import open_clip

    from bench.backbone.load import BUNDLED_NAMES

    return [*BUNDLED_NAMES, *(f"{model}/{tag}" for model, tag in open_clip.list_pretrained())]


def _as_data(what: str, data_root: Path | None, plugin: tuple[Path, ...]) -> list[Any]:
    """What the tables show, as built-in types."""
    from bench.plan.registry import find_methods, parameter_fields
    from bench.plan.suites import load_suite, missing, suite_names
    from tasks.base import Sources

    if what == "backbones":
        return list(_backbones())
    if what == "tasks":
        return _task_rows(data_root, plugin)[0]
    if what == "suites":
        suites = {name: load_suite(name) for name in suite_names()}
        lacking = Sources(data_root, plugins=plugin)
        return [{"suite": name, **structs.asdict(suite), "lacks": missing(suite, lacking)} for name, suite in suites.items()]
    registry = find_methods(plugin)
    found = []
    for named in registry.all_rows():
        method = registry.methods[named.name]
        about = {"family": method.family, "kinds": sorted(method.kinds), "sees": list(method.sees), "trains": method.trains}
        paper = {"title": method.paper.title, "venue": method.paper.venue}
        found.append({"method": str(named), **about, "parameters": parameter_fields(method), "paper": paper})
    return found


def _methods_table(plugin: tuple[Path, ...]) -> Table:
    from bench.plan.registry import find_methods, parameter_fields, told
    from bench.text import plain

    registry = find_methods(plugin)
    table = Table("method", "family", "kinds", "sees", "parameters", Column("paper", overflow="fold"), title="methods")
    for named in sorted(registry.all_rows(), key=lambda named: (registry.methods[named.name].family, str(named))):
        method = registry.methods[named.name]
        parameters = ", ".join(f"{key}={value}" for key, value in parameter_fields(method).items() if key != method.varies)
        kinds = ", ".join(sorted(method.kinds))
        row = (str(named), method.family, kinds, told(method.sees), parameters, f"{method.paper.title} ({method.paper.venue})")
        table.add_row(*map(escape, row))
    for name, reason in registry.absent.items():
        table.add_row(escape(name), registry.methods[name].family, "", "", "", escape(plain(reason)), style="yellow")
    for origin, reason in registry.broken.items():
        table.add_row(escape(plain(origin)), "broken plug-in", "", "", "", escape(plain(reason)), style="red")
    return table


def _suites_table(data_root: Path | None, plugin: tuple[Path, ...]) -> Table:
    from bench.plan.suites import load_suite, missing, suite_names
    from tasks.base import Sources

    table = Table("suite", "what", "run", "lacks", "took", title="suites")
    for name in suite_names():
        suite = load_suite(name)
        lacking = missing(suite, Sources(data_root, plugins=plugin))
        run = f"{len(suite.tasks)} tasks, shots {suite.shots}, seeds {suite.seeds}, {suite.backbone}"
        evaluated = f", {','.join(suite.evaluate)}" if suite.evaluate else ""
        took = "; ".join(f"{one.minutes:g} min, {one.where}" for one in suite.took) or "not measured"
        table.add_row(*map(escape, (name, suite.about, run + evaluated, ", ".join(lacking) or "nothing", took)))
    return table


def _print_tasks(data_root: Path | None, plugin: tuple[Path, ...]) -> None:
    """The bundled tasks, those of plug-ins, and the catalogue with what each set needs; touches no network."""
    from tasks.find import SCHEMES

    rows, broken = _task_rows(data_root, plugin)
    screen = Console()
    console = screen if screen.is_terminal else Console(width=max(screen.width, TABLE_WIDTH))
    narrow = console.width < NARROW
    columns = ("task", "kind", "classes", "train", "val", "test", "licence", "state")
    shown = [name for name in columns if not (narrow and name in UNDER)]
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for name in shown:
        justify: JustifyMethod = "right" if name in ("classes", "train", "val", "test") else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name != "state")
    for row in rows:
        table.add_row(*(escape(row[name]) for name in shown))
    for number, line in enumerate(console.render_lines(table)):
        console.print(Segments([*line, Segment.line()]), end="")
        if narrow and number:
            row = rows[number - 1]
            about = f"{row['kind']}; licence: {row['licence']}; {row['state']}"
            console.print(Padding(escape(about), (0, 0, 0, 4)), style="dim", highlight=False)
    tell_broken(console, broken)
    own = ", ".join(f"{scheme}:PATH" for scheme in SCHEMES)
    note = f"""
needs FOLDER/: the data root (--data-root) must have it, docs/data.md says how. What the hub has instead is another split, \
with tables of its own. Your own data: {own}."""
    console.print(note, markup=False, highlight=False)


def _task_rows(data_root: Path | None, plugin: tuple[Path, ...]) -> tuple[list[dict[str, str]], Mapping[str, str]]:
    """A row for each task, and the plug-ins that can't be read with the reasons."""
    from tasks.base import Sources
    from tasks.catalog import ENTRIES
    from tasks.find import find_task, more_tasks, task_groups

    sources = Sources(data_root, plugins=plugin)
    plugged = more_tasks(sources)
    rows = [
        _task_row(one.name, one.kind, len(one.class_names), one.sizes, one.licence, f"ready, {one.origin}")
        for one in [*map(find_task, task_groups()["bundled"]), *plugged.tasks.values()]
    ]
    for entry in ENTRIES.values():
        state = entry.state(sources)
        rows.append(_task_row(entry.name, entry.kind, entry.classes, entry.sizes, entry.licence, state))
    return rows, plugged.broken


def _task_row(name: str, kind: str, classes: int, sizes: Mapping[SplitName, int], licence: str, state: str) -> dict[str, str]:
    splits: tuple[SplitName, ...] = ("train", "val", "test")
    counts = dict(zip(("classes", *splits), (classes, *(sizes.get(split, 0) for split in splits)), strict=True))
    shown = {what: f"{count:,}" if count else "-" for what, count in counts.items()}
    return {"task": name, "kind": kind, **shown, "licence": licence, "state": state}
