"""Learning curves and calibration are drawn from what the records hold, and only where they hold it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.report import summarise_records
from bench.report.plots.calibration import bins, errors_figures, reliability_figures
from bench.report.plots.losses import curves, losses_figures
from bench.report.plots.palette import look
from bench.store.record import Training
from tests.report.factory import failed_record, make_record, realistic, with_bins

METHODS = ["zero-shot", "lora", "coop", "full"]
RECORDS = [with_bins(record) for record in realistic(METHODS, tasks=("a", "b"), shots=(1, 4), seeds=(1, 2))]
TABLE = summarise_records(RECORDS).tables[0]


def lines(axes: Axes, label: str) -> list[Line2D]:
    """Colour and marker together are a method's own."""
    style = look(label)
    return [line for line in axes.lines if (line.get_color(), line.get_marker()) == (style.colour, style.marker)]


def test_learning_curves_are_means_over_seeds_at_the_largest_shot_count() -> None:
    def trained(seed: int, shots: int, loss: list[float]) -> Training:
        return Training(asked_steps=10, run_steps=10, capped=False, batch=4, loss=loss)

    records = [
        make_record("lora", "a", shots, seed, training=trained(seed, shots, [float(seed * shots)] * 10))
        for shots in (1, 4)
        for seed in (1, 2)
    ]
    records += [make_record("short", "a", 4, 1, training=trained(1, 4, [1.0] * 3)), failed_record(method="gone", task="a")]
    found = curves(summarise_records(records).tables[0])
    assert set(found) == {("lora", "a")}
    assert found["lora", "a"] == pytest.approx([6.0] * 10)


def test_learning_curves_have_a_panel_per_family_and_task() -> None:
    (figure,) = losses_figures(TABLE)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "", ""]  # coop's family, then the encoders
    for axes in figure.axes:
        assert axes.get_yscale() == "log"
        legend = axes.get_legend()
        names = set() if legend is None else {text.get_text() for text in legend.get_texts()}
        assert names in (set(), {"coop"}, {"lora", "full"})
    (drawn,) = [*lines(figure.axes[0], "lora"), *lines(figure.axes[2], "lora")]
    assert np.allclose(np.asarray(drawn.get_ydata(), dtype=float), curves(TABLE)["lora", "a"])


def test_calibration_errors_are_marked_at_the_largest_shot_count() -> None:
    (figure,) = errors_figures(TABLE)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [row.label for row in TABLE.rows]
    (mark,) = lines(figure.axes[0], "lora")
    record = next(record for record in RECORDS if record.cell.label == "lora")
    assert float(mark.get_xdata()[0]) == pytest.approx(100 * record.metrics["calibration_error"].value)


def test_a_reliability_diagram_pools_the_seeds() -> None:
    found = bins(TABLE)
    assert found["lora", "a"][0].tolist() == [40, 60, 0, 100]  # two seeds
    assert found["zero-shot", "a"][0].tolist() == [20, 30, 0, 50]
    (figure,) = reliability_figures(TABLE)
    (line,) = [*lines(figure.axes[0], "lora"), *lines(figure.axes[2], "lora")]
    confidence = [15.0, 100 * 11 / 30, 100 * found["lora", "a"][2, 3] / 100]  # the empty bin is left out
    assert np.allclose(np.asarray(line.get_xdata(), dtype=float), confidence)
    assert np.allclose(np.asarray(line.get_ydata(), dtype=float), [20.0, 40.0, 80.0])


def test_records_without_them_give_no_such_plots() -> None:
    bare = summarise_records([make_record(), make_record("zero-shot", shots=0, seed=0)]).tables[0]
    assert not [*losses_figures(bare), *errors_figures(bare), *reliability_figures(bare)]
    retrieval = [msgspec.structs.replace(record, reliability=None) for record in realistic(METHODS, kind="retrieval", shots=(4,))]
    table = summarise_records(retrieval).tables[0]
    assert not [*errors_figures(table), *reliability_figures(table)]


def test_many_tasks_go_to_several_figures() -> None:
    records = [with_bins(make_record(task=f"task {number}", training=None)) for number in range(6)]
    (table,) = summarise_records(records).tables
    assert [len(figure.axes) for figure in errors_figures(table)] == [4, 2]
    assert [len(figure.axes) for figure in reliability_figures(table)] == [4, 2]
