"""Nothing that is read can run: no call in the packages that would, found in their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bench", "methods", "tasks", "studies")
# Modules that build objects out of what they read; `pickle` for its exceptions only.
MODULES = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "yaml", "jsonpickle"}
CALLS = {"eval", "exec", "compile", "__import__"}
UNPACKING = {"extractall", "extract", "unpack_archive"}
PRETRAINED = {"from_pretrained", "from_config"}  # of transformers: unless told not to, they ask whether to run a folder's code
SAFE_YAML = {"safe_load", "safe_load_all"}


def offences(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of what would run, or write, what a file says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            owner, name = _callee(node)
            given = {word.arg: word.value for word in node.keywords}
            if owner in MODULES and name not in SAFE_YAML:
                yield node.lineno, f"{owner}.{name}"
            if owner == "" and name in CALLS:
                yield node.lineno, name
            if owner == "torch" and name == "load" and not _is(given.get("weights_only"), True):
                yield node.lineno, "torch.load without weights_only=True"
            if owner in ("np", "numpy") and name == "load" and not _is(given.get("allow_pickle"), False):
                yield node.lineno, "np.load without allow_pickle=False"
            if name in PRETRAINED and not _is(given.get("trust_remote_code"), False):
                yield node.lineno, f"{name} without trust_remote_code=False"
            if name in UNPACKING:
                yield node.lineno, name
            for word in ("trust_remote_code", "shell"):
                if word in given and not _is(given[word], False):
                    yield node.lineno, word
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            yield from ((node.lineno, f"{node.module}.{part.name}") for part in node.names if part.name not in SAFE_YAML)


def _callee(node: ast.Call) -> tuple[str, str]:
    if isinstance(node.func, ast.Attribute):
        return (node.func.value.id if isinstance(node.func.value, ast.Name) else "."), node.func.attr
    return "", node.func.id if isinstance(node.func, ast.Name) else ""


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_no_file_of_the_packages_runs_what_it_reads() -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    assert len(files) > 100
    found = [f"{file}:{line}: {what}" for file in files for line, what in offences(ast.parse(file.read_text(encoding="utf-8")))]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        *("pickle.load(file)", "from pickle import loads", "eval(text)", "exec(text)", "yaml.load(text)", "joblib.load(path)"),
        *("torch.load(path)", "torch.load(path, weights_only=False)", "np.load(path)", "np.load(path, allow_pickle=True)"),
        *("datasets.load_dataset(name, trust_remote_code=True)", "tarfile.open(path).extractall()", "archive.extract(name)"),
        *("shutil.unpack_archive(path)", "subprocess.run(text, shell=True)", "marshal.loads(body)"),
        *("AutoConfig.from_pretrained(name)", "AutoModel.from_pretrained(name, trust_remote_code=given)"),
        *("library('transformers').AutoTokenizer.from_pretrained(name)", "AutoModel.from_config(config)"),
    ],
)
def test_each_of_them_would_be_found(line: str) -> None:
    assert list(offences(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        *("yaml.safe_load(text)", "torch.load(path, weights_only=True)", "np.load(path, allow_pickle=False)", "model.eval()"),
        *("re.compile(text)", "except_(pickle.UnpicklingError)", "json.loads(text)", "load_dataset(x, trust_remote_code=False)"),
        "AutoConfig.from_pretrained(name, trust_remote_code=False)",
    ],
)
def test_and_nothing_else(line: str) -> None:
    assert not list(offences(ast.parse(line)))
