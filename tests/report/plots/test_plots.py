"""Plots are made, show something, and are the same every time."""

from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from bench.plan.registry import find_methods
from bench.report import summarise_records
from bench.report.plots.draw import write_plots
from bench.report.plots.gains import gains_figure
from bench.report.plots.labels import place
from bench.report.plots.palette import look
from bench.report.plots.scales import cost_scale, linear, logarithmic
from bench.report.plots.scatter import PARAMETERS, cost_figure, cost_sheet, front
from bench.report.plots.sheet import Panel
from bench.report.plots.shots import DODGE, shots_sheets
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
    found = write_plots(summarise_records(FEW), tmp_path, ("svg", "png"))
    names = sorted(path.name.rsplit("-", 1)[1] for path in tmp_path.iterdir())
    assert names == sorted(
        f"{ending}.{suffix}"
        for ending in ("gains", "joules", "memory", "parameters", "seconds", "shots")
        for suffix in ("png", "svg")
    )
    for path in tmp_path.glob("*.png"):
        assert ink(path) > 0.001, path
    for path in tmp_path.glob("*.svg"):
        assert len(list(ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}path"))) > 10
        assert "lora" in path.read_text(encoding="utf-8")  # texts can be searched
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
    assert len(list(tmp_path.iterdir())) in (5, 6)  # no plot against shots where nothing has a score


def test_shots_plot_draws_the_scores() -> None:
    table = summarise_records(FEW).tables[0]
    (sheet,) = shots_sheets(table)
    assert [panel.title for panel in sheet.panels] == ["mean over all tasks", "a", "b"]
    panel = sheet.panels[1]
    lora = next(row for row in table.rows if row.label == "lora")
    expected = [100 * estimate.mean for shots in (1, 4) if (estimate := lora.tasks["a"][shots].estimate)]
    (drawn,) = [curve for curve in panel.curves if curve.name == "lora"]
    assert np.allclose(drawn.y, expected) and drawn.colour == look("lora").colour
    assert np.abs(drawn.x - [0, 1]).max() <= DODGE / 2 + 1e-9  # beside its shot count, and nearer to it than to any other
    base = 100 * next(
        record.metrics["accuracy"].value for record in FEW if record.cell.method == "zero-shot" and record.cell.task == "a"
    )
    (dashed,) = [curve for curve in panel.curves if curve.name == "zero-shot"]
    assert np.allclose(dashed.y, base)


def test_an_interval_that_leaves_the_panel_ends_in_an_arrow(tmp_path: Path) -> None:
    records = [make_record("wild", "a", shots, seed, seed / 2) for shots in (1, 4) for seed in (0, 1)]
    (sheet,) = shots_sheets(summarise_records(records).tables[0])
    (panel,) = sheet.panels
    assert all(bar.low < panel.up.low and bar.high > panel.up.high for bar in panel.intervals)
    (axes,) = sheet.draw().axes
    heights = [float(y) for line in axes.lines if line.get_marker() in "^v" for y in np.asarray(line.get_ydata())]
    top = panel.bottom + panel.height
    assert [sum(abs(y - end) < 1e-9 for y in heights) for end in (panel.bottom, top)] == [2, 2]
    for collection in axes.collections:
        for path in collection.get_paths():
            assert np.asarray(path.vertices)[:, 1].max() <= panel.bottom + panel.height + 1e-9


def test_incomplete_methods_stay_out_of_the_cost_plot() -> None:
    table = summarise_records(FEW[:-1]).tables[0]  # the last record is one of coop's
    sheet = cost_sheet(table, [PARAMETERS])
    assert {label.text for label, _ in sheet.labels} == {"lora", "zero-shot"}
    assert "1 left out" in sheet.panels[0].remark
    assert cost_figure(table, PARAMETERS).axes


@given(st.lists(st.floats(1e-6, 1e12) | st.just(0.0), min_size=1))
def test_every_cost_has_a_place(costs: list[float]) -> None:
    scale = cost_scale(costs)
    shares = scale.share(costs)
    assert (shares > 0).all() and (shares < 1).all()
    order = np.argsort(costs, kind="stable")
    assert (np.diff(shares[order]) >= 0).all()
    assert scale.ticks and all(0 <= share <= 1 for share in scale.share([value for value, _ in scale.ticks]))


def test_the_axis_of_parameters_has_ticks_from_zero_on() -> None:
    assert [text for _, text in cost_scale([0, 1092, 2e6]).ticks] == ["0", "1k", "3k", "10k", "30k", "100k", "300k", "1M", "3M"]


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_linear_ticks_lie_within(low: float, width: float) -> None:
    scale = linear(low, low + width)
    assert 1 <= len(scale.ticks) <= 8 and all(scale.low <= value <= scale.high for value, _ in scale.ticks)


@given(st.floats(1e-6, 1e6), st.floats(1, 1e6))
def test_logarithmic_scales_keep_their_ends_inside(low: float, ratio: float) -> None:
    scale = logarithmic(low, low * ratio)
    assert 0 < scale.share(low) < scale.share(low * 1.0001) and scale.share(low * ratio) < 1


def test_a_place_on_a_panel_is_in_inches() -> None:
    panel = Panel(1.0, 2.0, 4.0, 3.0, linear(0, 10), linear(-1, 1))
    assert np.allclose(panel.place([0, 5, 10], [-1, 0, 1]), [(1, 2), (3, 3.5), (5, 5)])


def test_gains_say_why_a_square_is_empty() -> None:
    records = [failed_record(method="coop", task="b", shots=4, seed=2) if record is FEW[-1] else record for record in FEW]
    texts = [text.get_text() for text in gains_figure(summarise_records(records).tables[0]).axes[0].texts]
    assert len(texts) == 4
    assert texts.count("failed") == 1
    assert sum(text.startswith(("+", "-")) for text in texts) == 3


def test_many_tasks_go_to_several_figures(tmp_path: Path) -> None:
    records = [make_record(task=f"task {number}", shots=shots) for number in range(30) for shots in (1, 4)]
    summary = summarise_records(records)
    assert [len(sheet.panels) for sheet in shots_sheets(summary.tables[0])] == [25, 6]  # one is their mean
    write_plots(summary, tmp_path)
    assert sorted(path.stem.partition("fp32-")[2] for path in tmp_path.glob("*shots*")) == ["shots", "shots-2"]
    write_plots(summarise_records([]), tmp_path)
    assert not list(tmp_path.iterdir())


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
    points = 4 + 0.3 * generator.standard_normal((31, 2))
    names = [f"some-method-{number}" for number in range(31)]
    labels = place(points, names, [True] * 31, (0, 0, 9.6, 8))
    assert all(label is not None for label in labels)
    boxes = [label.box for label in labels if label is not None]
    assert not any(overlap(first, second) for first, second in itertools.combinations(boxes, 2))


def test_a_name_that_is_not_needed_stays_out_where_there_is_no_room() -> None:
    points = np.full((20, 2), 4.0) + 0.001 * np.arange(20)[:, None]
    names = [f"some-method-{number}" for number in range(20)]
    labels = place(points, names, [number < 2 for number in range(20)], (0, 0, 8, 8))
    assert labels[0] is not None and labels[1] is not None and any(label is None for label in labels)
    boxes = [label.box for label in labels if label is not None]
    assert not any(overlap(first, second) for first, second in itertools.combinations(boxes, 2))


def overlap(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return all(min(first[i + 2], second[i + 2]) - max(first[i], second[i]) > 1e-9 for i in (0, 1))


def test_many_methods_are_drawn_family_by_family() -> None:
    names = [f"method-{number}" for number in range(20)]
    records = [record for name in names for record in realistic([name], tasks=("a", "b"), shots=(1, 4), seeds=(1,))]
    (sheet,) = shots_sheets(summarise_records(records).tables[0])
    assert len(sheet.panels) == 3 * 3  # one family of twenty in three parts, two tasks and their mean
    assert sorted(entry.text for entry in sheet.entries if entry.style) == sorted(names)
    assert len({(entry.left, entry.bottom) for entry in sheet.entries}) == len(sheet.entries)
    assert all(0 < entry.bottom < sheet.height for entry in sheet.entries)


def test_one_shot_count_is_drawn_as_dots() -> None:
    records = [make_record(f"method-{number}", task=task, score=number / 40) for number in range(31) for task in "ab"]
    (sheet,) = shots_sheets(summarise_records(records).tables[0])
    assert [panel.title for panel in sheet.panels] == ["a", "b"]
    assert [text for _, text in sheet.panels[0].up.ticks][:2] == ["method-30", "method-29"]
