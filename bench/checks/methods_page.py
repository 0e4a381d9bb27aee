"""The page docs/methods.md: one row per method, made from what the methods declare and from records."""

from __future__ import annotations

from bench.backbone.shapes import shape
from bench.checks.verify import count
from bench.kinds import KINDS
from bench.plan.registry import Registry
from bench.report import Summary
from bench.report.numbers.beside import library
from bench.text import markdown
from methods.base import CLASSIFICATION, Count, Method, Paper

SIZES = Count(0, "", classes=10, shots=16)  # what the counts on the page are for

HEAD = """# Methods

One row per method of the registry. This page is made by `python -m bench docs`; don't edit it.

*Trained* counts parameters on ViT-B-16 for a classification with {classes} classes and {shots} shots;
`python -m bench verify` compares such counts with what the sources state. *val* lists what protocol `val` chooses on the
validation set; protocol `fixed` takes the defaults that `python -m bench list methods` shows. *Place* is the rank of the
mean score at {largest} shots on the bundled tasks (classification / pair / retrieval; `-`: the kind doesn't suit the method),
from [the reference run](../results/reference/leaderboard.md): a small backbone, drawn pictures and recipes cut short, so it
says how the methods fare *there*.

| method | family | what trains | trained | val | paper | place |
|---|---|---|---:|---|---|---|
"""


GROUP, PUBLISHED_SHOTS = "coop-11", (0, 1, 4, 16)
PUBLISHED = """
## What others have published

Mean accuracy over CoOp's eleven data sets. Recipes, seeds and how hyper-parameters were chosen differ between sources, and some
papers report their best epoch on the test set (the note says so where it is known). What our own runs of the same backbone, task
and shots have stands beside such figures in a report.

| method | backbone | {shots} | source | note |
|---|---|---:|---:|---:|---:|---|---|
"""


def methods_page(registry: Registry, summary: Summary) -> str:
    """Markdown."""
    backbone = shape(SIZES.backbone)
    places, largest = _places(summary)
    lines = []
    for name, method in sorted(registry.methods.items(), key=lambda item: (item[1].family, item[0])):
        trained = f"{count(method(), backbone, SIZES):,}" if CLASSIFICATION in method.kinds else "-"
        place = " / ".join(str(places.get((kind, name), "-")) for kind in KINDS)
        cells = (f"`{name}`", method.family, method.trains, trained, _searched(method), _paper(method.paper), place)
        lines.append(f"| {' | '.join(cells)} |\n")
    return HEAD.format(classes=SIZES.classes, shots=SIZES.shots, largest=largest) + "".join(lines) + published_table()


def published_table() -> str:
    """Every published mean over CoOp's eleven sets that the library has, best at the most shots first."""
    rows = [row for row in library().published if row.task == GROUP]
    lines = []
    for row in sorted(rows, key=lambda row: (row.backbone, -row.values[max(row.values)])):
        figures = (f"{row.values[shots]:.2f}" if shots in row.values else "-" for shots in PUBLISHED_SHOTS)
        labels = ", ".join(f"`{label}`" for label in row.labels)
        cells = (labels, row.backbone, *figures, markdown(row.source), markdown(row.note))
        lines.append(f"| {' | '.join(cells)} |\n")
    return PUBLISHED.format(shots=" | ".join(f"{shots} shots" for shots in PUBLISHED_SHOTS)) + "".join(lines)


def _places(summary: Summary) -> tuple[dict[tuple[str, str], int], int]:
    """Rank of each method with default parameters in the table of its kind, and the shot count that it is taken at."""
    places: dict[tuple[str, str], int] = {}
    for table in summary.tables:
        ranked = [row.label for row in table.rows if row.scores.get(table.largest) is not None]
        places.update({(table.section.kind, label): place for place, label in enumerate(ranked, start=1)})
    return places, max((table.largest for table in summary.tables), default=0)


def _searched(method: type[Method]) -> str:
    after = [] if method.chosen_after_training is None else [method.chosen_after_training]
    return markdown(", ".join([*method.grid, *after]) or "nothing")


def _paper(paper: Paper) -> str:
    text = markdown(f"{paper.title}, {paper.venue}")
    link = f"https://arxiv.org/abs/{paper.link.removeprefix('arXiv:')}" if paper.link.startswith("arXiv:") else paper.link
    return f"[{text}]({link})" if link else text
