"""`python -m studies.lilt OUT`: run what is missing, then write figures.json, tables and plots into OUT."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd

from bench.backbone import load
from bench.cli.console import DATA_ROOT, OneLineErrors
from bench.errors import UsageError
from bench.spec import parse_names, parse_numbers
from bench.store.record import Record
from studies.lilt.clock import REFERENCE, Clock
from studies.lilt.drift import aligned_towers, drift
from studies.lilt.plots import draw_all
from studies.lilt.probes import probes
from studies.lilt.runs import Runs
from studies.lilt.subject import BUNDLED, ProbeSets, Subject, own_towers
from studies.lilt.tables import cell_figures, markdown_table
from studies.lilt.texts import read_labelled
from tasks.base import Sources
from tasks.find import find_task


@click.command(cls=OneLineErrors)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--seeds", default="1", show_default=True, help="1,2,3 for three.")
@click.option("--workers", default=2, show_default=True, help="Processes of one thread each.")
@click.option("--backbone", help="Other towers than the bundled ones: align(...). The following options are theirs.")
@click.option("--task", help="What they are aligned on: a task of the kind retrieval.")
@click.option("--pairs", default="256,1024,4096", show_default=True, help="Numbers of pairs; all methods with the middle one.")
@click.option("--steps", default=2000, show_default=True, help="At most, of each recipe.")
@click.option("--image-probes", default="", help="Classification tasks, to read what the image tower knows.")
@click.option(
    "--text-probe", type=click.Path(path_type=Path, exists=True), help="The same for the text tower: CSV with text and label."
)
@DATA_ROOT
def main(out: Path, seeds: str, workers: int, backbone: str | None, **own: Any) -> None:
    """Answer LilT's claims on the bundled towers, or on others. What OUT/figures.json holds isn't measured again."""
    subject = BUNDLED if backbone is None else _subject(backbone, **own)
    records = Runs(out, tuple(parse_numbers(seeds, "seeds", least=0)), workers).run(subject)
    figures = measured(records, subject, out)
    (out / "tables.md").write_text(_tables(records))
    draw_all(out, _frame(records), figures, subject)
    click.echo(f"tables.md, figures.json and plots: {out}")


def _subject(
    backbone: str, task: str | None, pairs: str, steps: int, image_probes: str, text_probe: Path | None, data_root: Path | None
) -> Subject:
    """What is wrong with the options shows before anything runs."""
    if task is None:
        raise UsageError("--backbone needs --task: say what its towers are aligned on, as in --task flickr8k --data-root DATA")
    sources = Sources(data_root)
    images = tuple(str(name) for name in parse_names(image_probes, "image probes")) if image_probes else ()
    for name in (task, *images):
        find_task(name, sources)
    texts = None if text_probe is None else read_labelled(text_probe)
    sets = ProbeSets(images, None if texts is None else lambda: texts)
    return own_towers(backbone, task, tuple(parse_numbers(pairs, "pairs")), steps, sets, sources)


def measured(records: list[Record], subject: Subject, out: Path) -> dict[str, dict[str, Any]]:
    """What the records don't tell, by part and method, of the first seed's cells with the most pairs; kept one by one."""
    mine = [one for one in records if one.cell.backbone == subject.backbone and one.cell.shots == subject.most]
    first = {one.cell.label: one for one in mine if one.cell.seed == mine[0].cell.seed}
    before = load(subject.backbone)
    clock = Clock(first[REFERENCE], subject, out / "bank")
    parts: dict[str, tuple[tuple[str, ...], Callable[[str], Any]]] = {
        "drift": (subject.drifting, lambda label: drift(before.clip, aligned_towers(first[label], out))),
        "probes": (subject.probed, lambda label: probes(aligned_towers(first[label], out), before, subject)),
        "banking": (subject.banked, clock.banking),
        "clock": (subject.racing, lambda label: [dataclasses.asdict(one) for one in clock.race(label)]),
        "peak bytes of a step": (subject.large_batches, clock.peak),
    }
    path, of = out / "figures.json", {"backbone": subject.backbone, "task": subject.task}
    figures: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else {"of": of}
    if figures["of"] != of:
        raise UsageError(f"{path}: holds figures of {figures['of']}: give each pair of towers a folder of its own")
    if "probes" not in figures:
        figures["probes"] = {"before": probes(before.clip, before, subject)}
    for part, (labels, measure) in parts.items():
        for label in labels:
            if label not in figures.setdefault(part, {}):
                click.echo(f"{part}: {label}")
                figures[part][label] = measure(label)
                path.write_text(json.dumps(figures, indent=1) + "\n")
    return figures


def _frame(records: list[Record]) -> pd.DataFrame:
    """A row per cell: method, pairs, backbone and all figures."""
    return pd.DataFrame(
        [{"method": one.method, "pairs": one.pairs, "backbone": one.backbone, **one.figures} for one in cell_figures(records)]
    )


def _tables(records: list[Record]) -> str:
    """A table per backbone."""
    backbones = dict.fromkeys(record.cell.backbone for record in records)
    parts = {name: [record for record in records if record.cell.backbone == name] for name in backbones}
    return "\n".join(f"## {name}\n\n{markdown_table(mine)}" for name, mine in parts.items())


if __name__ == "__main__":
    main()
