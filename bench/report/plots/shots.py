"""Score against shots, one panel per task: lines over shot counts, or dots where there is one shot count only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.kinds import KINDS
from bench.report.numbers import sizes
from bench.report.numbers.summary import Row, Table
from bench.report.plots.canvas import METHODS, legend_width, title_height
from bench.report.plots.families import BELOW, COLUMNS, GAP, LEFT, by_family
from bench.report.plots.palette import look
from bench.report.plots.rows import by_method
from bench.report.plots.scales import Scale, linear, named
from bench.report.plots.sheet import LINE, PALE, Panel, Sheet

PANELS = 24  # per figure; further tasks go to further figures
TOGETHER = 12  # methods that can be told apart in one panel; more are drawn family by family
DODGE = 0.12  # of the way between two shot counts, for all methods of a panel together: intervals side by side, no other shots
MEAN = "mean over all tasks"  # stands as a first panel beside the tasks


def shots_sheets(table: Table) -> Iterator[Sheet]:
    """For all tasks, as many as they need; none where no cell gave a score."""
    rows = [row for row in table.rows if any(_points(table, row, task) for task in table.tasks)]
    best = [row for row in rows if not row.baseline][:METHODS]
    rows = [row for row in rows if row.baseline or row in best]
    if not rows:
        return
    draw, step = _together, PANELS
    if len(table.shots) == 1:
        draw, step = _dots, COLUMNS
    elif len(best) > TOGETHER:
        draw, step = _by_family, COLUMNS
    for start in range(0, len(table.tasks), step):
        tasks = table.tasks[start : start + step]
        if draw is not _dots and start == 0 and len(table.tasks) > 1 and any(_points(table, row, MEAN) for row in rows):
            tasks = (MEAN, *tasks)
        yield draw(table, tasks, rows)


def _together(table: Table, tasks: Sequence[str], rows: list[Row]) -> Sheet:
    """All methods in each panel."""
    wide, high, between, section = 2.1, 1.75, 0.6, table.section.title
    columns = min(COLUMNS, len(tasks))
    lines = -(-len(tasks) // columns)
    room = legend_width([row.label for row in rows])
    width = LEFT + (wide + GAP) * max(columns, 1.6) + room
    head = title_height(section, width - room) + 0.25
    body = max((high + between) * lines - between, LINE * (len(rows) + 1))
    sheet = _named(Sheet(width, head + body + BELOW, section, room=room), table)
    for number, task in enumerate(tasks):
        line, column = divmod(number, columns)
        bottom = sheet.height - head - high - (high + between) * line
        panel = Panel(LEFT + (wide + GAP) * column, bottom, wide, high, *_scales(table, task, rows), title=task)
        _fill(panel, table, task, rows, rows)
        sheet.panels.append(panel)
    sheet.legend(width - room, sheet.height - head, [(row.label, row.baseline) for row in rows])
    return sheet


def _by_family(table: Table, tasks: Sequence[str], rows: list[Row]) -> Sheet:
    """A line of panels per family, its methods in colour and all others in grey behind them, its legend beside it."""
    sheet = by_family(
        table.section.title,
        tasks,
        rows,
        lambda task: _scales(table, task, rows),
        lambda panel, task, members: _fill(panel, table, task, rows, members),
    )
    return _named(sheet, table)


def _dots(table: Table, tasks: Sequence[str], rows: list[Row]) -> Sheet:
    """Methods from top to bottom, best mean first: with one shot count there is no line to draw."""

    def across(task: str) -> Scale:
        return _around([score for row in rows for _, score, _ in _points(table, row, task)], 0.15)

    def fill(panel: Panel, task: str) -> None:
        for number, row in enumerate(rows):
            for _, score, reach in _points(table, row, task):
                style = look(row.label, row.baseline)
                if row.baseline:
                    ends = [panel.up.low, panel.up.high]
                    panel.method(row.label, [score, score], ends, baseline=True)
                elif reach:
                    panel.bar(-number, score - reach, score + reach, style.colour, upright=False)
                panel.method(row.label, [score], [-number], line=None, size=5, marker="|" if row.baseline else style.marker)

    sheet = by_method(table.section.title, tasks, rows, across, fill)
    sheet.below = f"{table.section.headline_title} at {sizes.title(table.largest)}"
    return sheet


def _named(sheet: Sheet, table: Table) -> Sheet:
    sheet.below, sheet.beside = KINDS[table.section.kind].shots_title, table.section.headline_title
    return sheet


def _points(table: Table, row: Row, task: str) -> list[tuple[int, float, float]]:
    """Position of the shot count, score and half width, the last two in percent (0 where there is no interval)."""
    points = []
    for position, shots in enumerate(table.shots):
        if task == MEAN:
            estimate = row.scores.get(shots)
        else:
            found = row.tasks.get(task, {}).get(shots)
            estimate = found.estimate if found is not None else None
        if estimate is not None:
            points.append((position, 100 * estimate.mean, 100 * (estimate.half_width or 0.0)))
    return points


def _scales(table: Table, task: str, rows: Sequence[Row]) -> tuple[Scale, Scale]:
    across = named([(float(position), str(sizes.typed(shots))) for position, shots in enumerate(table.shots)])
    return across, _around([score for row in rows for _, score, _ in _points(table, row, task)], 0.25)


def _around(scores: Sequence[float], share: float) -> Scale:
    """Three seeds can have an interval far wider than all differences; the scores decide the scale, intervals may leave it."""
    low, high = min(scores, default=0.0), max(scores, default=100.0)
    room = max(4.0, share * (high - low))
    return linear(max(-2.0, low - room), min(102.0, high + room))


def _fill(panel: Panel, table: Table, task: str, rows: list[Row], coloured: list[Row]) -> None:
    """`coloured` rows as they look everywhere, the others of `rows` in grey behind them."""
    beside = [row for row in coloured if not row.baseline]
    for row in rows:
        points = _points(table, row, task)
        if not points:
            continue
        positions, scores, widths = zip(*points, strict=True)
        if row.baseline:
            panel.level(row.label, scores[0])
        elif row not in beside:
            panel.curve("", positions, scores, colour=PALE, width=0.7, depth=1)
        else:
            step = DODGE * (beside.index(row) / (len(beside) - 1) - 0.5) if len(beside) > 1 else 0.0
            places = [position + step for position in positions]
            panel.method(row.label, places, scores, width=0.9)
            for at, score, reach in zip(places, scores, widths, strict=True):
                if reach:
                    panel.bar(at, score - reach, score + reach, look(row.label).colour)
