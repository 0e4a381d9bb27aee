"""The file that recipes read, and the tables that docs show of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from bench.tuned import FILE, MOVED, Tables, Tuned, tables
from bench.writing import write_whole
from studies.budgets.trials import Arrival, Found

PAGE = Path(__file__).parents[2] / "docs" / "budgets.md"
MARK = "<!-- made by python -m studies.budgets page: don't edit below -->"


def keep(fingerprint: str, backbone: str, found: Iterable[Found] = (), arrivals: Iterable[Arrival] = ()) -> None:
    """Put results into the file; what it holds of others stays."""
    tables.cache_clear()
    known = dict(tables())
    table = known.get(fingerprint, Tables(backbone))
    chosen = {method: dict(kinds) for method, kinds in table.chosen.items()}
    for one in found:
        curve = [(point.rate, point.length, round(point.score, 4)) for point in one.tried]
        chosen.setdefault(one.job.method, {})[one.job.kind] = Tuned(one.taken.rate, one.taken.length, curve)
    arrived = table.arrived | {one.method: (round(one.budget, 4), round(one.longer, 4)) for one in arrivals}
    known[fingerprint] = Tables(backbone, _sorted(chosen), dict(sorted(arrived.items())))
    write_whole(FILE, as_lines(known))
    tables.cache_clear()


def as_lines(known: dict[str, Tables]) -> bytes:
    """JSON with a line for each choice and each arrival, so that a change of one is a change of a line."""
    parts = []
    for fingerprint, table in known.items():
        chosen = [
            f'  "{method}": {{\n' + ",\n".join(f'   "{kind}": {_text(one)}' for kind, one in kinds.items()) + "\n  }"
            for method, kinds in table.chosen.items()
        ]
        arrived = [f'  "{method}": {_text(means)}' for method, means in table.arrived.items()]
        blocks = [f'"{name}": {{\n{_joined(lines)}\n }}' for name, lines in (("chosen", chosen), ("arrived", arrived))]
        parts.append(f' "{fingerprint}": {{\n "name": {_text(table.name)},\n {", ".join(blocks)}\n }}')
    text = "{\n" + ",\n".join(parts) + "\n}\n"
    assert msgspec.json.decode(text, type=dict[str, Tables]) == known, "written otherwise than meant"
    return text.encode()


def _joined(lines: list[str]) -> str:
    return ",\n".join(lines)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _sorted(chosen: dict[str, dict[str, Tuned]]) -> dict[str, dict[str, Tuned]]:
    return {method: dict(sorted(chosen[method].items())) for method in sorted(chosen)}


def page() -> str:
    """docs/budgets.md with its tables made anew."""
    text = PAGE.read_text()
    head = text[: text.index(MARK)] if MARK in text else text
    return head + "\n\n".join([MARK, *(_section(table) for table in tables().values())]) + "\n"


def _section(table: Tables) -> str:
    lines = [f"## {table.name}", "", "| method | kind | rate | length | tried: rate (x length): score |", "|---|---|---|---|---|"]
    for method, kinds in table.chosen.items():
        for kind, one in kinds.items():
            tried = ", ".join(
                f"{rate:g}{'' if length == 1 else f' x {length:g}'}: {100 * score:.1f}" for rate, length, score in one.curve
            )
            lines.append(f"| {method} | {kind} | {one.rate:g} | {one.length:g} | {tried} |")
    if table.arrived:
        held = len(table.arrived) - len(table.restless)
        lines += [
            "",
            f"Arrived, that is within {100 * MOVED:g} points of four times the steps: {held} of {len(table.arrived)}.",
            "",
        ]
        lines += ["| method | under the budget | four times the steps | change |", "|---|---|---|---|"]
        lines += [
            f"| {method} | {100 * a:.1f} | {100 * b:.1f} | {100 * (b - a):+.1f} |" for method, (a, b) in table.arrived.items()
        ]
    return "\n".join(lines)
