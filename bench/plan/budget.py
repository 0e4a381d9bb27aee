"""Under which terms recipes run: what `--recipe` and `--quick` say, else what the task says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.errors import UsageError
from bench.tuned import TUNED, Tuned
from methods.parts.alignment import DEVICE_BATCH
from tasks.base import Budget

QUICK_BUDGET = Budget(head_steps=100, prompt_steps=50, encoder_steps=16)  # of a quick cell on any task
PAPER = "paper"
HOW = "write tuned, paper, or steps=N for at most N steps"
COUNTS, NUMBERS = ("steps", "batch", "negatives", "chunk"), ("lr", "rate", "length")


@dataclass(frozen=True)
class Terms:
    """What `--recipe` says; as text the form that records keep."""

    mode: str = TUNED  # "tuned": the task's step budget with rates and lengths chosen for it; "paper": neither
    steps: int | None = None  # at most so many of every recipe on any task, as published; stands in for the mode
    batch: int | None = None  # examples a step instead of the recipe's
    negatives: int | None = None  # contrastive loss: pairs are told apart within groups of so many; None: within the batch
    chunk: int | None = None  # contrastive loss: pairs that go through the towers at once; the gradient is the batch's
    lr: float | None = None  # of the alignment of towers that have never met, instead of the method's own
    rate: float | None = None  # times the rates that the mode gives
    length: float | None = None  # times the steps that the mode gives

    def __str__(self) -> str:
        values = {name: getattr(self, name) for name in (*COUNTS, *NUMBERS)}
        given = [f"{name}={value:g}" if name in NUMBERS else f"{name}={value}" for name, value in values.items() if value]
        return ",".join([*([] if self.steps else [self.mode]), *given])

    def allowance(self, quick: bool, task: Budget | None, family: str, chosen: Tuned) -> Allowance:
        """What a method of this family may take. task: the task's budget; chosen: the method's own rate and length there.

        The budget of quick cells stands in for the task's. Where there is no budget, nothing chosen for one holds.
        """
        budget = QUICK_BUDGET if quick else task
        rate, length = self.rate or 1.0, self.length or 1.0
        if self.steps is not None:
            return Allowance(self.steps, rate, length, self)
        if self.mode == PAPER or budget is None:
            return Allowance(None, rate, length, self)
        cap = max(1, round(budget.steps(family) * length)) if budget.steps(family) else 0
        return Allowance(cap, rate * chosen.rate, length * chosen.length, self)


@dataclass(frozen=True)
class Allowance:
    """What a recipe gets in one cell."""

    cap: int | None = None  # most steps
    rate: float = 1.0  # times its rates
    length: float = 1.0  # times its steps, before the cap
    terms: Terms = Terms()

    def steps(self, asked: int) -> int:
        """How many of the steps that a recipe asks for are run."""
        longer = max(1, round(asked * self.length)) if asked else 0
        return longer if self.cap is None else min(longer, self.cap)


def parse_recipe(text: str) -> Terms:
    """`tuned`, `paper` or `steps=N`, and any of COUNTS and NUMBERS as `name=N`, separated by commas. Raises UsageError."""
    budgets: list[str] = []
    values: dict[str, int | float] = {}
    for part in map(str.strip, text.split(",")):
        name, equals, value = map(str.strip, part.partition("="))
        if not equals and name in (TUNED, PAPER):
            budgets.append(name)
        elif equals and name in (*COUNTS, *NUMBERS) and name not in values:
            values[name] = _read(name, value, text)
        else:
            raise UsageError(f"can't read recipe {text!r} at {part!r}: {HOW}")
    if len(budgets) + ("steps" in values) > 1:
        raise UsageError(f"can't read recipe {text!r}: tuned, paper and steps=N exclude each other")
    terms = Terms(budgets[0] if budgets else TUNED, **values)  # type: ignore[arg-type]
    if terms.negatives is not None and terms.batch is not None and terms.batch <= terms.negatives:
        raise UsageError(f"--recipe {text}: negatives={terms.negatives} changes nothing with a batch of {terms.batch}")
    return terms


def _read(name: str, value: str, text: str) -> int | float:
    if name == "negatives" and value == "local":  # as on each of the devices of LilT's published runs
        return DEVICE_BATCH
    if name in COUNTS and re.fullmatch("[1-9][0-9]{0,8}", value):
        return int(value)
    if (
        name in NUMBERS
        and re.fullmatch(r"[0-9.]+(e-?[0-9]+)?", value)
        and value.count(".") < 2
        and 0 < (number := float(value)) < 1e3
    ):
        return number
    what = "a whole number above 0" if name in COUNTS else "a number above 0 and below 1000"
    raise UsageError(f"can't read recipe {text!r}: {name} must be {what}, got {value!r}: {HOW}")
