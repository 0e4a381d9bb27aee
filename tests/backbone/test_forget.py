"""A model that forgets: random weights by its own initialiser, decided by torch's seed."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from bench.backbone import load


@pytest.mark.parametrize("name", ["bundled", "bundled-unaligned"])
def test_a_model_forgets_all_it_knew_by_the_seed_and_starts_as_a_fresh_one(name: str) -> None:
    clip = copy.deepcopy(load(name).clip)
    known = clip.image.blocks[0].attn.q.weight.clone()
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        clip.forget()
        found.append(clip.image.blocks[0].attn.q.weight.clone())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2]) and not torch.equal(found[0], known)
    assert float(clip.logit_scale.exp()) == pytest.approx(1 / 0.07, rel=1e-5)
    assert float(clip.text.stages[0].token_embedding.weight.std()) == pytest.approx(0.02, rel=0.05)
    assert math.isclose(float(clip.image.head.ln_post.weight.std()), 0.0)
