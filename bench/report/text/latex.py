"""The leaderboard as LaTeX tables for a paper: needs the packages booktabs and graphicx."""

from __future__ import annotations

from bench.kinds import KINDS
from bench.report.numbers.summary import Summary, Table
from bench.report.text.columns import columns
from bench.text import latex


def leaderboard_tex(summary: Summary) -> str:
    """One table per section. Figures are those of leaderboard.md; what is measured and estimated stays apart by its tilde."""
    lines = [
        r"% \usepackage{booktabs, graphicx} in the preamble.",
        "% A dagger marks what is Pareto-optimal in score and this cost.",
    ]
    for table in summary.tables:
        lines += ["", *_table(table)]
    return "\n".join(lines) + "\n"


def _table(table: Table) -> list[str]:
    shown = [column for column in columns(table) if column.short]
    caption = (
        f"{table.section.title}. {KINDS[table.section.kind].headline_title}, mean over tasks ± half the 95% interval over seeds."
    )
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex(caption)}}}",
        r"\resizebox{\linewidth}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * len(shown)}}}",
        r"\toprule",
        _line(["method", *(column.title for column in shown)]),
        r"\midrule",
        *(_line([row.label, *(column.marked(row, "†") for column in shown)]) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]


def _line(cells: list[str]) -> str:
    return rf"{' & '.join(map(latex, cells))} \\"
