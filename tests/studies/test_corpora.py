"""The two corpora of the unaligned towers: labels are the drawing's own parameters, documents are captions of one scene."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bench.backbone.load import BUNDLED_NAMES, bundled_tokenizer, folder_of, load
from studies.pretrain.__main__ import main
from studies.pretrain.corpora import LABELS, document, documents, labels
from studies.pretrain.separate import next_token_loss
from tasks.scenes.dialect import SYNONYMS
from tasks.scenes.draw import COLOURS, Thing
from tasks.scenes.grammar import Scene

STANDARD = {word: name for name, word in SYNONYMS.items()}
UNALIGNED = [name for name in BUNDLED_NAMES if name != "bundled"]


def held(scene: Scene) -> set[str]:
    return {name for name, there in zip(LABELS, labels(scene), strict=True) if there}


def test_labels_are_what_was_drawn() -> None:
    things = (Thing("star", "red", "striped"), Thing("seven", "blue"))
    assert held(Scene(things)) == {"star", "red", "striped", "seven", "blue", "plain"}
    assert held(Scene(things, grey=True)) == {"star", "striped", "seven", "plain", "grey"}


def test_both_captions_of_a_document_speak_of_the_same_scene() -> None:
    random = np.random.default_rng(3)
    for _ in range(300):
        first, second = ({STANDARD.get(word, word) for word in re.findall(r"\w+", text)} for text in document(random))
        named = [words & set(COLOURS) for words in (first, second)]
        assert len(named[0] | named[1]) <= 2, (first, second)  # a scene has two things at most


def test_documents_are_token_ids_that_say_two_captions() -> None:
    tokenizer = bundled_tokenizer()
    rows = documents(20, 0, tokenizer)
    random = np.random.default_rng(1_000_000)
    for row in rows:
        words = tokenizer.decode([int(token) for token in row if token])
        first, second = document(random)
        assert words.startswith(f"<start_of_text>{first.replace('.', '')[:12]}")
        assert "<end_of_text>" in words
        assert second.split()[0] in words.split("<end_of_text>")[1] or len(tokenizer.encode(first)) > 29


def test_paddings_are_not_predicted() -> None:
    clip = load("bundled-unaligned").clip
    tokens = torch.zeros(2, 12, dtype=torch.long)
    tokens[:, :5] = torch.tensor([[7, 9, 3, 8, 5], [4, 4, 8, 1, 2]])
    longer = torch.cat([tokens, torch.zeros(2, 6, dtype=torch.long)], 1)
    assert float(next_token_loss(clip, tokens)) == pytest.approx(float(next_token_loss(clip, longer)), rel=1e-3)


def test_the_unaligned_backbones_are_small_and_know_what_they_are() -> None:
    files = [file for name in UNALIGNED for file in folder_of(name).iterdir()]
    assert sum(file.stat().st_size for file in files) <= 12_000_000
    assert [load(name).aligned for name in BUNDLED_NAMES] == [True, False, False]
    sizes = [sum(parameter.numel() for parameter in load(name).clip.parameters()) for name in BUNDLED_NAMES]
    assert sizes[0] < sizes[1] == 2_827_265 > 2 * sizes[2]  # the second has the shapes of the first one's teacher


def test_pretraining_names_the_bundled_backbones() -> None:
    result = CliRunner().invoke(main, ["--backbone", "bundeld"])
    assert result.exit_code == 2
    assert "unknown bundled backbone 'bundeld': did you mean bundled" in result.output
