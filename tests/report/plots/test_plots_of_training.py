"""Learning curves and calibration are drawn from what the records hold, and only where they hold it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from bench.report import summarise_records
from bench.report.plots.calibration import bins, errors_sheets, reliability_sheets
from bench.report.plots.losses import curves, losses_sheets
from bench.report.plots.sheet import Curve, Panel
from bench.store.record import Training
from tests.report.factory import failed_record, make_record, realistic, with_bins

METHODS = ["zero-shot", "lora", "coop", "full"]
RECORDS = [with_bins(record) for record in realistic(METHODS, tasks=("a", "b"), shots=(1, 4), seeds=(1, 2))]
TABLE = summarise_records(RECORDS).tables[0]


def curve(panels: Sequence[Panel], label: str) -> Curve:
    """The one curve of a method in these panels."""
    (found,) = [curve for panel in panels for curve in panel.curves if curve.name == label]
    return found


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
    (sheet,) = losses_sheets(TABLE)
    assert [panel.title for panel in sheet.panels] == ["a", "b", "", ""]  # coop's family, then the encoders
    assert all(panel.up.log for panel in sheet.panels)
    assert [entry.text for entry in sheet.entries] == ["encoder", "full", "lora", "prompt", "coop"]
    drawn = curve([panel for panel in sheet.panels if panel.left == sheet.panels[0].left], "lora")
    assert np.allclose(drawn.y, curves(TABLE)["lora", "a"])


def test_calibration_errors_are_marked_at_the_largest_shot_count() -> None:
    (sheet,) = errors_sheets(TABLE)
    assert [panel.title for panel in sheet.panels] == ["a", "b"]
    assert [text for _, text in sheet.panels[0].up.ticks] == [row.label for row in TABLE.rows]
    mark = curve(sheet.panels[:1], "lora")
    record = next(record for record in RECORDS if record.cell.label == "lora")
    assert float(mark.x[0]) == pytest.approx(100 * record.metrics["calibration_error"].value)


def test_a_reliability_diagram_pools_the_seeds() -> None:
    found = bins(TABLE)
    assert found["lora", "a"][0].tolist() == [40, 60, 0, 100]  # two seeds
    assert found["zero-shot", "a"][0].tolist() == [20, 30, 0, 50]
    (sheet,) = reliability_sheets(TABLE)
    line = curve([panel for panel in sheet.panels if panel.left == sheet.panels[0].left], "lora")
    confidence = [15.0, 100 * 11 / 30, 100 * found["lora", "a"][2, 3] / 100]  # the empty bin is left out
    assert np.allclose(line.x, confidence)
    assert np.allclose(line.y, [20.0, 40.0, 80.0])


def test_records_without_them_give_no_such_plots() -> None:
    bare = summarise_records([make_record(), make_record("zero-shot", shots=0, seed=0)]).tables[0]
    assert not [*losses_sheets(bare), *errors_sheets(bare), *reliability_sheets(bare)]
    retrieval = [msgspec.structs.replace(record, reliability=None) for record in realistic(METHODS, kind="retrieval", shots=(4,))]
    table = summarise_records(retrieval).tables[0]
    assert not [*errors_sheets(table), *reliability_sheets(table)]


def test_many_tasks_go_to_several_figures() -> None:
    records = [with_bins(make_record(task=f"task {number}", training=None)) for number in range(6)]
    (table,) = summarise_records(records).tables
    assert [len(sheet.panels) for sheet in errors_sheets(table)] == [4, 2]
    assert [len(sheet.panels) for sheet in reliability_sheets(table)] == [4, 2]
