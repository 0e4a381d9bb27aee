"""Costs of groups of cells: parameters, stand-alone seconds, joules, peak memory."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.report.numbers.summary import Costs


def costs_by(cells: pd.DataFrame, keys: Sequence[str]) -> dict[tuple[object, ...], Costs]:
    """Costs per group of cells that agree in `keys`; all cells of a group are taken to be finished ones.

    A mean is given only when every cell has the figure, and joules and memory only when all of them come from one
    source: the mean of half the cells, or of a counter and a guess, is no figure at all.
    """
    if cells.empty:
        return {}
    # Scope belongs to the source: joules of a board and joules of a process are two quantities.
    source = cells["energy_quality"].fillna("") + "|" + cells["energy_source"].fillna("") + "|" + cells["energy_scope"].fillna("")
    groups = cells.assign(energy_origin=source, memory_source=cells["memory_source"].fillna("")).groupby(list(keys), sort=True)
    size = groups.size()
    low, high = groups[["trainable", "share", "stored_bytes"]].min(), groups[["trainable", "share", "stored_bytes"]].max()
    averaged = groups[["trainable", "seconds_total", "joules_total"]]
    mean = averaged.mean().where(averaged.count().eq(size, axis="index"))
    known_memory = (groups["memory_source"].nunique() == 1) & (groups["memory_total_bytes"].count() == size)
    table = pd.DataFrame(
        {
            **{"trainable_low": low["trainable"], "trainable_high": high["trainable"], "trainable": mean["trainable"]},
            **{"share_low": low["share"], "share_high": high["share"], "seconds": mean["seconds_total"]},
            **{"stored_low": low["stored_bytes"], "stored_high": high["stored_bytes"]},
            "joules": mean["joules_total"].where(groups["energy_origin"].nunique() == 1),
            "quality": groups["energy_quality"].first(),
            "memory": groups["memory_total_bytes"].max().where(known_memory),
        }
    )
    result = {}
    for key, *values in table.astype("object").where(table.notna(), None).itertuples():
        row = dict(zip(table.columns, values, strict=True))
        result[key if isinstance(key, tuple) else (key,)] = _costs(row)
    return result


def _costs(row: dict[str, object]) -> Costs:
    def number(name: str) -> float | None:
        value = row[name]
        return None if value is None else float(value)  # type: ignore[arg-type]

    trainable = number("trainable_low"), number("trainable_high")
    share = number("share_low"), number("share_high")
    stored = number("stored_low"), number("stored_high")
    return Costs(
        trainable_range=None if trainable[0] is None or trainable[1] is None else (int(trainable[0]), int(trainable[1])),
        trainable=number("trainable"),
        share_range=None if share[0] is None or share[1] is None else (share[0], share[1]),
        seconds=number("seconds"),
        joules_measured=number("joules") if row["quality"] == "measured" else None,
        joules_estimated=number("joules") if row["quality"] == "estimated" else None,
        memory_bytes=number("memory"),
        stored_range=None if stored[0] is None or stored[1] is None else (int(stored[0]), int(stored[1])),
    )
