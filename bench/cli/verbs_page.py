"""The page docs/verbs.md: what each verb takes and gives, made from the verbs themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

HEAD = """# What each verb takes and gives

For people and programs that script this. Made by `python -m bench docs`; don't edit it. `bench` is `python -m bench`.

## Exit codes

| code | meaning |
|---|---|
| 0 | done; of a run: all cells are ok or not applicable |
| 1 | done, and the answer is no: cells failed, a rule of `--fail-if` is broken, counts or checks differ, `status --fail` |
| 2 | something to put right: one line on stderr says what, where, and the remedy; nothing was changed |
| 130, 143, 129 | stopped by Ctrl-C, SIGTERM, SIGHUP: what was recorded stays, the same command goes on |

Tables and JSON go to stdout, all else to stderr. A run may be repeated at any time: cells that the store holds aren't run again.

## A run from a file

`run --config FILE.toml` takes the options by their names; what is typed goes before them. Records keep the command, and with it
the file's name.

    methods = ["lora", "coop"]
    shots = [1, 4, 16]
    tasks = "imagefolder:photos"
    save-weights = true

## Completion

`eval "$(_BENCH_COMPLETE=bash_source bench)"` in a bash (`zsh_source`, `fish_source` in theirs) completes verbs and options.

## Verbs
"""

GIVES = {
    "run": "the leaderboard on stdout; in OUT `records/*.jsonl` (a record per cell), `artifacts/` (predictions, weights under "
    "`--save-weights`), `leaderboard.md`, `.csv`, `.json`, `.tex`, `cells.csv`, `index.html`, `plots/`; `bank/`, which can go",
    "advise": "the recommendation on stdout; in OUT `advice.json`, `advice.html`, the fitted `adapter.safetensors`, and records "
    "as of a run",
    "predict": "a CSV of image, class and probability on stdout or in `--out`",
    "list": "a table; `--json` a list of objects",
    "tasks": "a card `NAME.toml` and a contact sheet `NAME.png`",
    "report": "the files of a run's report made again, and the leaderboard on stdout; `--json` the same as `leaderboard.json`",
    "status": "cells by method and task, failures, what can't be read",
    "compare": "changes with intervals, cells in one run only, broken rules",
    "merge": "records and artifacts of other folders copied into OUT",
    "rescore": "the records whose metrics their predictions don't give",
    "clean": "what can go, in bytes",
    "verify": "trained parameters beside those that sources state",
    "check": "a line per method, kind and check: held, failed or not applicable",
    "docs": "the pages of the documentation that are made from records and code",
    "doctor": "what works here, why the rest doesn't, and the remedy",
}


def verbs_page(group: click.Group) -> str:
    """Markdown."""
    return HEAD + "".join(text for name, command in group.commands.items() for text in _verb(name, command))


def _verb(name: str, command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for inner, one in command.commands.items():
            yield from _verb(f"{name} {inner}", one)
        return
    arguments = [_argument(each) for each in command.params if isinstance(each, click.Argument)]
    yield f"\n### {' '.join([name, *arguments])}\n\n{_text(command.help)}\n\n*Gives* {GIVES[name.partition(' ')[0]]}.\n\n"
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options:
        yield "| option | default | |\n|---|---|---|\n"
        yield from (_option(each) for each in options)


def _argument(argument: click.Argument) -> str:
    name = argument.metavar or (argument.name or "").upper()
    return name if argument.required else f"[{name}]"


def _option(option: click.Option) -> str:
    values = "" if option.is_flag else f" {option.metavar or _values(option)}"
    default = option.default if isinstance(option.default, str | int | float) and not option.is_flag else ""
    cells = (f"`{option.opts[0]}{values}`", f"`{default}`" if default != "" else "", _text(option.help))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _values(option: click.Option) -> str:
    return "|".join(option.type.choices) if isinstance(option.type, click.Choice) else option.type.name.upper()


def _text(text: str | None) -> str:
    return " ".join((text or "").split())
