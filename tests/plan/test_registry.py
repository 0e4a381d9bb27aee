"""Methods and tasks are found wherever they are, and what is broken stops nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

import bench.plugins.loading
import methods
from bench.errors import UsageError
from bench.plan.grid import Request, expand
from bench.plan.registry import Registry, find_methods, parameter_fields
from bench.plan.resolve import resolve_methods
from bench.spec import Named
from bench.store.store import cell_key
from methods.base import FAMILIES, SEES, EncoderMethod, HeadMethod, Paper

METHOD = """
from dataclasses import dataclass
from methods.base import CLASSIFICATION, HeadMethod, Paper

class Mine(HeadMethod):
    name = "{name}"
    kinds = frozenset({{CLASSIFICATION}})
    paper = Paper("Mine", "nowhere")

    @dataclass(frozen=True)
    class Params:
        r: int = 2
"""


def plugin(folder: Path, text: str, file: str = "mine.py") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / file
    path.write_text(text)
    return path


def test_the_methods_here_declare_what_a_method_must() -> None:
    registry = find_methods()
    assert registry.broken == {}
    assert {"zero-shot", "lora", "coop"} <= set(registry.methods)
    for name, method in registry.methods.items():
        built = registry.build(Named(name))
        assert isinstance(built, HeadMethod | EncoderMethod)
        assert built.name == name and built.family and built.kinds and isinstance(built.paper, Paper)
        assert set(method.grid) <= set(parameter_fields(method))
        assert set(method.sees) <= set(SEES)


def test_a_file_given_by_path_adds_its_methods(tmp_path: Path) -> None:
    registry = find_methods((plugin(tmp_path, "from methods.lora import LoRA\n" + METHOD.format(name="mine")),))
    assert registry.broken == {}
    assert registry.build(Named("mine", (("r", "8"),))).params.r == 8
    assert set(registry.methods) == {*find_methods().methods, "mine"}  # and none that the file merely imports


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def broken(:", "SyntaxError"),
        ("import a_package_that_nobody_has", "ModuleNotFoundError: No module named 'a_package_that_nobody_has'"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    ],
)
def test_a_broken_file_is_listed_and_stops_nothing(tmp_path: Path, text: str, reason: str) -> None:
    broken, good = plugin(tmp_path, text, "broken.py"), plugin(tmp_path, METHOD.format(name="mine"))
    registry = find_methods((broken, good))
    assert list(registry.broken) == [str(broken)]
    assert registry.broken[str(broken)].startswith(reason)
    assert "mine" in registry.methods and "lora" in registry.methods


def test_a_file_that_is_not_there_is_listed(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.py", tmp_path, plugin(tmp_path, "some notes", "notes.txt")):
        assert "is not a Python file" in find_methods((path,)).broken[str(path)]


def test_a_broken_file_among_the_methods_is_listed_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, "raise RuntimeError('half written')", "half_written.py")
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    registry = find_methods()
    assert registry.broken == {"methods/half_written.py": "RuntimeError: half written"}
    assert "lora" in registry.methods


def test_a_name_that_is_taken_is_listed_and_the_first_one_stays(tmp_path: Path) -> None:
    path = plugin(tmp_path, METHOD.format(name="lora") + METHOD.format(name="mine").replace("class Mine", "class Other"))
    registry = find_methods((path,))
    assert registry.broken == {str(path): "the name 'lora' is already taken by methods.lora"}
    assert registry.methods["lora"].__module__ == "methods.lora"
    assert "mine" in registry.methods


def test_a_method_of_no_known_family_is_left_out_with_the_reason(tmp_path: Path) -> None:
    """Its family decides its step cap: it would silently get that of another."""
    text = METHOD.format(name="mine")
    assert text.count("(HeadMethod):\n") == 1
    path = plugin(tmp_path, text.replace("(HeadMethod):\n", "(HeadMethod):\n    family = 'heads'\n"))
    registry = find_methods((path,))
    assert "mine" not in registry.methods
    assert registry.broken[str(path)] == f"'mine' is of no known family: take one of {', '.join(FAMILIES)}"


class EntryPoint(SimpleNamespace):
    value: str
    what: Any

    def load(self) -> Any:
        if isinstance(self.what, Exception):
            raise self.what
        return self.what


def entry_points(monkeypatch: pytest.MonkeyPatch, **points: Any) -> None:
    listed = [EntryPoint(value=value, what=what) for value, what in points.items()]
    monkeypatch.setattr(bench.plugins.loading, "entry_points", lambda group: listed if group == "bench.methods" else [])


def test_other_packages_add_methods_as_modules_or_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = METHOD.format(name="one") + METHOD.format(name="two").replace("class Mine", "class Second")
    module = sys.modules[find_methods((plugin(tmp_path, two, "package.py"),)).methods["one"].__module__]
    broken = ImportError("needs a newer torch")
    for given in ({"module": module}, {"first": module.Mine, "second": module.Second}):
        entry_points(monkeypatch, **given, broken=broken)
        registry = find_methods()
        assert {"one", "two", "lora"} <= set(registry.methods)
        assert registry.broken == {"broken": "ImportError: needs a newer torch"}


def test_an_unknown_method_is_answered_with_the_nearest_or_with_all() -> None:
    whole = find_methods()
    registry = Registry({name: whole.methods[name] for name in ("adapter", "lora", "full")})  # whatever methods arrive
    with pytest.raises(UsageError, match=r"unknown method 'lorra': did you mean lora\?"):
        registry.build(Named("lorra"))
    with pytest.raises(UsageError, match=r"unknown method 'zzzzzzz': known: adapter, all, "):
        registry.build(Named("zzzzzzz"))


def test_cells_say_what_their_method_sees_and_are_the_same_without() -> None:
    registry = find_methods()
    cells = expand(Request((Named("lora"), Named("linear-probe")), ("digits",), (1,), (1,)), registry, "print")
    assert [cell.info.sees for cell in cells] == ["class names", "nothing"]
    for cell in cells:
        assert cell_key(msgspec.structs.replace(cell.info, sees="")) == cell.key  # records of before said nothing


VARIES = """    varies = "r"

    @classmethod
    def variants(cls):
        {body}

    @dataclass"""


def test_a_method_stands_for_a_row_per_variant(tmp_path: Path) -> None:
    text = METHOD.format(name="mine").replace("    @dataclass", VARIES.format(body='return ("2", "8")'))
    registry = find_methods((plugin(tmp_path, text),))
    rows = (Named("mine", (("r", "2"),)), Named("mine", (("r", "8"),)))
    assert resolve_methods("mine", registry) == rows
    assert set(rows) < set(resolve_methods("all", registry)) and Named("mine") not in resolve_methods("all", registry)
    assert resolve_methods("mine[r=3]", registry) == (Named("mine", (("r", "3"),)),)
    labels = [cell.info.label for cell in expand(Request(rows, ("digits",), (1,), (1,)), registry, "print")]
    assert labels == ["mine[r=2]", "mine[r=8]"]  # the default, too, says which it is


def test_a_method_whose_variants_cannot_be_told_is_left_out_of_all_with_the_reason(tmp_path: Path) -> None:
    body = 'raise NotApplicable("it needs a library")'
    text = METHOD.format(name="mine").replace("    @dataclass", VARIES.format(body=body))
    registry = find_methods((plugin(tmp_path, "from methods.base import NotApplicable\n" + text),))
    assert "mine" not in {named.name for named in resolve_methods("all", registry)}
    assert registry.absent["mine"] == "it needs a library"
    with pytest.raises(UsageError, match=r"^mine: it needs a library$"):
        resolve_methods("mine", registry)


def test_a_name_after_a_minus_is_left_out() -> None:
    registry = find_methods()
    whole = resolve_methods("all", registry)
    fewer = resolve_methods("all,-cocoop,-lilt", registry)
    gone = {"cocoop", *(named.name for named in registry.groups["lilt"])}
    assert [named for named in whole if named not in fewer] == [
        named for named in whole if named.name in gone and named not in fewer
    ]
    assert "cocoop" not in {named.name for named in fewer} and len(fewer) < len(whole)
    assert resolve_methods("lora[r=8],lora,-lora[r=8]", registry) == (Named("lora"),)
    assert resolve_methods("lora[r=8],coop,-lora", registry) == (Named("coop"),)
    with pytest.raises(UsageError, match="unknown method 'cocop': did you mean"):
        resolve_methods("all,-cocop", registry)
    with pytest.raises(UsageError, match="that leaves none"):
        resolve_methods("lora,-lora", registry)
