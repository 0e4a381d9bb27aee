"""Which commit of a repository of the Hugging Face hub is read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

MAIN = "main"  # the branch that is read where nothing else is said
COMMIT = re.compile("[0-9a-f]{40}")


@cache  # whatever the hub gets meanwhile, one process reads one commit
def commit(repository: str, revision: str) -> str:
    """The hash, 40 hex digits, of the commit of a data set that a branch, tag or such a hash stands for.

    Out of the hub's reach, what its cache holds. Raises what huggingface_hub does if the hub has no such repository or
    revision, or if it can't be reached and nothing is cached.
    """
    if COMMIT.fullmatch(revision):
        return revision
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found = HfApi().dataset_info(repository, revision=revision, timeout=30).sha
    except HfHubHTTPError:
        raise  # an answer
    except Exception:
        found = cached_commit(repository, revision)
        if found is None:
            raise
    if found is None:
        raise ValueError(f"the hub names no commit of {repository} at {revision}")
    return found


def of_commit(tables: Any, wanted: str) -> Any:
    """The tables that `datasets` gave, by split. Raises ValueError if they are of another commit than the one asked for.

    Out of the hub's reach the library takes what its own cache has, of whatever commit, in a folder named by the commit.
    """
    for table in tables.values():
        for file in table.cache_files:
            others = [name for name in Path(file["filename"]).parts if COMMIT.fullmatch(name) and name != wanted]
            if others:
                raise ValueError(f"the cache has commit {others[-1]}, not {wanted}")
    return tables


def cached_commit(repository: str, revision: str) -> str | None:
    """What was read last: reading a commit by its hash leaves a snapshot, but no note of the branch that it was on."""
    folder = cache_folder(repository)
    note = folder / "refs" / revision
    snapshots = sorted(folder.glob("snapshots/*"), key=lambda path: path.stat().st_mtime)
    if revision == MAIN and snapshots:
        return snapshots[-1].name
    return note.read_text().strip() if note.is_file() else None


def cache_folder(repository: str) -> Path:
    """Where the hub's cache has a data set, whether it does or not."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE, f"datasets--{repository.replace('/', '--')}")
