"""Public data sets of the kind `classification`."""

from __future__ import annotations

from tasks.base import Entry

ENTRIES: tuple[Entry, ...] = ()
