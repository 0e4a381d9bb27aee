"""Which texts are longer than a text tower reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

ENDS = 2  # places at the end that a tokenizer may leave to tokens of its own


def cut(tokenize: Callable[[list[str]], Tensor], texts: Iterable[str], pad: int = 0) -> dict[str, bytes]:
    """The texts whose end the tower never sees, each with what it sees as the tokenizer writes it.

    Whatever tokenizer it is: a text that fills all places [N, L] and reads the same without its last character is cut.
    """
    texts = list(dict.fromkeys(texts))
    if not texts:
        return {}
    tokens = tokenize(texts)
    full = (tokens[:, -ENDS:] != pad).any(1).nonzero().flatten().tolist()
    longer = [row for row in full if len(texts[row].strip()) > 1]
    if not longer:
        return {}
    shorter = tokenize([texts[row].strip()[:-1] for row in longer])
    same = (tokens[torch.tensor(longer)] == shorter).all(1).tolist()
    return {texts[row]: tokens[row].numpy().tobytes() for row, alike in zip(longer, same, strict=True) if alike}


def told(found: dict[str, bytes], texts: int, length: int) -> list[str]:
    """In words, how many of so many texts are cut at `length` tokens, and how many of those become one with another."""
    if not found:
        return []
    alike = len(found) - len(set(found.values()))
    same = f", after which {alike} of them read as another does" if alike else ""
    return [f"{len(found)} of {texts} texts are longer than the {length} tokens of the text tower and are cut{same}"]
