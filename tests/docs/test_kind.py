"""The kind of docs/extending/kind.md, entered into the table: methods learn it, and its scores can be computed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.backbone import load
from bench.checks.conformance import CHECKS, Bench
from bench.kinds import KINDS, Kind
from bench.store.record import CellInfo
from methods.base import NotApplicable
from methods.linear_probe import LinearProbe
from tests.docs.pages import EXTENDING, code
from tests.factories import make_cell, make_split


class OrderedProbe(LinearProbe):
    kinds = frozenset({"ordered"})


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> Kind:
    kind: Any = code(EXTENDING / "kind.md")["Ordered"]()
    monkeypatch.setitem(KINDS, kind.name, kind)  # type: ignore[arg-type]
    return kind


def test_a_near_miss_is_worth_something_and_can_be_scored_again(ordered: Kind) -> None:
    scores, split = np.eye(5)[[0, 1, 3]], make_split("test", [0, 2, 3])
    found = ordered.score(scores, split, range(3))
    assert found.metrics[ordered.headline].value == pytest.approx(1 - (0 + 1 + 0) / 3 / 4)
    assert ordered.rescore(found.arrays, 3) == (found.metrics, found.reliability)


def test_a_method_that_names_it_conforms(ordered: Kind, tmp_path: Path) -> None:
    tried = Bench(OrderedProbe(), ordered.name, load("bundled"), tmp_path)
    for check in CHECKS.values():
        try:
            check(tried)
        except NotApplicable:
            assert check.__name__ in ("starts_at_zero_shot", "frozen_stages_are_the_backbones", "sees_no_more_than_it_says")


def test_records_may_be_of_it_and_of_no_kind_that_nobody_knows(ordered: Kind) -> None:
    assert isinstance(make_cell(kind="ordered"), CellInfo)
    with pytest.raises(ValueError, match="'orderly' is no kind of task"):
        make_cell(kind="orderly")
