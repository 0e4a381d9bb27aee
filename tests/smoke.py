"""Whether the leaderboard of a quick grid lies within stated bands: `python -m tests.smoke OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.store.record import headline
from bench.store.store import Store

# (method, task, shots): least and greatest score of `run --quick` on the bundled backbone.
BANDS = {
    ("zero-shot", "sketches", 0): (0.50, 0.70),
    ("zero-shot", "scenes-vqa", 0): (0.15, 0.40),
    ("zero-shot", "scenes-retrieval", 0): (0.10, 0.40),
    ("linear-probe", "sketches", 16): (0.55, 0.85),
    ("xtremeclip", "sketches", 16): (0.55, 0.85),
    ("taskres", "sketches", 16): (0.62, 0.85),
    ("lp++", "sketches", 16): (0.55, 0.85),
    ("lit", "scenes-vqa", 16): (0.38, 0.65),
    ("adapter", "scenes-retrieval", 16): (0.15, 0.35),
    ("lilt-partial", "sketches", 16): (0.58, 0.84),
    ("full", "sketches", 16): (0.55, 0.80),
    ("full", "scenes-retrieval", 16): (0.16, 0.38),
    ("lora", "scenes-vqa", 16): (0.30, 0.52),
}


def main(out: Path) -> int:
    found = {}
    problems = []
    for record in Store(out).latest().values():
        if record.status not in ("ok", "not_applicable"):
            problems.append(f"{record.cell.label} on {record.cell.task}: {record.status}")
        if not record.cell.quick:
            problems.append(f"{record.cell.label} on {record.cell.task}: not marked as quick")
        found[record.cell.label, record.cell.task, record.cell.shots] = headline(record)
    for cell, (least, greatest) in BANDS.items():
        score = found.get(cell)
        if score is None or not least <= score <= greatest:
            problems.append(f"{cell}: {score} is not within {least}..{greatest}")
    if "linear-probe" not in (out / "leaderboard.md").read_text():
        problems.append("leaderboard.md does not list linear-probe")
    sys.stdout.write("\n".join(problems or [f"{len(found)} cells, {len(BANDS)} bands held"]) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
