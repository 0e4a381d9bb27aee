"""A short byte-pair vocabulary (Sennrich et al., ACL 2016) in the form that open_clip's tokenizer reads.

The corpus is the captions of the drawn scenes and the plain English of Python's own help pages, so that words
which no caption uses are still split into sensible pieces.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

from tasks.scenes.grammar import caption, random_digit, random_scene

BYTES_AND_SPECIALS = 512 + 2  # each byte alone and at a word's end; start and end of text


def corpus(random: np.random.Generator, scenes: int = 4000) -> Counter[str]:
    """Words with their counts."""
    words: Counter[str] = Counter()
    for number in range(scenes):
        scene = random_digit(random) if number % 10 == 0 else random_scene(random, 1 + number % 2)
        words.update(re.findall(r"[a-z]+", caption(scene, random)))
    for text in topics.values():
        words.update(re.findall(r"[a-z]+", text.lower()))
    return words


def learn_merges(words: Counter[str], count: int) -> list[tuple[str, str]]:
    """The `count` most frequent merges, each joining two pieces of a word; ties go to the first in the alphabet."""
    pieces = {word: (*word[:-1], word[-1] + "</w>") for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in pieces.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word, parts in pieces.items():
            if best[0] in parts:
                pieces[word] = _join(parts, best)
    return merges


def _join(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == pair:
            joined[-1] = joined[-1] + part
        else:
            joined.append(part)
    return tuple(joined)


def write_merges(path: Path, merges: Iterable[tuple[str, str]]) -> None:
    """Write them as open_clip's `SimpleTokenizer` reads them: one comment line, then a merge a line, gzipped."""
    text = "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
