"""A coverage-guided fuzzer (atheris) of everything that reads what others wrote; `tox -e fuzz`.

    python -m tests.faults.fuzz [SECONDS] [READER...]        by default 600 s over all readers of tests/faults/targets.py

Each reader runs in a process of its own. A finding is printed with its bytes: mend the reader, keep them in FOUND of
tests/faults/test_readers.py. Exit code 1 if there is any.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path


def main(arguments: list[str]) -> int:
    from tests.faults.targets import READERS

    seconds = int(arguments[0]) if arguments else 600
    names = arguments[1:] or list(READERS)
    failed = 0
    for name in names:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
            command = [sys.executable, "-m", "tests.faults.fuzz", "--one", name, str(max(1, seconds // len(names))), folder]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace")
            said = done.stderr.splitlines()
            runs = next((line for line in reversed(said) if line.startswith(("Done ", "stat::number_of_exec"))), "")
            _say(f"{name}: {'ok' if done.returncode == 0 else f'FOUND, exit code {done.returncode},'} {runs}")
            if done.returncode:
                failed += 1
                _say("\n".join(said[-40:]))
                for crash in sorted(Path(folder).glob("found-*")):
                    _say(f"{name}: {crash.name}: {crash.read_bytes()!r}")
    return 1 if failed else 0


def one(name: str, seconds: int, folder: Path) -> None:
    """Never returns."""
    import atheris

    with atheris.instrument_imports(include=["bench", "tasks", "csv", "json"], enable_loader_override=False):
        from tests.faults.targets import furnish, seeds_of, tried
    files = furnish(folder / "files")
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds_of(name, files)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1"]
    atheris.Setup(
        [sys.argv[0], str(corpus), *options, f"-artifact_prefix={folder}/found-"], lambda body: tried(name, body, files)
    )
    atheris.Fuzz()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    sys.exit(main(sys.argv[1:]))
