"""Which towers the study is of, what they are aligned on, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from studies.lilt.texts import LabelledTexts, scene_captions
from tasks.base import NO_SOURCES, Sources

BASE, SMALL = "bundled-unaligned", "bundled-unaligned-small"
PAIRS = (64, 256, 1024, 4096)
BEST_FULL = "full[lr=2e-05]"  # on drawn scenes the common rate, stretched to 2e-3, is too high for all of a tower
SOME = "full,lilt-ln,lilt-lwa-ln,lilt-da,lilt-partial,lit,lit[lock=both]"


@dataclass(frozen=True)
class GridPart:
    """A part of the grid: its methods on a backbone, with some numbers of pairs."""

    methods: str
    pairs: tuple[int, ...]
    backbone: str


@dataclass(frozen=True)
class ProbeSets:
    """What a linear probe is asked, to see what the towers know."""

    images: tuple[str, ...]  # classification tasks
    texts: Callable[[], LabelledTexts] | None


@dataclass(frozen=True)
class Subject:
    """Methods are named by their labels."""

    backbone: str  # the towers in question
    task: str
    grid: tuple[GridPart, ...]
    most: int  # pairs of the cells that are looked into
    full: str  # full training at the best of the rates tried
    drifting: tuple[str, ...]
    probed: tuple[str, ...]
    racing: tuple[str, ...]
    shares: tuple[float, ...]  # of the time that `full` at the common rate takes
    banked: tuple[str, ...]
    large_batches: tuple[str, ...]
    probe_sets: ProbeSets
    recipe: str = "tuned"
    sources: Sources = NO_SOURCES


BUNDLED = Subject(
    backbone=BASE,
    task="scenes-retrieval",
    grid=(
        GridPart(f"lilt,{BEST_FULL},full[lr=1e-05],full[lr=5e-05]", PAIRS[1:], BASE),
        GridPart(f"{BEST_FULL},{SOME}", PAIRS[:1], BASE),
        GridPart(f"{BEST_FULL},{SOME}", PAIRS[-1:], SMALL),
    ),
    most=PAIRS[-1],
    full=BEST_FULL,
    drifting=(BEST_FULL, "full", "lilt-ln", "lilt-lwa-ln", "lilt-da[ln=true]", "lilt-partial[ln=true]", "lit"),
    probed=(BEST_FULL, "full", "lit", "lilt-ln", "lilt-lwa-ln", "lilt-da", "lilt-partial", "lora", "scratch"),
    racing=("full", BEST_FULL, "lit", "lilt-ln", "lilt-da", "lilt-partial"),
    shares=(0.5, 1.0),
    banked=("lit", "lilt-da", "lilt-partial"),
    large_batches=("lilt-lwa batch=4096,chunk=128", "lilt-lwa batch=4096"),
    probe_sets=ProbeSets(("sketches", "digits"), scene_captions),  # the pairs show shapes and never a digit
)


def own_towers(backbone: str, task: str, pairs: tuple[int, ...], steps: int, probe_sets: ProbeSets, sources: Sources) -> Subject:
    """The same questions to other towers, at published rates; the whole family with the middle one of the numbers of pairs."""
    middle = sorted(pairs)[len(pairs) // 2]
    some = "full,lora,lilt-ln,lilt-da,lilt-partial,lit,lit[lock=both]"
    others = tuple(count for count in pairs if count != middle)
    looked_into = ("full", "lora", "lit", "lilt-ln", "lilt-lwa-ln", "lilt-da", "lilt-partial")
    return Subject(
        backbone=backbone,
        task=task,
        grid=(GridPart("lilt", (middle,), backbone), GridPart(some, others, backbone)),
        most=middle,
        full="full",
        drifting=("full", "lilt-ln", "lilt-lwa-ln", "lit"),
        probed=looked_into,
        racing=("full", "lora", "lit", "lilt-da", "lilt-partial"),
        shares=(0.5,),
        banked=("lit", "lilt-da", "lilt-partial"),
        large_batches=(),
        probe_sets=probe_sets,
        recipe=f"steps={steps}",
        sources=sources,
    )
