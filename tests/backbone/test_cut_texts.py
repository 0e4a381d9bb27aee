"""Texts that a tower doesn't read to their end are counted, whatever the tokenizer."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bench.backbone.cut_texts import cut, told
from bench.backbone.load import bundled_tokenizer

TOKENIZER = bundled_tokenizer()
LENGTH = TOKENIZER.context_length
WORDS = st.lists(
    st.sampled_from(
        ["a", "the", "red", "green", "star", "dog", "with", "of", "striped", "photo", "7", "seven,", "un-seen", "x."]
    ),
    min_size=1,
    max_size=60,
)


def words_without_end(texts: list[str]) -> Tensor:
    """A token a word, at most 5, without an end: as LilT reads them."""
    rows = [[1 + sum(map(ord, word)) for word in text.split()][:5] for text in texts]
    return torch.tensor([row + [0] * (6 - len(row)) for row in rows])


@given(WORDS)
def test_a_text_is_cut_where_it_has_more_tokens_than_places(words: list[str]) -> None:
    text = " ".join(words)
    tokens = len(TOKENIZER.encode(text)) + 2  # with those of start and end
    assert (text in cut(TOKENIZER, [text])) == (tokens > LENGTH)


def test_other_tokenizers_without_an_end() -> None:
    assert list(cut(words_without_end, ["a b c d e", "a b c d e f", "a"])) == ["a b c d e f"]


def test_texts_that_become_one_are_told() -> None:
    start = "star " * LENGTH
    found = cut(TOKENIZER, [start + "red", start + "green", "a star"])
    assert told(found, 3, LENGTH) == [
        f"2 of 3 texts are longer than the {LENGTH} tokens of the text tower and are cut, "
        "after which 1 of them read as another does"
    ]
    assert told(cut(TOKENIZER, ["a star", ""]), 2, LENGTH) == [] == told(cut(TOKENIZER, []), 0, LENGTH)
