"""Data sets of the Hugging Face hub, and local folders and Parquet files in its forms, through `datasets`.

Rows are mapped from Arrow files on disk, so that a large set is indexed without loading it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.errors import DataError
from tasks.own.table import DataTable, Tables, carried_names, numbered_otherwise, place
from tasks.revision import MAIN, commit, of_commit


def hub_tables(name: str, base: Path, config: str | None, revision: str | None) -> Tables:
    """`owner/name` on the hub, or a local folder in one of its forms. Raises DataError."""
    local = place(base, name)
    found = local.is_dir()
    if found and revision is not None:
        raise DataError(f"{local} is a folder and has no revisions: leave out revision={revision}")
    if not found and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise DataError(f"{local}: no such folder: give a folder in the hub's form, or owner/name of a data set on the hub")
    if found:
        _one_list_of_names(local)
        splits = _load(f"hf:{name}", str(local.resolve()), name=config)
    else:
        read = commit_read(name, revision)
        splits = _load(f"hf:{name}", name, name=config, revision=read)
        try:
            of_commit(splits, read)
        except ValueError as error:
            raise _unreadable(f"hf:{name}", error) from error
    return {split: _table(f"hf:{name}, split {split}", local, rows) for split, rows in splits.items()}


def _one_list_of_names(folder: Path) -> None:
    """Raises DataError where Parquet files number the classes of a column differently: `datasets` takes the first's for all."""
    first: dict[str, tuple[Path, list[str]]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        try:
            carried = carried_names(path)
        except DataError:
            continue  # told when it is loaded
        for column, names in carried.items():
            other, known = first.setdefault(column, (path, names))
            if names != known:
                raise numbered_otherwise(str(path), str(other), column)


def commit_read(name: str, revision: str | None) -> str:
    """The hash of the commit of `owner/name` that is read, the same throughout a process. Raises DataError."""
    try:
        return commit(name, revision or MAIN)
    except Exception as error:
        raise _unreadable(f"hf:{name}", error) from error


def stored_parquet(path: Path) -> DataTable:
    """A Parquet file that holds images."""
    (rows,) = _load(str(path), "parquet", data_files=str(path)).values()
    return _table(str(path), path.parent, rows)


def _load(where: str, source: str, **options: Any) -> Any:
    import datasets

    try:
        return datasets.load_dataset(source, **options)
    except Exception as error:  # whatever the hub, the network or a broken file bring about
        raise _unreadable(where, error) from error


def _unreadable(where: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    remedy = "check the name and the access to the hub, or give a local folder in its form"
    return DataError(f"{where} can't be loaded ({reason}): {remedy}")


def _table(where: str, folder: Path, rows: Any) -> DataTable:
    names = {name: feature.names for name, feature in rows.features.items() if hasattr(feature, "names")}
    return DataTable(where, folder, tuple(rows.column_names), lambda columns: rows.data.table.select(list(columns)), names)
