"""Measures and draws what size costs.

python -m tests.perf.size        writes docs/size.svg, docs/size.png and prints the table of docs/size.md
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.plan.grid import Request, expand, plan
from bench.plan.registry import Registry
from bench.report import summarise_records
from bench.report.text.exports import cells_csv, leaderboard_csv
from bench.report.text.leaderboard import leaderboard
from bench.spec import Named
from bench.store.record import Record
from bench.store.store import Store
from methods.linear_probe import LinearProbe
from methods.taskres import TaskRes
from tests.report.factory import make_record, number

SIZES = (1_000, 10_000, 100_000)
LIMITS = {"plan": (5.0, 500 * 10**6), "leaderboard": (60.0, 2 * 10**9)}  # seconds, bytes at the largest size
ALL_TASKS, SHOTS = 7, (1, 2, 4, 8, 16)


class Cost(NamedTuple):
    seconds: float
    cpu_seconds: float
    peak_bytes: int  # of the process, beside what the imports take


@dataclass
class Job:
    """Prepared before the clock starts."""

    work: Callable[[], object]


def planning(size: int, folder: Path) -> Job:
    """Expanding what was asked into cells, and saying which are to run: all, as the store is empty."""
    methods = tuple(Named("taskres", (("alpha", f"{variant / 100}"),)) for variant in range(1, size // 100 + 1))
    request = Request(methods, ("sketches", "digits"), SHOTS, tuple(range(1, 11)))
    registry = Registry({"taskres": TaskRes, "linear-probe": LinearProbe})

    def work() -> None:
        cells = expand(request, registry, "f00d")
        assert len(cells) == size
        assert len(plan(cells, {}, "missing").run) == size

    return Job(work)


def _grid(size: int) -> list[Record]:
    """As many records as asked: methods by tasks, shot counts and ten seeds."""
    per_method = ALL_TASKS * len(SHOTS) * 10
    found = [
        make_record(f"method-{method}", f"task-{task}", shots, seed, score=number(method, task, shots, seed))
        for method in range(-(-size // per_method))
        for task in range(ALL_TASKS)
        for shots in SHOTS
        for seed in range(10)
    ]
    return found[:size]


def _stored(size: int, folder: Path) -> Path:
    from bench.store.record import to_json

    (folder / "records").mkdir()
    with (folder / "records" / "one.jsonl").open("wb") as file:
        file.writelines(to_json(record) + b"\n" for record in _grid(size))
    return folder


def appending(size: int, folder: Path) -> Job:
    """Every record flushed and synced to disk by itself."""
    store, records = Store(folder), _grid(size)
    store.prepare()

    def work() -> None:
        for record in records:
            store.append(record)

    return Job(work)


def reading(size: int, folder: Path) -> Job:
    """All lines into records, and which of them counts for each cell."""
    _stored(size, folder)

    def work() -> None:
        assert len(Store(folder).latest()) == size

    return Job(work)


def ranking(size: int, folder: Path) -> Job:
    """The leaderboard from the store on disk: reading, statistics, Markdown and both CSV files. Plots and page not included."""
    _stored(size, folder)

    def work() -> None:
        summary = summarise_records(Store(folder).latest().values())
        for name, text in (
            ("leaderboard.md", leaderboard(summary, {})),
            ("leaderboard.csv", leaderboard_csv(summary)),
            ("cells.csv", cells_csv(summary)),
        ):
            (folder / name).write_text(text, encoding="utf-8")

    return Job(work)


JOBS = {"plan": planning, "append": appending, "read": reading, "leaderboard": ranking}


def measure(job: str, size: int) -> Cost:
    """In a process of its own."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, context.Pool(1) as pool:
        return pool.apply(_measure, (job, size, folder))


def _measure(job: str, size: int, folder: str) -> Cost:
    prepared = JOBS[job](size, Path(folder))
    _forget_peak()
    before = _bytes("VmRSS")
    started, cpu = time.perf_counter(), time.process_time()
    prepared.work()
    return Cost(time.perf_counter() - started, time.process_time() - cpu, max(1, _bytes("VmHWM") - before))


def _forget_peak() -> None:
    """Start the high-water mark anew, so that what was prepared doesn't count."""
    Path("/proc/self/clear_refs").write_text("5")


def _bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def draw(found: dict[tuple[str, int], Cost], stem: Path) -> None:
    """Seconds and memory against size, one line per job."""
    from matplotlib.ticker import FuncFormatter

    from bench.report.plots.canvas import new_figure, save, settings
    from bench.report.text.display import brief

    with settings():
        figure = new_figure(9.0, 3.6)
        for axes, name, values in zip(
            figure.subplots(1, 2),
            ("seconds", "peak MB"),
            (lambda cost: cost.seconds, lambda cost: cost.peak_bytes / 1e6),
            strict=True,
        ):
            for job in JOBS:
                shown = SIZES if name == "seconds" or job != "append" else ()  # which keeps nothing
                line = axes.plot(shown, [values(found[job, size]) for size in shown], marker="o", markersize=4, label=job)
                if job in LIMITS:
                    limit = LIMITS[job][0] if name == "seconds" else LIMITS[job][1] / 1e6
                    axes.plot([SIZES[-1]], [limit], marker="_", markersize=14, color=line[0].get_color(), linestyle="none")
            axes.set(xscale="log", yscale="log", xlabel="cells", ylabel=name)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: brief(value)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: brief(value)))
            axes.set_title("dashes: what is promised", fontsize=8, loc="left", color="#555555")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
        save(figure, stem, ("png", "svg"))


def main() -> None:
    found = {(job, size): measure(job, size) for job in JOBS for size in SIZES}
    draw(found, Path("docs/size"))
    lines = ["| job | cells | seconds | CPU seconds | peak MB |", "|---|---|---|---|---|"]
    lines += [
        f"| {job} | {size:,} | {cost.seconds:.2f} | {cost.cpu_seconds:.2f} | {cost.peak_bytes / 1e6:.0f} |"
        for (job, size), cost in found.items()
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
