"""The templates are what they say: as plug-ins they conform, the test template passes, the task runs."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from bench.backbone import Backbone, load
from bench.cell.prepare import freeze, prepare
from bench.checks.conformance import conformance
from bench.features.bank import Bank
from bench.kinds import KINDS
from bench.meter import Meter
from bench.plan.episode import draw_episode
from bench.plan.registry import find_methods
from tasks.base import Sources
from tasks.find import find_task
from tests.docs.pages import EXTENDING
from tests.small_backbone import small_backbone

TEMPLATES = {"scaled-texts": EXTENDING / "head_template.py", "scaled-mlp": EXTENDING / "encoder_template.py"}


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_conforms(name: str, backbone: Backbone, tmp_path: Path) -> None:
    registry = find_methods((TEMPLATES[name],))
    assert registry.broken == {}
    method = registry.methods[name]
    outcomes = list(conformance(method(), backbone, tmp_path))
    assert {outcome.kind for outcome in outcomes} == set(method.kinds)
    assert [outcome for outcome in outcomes if outcome.verdict == "failed"] == []
    assert ("starts at zero shot", "ok") in {(outcome.check, outcome.verdict) for outcome in outcomes}
    assert method.kinds == KINDS.keys() or name == "scaled-texts"


@pytest.mark.parametrize("name", ["scores_by_plain_loops", "recipe_is_the_papers", "count_is_d"])
def test_the_test_template_passes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXTENDING)  # as pytest does for a file that it is given
    getattr(importlib.import_module("test_method_template"), f"test_{name}")()


def test_the_task_template_is_learnt(tmp_path: Path) -> None:
    task = find_task("leaning-stripes", Sources(plugins=(EXTENDING / "task_template.py",)))
    assert (task.origin, len(task.train), len(task.test)) == ("plug-in task_template.py", 120, 600)
    ids = [name for split in (task.train, task.val, task.test) for name in split.ids]
    assert len(set(ids)) == len(ids)
    method = find_methods().methods["linear-probe"]()
    frozen = freeze(method, load("bundled"), task, Bank(tmp_path, Meter("cpu")))
    scores = prepare(method, frozen, draw_episode(task, 16, 1, "fixed")).walk().score(task.test, range(100))
    assert (scores.argmax(1).numpy() == task.test.labels[:100]).mean() > 0.9
