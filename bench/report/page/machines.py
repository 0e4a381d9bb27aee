"""On what machines and with which versions the records were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bench.store.record import Provenance, Record
from bench.text import plain

LISTED = 12  # commits and commands shown per machine


@dataclass(frozen=True)
class Machine:
    """One machine with one set of packages. All text is plain and fit to be shown after HTML escaping."""

    facts: list[tuple[str, str]]
    packages: list[tuple[str, str]]
    commands: list[str]
    cells: int


def machines(records: Iterable[Record]) -> list[Machine]:
    """One entry for each way the records differ in machine or versions, the one with most cells first."""
    groups: dict[tuple[object, ...], list[Provenance]] = {}
    for record in records:
        made = record.provenance
        if made is not None:
            packages = tuple(sorted(made.packages.items()))
            key = (made.host, made.device, made.driver or "", made.python, packages)
            groups.setdefault(key, []).append(made)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), repr(group[0])))
    return [_machine(found) for _, found in ordered]


def _machine(found: list[Provenance]) -> Machine:
    one = found[0]
    code = [(made.commit or "not known") + (" with uncommitted changes" if made.dirty else "") for made in found]
    facts = [
        ("device", one.device),
        ("driver", one.driver or ""),
        ("threads", ", ".join(map(str, sorted({made.threads for made in found})))),
        ("host", one.host),
        ("Python", one.python),
        ("commit", ", ".join(_most_common(code))),
        ("first started", _minute(min(made.started for made in found))),
        ("last finished", _minute(max(made.finished for made in found))),
    ]
    return Machine(
        facts=[(name, plain(value)) for name, value in facts if value],
        packages=[(plain(name), plain(version)) for name, version in sorted(one.packages.items())],
        commands=[plain(command) for command in _most_common([made.command for made in found])],
        cells=len(found),
    )


def _most_common(values: list[str]) -> list[str]:
    counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    more = len(counts) - LISTED
    return [value for value, _ in counts[:LISTED]] + ([f"and {more} more"] if more > 0 else [])


def _minute(time: str) -> str:
    """An ISO 8601 time in UTC, to the minute; anything else as it is."""
    return f"{time[:10]} {time[11:16]} UTC" if len(time) >= 16 and time[10] == "T" else time
