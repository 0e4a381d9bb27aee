"""The kinds of tasks. To add one: a file here, and its line in the table."""

from __future__ import annotations

from collections.abc import Mapping

from bench.kinds.classification import Classification
from bench.kinds.kind import Kind
from bench.kinds.pair import Pair
from bench.kinds.retrieval import Retrieval

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (Classification(), Pair(), Retrieval())}  # in the order of reports

__all__ = ["KINDS", "Kind"]
