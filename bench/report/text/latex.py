"""The leaderboard as LaTeX tables for a paper: needs the package booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import UsageError
from bench.report.numbers import sizes
from bench.report.numbers.summary import Row, Summary, Table
from bench.report.text.columns import Column, columns
from bench.report.text.reading import levels
from bench.text import latex, plain

USUAL = ("gain", "trained", "seconds")  # beside the scores: what fits a page at a size that can be read
_MANY = 6  # columns from which on letters are a size smaller


def leaderboard_tex(summary: Summary, wanted: Sequence[str] = ()) -> str:
    """One table per section. Figures are those of leaderboard.md; what is measured and estimated stays apart by its tilde.

    `wanted`: names of columns, as the terminal has them; else the scores and `USUAL`. The best scores are bold. Methods
    without a score are named in a comment. Raises UsageError for a column that no table has.
    """
    known = dict.fromkeys(column.name for table in summary.tables for column in columns(table))
    for name in wanted:
        if name not in known and summary.tables:
            raise UsageError(f"--columns {name}: no such column: take some of {', '.join(known)}")
    lines = [
        r"% \usepackage{booktabs} in the preamble. Other columns: python -m bench report --columns '16 shots,seconds'",
        "% A dagger marks what is Pareto-optimal in score and this cost.",
    ]
    for table in summary.tables:
        lines += ["", *_table(table, wanted)]
    return "\n".join(lines) + "\n"


def _table(table: Table, wanted: Sequence[str]) -> list[str]:
    names = wanted or (*map(sizes.title, table.shots), *USUAL)
    shown = [column for column in columns(table) if column.name in names]
    rows = [row for row in table.rows if any(row.scores.values()) or row.partial]
    without = [row.label for row in table.rows if row not in rows]
    best = [_best(column, rows) for column in shown]
    caption = f"{table.section.title}. {table.section.headline_title}, mean over tasks ± half the 95% interval over seeds."
    caption = " ".join([caption, *levels(table)])
    return [
        *([f"% Without a score, and left out: {plain(', '.join(without))}"] if without else []),
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex(caption)}}}",
        *([r"\small"] if len(shown) < _MANY else [r"\footnotesize", r"\setlength{\tabcolsep}{4pt}"]),
        rf"\begin{{tabular}}{{l{'r' * len(shown)}}}",
        r"\toprule",
        _line([latex("method"), *(latex(column.title) for column in shown)]),
        r"\midrule",
        *(_line([latex(row.label), *map(_figure, shown, [row] * len(shown), best)]) for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def _best(column: Column, rows: Sequence[Row]) -> str | None:
    """What stands in the best row of a column of scores; None in one of costs, which have their daggers, and of counts."""
    found = [(number, column.text(row)) for row in rows if (number := column.number(row)) is not None]
    return max(found)[1] if column.is_score and found else None


def _figure(column: Column, row: Row, best: str | None) -> str:
    text = latex(column.marked(row, "†"))
    return rf"\textbf{{{text}}}" if best is not None and column.text(row) == best else text


def _line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"
