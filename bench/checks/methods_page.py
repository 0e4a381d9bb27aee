"""The page docs/methods.md: one row per method, made from what the methods declare and from records."""

from __future__ import annotations

from bench.backbone import Backbone
from bench.backbone.shapes import shape
from bench.checks.verify import count
from bench.kinds import KINDS
from bench.plan.registry import Registry, how_many, told
from bench.report import Summary
from bench.report.numbers.beside import library
from bench.text import markdown
from methods.base import CLASSIFICATION, SEES, Count, Method, NotApplicable, Paper

SIZES = Count(0, "", classes=10, shots=16)  # what the counts on the page are for

HEAD = """# Methods

One row per method of the registry: {how_many}. This page is made by `python -m bench docs`; don't edit it.

*Trained* counts parameters on ViT-B-16 for a classification with {classes} classes and {shots} shots;
`python -m bench verify` compares such counts with what the sources state. *val* lists what protocol `val` chooses on the
validation set; protocol `fixed` takes the defaults that `python -m bench list methods` shows. *Place* is the rank of the
mean score at {largest} shots on the bundled tasks (classification / pair / retrieval; `-`: the kind doesn't suit the method),
from [the reference run](../results/reference/leaderboard.md): a small backbone, drawn pictures and recipes cut short, so it
says how the methods fare *there*. *Sees* is what a method uses beyond its support: {sees}.

| method | family | what trains | trained | sees | val | paper | place |
|---|---|---|---:|---|---|---|---|
"""


GROUP, PUBLISHED_SHOTS = "coop-11", (0, 1, 4, 16)
PUBLISHED = """
## What others have published

Mean accuracy over CoOp's eleven data sets. Recipes, seeds and draws of the support differ between sources. *Chosen on* is what
epochs or hyper-parameters were chosen on: the validation set, the test set, or nothing where all was fixed before; of many tables
that is not said. What our own runs of the same backbone, task and shots have stands beside such figures in a report.

| method | backbone | {shots} | chosen on | source | note |
|---|---|---:|---:|---:|---:|---|---|---|
"""


def methods_page(registry: Registry, summary: Summary) -> str:
    """Markdown."""
    backbone = shape(SIZES.backbone)
    places, largest = _places(summary)
    lines = []
    for name, method in sorted(registry.methods.items(), key=lambda item: (item[1].family, item[0])):
        label = f"`{name}`" if method.varies is None else f"`{name}[{method.varies}=...]`"
        place = " / ".join(str(places.get((kind, name), "-")) for kind in KINDS)
        about = (method.family, method.trains, _trained(method(), backbone), told(method.sees), _searched(method))
        lines.append(f"| {' | '.join((label, *about, _paper(method.paper), place))} |\n")
    sizes = {"classes": SIZES.classes, "shots": SIZES.shots, "largest": largest}
    head = HEAD.format(**sizes, sees=", ".join(SEES), how_many=how_many(registry))
    return head + "".join(lines) + published_table()


def _trained(method: Method, backbone: Backbone) -> str:
    """`-` where the kind doesn't suit the method, or where its library is missing."""
    if CLASSIFICATION not in method.kinds:
        return "-"
    try:
        return f"{count(method, backbone, SIZES):,}"
    except NotApplicable:
        return "-"


def published_table() -> str:
    """Every published mean over CoOp's eleven sets that the library has, best at the most shots first."""
    rows = [row for row in library().published if row.task == GROUP and not row.board]
    lines = []
    for row in sorted(rows, key=lambda row: (row.backbone, -row.values[max(row.values)])):
        figures = (f"{row.values[shots]:.2f}" if shots in row.values else "-" for shots in PUBLISHED_SHOTS)
        labels = ", ".join(f"`{label}`" for label in row.labels)
        cells = (labels, row.backbone, *figures, row.chosen, markdown(row.source), markdown(row.note))
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
