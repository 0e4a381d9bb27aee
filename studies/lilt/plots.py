"""The study's plots, each from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from bench.report.plots.canvas import new_figure, settings
from studies.lilt.clock import Reached
from studies.lilt.subject import Subject

COLOURS = {
    "full[lr=2e-05]": "#000000", "full[lr=1e-05]": "#333333", "full[lr=5e-05]": "#555555", "full": "#777777",
    "scratch": "#c8c8c8", "lora": "#e6ab02",
    "lilt-ln": "#1b9e77", "lilt-bitfit": "#66a61e", "lilt-lwa": "#d95f02", "lilt-lwa-ln": "#a6761d", "lilt-da": "#7570b3",
    "lilt-da[ln=true]": "#b9b5de", "lilt-partial": "#4a90d9", "lilt-partial[ln=true]": "#a5cbf0", "lit": "#e7298a",
    "lit[lock=both]": "#f4a6c6", "lit[lock=text]": "#8c1c56",
}  # fmt: skip
MARKS = "osD^vP*Xph<>d8"


def save(figure: Figure, out: Path, name: str) -> None:
    """As SVG for the page, the same bytes for the same figures, and as PNG to look at."""
    figure.savefig(out / f"{name}.svg", metadata={"Date": None})
    figure.savefig(out / f"{name}.png", dpi=110)


def draw_all(out: Path, cells: pd.DataFrame, figures: Mapping[str, Any], subject: Subject) -> None:
    mine, others = cells["backbone"] == subject.backbone, cells["backbone"] != subject.backbone
    with settings():
        save(share_of_full(cells[mine & (cells["pairs"] == subject.most)], subject.full), out, "share-of-full")
        save(pairs(cells[mine]), out, "pairs")
        if others.any():
            save(sizes(cells), out, "sizes")
        save(drift_by_depth(figures["drift"]), out, "drift")
        if figures["probes"]["before"]:
            save(conserved(figures["probes"]), out, "conserved")
        save(clock([Reached(**one) for mine in figures["clock"].values() for one in mine]), out, "clock")


def _axes(width: float, height: float, title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = new_figure(width, height)
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes


def _colour(label: str) -> str:
    return COLOURS.get(label, "#b0b0b0")


def share_of_full(most: pd.DataFrame, full: str) -> Figure:
    """R@1 as a share of full training's against the share of parameters that train, with the same pairs.

    Without the projections and the temperature, which train with all methods.
    """
    means = most.groupby("method")[["mean_recall@1", "trained", "share"]].mean()
    whole, projections = means.loc[full, "mean_recall@1"], means.loc["lit[lock=both]", "trained"]
    title = f"{most['pairs'].max()} pairs: R@1 as a share of that of {full}"
    figure, axes = _axes(7.2, 4.2, title, "parameters that train inside the towers, % of the model", "% of full training's R@1")
    for (label, row), mark in zip(means.iterrows(), cycle(MARKS), strict=False):
        axes.plot(
            100 * row["share"] * (1 - projections / row["trained"]),
            100 * row["mean_recall@1"] / whole,
            mark,
            color=_colour(str(label)),
            label=label,
            markersize=7,
        )
    for limit, text in ((1, "1 %"), (7, "7 %")):
        axes.axvline(limit, color="#888888", linewidth=0.8, linestyle=":")
        axes.annotate(text, (limit, 0), xytext=(2, 2), textcoords="offset points", fontsize=8)
    axes.axhline(100, color="#222222", linewidth=0.8)
    axes.axhline(75, color="#888888", linewidth=0.8, linestyle="--")
    axes.set_xscale("symlog", linthresh=0.1)
    axes.set_xlim(-0.01, 160)
    axes.set_xticks(ticks := (0, 0.2, 0.5, 1, 7, 20, 100), [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return figure


def pairs(cells: pd.DataFrame) -> Figure:
    """R@1 against the number of pairs."""
    figure, axes = _axes(7.2, 4.2, "R@1 by the number of training pairs", "pairs", "R@1, both ways, %")
    means = cells.groupby(["method", "pairs"])["mean_recall@1"].mean().unstack()
    for label, row in means.sort_values(means.columns[-1], ascending=False).iterrows():
        known = row.dropna()
        axes.plot(known.index, 100 * known, marker="o", markersize=3, color=_colour(str(label)), label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(means.columns), [str(count) for count in means.columns])
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return figure


def sizes(cells: pd.DataFrame) -> Figure:
    """R@1 with smaller and with larger towers, at the most pairs that both were given."""
    both = cells[cells["pairs"] == cells["pairs"].max()]
    means = both.groupby(["method", "backbone"])["mean_recall@1"].mean().unstack().dropna().sort_index(axis=1, ascending=False)
    means = means.sort_values(means.columns[-1])
    figure, axes = _axes(7.2, 3.4, f"R@1 by the size of the towers, {both['pairs'].max()} pairs", "", "R@1, both ways, %")
    for number, (backbone, colour) in enumerate(zip(means.columns, ("#9ecae1", "#3182bd"), strict=True)):
        places = [place + 0.4 * number - 0.2 for place in range(len(means))]
        bars = axes.bar(places, 100 * means[backbone], 0.4, color=colour, label=backbone)
        axes.bar_label(bars, fmt="%.1f", fontsize=7)
    axes.set_xticks(range(len(means)), list(means.index))
    axes.legend(frameon=False, fontsize=8)
    return figure


def drift_by_depth(drift: Mapping) -> Figure:
    """How far the LayerNorms moved, by stage; an empty place is a norm that doesn't train."""
    figure = new_figure(8.4, 3.4)
    for axes, tower in zip(figure.subplots(1, 2, sharey=True), ("image", "text"), strict=True):
        for label, towers in drift.items():
            moved = {stage: value for stage, value in towers[tower].items() if value > 0}
            every = list(towers[tower])
            places = [every.index(stage) for stage in moved]
            axes.plot(
                places,
                list(moved.values()),
                marker="o",
                markersize=4,
                color=_colour(label),
                label=label if tower == "image" else None,
            )
            axes.set_xticks(range(len(every)), every, rotation=25 if len(every) < 10 else 60, ha="right", fontsize=8)
        axes.set_title(f"{tower} tower")
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.minorticks_off()
    figure.axes[0].set_ylabel("|w - w0| / |w0| of the LayerNorms")
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return figure


def conserved(probes: Mapping) -> Figure:
    """Linear-probe accuracy of each tower before and after."""
    before, *after = probes
    names = list(probes[before])
    figure = new_figure(8.4, 3.4)
    for axes, name in zip(figure.subplots(1, len(names)), names, strict=True):
        values = [100 * probes[label][name] for label in after]
        bars = axes.barh(range(len(after)), values, color=[_colour(label) for label in after])
        axes.bar_label(bars, fmt="%.1f", fontsize=7, padding=2)
        axes.axvline(100 * probes[before][name], color="#222222", linewidth=1, linestyle="--")
        axes.set_title(f"{name}\nbefore: {100 * probes[before][name]:.1f}")
        axes.set_yticks(range(len(after)), after if name == names[0] else [""] * len(after), fontsize=8)
        axes.set_xlim(0, 112)
    figure.supxlabel("linear-probe accuracy, %", fontsize=9)
    return figure


def clock(reached: Sequence[Reached]) -> Figure:
    """R@1 against CPU seconds of training."""
    figure, axes = _axes(
        7.2, 3.8, "R@1 after the same time of training", "CPU seconds, frozen prefix included", "R@1, both ways, %"
    )
    for label in dict.fromkeys(one.label for one in reached):
        mine = [one for one in reached if one.label == label]
        axes.plot(
            [one.seconds for one in mine],
            [100 * one.recall for one in mine],
            marker="o",
            markersize=4,
            color=_colour(label),
            label=label,
        )
    axes.set_xlim(left=0)
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return figure
