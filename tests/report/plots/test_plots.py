"""Plots are made, show something, and are the same every time."""

from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from bench.plan.registry import find_methods
from bench.report import summarise_records
from bench.report.plots.canvas import new_figure
from bench.report.plots.canvas import settings as canvas_settings
from bench.report.plots.draw import write_plots
from bench.report.plots.gains import gains_figure
from bench.report.plots.labels import place
from bench.report.plots.palette import look
from bench.report.plots.scatter import front, parameters_figure
from bench.report.plots.shots import shots_figures
from bench.report.text.display import brief
from bench.store.record import Record
from tests.report.factory import failed_record, make_record, realistic

FEW = realistic(["zero-shot", "lora", "coop"], tasks=("a", "b"), shots=(1, 4), seeds=(1, 2))


def ink(path: Path) -> float:
    """Share of pixels that are neither white nor grey."""
    pixels = imread(path)[..., :3]
    return float((np.ptp(pixels, axis=-1) > 0.1).mean())


def test_all_plots_are_written_and_show_colours(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    found = write_plots(summarise_records(FEW), tmp_path)
    names = sorted(path.name.rsplit("-", 1)[1] for path in tmp_path.iterdir())
    assert names == sorted(
        f"{ending}.{suffix}"
        for ending in ("gains", "joules", "memory", "parameters", "seconds", "shots")
        for suffix in ("png", "svg")
    )
    for path in tmp_path.glob("*.png"):
        assert ink(path) > 0.001, path
    for path in tmp_path.glob("*.svg"):
        assert len(list(ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}path"))) > 20
    assert {name for names in found.values() for name in names.values()} == {path.name for path in tmp_path.glob("*.svg")}
    assert dict(mpl.rcParams) == before


def test_same_bytes_again_and_stale_plots_go(tmp_path: Path) -> None:
    write_plots(summarise_records(FEW), tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    own = tmp_path / "my-own.png"
    own.write_bytes(b"kept")
    write_plots(summarise_records(FEW[::-1]), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path != own} == first
    write_plots(summarise_records([]), tmp_path)
    assert list(tmp_path.iterdir()) == [own]


@pytest.mark.parametrize(
    "records",
    [
        [make_record()],
        [make_record("zero-shot", shots=0, seed=0)],
        [failed_record(), failed_record("oom", seed=2)],
        [failed_record("not_applicable")],
        [make_record("_$x^{$<b>", "task\x1b$\\frac$"), make_record("zero-shot", "名前", 0, 0)],
        [make_record(score=0.0, parameters=None, time_s=None, energy_j=None, memory_bytes=None, data=None, provenance=None)],
    ],
    ids=["one", "baseline", "failed", "not applicable", "odd names", "no costs"],
)
def test_survives(records: list[Record], tmp_path: Path) -> None:
    write_plots(summarise_records(records), tmp_path)
    assert len(list(tmp_path.iterdir())) == 12


def test_shots_plot_draws_the_scores() -> None:
    table = summarise_records(FEW).tables[0]
    (figure,) = shots_figures(table)
    panel = next(axes for axes in figure.axes if axes.get_title() == "a")
    lora = next(row for row in table.rows if row.label == "lora")
    expected = [100 * estimate.mean for shots in (1, 4) if (estimate := lora.tasks["a"][shots].estimate)]
    drawn = [line for line in panel.lines if line.get_color() == look("lora").colour and len(line.get_ydata()) == 2]
    assert np.allclose(np.asarray(drawn[0].get_ydata(), dtype=float), expected)
    base = 100 * next(
        record.metrics["accuracy"].value for record in FEW if record.cell.method == "zero-shot" and record.cell.task == "a"
    )
    dashed = [line for line in panel.lines if line.get_color() == "#000000"]
    assert np.allclose(np.asarray(dashed[0].get_ydata(), dtype=float), base)


def test_incomplete_methods_stay_out_of_the_cost_plot() -> None:
    table = summarise_records(FEW[:-1]).tables[0]  # the last record is one of coop's
    figure = parameters_figure(table)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == 2
    assert not any("coop" in text for text in texts)
    assert "1 left out" in figure.axes[0].get_title(loc="left")


def test_gains_say_why_a_square_is_empty() -> None:
    records = [failed_record(method="coop", task="b", shots=4, seed=2) if record is FEW[-1] else record for record in FEW]
    texts = [text.get_text() for text in gains_figure(summarise_records(records).tables[0]).axes[0].texts]
    assert len(texts) == 4
    assert texts.count("failed") == 1
    assert sum(text.startswith(("+", "-")) for text in texts) == 3


def test_many_tasks_go_to_several_figures() -> None:
    records = [make_record(task=f"task {number}", shots=shots) for number in range(30) for shots in (1, 4)]
    assert [len(figure.axes) for figure in shots_figures(summarise_records(records).tables[0])] == [24, 6]


def test_front_keeps_what_nothing_beats() -> None:
    points = [(1.0, 5.0), (2.0, 4.0), (2.0, 7.0), (3.0, 7.0), (4.0, 9.0), (1.0, 3.0)]
    assert front(points) == [(1.0, 5.0), (2.0, 7.0), (4.0, 9.0)]


def lightness(colour: str) -> float:
    """CIE L* of an sRGB colour, 0..100."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 116 * float(np.dot(linear, (0.2126, 0.7152, 0.0722))) ** (1 / 3) - 16


def test_methods_look_different_even_in_grey() -> None:
    looks = [look(name, baseline=name == "zero-shot") for name in find_methods().methods]
    pairs = list(itertools.combinations(looks, 2))
    alike = [
        (first, second)
        for first, second in pairs
        if (first.marker, first.hollow) == (second.marker, second.hollow)
        and abs(lightness(first.colour) - lightness(second.colour)) < 15
    ]
    assert len(pairs) > 100 and len(alike) <= len(pairs) / 100  # of names that nobody chose for their looks
    assert all(first.colour != second.colour for first, second in alike)
    assert look("coop[n_ctx=4]") == look("coop[n_ctx=4]")
    assert look("coop[n_ctx=4]").colour == look("coop").colour
    assert (look("coop[n_ctx=4]").marker, look("coop[n_ctx=4]").hollow) != (look("coop").marker, look("coop").hollow)
    assert [brief(value) for value in (0.5, 20, 5000, 2e6)] == ["0.5", "20", "5k", "2M"]


def test_labels_of_a_crowd_do_not_collide() -> None:
    generator = np.random.default_rng(0)
    points = [(float(x), float(y)) for x, y in 0.5 + 0.03 * generator.standard_normal((31, 2))]
    with canvas_settings():
        figure = new_figure(9.6, 6.0)
        axes = figure.subplots()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        place(axes, points, [f"some-method-{number}" for number in range(31)], ["black"] * 31)
        boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 31
    assert not any(first.overlaps(second) for first, second in itertools.combinations(boxes, 2))


def test_many_methods_are_drawn_family_by_family() -> None:
    names = [f"method-{number}" for number in range(20)]
    records = [record for name in names for record in realistic([name], tasks=("a", "b"), shots=(1, 4), seeds=(1,))]
    (figure,) = shots_figures(summarise_records(records).tables[0])
    assert len(figure.axes) == 3 * 2  # one family of twenty in three parts, two tasks
    legends = [text.get_text() for axes in figure.axes if (found := axes.get_legend()) for text in found.get_texts()]
    assert sorted(legends) == sorted(names)


def test_one_shot_count_is_drawn_as_dots() -> None:
    records = [make_record(f"method-{number}", task=task, score=number / 40) for number in range(31) for task in "ab"]
    (figure,) = shots_figures(summarise_records(records).tables[0])
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][:2] == ["method-30", "method-29"]
