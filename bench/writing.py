"""Writing files that are there whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def write_whole(path: Path, body: bytes) -> None:
    """Through a draft beside it: after a crash or on a full disk the file is as it was before. Raises OSError."""
    draft = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with draft.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
