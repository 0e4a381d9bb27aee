"""What a count is for unless it says otherwise, and the families that decide step caps."""

from __future__ import annotations

from methods.base import CLASSIFICATION, FAMILIES, PAIR, RETRIEVAL, Count
from tasks.base import Budget


def test_defaults_of_a_count() -> None:
    count = Count(7, "somewhere")
    assert (count.params, count.kind, count.classes, count.shots, count.backbone) == ("", "classification", 10, 1, "ViT-B-16")


def test_every_family_has_its_step_cap() -> None:
    budget = Budget(head_steps=3, prompt_steps=2, encoder_steps=1)
    assert [budget.steps(family) for family in FAMILIES] == [0, 3, 2, 1, 1]
    assert FAMILIES == ("zero-shot", "head", "prompt", "inside the encoder", "full")


def test_kinds_are_words() -> None:
    assert (CLASSIFICATION, PAIR, RETRIEVAL) == ("classification", "pair", "retrieval")
