"""The code of a method: a hash of the sources that it is made of. Comments and docstrings are not code."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import io
import re
import sys
import tokenize
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import methods
from bench.plan.imports import Find, beside, module_file, sources
from bench.plugins import PREFIX
from methods.base import Method

Span = tuple[int, int]  # of characters, from the first to behind the last


def method_code(method: type[Method]) -> str:
    """Hash, 12 hex digits, of the code of the method's module, its bases' modules and all of its own that these import.

    Its own are, beside `methods`, the modules of its top-level package or, for a file given by path, those in the file's
    folder or below. What is imported otherwise than by a statement isn't seen.
    """
    module = sys.modules[method.__module__]
    find = _finder(module)
    start = {name: file for name in {base.__module__ for base in method.__mro__} if (file := find(name))}
    start[""] = Path(inspect.getfile(module))  # without its name: that of a file tells where it lies
    start.pop(module.__name__, None)
    found = sources(start, find, module.__package__ or "")
    found.pop(module.__name__, None)
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(f"{name}\0{code_of(found[name])}\0".encode())
    return digest.hexdigest()[:12]


def _finder(module: ModuleType) -> Find:
    top = module.__name__.partition(".")[0]
    own = getattr(sys.modules.get(top), "__path__", [])
    folder = Path(inspect.getfile(module)).parent if top.startswith(PREFIX) else None

    def find(name: str) -> Path | None:
        first, _, rest = name.partition(".")
        if first == "methods":
            return module_file([Path(path) for path in methods.__path__], rest)
        if folder is not None:
            return beside(folder, name)
        return module_file([Path(path) for path in own], rest) if first == top else None

    return find


@lru_cache
def code_of(source: bytes) -> str:
    """A source without comments, docstrings, blank lines and spaces at ends of lines; as it is where it is no Python.

    Found by position in the text, not by printing a tree anew, which each version of Python does in its own way.
    """
    try:
        text = importlib.util.decode_source(source)
        starts = _starts(text)
        docstrings = list(_docstrings(text, starts))
        comments, strings = _tokens(text, starts)
    except (SyntaxError, ValueError, tokenize.TokenError):
        return source.decode("utf-8", "replace")
    # Newlines inside strings are code: for as long as lines are looked at, another sign stands for them.
    for first, last in strings:
        text = text[:first] + text[first:last].replace("\n", "\0") + text[last:]
    within = [span for span in comments if any(first <= span[0] < last for first, last in docstrings)]
    for first, last in sorted({*docstrings, *comments}.difference(within), reverse=True):
        text = text[:first] + text[last:]
    lines = (line.rstrip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line).replace("\0", "\n")


def _starts(text: str) -> list[int]:
    """Where each line starts."""
    return [0, *(match.end() for match in re.finditer("\n", text)), len(text)]  # a last token may lie behind the last line


def _docstrings(text: str, starts: list[int]) -> Iterator[Span]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    lines = text.split("\n")
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            told = node.body[0]
            first, last = (
                starts[line - 1] + len(lines[line - 1].encode()[:column].decode())  # columns are counted in bytes
                for line, column in ((told.lineno, told.col_offset), (told.end_lineno or 0, told.end_col_offset or 0))
            )
            separator = re.compile(r"[ \t]*;[ \t]*").match(text, last)
            yield first, separator.end() if separator else last


def _tokens(text: str, starts: list[int]) -> tuple[list[Span], list[Span]]:
    """Comments, and whole strings: those with expressions inside are of one token before Python 3.12, of several since."""
    comments: list[Span] = []
    strings: list[Span] = []
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        first, last = (starts[line - 1] + column for line, column in (token.start, token.end))
        name = tokenize.tok_name[token.type]
        if name.endswith("STRING_START"):
            opened.append(first)
        elif name.endswith("STRING_END"):
            first = opened.pop()
        if not opened and name.endswith(("STRING", "STRING_END")):
            strings.append((first, last))
        elif not opened and token.type == tokenize.COMMENT:
            comments.append((first, last))
    return comments, strings
