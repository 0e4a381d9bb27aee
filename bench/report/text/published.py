"""Published figures beside ours, as text for every format."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.numbers import sizes
from bench.report.numbers.summary import Beside
from bench.report.text import display
from bench.text import plain

HEADER = ("method", "on", "shots", "metric", "ours", "published", "difference", "chosen on", "source")
NUMBERS = ("ours", "published", "difference")
HOW = (
    "Only figures of the same backbone, split and shots stand here. Recipes, templates and draws of the support may differ; "
    "what is known to stands after the source. Ours is the mean ± half the 95% interval over seeds, "
    "the difference is ours minus theirs."
)


def published_rows(found: Sequence[Beside]) -> list[list[str]]:
    """One row per published figure, plain text."""
    return [
        [
            *map(plain, (row.label, row.where, sizes.title(row.shots), row.metric)),
            display.score(row.ours),
            f"{100 * row.theirs:.2f}".removesuffix("0"),
            display.points(row.ours.mean - row.theirs),
            plain(row.chosen),
            "; ".join(filter(None, (row.source, row.note))),
        ]
        for row in found
    ]
