"""What a method states about itself, typed again in its test file: counts, rows of a group, values that are refused."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from bench.api import resolve_methods
from bench.backbone import Backbone
from bench.checks.verify import count
from bench.errors import UsageError
from bench.plan.registry import find_methods
from bench.spec import parse_names
from methods.base import Count, Method, NotApplicable

REGISTRY = find_methods()
trains = partial(Count, source="")
on_lilts_towers = partial(Count, source="", kind="retrieval", backbone="DeiT-base + BERT-base")


def build(label: str) -> Method:
    """As on the command line: `lora[r=4]`."""
    return REGISTRY.build(parse_names(label, "methods")[0])


def skip_if_absent(name: str) -> None:
    """Skip the test of a method whose optional library is not installed."""
    try:
        REGISTRY.rows(name)
    except NotApplicable as reason:
        pytest.skip(str(reason))


def check_counts(shapes: Backbone, method: type[Method], *expected: Count) -> None:
    """The method states exactly these counts for a backbone without weights, and they are right."""
    assert [replace(stated, source="") for stated in method.counts if stated.backbone == shapes.name] == list(expected)
    for each in expected:
        assert count(build(f"{method.name}[{each.params}]"), shapes, each) == each.trainable, each


def check_rows(group: str, method: type[Method], *labels: str) -> None:
    """With these parameters, and no others, the method is among those that the group stands for."""
    assert [str(one) for one in resolve_methods(group, REGISTRY) if one.name == method.name] == list(labels)


def check_refused(label: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(label)
