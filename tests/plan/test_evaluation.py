"""What fitted models are to be scored on besides."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bench.backbone import load
from bench.errors import UsageError
from bench.plan.evaluation import parse_evaluation
from bench.plan.grid import Cell, Request, expand, plan
from bench.plan.registry import find_methods
from bench.spec import Named
from bench.store.record import Elsewhere
from tasks.find import find_task
from tests.factories import make_record

REGISTRY = find_methods()


def cells(evaluate: str, *tasks: str, backbone: str = "bundled") -> list[Cell]:
    loaded = load(backbone)
    request = Request((Named("full"),), tasks, (1,), (1,), backbone=backbone, evaluation=parse_evaluation(evaluate))
    return expand(request, REGISTRY, loaded.fingerprint, aligned=loaded.aligned)


def elsewhere(evaluate: str, *tasks: str, **options: Any) -> dict[str, tuple[str, ...]]:
    return {cell.info.task: cell.elsewhere for cell in cells(evaluate, *tasks, **options)}


def test_without_a_word_nothing_is_scored_elsewhere() -> None:
    assert elsewhere("", "sketches", "scenes-retrieval") == {"sketches": (), "scenes-retrieval": ()}


def test_new_classes_are_the_other_half_of_those_that_are_learnt() -> None:
    (one, other) = cells("new-classes", "sketches", "scenes-vqa")
    assert (one.info.task, one.info.half, one.elsewhere) == ("sketches-base", "base", ("new:sketches",))
    assert (other.info.task, other.info.half, other.elsewhere) == ("scenes-vqa", "", ())


def test_forgetting_looks_at_the_other_classifications_of_the_run() -> None:
    assert elsewhere("forgetting", "sketches", "digits", "scenes-retrieval") == {
        "sketches": ("digits",),
        "digits": ("sketches",),
        "scenes-retrieval": ("sketches", "digits"),
    }
    assert elsewhere("forgetting,new-classes,corruptions", "sketches", "digits")["sketches-base"] == (
        "new:sketches", "digits", "corruptions",
    )  # fmt: skip


def test_a_named_task_goes_to_the_tasks_that_it_suits() -> None:
    assert elsewhere("task:scenes-vqa,task:textures", "sketches", "scenes-entailment", "textures") == {
        "sketches": ("textures",),
        "scenes-entailment": ("scenes-vqa", "textures"),
        "textures": (),
    }


def test_an_alignment_is_tried_on_what_its_task_names() -> None:
    assert elsewhere("task:digits", "scenes-retrieval", backbone="bundled-unaligned") == {
        "scenes-retrieval": ("digits", "sketches", "textures", "creatures")
    }


@pytest.mark.parametrize(
    ("evaluate", "tasks", "said"),
    [
        ("new-clases", ("sketches",), "unknown evaluation 'new-clases': did you mean new-classes"),
        ("new-classes", ("scenes-vqa",), "only classifications have new classes"),
        ("forgetting", ("sketches",), "there is no other classification in the run"),
        ("task:scenes-vqa", ("sketches",), "task:scenes-vqa: a pair task can't be scored by a model fitted to classification"),
        ("task:nothing", ("sketches",), "unknown task 'nothing'"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(evaluate: str, tasks: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        cells(evaluate, *tasks)
    assert "\n" not in str(error.value)


def entry(source: str, version: str) -> Elsewhere:
    return Elsewhere(source=source, task_version=version, kind="classification", role="other set")


def test_a_record_that_lacks_what_is_asked_runs_again_with_what_it_has() -> None:
    (cell,) = cells("task:digits", "sketches")
    digits, textures = (find_task(name).version for name in ("digits", "textures"))

    def todo(**held: Elsewhere) -> tuple[Cell, ...]:
        return plan([cell], {cell.key: make_record(cell=cell.info, elsewhere=held)}, "missing").run

    assert not todo(digits=entry("digits", digits))
    (again,) = todo(textures=entry("textures", textures))
    assert again.elsewhere == ("digits", "textures")
    (stale,) = todo(digits=entry("digits", "an older version"))
    assert stale.elsewhere == ("digits",)
    bare = dataclasses.replace(cell, elsewhere=())
    held = {bare.key: make_record(cell=bare.info, elsewhere={"digits": entry("digits", digits)})}
    assert not plan([bare], held, "missing").run
    assert plan([bare], held, "always").run[0].elsewhere == ("digits",)
