"""The pages for those who extend this: commands can be typed, links and files are there, the glossary is short."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from bench.cli import main
from tests.docs.pages import PAGES, ROOT, commands, links, named_paths

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@every_page
def test_commands_are_understood(page: Path) -> None:
    for words in commands(page):
        command: click.Command = main
        while isinstance(command, click.Group):
            command, words = command.commands[words[0]], words[1:]
        command.make_context("bench", [word.replace("NAME", "zero-shot") for word in words])


@every_page
def test_what_is_linked_and_named_is_there(page: Path) -> None:
    assert [link for link in links(page) if not (page.parent / link).exists()] == []
    assert [path for path in named_paths(page) if not (ROOT / path).exists()] == []


def test_the_glossary_is_sorted_and_short() -> None:
    entries = re.findall(r"^\*\*(.+?)\*\*(.*?)(?=\n\n|\Z)", PAGES[1].read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    words = [word.lower() for word, _ in entries]
    assert words == sorted(words) and len(set(words)) == len(words)
    assert [word for word, text in entries if text.count("\n") > 1] == []
