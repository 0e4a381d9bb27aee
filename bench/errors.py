"""Errors that a user can mend. Each message is one line: what was wrong, where, and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

QUOTED = 200  # characters of a quoted value that a message shows
# An apostrophe within a word opens no quotation, and one before a word closes none.
_LONG = re.compile(rf"(?<!\w)(?:'[^']{{{QUOTED},}}'|\"[^\"]{{{QUOTED},}}\")(?!\w)")


class BenchError(Exception):
    """Something that the user can put right; the command line prints it without a traceback and exits with 2."""

    def __init__(self, message: object) -> None:
        one_line = " ".join(str(message).splitlines())  # what it quotes may hold line breaks, and be of any length
        super().__init__(_LONG.sub(lambda value: f"{value[0][: QUOTED - 1]}…{value[0][-1]}", one_line))


class UsageError(BenchError):
    """An unknown name, a parameter of the wrong type, options that don't go together."""


class DataError(BenchError):
    """A file of the user's that can't be read, or that doesn't hold what the task needs."""


class StoreError(BenchError):
    """The results folder can't be read or written."""


def unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that isn't registered, with the nearest ones that are."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return UsageError(f"unknown {what} {name!r}: {hint}")
