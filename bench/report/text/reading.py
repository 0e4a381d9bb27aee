"""How a table is to be read, in plain sentences: what holds of every table of its form."""

from __future__ import annotations

from bench.kinds import KINDS
from bench.kinds.elsewhere import TRANSFER
from bench.report.numbers import sizes
from bench.report.numbers.bootstrap import RESAMPLES
from bench.report.numbers.entries import BOARDS
from bench.report.numbers.levels import mean
from bench.report.numbers.statistics import CONFIDENCE, smallest_p
from bench.report.numbers.summary import Table
from bench.report.text import display
from bench.report.text.columns import columns
from bench.text import plain

HOW_JOINT = (
    "Mean ranks over the tasks of all kinds together, each task counting once: a rank needs no common unit.",
    "Only methods with a score on every one of these tasks are ranked, and among themselves.",
)


def how_to_read(table: Table) -> list[str]:
    """Our own words, the same in every format; plain text."""
    largest = sizes.title(table.largest)
    return [
        f"Scores are {table.section.headline_title}: mean over tasks ± half the 95% Student-t interval over seeds. "
        f"Rank (mean over tasks, among {len(table.scores.ranks)} methods without gaps), gain, and costs are at {largest}.",
        *([BOARDS[table.section.board].about] if table.section.board else []),
        *levels(table),
        *_intervals(table),
        *further_columns(table),
        "A method that lacks a cell shows no rank, gain or cost: they would be over other cells than its rivals'. Where it only "
        "lacks seeds, the mean over those that it has stands with their number. "
        "A cell is missing if another method of this table has it.",
        "Seconds, joules and peak memory are what a cell costs alone, the frozen work included: means per cell, "
        "for memory the largest. Estimated joules (~) do not compare with measured ones.",
        "Against baseline, against best: tasks won / tied / lost against the baseline of the gains, against the best row.",
        "Pareto: no other method of the table trains as few parameters (takes as few seconds) and scores as much, "
        "and is better in one of the two.",
        "p: Wilcoxon's signed-rank test of the difference from the best row, paired over tasks on the same episodes, "
        f"Holm-corrected. {_smallest(table)}",
    ]


def levels(table: Table) -> list[str]:
    """Chance and the most frequent class, and which methods are no better than the latter."""
    said = []
    for what, known in (
        ("Guessing", table.levels.chance),
        ("Always giving the test set's most frequent class", table.levels.majority),
    ):
        tasks = tuple(task for task in table.tasks if task in known)
        average = mean(known, tasks)
        if average is not None:
            each = ", ".join(f"{task} {display.percent(known[task])}" for task in tasks) if len(tasks) > 1 else tasks[0]
            said.append(f"{what} scores {display.percent(average)} ({each}).")
    level = mean(table.levels.majority, table.tasks)
    if level is not None:
        low = [row.label for row in table.rows if (found := row.scores[table.largest]) is not None and found.mean <= level]
        if low:
            said.append(f"No better than that at {sizes.title(table.largest)}: {', '.join(low)}.")
    return [plain(" ".join(said))] if said else []


def _intervals(table: Table) -> list[str]:
    if not any(table.largest in row.bootstrap for row in table.rows):
        return []
    return [
        f"Bootstrap: the 95% interval of the same mean when each task's seeds are drawn anew ({RESAMPLES:,} times, stratified "
        "by task, widened for few seeds). It takes the seeds of two tasks for independent: true of supports, not of a random "
        "start that the seed alone decides. The ± takes a seed's mean over all tasks as one draw and needs no such thing: where "
        "it is several times as wide as the bracket, believe the ±; elsewhere the bracket is the sharper of two right intervals."
    ]


def further_columns(table: Table) -> list[str]:
    """What the columns of other metrics than the headline hold; nothing where there are none."""
    titles = {column.title for column in columns(table)}
    kind = KINDS[table.section.kind]
    shown = [
        metric for metric in table.scores.metrics if table.section.metrics.get(metric, metric) in titles or TRANSFER in metric
    ]
    named = [
        title if title == metric else f"{title} ({metric.replace('_', ' ')})"
        for metric, title in table.section.metrics.items()
        if metric in shown
    ]
    others = [metric.removeprefix(TRANSFER) for metric in shown if metric.startswith(TRANSFER)]
    where = f"at {sizes.title(table.largest)}, in percent, only of methods that have them in every cell"
    found = [] if kind.has_classes else ["Every query is compared with all candidates of the test set."]
    found += [f"{', '.join(named)}: means over tasks and seeds {where}."] if named else []
    found += [f"Zero-shot accuracy on other tasks ({', '.join(others)}): means over tasks and seeds {where}."] if others else []
    return found


def _smallest(table: Table) -> str:
    compared = max(1, len(table.scores.behind))
    tasks = len(table.scores.gains)
    smallest = smallest_p(tasks, compared)
    what = f"The smallest p that {tasks} tasks and {compared} comparisons can reach is {display.p_value(smallest)}"
    return f"{what}{'.' if smallest < 1 - CONFIDENCE else ': too few tasks to tell so many methods apart, so there is none.'}"
