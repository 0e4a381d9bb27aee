"""What is kept of the advised method: one file, and the lines of Python that use it."""

from __future__ import annotations

from pathlib import Path

from bench.advise.asked import Asked
from bench.errors import StoreError
from bench.kinds import KINDS
from bench.store.record import Record
from bench.store.store import artifact
from bench.writing import write_whole
from tasks.base import Task

FILE = "adapter.safetensors"


def keep_adapter(out: Path, record: Record) -> str | None:
    """Copy the record's stored weights to OUT/adapter.safetensors; the name of that file. Raises StoreError."""
    path = artifact(out, record, "weights")
    if path is None:
        return None
    try:
        write_whole(out / FILE, path.read_bytes())
    except OSError as error:
        raise StoreError(f"{out / FILE}: the adapter can't be kept ({error.strerror}): free space, then run it again") from error
    return FILE


def lines_of_python(asked: Asked, task: Task, adapter: str | None) -> list[str]:
    """How the adapter is used; none without one."""
    if adapter is None:
        return []
    kind = KINDS[task.kind]
    also = f", device={asked.device!r}" if asked.device not in ("auto", "cpu") else ""
    also += f", plugins=({', '.join(f'Path({str(path)!r})' for path in asked.plugins)},)" if asked.plugins else ""
    texts = ", ['a sentence about it']" if kind.text_per_example else ""
    use = "model.predict" if kind.has_classes else "model"
    return [
        f"from bench import api{'; from pathlib import Path' if asked.plugins else ''}",
        f"model = api.load({str(asked.out / adapter)!r}{also})",
        f"print({use}(['photo.jpg']{texts}))",
    ]
