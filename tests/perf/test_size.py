"""What size costs: planning, storing and ranking 10^3, 10^4 and 10^5 cells, and the peak of memory of each.

`tox -e perf` runs all sizes, `--benchmark-disable` the smallest only. Each runs in a process of its own, so that its peak is
its own; `python -m tests.perf.size` draws the figures for docs/size.md.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.perf.size import JOBS, LIMITS, SIZES, measure


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("size", SIZES)
def test_cost_of_size(benchmark: BenchmarkFixture, job: str, size: int) -> None:
    if benchmark.disabled and size != SIZES[0]:
        pytest.skip("without timing only the smallest size runs")
    found = benchmark.pedantic(measure, args=(job, size), rounds=1)
    benchmark.extra_info.update(found._asdict())
    assert found.peak_bytes > 0
    if not benchmark.disabled and size == SIZES[-1] and job in LIMITS:
        seconds, peak_bytes = LIMITS[job]  # one thread's work: its CPU seconds are the seconds of a machine that is free
        assert found.cpu_seconds < seconds and found.peak_bytes < peak_bytes, found
