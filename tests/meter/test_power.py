"""Joules from readings of watts: the trapezoid rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from bench.meter.power import PowerIntegral

READINGS = st.lists(st.tuples(st.floats(0.001, 10), st.floats(0, 1000)), min_size=2, max_size=30)


@given(READINGS)
def test_joules_are_the_trapezoids_between_the_readings(readings: list[tuple[float, float]]) -> None:
    times = np.cumsum([pause for pause, _ in readings])
    watts = np.array([value for _, value in readings])
    clock, power = iter(times.tolist()), iter(watts.tolist())
    integral = PowerIntegral(lambda: next(power), lambda: next(clock))
    joules = [0.0] + [integral.joules() for _ in readings[1:]]
    expected = [trapezoid(watts[:end], times[:end]) for end in range(1, len(watts) + 1)]
    np.testing.assert_allclose(joules, expected, rtol=1e-9, atol=1e-9)
    assert (np.diff(joules) >= 0).all()


def test_a_board_that_tells_nothing_any_more_is_an_error_and_the_integral_goes_on_after_it() -> None:
    readings = iter([100.0, OSError("lost"), 300.0])
    times = iter([0.0, 1.0, 2.0])

    def watts() -> float:
        reading = next(readings)
        if isinstance(reading, OSError):
            raise reading
        return reading

    integral = PowerIntegral(watts, lambda: next(times))
    with pytest.raises(OSError, match="lost"):
        integral.joules()
    assert integral.joules() == 400.0  # 2 s at 200 W on average


def test_a_power_that_is_a_mean_over_a_second_gives_no_figure_for_short_windows() -> None:
    assert PowerIntegral.shortest_window_s >= 2
    assert PowerIntegral.sample_every_s is not None
    assert PowerIntegral.sample_every_s <= 0.1
