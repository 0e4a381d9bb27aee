"""What the tests take from the pages: their code, their commands, their links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXTENDING = ROOT / "docs" / "extending"
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "glossary.md", *sorted(EXTENDING.glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def code(page: Path) -> dict[str, Any]:
    """What all Python of a page defines, run in its order."""
    names: dict[str, Any] = {"__name__": f"page_{page.stem}"}
    exec(compile("\n".join(blocks(page, "python")), str(page), "exec"), names)
    return names


def commands(page: Path) -> list[list[str]]:
    """The arguments of each `python -m bench`, on lines of their own and within a line."""
    found = re.findall(r"python -m bench ([a-z][^`\n#]*)", page.read_text(encoding="utf-8"))
    return [shlex.split(text) for text in found]


def links(page: Path) -> list[str]:
    """Where links of a page lead that are not on the web, without the place in the page."""
    found = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return [link for link in found if "://" not in link]


def named_paths(page: Path) -> list[str]:
    """Files and folders of the project that a page names in backticks."""
    found = re.findall(r"`((?:bench|methods|tasks|tests|studies|docs|results)/[\w./]*)`", page.read_text(encoding="utf-8"))
    return [path for path in found if not path.endswith("_")]
