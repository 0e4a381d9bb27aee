"""The leaderboard as LaTeX tables for a paper: needs the packages booktabs and graphicx."""

from __future__ import annotations

from bench.report import display, sizes
from bench.report.escape import latex
from bench.report.summary import HEADLINE_NAMES, Row, Summary, Table


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
    header = ["method", *map(sizes.title, table.shots), "rank", "gain"]
    header += ["trained", "stored KiB", "seconds", "joules", "peak MiB", "gaps"]
    caption = f"{table.section.title}. {HEADLINE_NAMES[table.section.kind]}, mean over tasks ± half the 95% interval over seeds."
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex(caption)}}}",
        r"\resizebox{\linewidth}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * (len(header) - 2)}l}}",
        r"\toprule",
        _line(header),
        r"\midrule",
        *(_row(table, row) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]


def _row(table: Table, row: Row) -> str:
    costs = row.costs
    joules = display.significant(costs.joules_measured) or display.estimated(costs.joules_estimated)
    marks = {name: "†" if name in row.pareto else "" for name in ("parameters", "seconds")}
    return _line(
        [
            row.label,
            *(display.score(row.scores[shots]) for shots in table.shots),
            "" if row.rank is None else f"{row.rank:.2f}",
            display.points(row.gain),
            display.whole_range(costs.trainable_range) + marks["parameters"],
            display.kibibytes_range(costs.stored_range),
            display.significant(costs.seconds) + marks["seconds"],
            joules,
            display.mebibytes(costs.memory_bytes),
            display.gaps(row),
        ]
    )


def _line(cells: list[str]) -> str:
    return rf"{' & '.join(map(latex, cells))} \\"
