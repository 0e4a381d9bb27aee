"""`python -m bench`; `bench` is the same, wherever it is typed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]


def hidden() -> str | None:
    """The file or folder that Python takes for another of the program's packages, None if there is none.

    `python -m` looks into the working folder first: a methods.py there, or a tasks.py of another tool.
    """
    for name in ("methods", "tasks"):
        spec = find_spec(name)
        places = [] if spec is None else [*(spec.submodule_search_locations or []), *([spec.origin] if spec.origin else [])]
        if not any(Path(place).resolve().is_relative_to(ROOT / name) for place in places):
            return places[0] if places else f"{ROOT / name} is not there: install the program again"
    return None


def main() -> None:
    """Exit code 2 and one line where other files hide the program's own."""
    if other := hidden():
        remedy = "work in another folder, rename it, or type 'bench' instead of 'python -m bench'"
        sys.stderr.write(f"error: {other} hides the program's own: {remedy}\n")
        raise SystemExit(2)
    from bench.cli import main as command

    command()


if __name__ == "__main__":
    main()
