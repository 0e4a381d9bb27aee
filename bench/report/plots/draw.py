"""All plots of a report."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from bench.report.numbers.entries import NEW_CLASSES
from bench.report.numbers.ranking import Ranking
from bench.report.numbers.section import Section
from bench.report.numbers.summary import Joint, Row, Summary, Table
from bench.report.plots.calibration import errors_sheets, reliability_sheets
from bench.report.plots.canvas import FORMATS, save, settings
from bench.report.plots.gains import gains_figure
from bench.report.plots.losses import losses_sheets
from bench.report.plots.pairs import has_pairs, pairs_figure
from bench.report.plots.ranks import ranks_figure
from bench.report.plots.scatter import MEMORY, PARAMETERS, SECONDS, cost_figure, joules
from bench.report.plots.sheet import Sheet
from bench.report.plots.shots import shots_sheets
from bench.text import file_name

Plot = tuple[str, str, Figure]  # title, ending of the file's name, figure

# What a plot file's name ends in; by this an earlier report's plots are known and cleared away.
_ENDINGS = (
    "shots",
    "parameters",
    "seconds",
    "joules",
    "memory",
    "gains",
    "ranks",
    "losses",
    "calibration",
    "reliability",
    "pairs",
)


def write_plots(summary: Summary, folder: Path, formats: Sequence[str] = ("svg",)) -> dict[Section, dict[str, str]]:
    """Draw everything into `folder`. Returns section -> title -> name of the file in the first format."""
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    names = _names([*(table.section for table in summary.tables), *(joint.section for joint in summary.joint)])
    result: dict[Section, dict[str, str]] = {}
    with settings():
        parts = [(table.section, _figures(table)) for table in summary.tables]
        parts += [(joint.section, _of_joint(joint, summary.tables)) for joint in summary.joint]
        for section, drawn in parts:
            found = result[section] = {}
            for title, ending, figure in drawn:
                found[title] = save(figure, folder / f"{names[section]}-{ending}", formats)[0].name
    return result


def _figures(table: Table) -> Iterator[Plot]:
    """One after another, so that only one is in memory."""
    yield from _numbered("Score against shots", "shots", shots_sheets(table))
    yield "Score against trained parameters", "parameters", cost_figure(table, PARAMETERS)
    yield "Score against stand-alone seconds", "seconds", cost_figure(table, SECONDS)
    yield "Score against stand-alone joules", "joules", cost_figure(table, joules(table))
    yield "Score against peak memory", "memory", cost_figure(table, MEMORY)
    yield "Gain by task", "gains", gains_figure(table)
    yield from _ranks(table.section, table.rankings, table.rows)
    if has_pairs(table):
        yield (
            "New against base" if table.section.board == NEW_CLASSES.name else "Forgotten against gained",
            "pairs",
            pairs_figure(table),
        )
    if table.section.board:  # how the fit went stands with the scores on its own test set
        return
    yield from _numbered("Learning curves", "losses", losses_sheets(table))
    yield from _numbered("Calibration error", "calibration", errors_sheets(table))
    yield from _numbered("Reliability", "reliability", reliability_sheets(table))


def _numbered(title: str, ending: str, sheets: Iterator[Sheet]) -> Iterator[Plot]:
    """Several figures where there are more tasks than one can hold: "shots", "shots-2"."""
    for page, sheet in enumerate(sheets, 1):
        yield (title, ending, sheet.draw()) if page == 1 else (f"{title} {page}", f"{ending}-{page}", sheet.draw())


def _of_joint(joint: Joint, tables: Sequence[Table]) -> Iterator[Plot]:
    yield from _ranks(joint.section, joint.rankings, [row for table in tables for row in table.rows])


def _ranks(section: Section, rankings: Sequence[Ranking], rows: Sequence[Row]) -> Iterator[Plot]:
    if rankings:
        baselines = frozenset(row.label for row in rows if row.baseline)
        yield "Critical-difference diagram", "ranks", ranks_figure(section, rankings, baselines)


def _names(sections: list[Section]) -> dict[Section, str]:
    """A file name for each section; those that would share one get a hash of what tells them apart."""
    plain = {section: file_name(section.title) for section in sections}
    taken = list(plain.values())
    return {section: name if taken.count(name) == 1 else f"{name}-{_hash(section)}" for section, name in plain.items()}


def _hash(section: Section) -> str:
    return hashlib.sha256(repr(section).encode("utf-8", "replace")).hexdigest()[:8]


def _clear(folder: Path) -> None:
    """Remove the plots of an earlier report: one of a section that is gone would be taken for a current one."""
    for ending in _ENDINGS:
        for suffix in FORMATS:
            for pattern in (f"*-{ending}.{suffix}", f"*-{ending}-[0-9]*.{suffix}"):
                for path in folder.glob(pattern):
                    path.unlink()
