"""TCP: prompts of each class before a block of the text tower, by a tower that is run by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bench.backbone import Backbone, Clip
from methods.tcp import TCP
from tests.methods.encoders import FIRST, LAST, NAMES, edited_anew, names_that_train, start, words_of
from tests.methods.forwards import arrays, drawn_forward
from tests.methods.heads import cross_entropy
from tests.methods.prompted import check_long_text, class_tokens, close, embedded, exact, text_by_hand
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, check_refused, trains


@torch.no_grad()
@pytest.mark.parametrize(("block", "n"), [(2, 4), (9, 3)])  # of two
def test_each_class_has_prompts_of_its_own_made_from_its_frozen_text(shaken: Clip, block: int, n: int) -> None:
    method = TCP(TCP.Params(block=block, n_ctx=n))
    _changed, drawn, edit = edited_anew(method, shaken, std=0.7)
    context, down, down_bias, up, up_bias = (each.double() for each in drawn.values())
    frozen = F.normalize(torch.randn(len(NAMES), shaken.features, generator=torch.Generator().manual_seed(2)), dim=-1)
    assert edit.texts_given_frozen is not None
    features = edit.texts_given_frozen(class_tokens(method, edit), frozen)
    plain = exact(shaken)
    for c, name in enumerate(NAMES):
        hidden = down @ frozen[c].double() + down_bias
        own = (up @ (hidden / (1 + torch.exp(-1.702 * hidden))) + up_bias).reshape(n, shaken.text.width)
        rows = torch.cat([embedded(plain, [FIRST]), context, embedded(plain, [*words_of(f"{name}."), LAST])])
        close(features[c], text_by_hand(plain, rows, {2: own}))
    assert not torch.allclose(features, edit.texts_given_frozen(class_tokens(method, edit), frozen.flip(0)), atol=1e-3)


def test_before_the_first_block_they_take_the_place_of_the_placed_context(shaken: Clip) -> None:
    method = TCP(TCP.Params(block=1))
    _changed, _drawn, edit = edited_anew(method, shaken, std=0.7)
    assert edit.texts_given_frozen is not None
    context = next(iter(edit.trains))
    edit.texts_given_frozen(class_tokens(method, edit), torch.randn(3, shaken.features)).sum().backward()
    assert context.grad is not None and not context.grad.any()


@pytest.mark.parametrize("weight", [8.0, 0.5])
def test_its_loss_holds_the_class_texts_at_the_hand_written_ones(clip: Clip, weight: float) -> None:
    method, forward = TCP(TCP.Params(weight=weight)), drawn_forward()
    seen = arrays(forward)
    apart = np.mean([1 - (seen["text"][c] * seen["frozen_text"][c]).sum() for c in range(3)])
    loss = method.adapt(clip, start()).loss
    expected = cross_entropy(seen["scores"], seen["labels"]) + weight * apart
    assert loss is not None and float(loss(forward)) == pytest.approx(expected, rel=1e-5)


def test_the_context_starts_small_and_random(clip: Clip) -> None:
    torch.manual_seed(0)
    context = next(iter(TCP(TCP.Params(n_ctx=40)).adapt(clip, start()).trains))
    assert float(context.detach().std()) == pytest.approx(0.02, rel=0.1)


def test_text_that_is_too_long_keeps_its_end(clip: Clip) -> None:
    check_long_text(TCP(), clip)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, TCP, trains(331_904))


def test_what_trains(clip: Clip) -> None:
    net = {f"net.{layer}.{part}" for layer in (0, 2) for part in ("weight", "bias")}
    assert names_that_train(TCP(), clip) == {f"text.stages.0.{name}" for name in {"prompts.prompts", *net}}


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert TCP().recipe(start(shots)) == dassl(lr=2e-3, batch=32, epochs=50, optimiser="adam", eps=1e-3)


def test_its_class_texts_begin_with_the_name() -> None:
    own = ("a photo of a {}, a type of pet.", "a drawing of a {}.")
    assert TCP().templates(own) == ("{}, a type of pet.",) and TCP().frozen_templates(own) == own[:1]
    assert TCP.kinds == {"classification"} and TCP().params == TCP.Params(4, 9, 8.0, 2e-3)


@pytest.mark.parametrize("text", ["n_ctx=0", "block=0"])
def test_refused_values(text: str) -> None:
    check_refused(f"tcp[{text}]", "n_ctx and block must be at least 1")
