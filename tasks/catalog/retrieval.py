"""Public data sets of the kind `retrieval`."""

from __future__ import annotations

from tasks.base import Entry

ENTRIES: tuple[Entry, ...] = ()
