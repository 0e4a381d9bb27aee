"""What was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.advise.limits import NO_LIMITS, Limits
from bench.errors import UsageError
from tasks.base import NO_SOURCES, Sources

LEAST_MINUTES = 0.5


@dataclass(frozen=True)
class Asked:
    """The data, the time, and among what is to be chosen. Raises UsageError for a time that nothing can be done in."""

    source: str  # of the task, as `run --tasks` takes it
    out: Path
    minutes: float = 5.0
    shots: int | None = None  # labelled examples per class; None: all, or as many as the time allows
    methods: str = "all"
    backbones: tuple[str, ...] = ("bundled",)
    limits: Limits = NO_LIMITS
    device: str = "auto"
    precision: str = "auto"
    recipe: str = "tuned"
    seed: int = 1  # of the support, and of the fits
    workers: int | None = None
    sources: Sources = NO_SOURCES
    plugins: tuple[Path, ...] = ()
    skip_bad_images: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        if not LEAST_MINUTES <= self.minutes <= 1e5:
            raise UsageError(f"--minutes {self.minutes:g}: give it {LEAST_MINUTES:g} or more")
        if self.shots is not None and self.shots < 1:
            raise UsageError(
                f"--shots {self.shots}: one labelled example per class is the least: give 2 or more to hold some out"
            )
        if len(set(self.backbones)) < len(self.backbones) or not self.backbones:
            raise UsageError(f"--backbone {','.join(self.backbones)}: name each backbone once")

    @property
    def seconds(self) -> float:
        return 60 * self.minutes
