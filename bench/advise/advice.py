"""The answer, as it is kept in advice.json. Scores are 0..1; seconds, bytes and milliseconds are as measured here."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.errors import UsageError
from bench.writing import write_whole

FILE = "advice.json"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A method that was tried on the folds."""

    label: str  # name with the parameters that differ from the defaults
    backbone: str
    family: str
    score: float  # over the held-out images of all compared folds, as found: not corrected for having been chosen
    folds: list[float]  # the same by fold
    behind: float = 0.0  # how far behind the recommended one, and the 95 % bootstrap interval of that over images
    behind_low: float = 0.0
    behind_high: float = 0.0
    parameters: int | None = None  # that train
    stored_bytes: int | None = None
    fit_s: float | None = None  # mean over folds, the frozen work included
    memory_bytes: int | None = None  # peak
    predict_ms: float | None = None  # per image


class More(msgspec.Struct, frozen=True, kw_only=True):
    """What more labels would bring, by the curve."""

    times: int
    examples: int
    gain: float
    low: float
    high: float


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Of the curve: the mean over folds."""

    examples: float
    error: float


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """The learning curve of the method `label`; without a fit, `reason` says why."""

    label: str
    points: list[Point] = []
    a: float | None = None  # error = a + b n^-c
    b: float | None = None
    c: float | None = None
    more: list[More] = []
    reason: str = ""


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A method that is not in the answer, and why."""

    label: str
    backbone: str
    reason: str
    figure: str = ""  # that goes with the reason: a score, seconds


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    task: str
    source: str
    kind: str
    metric: str  # title of the headline metric
    classes: int
    available: int  # labelled train examples that there are
    examples: int  # that were used
    folds: int  # that methods were compared on
    of_folds: int  # that the support was dealt into
    held_out: int  # images that the compared methods were scored on
    seed: int
    recommended: Choice
    expected: float  # what the recommended one is likely to score, corrected for having been chosen
    low: float
    high: float
    interval: str  # of what kind
    untrained: float | None = None  # score of the backbone as it is; None where it can't score the task
    alternatives: list[Choice] = []  # the next best
    ranking: list[Choice] = []  # all that were compared on the same folds, the best first
    labels: Labels | None = None
    left: list[Left] = []  # not tried, or not to the end
    notes: list[str] = []
    adapter: str | None = None  # file of what was fitted to all examples used, in the folder of this one
    use: list[str] = []  # lines of Python that score images with it
    minutes: float = 0.0  # given
    seconds: float = 0.0  # taken, to the answer
    cells: int = 0  # that were run for it now


def write_advice(advice: Advice, out: Path) -> Path:
    """Raises OSError."""
    path = out / FILE
    write_whole(path, msgspec.json.format(msgspec.json.encode(advice), indent=1) + b"\n")
    return path


def read_advice(out: Path) -> Advice:
    """Of a folder that `advise` wrote to. Raises UsageError."""
    try:
        return msgspec.json.decode((out / FILE).read_bytes(), type=Advice)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{out / FILE}: no advice that can be read ({error}): run python -m bench advise with --out {out}"
        ) from error
