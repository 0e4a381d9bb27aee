"""Under which terms recipes run: what `--recipe` and `--quick` say, else what the task says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.errors import UsageError
from methods.parts.alignment import DEVICE_BATCH
from tasks.base import Budget

QUICK_BUDGET = Budget(head_steps=100, prompt_steps=50, encoder_steps=16, stretch=20.0)  # of a quick cell on any task
CAPPED, PAPER = "capped", "paper"
HOW = "write capped, paper, or steps=N for at most N steps"
KEYS = ("steps", "batch", "negatives", "chunk", "lr")


@dataclass(frozen=True)
class Terms:
    """What `--recipe` says; as text the form that records keep."""

    mode: str = CAPPED  # "capped": the task's step budget; "paper": none
    steps: int | None = None  # at most so many of every recipe on any task, at its published rate; stands in for the mode
    batch: int | None = None  # examples a step instead of the recipe's
    negatives: int | None = None  # contrastive loss: pairs are told apart within groups of so many; None: within the batch
    chunk: int | None = None  # contrastive loss: pairs that go through the towers at once; the gradient is the batch's
    lr: float | None = None  # of the alignment of towers that have never met, instead of the method's own

    def __str__(self) -> str:
        values = {name: getattr(self, name) for name in KEYS}
        given = [
            f"{name}={value:g}" if name == "lr" else f"{name}={value}" for name, value in values.items() if value is not None
        ]
        return ",".join([*([] if self.steps else [self.mode]), *given])

    def step_budget(self, quick: bool, task: Budget | None) -> Budget | None:
        """The cap on every family of methods, None for as many steps as each recipe asks for.

        `steps` keeps published learning rates; the caps of quick cells and of bundled tasks bring their own stretch.
        """
        if self.steps is not None:
            return Budget(head_steps=self.steps, prompt_steps=self.steps, encoder_steps=self.steps)
        if self.mode == PAPER:
            return None
        return QUICK_BUDGET if quick else task

    def allowance(self, quick: bool, task: Budget | None, family: str) -> Allowance:
        """What a method of this family may take."""
        budget = self.step_budget(quick, task)
        if budget is None:
            return Allowance(terms=self)
        return Allowance(budget.steps(family), budget.stretch, self)


@dataclass(frozen=True)
class Allowance:
    """What a recipe gets in one cell."""

    cap: int | None = None  # most steps
    stretch: float = 1.0  # most by which the rates of a recipe that is cut short are multiplied
    terms: Terms = Terms()


def parse_recipe(text: str) -> Terms:
    """`capped`, `paper` or `steps=N`, and `batch=N`, `negatives=N`, `chunk=N`, `lr=X`, separated by commas. Raises UsageError."""
    budgets: list[str] = []
    values: dict[str, int | float] = {}
    for part in map(str.strip, text.split(",")):
        name, equals, value = map(str.strip, part.partition("="))
        if not equals and name in (CAPPED, PAPER):
            budgets.append(name)
        elif equals and name in KEYS and name not in values:
            values[name] = _read(name, value, text)
        else:
            raise UsageError(f"can't read recipe {text!r} at {part!r}: {HOW}")
    if len(budgets) + ("steps" in values) > 1:
        raise UsageError(f"can't read recipe {text!r}: capped, paper and steps=N exclude each other")
    terms = Terms(budgets[0] if budgets else CAPPED, **values)  # type: ignore[arg-type]
    if terms.negatives is not None and terms.batch is not None and terms.batch <= terms.negatives:
        raise UsageError(f"--recipe {text}: negatives={terms.negatives} changes nothing with a batch of {terms.batch}")
    return terms


def _read(name: str, value: str, text: str) -> int | float:
    if name == "negatives" and value == "local":  # as on each of the devices of LilT's published runs
        return DEVICE_BATCH
    if name != "lr" and re.fullmatch("[1-9][0-9]{0,8}", value):
        return int(value)
    if name == "lr" and re.fullmatch(r"[0-9.]+(e-?[0-9]+)?", value) and 0 < (rate := float(value)) < 1e3:
        return rate
    what = "a rate above 0" if name == "lr" else "a whole number above 0"
    raise UsageError(f"can't read recipe {text!r}: {name} must be {what}, got {value!r}: {HOW}")
