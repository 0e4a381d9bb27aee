"""The loop takes the very steps of the recipe; a recipe that is cut short keeps its shape."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from bench.cell.train import Diverged, rate, train
from bench.plan.budget import Allowance, Terms
from bench.store.record import Training
from methods.base import Recipe

X = np.random.default_rng(0).standard_normal((10, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.3


def run(loss: Any, recipe: Recipe, groups: dict[str, list[nn.Parameter]], **options: Any) -> Training:
    given = {"cap": None, "rate": 1.0, "length": 1.0, "seed": 3, "device": "cpu", "precision": "fp32", "examples": 10, **options}
    allowance = Allowance(given.pop("cap"), given.pop("rate"), given.pop("length"), given.pop("terms", Terms()))
    return train(groups, loss, given.pop("examples"), recipe, allowance, **given)


class LeastSquares:
    """Mean squared error of x.w + b; remembers the rows, and the parameters before each step."""

    def __init__(self) -> None:
        self.w, self.b = nn.Parameter(torch.zeros(3, dtype=torch.float64)), nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.rows: list[np.ndarray] = []
        self.path: list[np.ndarray] = []

    @property
    def now(self) -> np.ndarray:
        return torch.cat([self.w, self.b[None]]).detach().numpy().copy()

    def __call__(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        self.rows.append(rows.numpy())
        self.path.append(self.now)
        return ((torch.from_numpy(X)[rows] @ self.w + self.b - torch.from_numpy(Y)[rows]) ** 2).mean()


def plain_path(recipe: Recipe, batches: list[np.ndarray], head_lr: float) -> list[np.ndarray]:
    """The parameters before each step and after the last, by the formulas of the optimisers' papers."""
    p, first, second = np.zeros(4), np.zeros(4), np.zeros(4)
    path = [p.copy()]
    for step, rows in enumerate(batches):
        design = np.c_[X[rows], np.ones(len(rows))]
        gradient = 2 * design.T @ (design @ p - Y[rows]) / len(rows)
        cosine = (1 + math.cos(math.pi * step / len(batches))) / 2
        lr = np.array([recipe.lr] * 3 + [head_lr]) * cosine
        if recipe.optimiser != "adamw":
            gradient = gradient + recipe.weight_decay * p
        if recipe.optimiser == "sgd":
            first = gradient if step == 0 else recipe.momentum * first + gradient
            p = p - lr * first
        else:
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            if recipe.optimiser == "adamw":
                p = p * (1 - lr * recipe.weight_decay)
            mean, variance = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
            p = p - lr * mean / (np.sqrt(variance) + recipe.eps)
        path.append(p.copy())
    return path


@pytest.mark.parametrize("head_lr", [None, 0.002])
@pytest.mark.parametrize("optimiser", ["adamw", "adam", "sgd"])
def test_the_parameters_take_the_path_of_the_formulas(optimiser: Any, head_lr: float | None) -> None:
    recipe = Recipe(optimiser, lr=0.02, batch=4, epochs=4, weight_decay=0.1, eps=1e-6, head_lr=head_lr)
    problem = LeastSquares()
    run(problem, recipe, {"body": [problem.w], "head": [problem.b]})
    expected = plain_path(recipe, problem.rows, head_lr or recipe.lr)
    np.testing.assert_allclose(np.array([*problem.path, problem.now]), np.array(expected), rtol=1e-9, atol=1e-12)


def test_every_epoch_sees_every_example_once_in_a_new_order() -> None:
    problem = LeastSquares()
    run(problem, Recipe(batch=4, epochs=3), {"body": [problem.w]})
    assert [len(rows) for rows in problem.rows] == [4, 4, 2] * 3
    epochs = [np.concatenate(problem.rows[start : start + 3]).tolist() for start in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_short_last_batch_may_be_left_out_of_each_epoch() -> None:
    loss = LeastSquares()
    told = run(loss, Recipe(batch=4, epochs=3, drop_last=True), {"body": [loss.w, loss.b]})
    assert told.asked_steps == told.run_steps == 6 and [len(rows) for rows in loss.rows] == [4] * 6
    for first, second in zip(loss.rows[::2], loss.rows[1::2], strict=True):
        assert len({*first, *second}) == 8  # no example twice in an epoch


def test_batches_may_be_drawn_from_more_rows_than_an_epoch_is_counted_in() -> None:
    seen: list[np.ndarray] = []
    weight = nn.Parameter(torch.zeros(()))

    def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
        seen.append(rows.numpy())
        return (weight - 1) ** 2

    told = run(loss, Recipe("sgd", 0.1, batch=16, epochs=40, drop_last=True), {"body": [weight]}, pool=5)
    assert told.run_steps == 40 and told.batch == 16  # 10 examples are an epoch of one step
    assert all(len(set(rows)) == 16 for rows in seen) and {int(row) for rows in seen for row in rows} == set(range(50))
    shares = np.bincount(np.concatenate(seen), minlength=50) / 40
    assert abs(shares - 16 / 50).max() < 5 * math.sqrt(16 / 50 * 34 / 50 / 40)


def test_the_seed_decides_the_order_and_nothing_else_does() -> None:
    def rows(seed: int) -> list[list[int]]:
        problem = LeastSquares()
        run(problem, Recipe(batch=4, epochs=2), {"body": [problem.w]}, seed=seed)
        return [batch.tolist() for batch in problem.rows]

    first = rows(1)
    torch.manual_seed(99)
    assert rows(1) == first != rows(2)


def rates_taken(recipe: Recipe, **options: Any) -> tuple[list[float], Training]:
    """With a slope of one each step of plain SGD is as long as its rate, and so is Adam's but for its eps."""
    w = nn.Parameter(torch.zeros((), dtype=torch.float64))
    path: list[float] = []

    def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
        path.append(w.item())
        return w * 1.0

    training = run(loss, recipe, {"body": [w]}, **options)
    return (-np.diff([*path, w.item()])).tolist(), training


PLAIN = Recipe("sgd", lr=0.5, batch=5, epochs=30, momentum=0, weight_decay=0, final_lr=0.01)


@pytest.mark.parametrize(
    ("cap", "factor", "length", "steps"),
    [
        (20, 1.0, 1.0, 20),
        (20, 3.0, 1.0, 20),
        (99, 0.3, 1.0, 60),
        (None, 2.0, 1.0, 60),
        (99, 1.0, 1.5, 90),
        (80, 2.0, 1.5, 80),
        (None, 1.0, 0.001, 1),
    ],
)
def test_a_longer_or_shorter_run_keeps_the_shape_at_a_multiple_of_the_rates(
    cap: int | None, factor: float, length: float, steps: int
) -> None:
    rates, training = rates_taken(PLAIN, cap=cap, rate=factor, length=length)
    cosine = (1 + np.cos(np.pi * np.arange(steps) / steps)) / 2
    np.testing.assert_allclose(rates, factor * (0.01 + 0.49 * cosine), rtol=1e-6)
    assert (training.asked_steps, training.run_steps, training.capped, training.batch) == (60, steps, steps < 60, 5)
    assert (training.rate_factor, training.length_factor) == (factor, length)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_steps_that_the_gradient_scaler_skips_leave_no_trace(optimiser: str) -> None:
    """In fp16 the first gradients may overflow, until the scale has come down; momentum must not hold what they were."""
    w = nn.Parameter(torch.zeros(4096))
    spoiled = [torch.full_like(w, math.nan) for _ in range(99)]  # what memory may hold that nobody has written to yet
    del spoiled
    slopes = iter([math.inf, math.inf, *[1.0] * 10])
    recipe = Recipe(optimiser, lr=0.1, batch=10, steps=12, schedule="constant", weight_decay=0)  # type: ignore[arg-type]
    run(lambda rows, generator: OfSlope.apply(w, next(slopes)), recipe, {"body": [w]}, precision="fp16")
    assert bool((w < -0.5).all())


class OfSlope(torch.autograd.Function):
    """0, with the slope that is given."""

    @staticmethod
    def forward(ctx: Any, w: Tensor, slope: float) -> Tensor:
        ctx.slope = slope
        ctx.like = w
        return torch.zeros(())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return (gradient * ctx.slope).expand_as(ctx.like).contiguous(), None


def test_a_batch_of_the_run_stands_in_for_the_recipes() -> None:
    _, training = rates_taken(PLAIN, terms=Terms(batch=3))
    assert (training.batch, training.asked_steps) == (3, 30 * 4)


def test_the_batch_is_recorded_as_it_was() -> None:
    _, training = rates_taken(Recipe(batch=64, steps=3), examples=10)
    assert (training.batch, training.run_steps) == (10, 3)


def test_the_losses_are_means_of_tenths_of_the_run() -> None:
    count = iter(range(100))
    w = nn.Parameter(torch.zeros(()))
    training = run(lambda rows, generator: 0 * w + next(count), Recipe(steps=25), {"body": [w]})
    edges = [math.ceil(tenth * 2.5) for tenth in range(11)]
    assert training.loss == [np.mean(range(start, end)) for start, end in pairwise(edges)]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run(value: float) -> None:
    count = iter(range(100))
    w = nn.Parameter(torch.zeros(()))
    with pytest.raises(Diverged, match=r"by step 3[0-9] of 100: lower the learning rate"):
        run(lambda rows, generator: w * (value if next(count) == 29 else 1.0), Recipe(steps=100), {"body": [w]})


def test_a_gradient_is_clipped_over_all_parameters_together() -> None:
    w, h = (nn.Parameter(torch.zeros((), dtype=torch.float64)) for _ in range(2))
    recipe = Recipe("sgd", lr=1.0, steps=1, momentum=0, weight_decay=0, clip_gradient=1.0)
    run(lambda rows, generator: 3 * w + 4 * h, recipe, {"body": [w], "head": [h]})
    assert (w.item(), h.item()) == pytest.approx((-0.6, -0.8), rel=1e-5)


def test_the_cosine_runs_from_the_rate_to_the_final_rate() -> None:
    recipe = Recipe(lr=0.4, final_lr=0.02, epochs=10)
    assert rate(recipe, 0.0, 10) == pytest.approx(0.4)
    assert rate(recipe, 0.5, 10) == pytest.approx(0.21)
    assert rate(recipe, 1.0, 10) == pytest.approx(0.02)
    assert rate(Recipe(lr=0.4, epochs=10, schedule="constant"), 0.7, 10) == 0.4


@pytest.mark.parametrize(("epochs", "per_epoch"), [(20, 5), (50, 1), (50, 5), (200, 3)])
def test_stairs_are_those_of_torch_stepped_once_per_epoch(epochs: int, per_epoch: int) -> None:
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=0.4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    expected = []
    for _ in range(epochs):
        expected += [optimiser.param_groups[0]["lr"]] * per_epoch
        optimiser.step()
        scheduler.step()
    recipe = Recipe(lr=0.4, epochs=epochs, stairs=True)
    rates = [rate(recipe, step / len(expected), epochs) for step in range(len(expected))]
    np.testing.assert_allclose(rates, expected, rtol=1e-9, atol=1e-12)


def test_the_first_epochs_may_go_at_a_constant_small_rate_and_the_cosine_starts_after_them() -> None:
    """As the schedulers of the field's framework: one that waits, and the cosine that it hands over to untouched."""
    recipe = Recipe(lr=0.4, epochs=10, stairs=True, warmup_epochs=2, warmup_lr=1e-5)
    rates = [rate(recipe, step / 40, 10) for step in range(40)]
    assert rates[:8] == [1e-5] * 8
    expected = [0.2 * (1 + math.cos(math.pi * (epoch - 2) / 10)) for epoch in range(2, 10) for _ in range(4)]
    np.testing.assert_allclose(rates[8:], expected, rtol=1e-12)
    assert rates[8] == 0.4 and rates[-1] == pytest.approx(0.2 * (1 + math.cos(0.7 * math.pi)))


def test_warm_up_rises_in_a_line_and_meets_the_schedule_without_a_jump() -> None:
    recipe = Recipe(lr=0.4, steps=1000, warmup=0.1, warmup_lr=0.1)
    rates = [rate(recipe, step / 1000, 10) for step in range(1000)]
    np.testing.assert_allclose(rates[:100], 0.1 + 0.3 * np.arange(100) / 100, rtol=1e-12)
    assert max(rates) == pytest.approx(0.4, rel=1e-3)
    assert np.abs(np.diff(rates)).max() <= 0.3 / 100 + 1e-9


@given(st.floats(0, 1), st.floats(0, 1), st.booleans(), st.sampled_from([0.0, 0.1]))
def test_the_rate_never_rises_after_warm_up_and_stays_between_its_ends(a: float, b: float, stairs: bool, warmup: float) -> None:
    recipe = Recipe(lr=0.4, final_lr=0.02, epochs=8, stairs=stairs, warmup=warmup)
    early, late = sorted(warmup + (1 - warmup) * progress for progress in (a, b))
    assert 0.4 >= rate(recipe, early, 8) >= rate(recipe, late, 8) - 1e-15 >= 0.02 - 2e-15
