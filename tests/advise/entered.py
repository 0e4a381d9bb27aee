"""Entrants whose scores are made up, for what is computed of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.advise.entrants import Entrant, Held
from bench.kinds.metrics import Metric
from bench.plan.grid import Cell
from bench.spec import Named
from bench.store.record import Bytes, Data, Parameters, Record, Seconds
from tests.factories import make_cell, make_record


def cell(label: str, fold: int, family: str = "head", backbone: str = "bundled") -> Cell:
    told = {"method": label, "label": label, "family": family, "backbone": backbone}
    info = make_cell(**told, task=f"tiny-fold-{fold}", params={}, recipe="tuned")
    return Cell(info, Named(label), f"fold:{fold}/5,most=4,seed=1:tiny")


def record(one: Cell, score: float = 0.5, **changes: object) -> Record:
    """Of an attempt that went well."""
    return make_record(
        cell=one.info,
        **{
            **{"metrics": {"accuracy": Metric(score)}, "time_s": Seconds(bank=1.0, fit=1.0, predict=0.5)},
            **{"parameters": Parameters(trainable=10, total=100, share=0.1, stored_bytes=40)},
            **{"memory_bytes": Bytes(total=1_000_000)},
            **{"data": Data(origin="", classes=2, n_support=8, n_val=0, n_test=4, support_hash="", test_hash="")},
            **changes,
        },
    )


def entrant(label: str, right: Mapping[int, Sequence[float]] = {}, family: str = "head", folds: int = 5) -> Entrant:
    """right: by fold what each held-out image counts."""
    one = Entrant("bundled", Named(label), {fold: cell(label, fold, family) for fold in range(1, folds + 1)})
    for fold, worth in right.items():
        images = tuple(f"{fold}-{number}" for number in range(len(worth)))
        one.take(
            fold, record(one.cells[fold], float(np.mean(worth))), Held(images, np.array(worth, float), np.ones(len(worth), int))
        )
    return one
