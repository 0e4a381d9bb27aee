"""The learning curve, drawn: what was found, the law that was fitted to it, and where it leads."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from bench.advise.advice import Labels
from bench.report.plots.canvas import framed, save, settings
from bench.report.plots.palette import look

WIDTH, HEIGHT = 6.0, 3.4  # inches


def draw_curve(labels: Labels, examples: int, metric: str) -> str:
    """SVG text of a curve that has a fit. examples: that are labelled now."""
    assert labels.a is not None and labels.b is not None and labels.c is not None
    found, ours = labels.points, look(labels.label)
    with settings(), tempfile.TemporaryDirectory() as folder:
        axes = framed(f"{labels.label}: {metric} by labelled examples", WIDTH, HEIGHT, left=0.7, below=0.55)
        n = np.geomspace(min(point.examples for point in found), max(each.examples for each in labels.more), 100)
        score = 1 - np.clip(labels.a + labels.b * n**-labels.c, 0, 1)
        axes.plot(n, 100 * score, color=ours.colour, linewidth=1.2, label="fitted")
        axes.plot(
            [point.examples for point in found], [100 * (1 - point.error) for point in found],
            linestyle="none", marker="o", color=ours.colour, label="mean over folds",
        )  # fmt: skip
        now = 1 - float(np.clip(labels.a + labels.b * examples**-labels.c, 0, 1))
        for each in labels.more:
            axes.vlines(each.examples, 100 * (now + each.low), 100 * (now + each.high), color=ours.colour, alpha=0.5)
        axes.axvline(examples, color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate(" labelled now", (examples, 0.03), xycoords=("data", "axes fraction"), fontsize=8, color="#555555")
        axes.set_xscale("log", base=2)
        ticks = sorted({round(point.examples) for point in found} | {examples} | {each.examples for each in labels.more})
        axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("labelled examples that are learnt from")
        axes.set_ylabel(metric)
        axes.legend(frameon=False, fontsize=8, loc="upper left")
        figure = axes.figure
        [path] = save(figure, Path(folder) / "curve")  # type: ignore[arg-type]
        return path.read_text(encoding="utf-8")
