"""The catalogue of public data sets: entries of data, read by a few loaders."""

from __future__ import annotations

from tasks.base import Entry
from tasks.catalog import classification, pairs, retrieval

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in (*classification.ENTRIES, *pairs.ENTRIES, *retrieval.ENTRIES)}
