"""A run's options from a TOML file, so that they can be kept, copied and told."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click


def read_config(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Options by their long names as defaults of the command: what is typed goes before them. Raises UsageError.

    Lists are what commas part on the command line, or the values of an option that may be given several times.
    """
    from bench.errors import UsageError, unknown

    if path is None:
        return None
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"--config {path} can't be read ({reason}): give a TOML file of options, as in shots = [1, 4]"
        ) from error
    options = {option.opts[0].removeprefix("--"): option for option in context.command.params if option is not parameter}
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("_", "-")
        if name not in options:
            raise UsageError(f"--config {path}: {unknown('option', key, options)}")
        if isinstance(value, dict):
            raise UsageError(f"--config {path}: {key} is a table: give a value, or a list of them")
        option = options[name]
        several = bool(getattr(option, "multiple", False))
        if isinstance(value, list) and not several:
            value = ",".join(map(str, value))
        found[str(option.name)] = [value] if several and not isinstance(value, list) else value
    context.default_map = {**(context.default_map or {}), **found}
    return path
