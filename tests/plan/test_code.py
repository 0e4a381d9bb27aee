"""What is code in a source text, and which sources a method is made of."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import methods
from bench.plan.code import code_of, method_code
from bench.plan.registry import find_methods
from methods.base import Method
from tests.plan.test_registry import METHOD, entry_points, plugin

# After each line: whether a comment may follow it, and the indentation of a docstring that may.
LINES: list[tuple[str, bool, str | None]] = [
    ("import math", True, None),
    ("def area(r: float, /, unit='\\N{EM DASH} # m') -> str:", True, "    "),
    ("    x = '''not a docstring  ", False, None),
    ("", False, None),
    ("  # no comment: inside a string'''", True, None),
    ("    total = (1 +", True, None),
    ("        math.pi)", True, None),
    ("    return f'''{total:.3f} «#{r}»   ", False, None),
    ("", False, None),
    ("{x!r}''' + \\", False, None),
    ("        unit", True, None),
    ("class Wide:", True, "    "),
    ("    async def go(self): return 'ä'", True, None),
    ("    def stay(self):", True, "        "),
    ("        'ä'.upper() ; y = [", True, None),
    ("            2]", True, None),
]
PLAIN = "\n".join(line for line, _, _ in LINES)
WORDS = st.text("ab \t'\"#ä=:([{", max_size=8)
DOCSTRINGS = ["'told'", '"""ä of\n\n   several lines"""  # told', "('a'  # b\n 'c')"]


@st.composite
def commented(draw: st.DrawFn) -> str:
    """The lines above with comments, docstrings, blank lines and spaces wherever they may stand."""
    lines = [f"# {draw(WORDS)}" for _ in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        lines.append('"""of the module, ä\n\n  # all of it"""')
    for line, open_end, docstring in LINES:
        ends = ["", "  ", f"  # {draw(WORDS)}", f"# {draw(WORDS)}"] if open_end else [""]
        lines.append(line + draw(st.sampled_from(ends)))
        if docstring is not None and draw(st.booleans()):
            lines.append(docstring + draw(st.sampled_from(DOCSTRINGS)))
        if open_end:
            lines += draw(st.lists(st.sampled_from(["", "   ", "# alone", "        # indented"]), max_size=2))
    return "\n".join(lines).replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@given(commented())
def test_comments_docstrings_and_blank_lines_are_no_code(text: str) -> None:
    assert code_of(text.encode()) == code_of(PLAIN.encode()) == PLAIN


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 2"),
        ("x = 'a # b'", "x = 'a # c'"),
        ('x = """a\n\nb"""', 'x = """a\nb"""'),
        ('x = """a  \nb"""', 'x = """a\nb"""'),
        ('x = f"""a  \n{1}"""', 'x = f"""a\n{1}"""'),
        ("if x:\n    y()\nz()", "if x:\n    y()\n    z()"),
        ("def f():\n    x = 1\n    'no docstring'", "def f():\n    x = 1\n    'nor this'"),
        ("def broken(:  # a", "def broken(:  # b"),
    ],
)
def test_all_else_is_code(before: str, after: str) -> None:
    assert code_of(before.encode()) != code_of(after.encode())


def test_a_docstring_before_more_on_its_line_leaves_the_rest() -> None:
    assert code_of(b"def f(): 'told'; return 1") == code_of(b"def f(): return 1") == "def f(): return 1"


def without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return tree


@pytest.mark.parametrize("path", sorted(Path(methods.__path__[0]).rglob("*.py")), ids=lambda path: path.stem)
def test_what_is_left_of_a_method_means_the_same(path: Path) -> None:
    source = path.read_bytes()
    expected = without_docstrings(ast.parse(source))
    whole = all(getattr(node, "body", True) for node in ast.walk(expected) if not isinstance(node, ast.Module))
    if whole:  # a class that is nothing but its docstring has no body left
        assert ast.dump(ast.parse(code_of(source))) == ast.dump(expected)


def code(path: Path, name: str = "mine") -> str:
    return method_code(find_methods((path,)).methods[name])


def test_the_code_of_a_method_changes_with_its_file_but_not_with_a_comment(tmp_path: Path) -> None:
    path = plugin(tmp_path, METHOD.format(name="mine"))
    before = code(path)
    plugin(tmp_path, '"""Told."""\n' + METHOD.format(name="mine") + "# edited\n")
    assert code(path) == before
    plugin(tmp_path, METHOD.format(name="mine").replace("r: int = 2", "r: int = 3"))
    assert code(path) != before


def test_where_a_file_lies_is_not_its_code(tmp_path: Path) -> None:
    here, there = (plugin(tmp_path / name, METHOD.format(name="mine")) for name in ("here", "there"))
    assert code(here) == code(there)


def test_two_files_of_one_name_each_have_their_own_code(tmp_path: Path) -> None:
    first, second = (plugin(tmp_path / name, METHOD.format(name=name)) for name in ("first", "second"))
    registry = find_methods((first, second))
    assert registry.broken == {}
    assert method_code(registry.methods["first"]) == code(first, "first") != method_code(registry.methods["second"])


HELPED = {
    "from {helper} import CONSTANT": "{helper}.py",
    "import {helper}.deep.constants": "{helper}/deep/constants.py",
    "from {helper} import constants": "{helper}/constants.py",
    "def late():\n    from {helper}.a import b": "{helper}/c.py",  # a imports c relatively
}


@pytest.mark.parametrize("statement", HELPED)
def test_the_code_of_a_file_is_also_what_it_imports_from_beside_it(
    statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    helper = f"helper_{list(HELPED).index(statement)}"
    edited = tmp_path / HELPED[statement].format(helper=helper)
    edited.parent.mkdir(parents=True, exist_ok=True)
    if edited.parent != tmp_path:
        (tmp_path / helper / "__init__.py").touch()
        (tmp_path / helper / "a.py").write_text("from .c import CONSTANT as b")
    edited.write_text("CONSTANT = 1")
    path = plugin(tmp_path, statement.format(helper=helper) + METHOD.format(name="mine"))
    assert find_methods((path,)).broken == {}
    before = code(path)
    edited.write_text("# the first number\nCONSTANT = 1")
    (tmp_path / "unrelated.py").write_text("CONSTANT = 3")
    assert code(path) == before
    edited.write_text("CONSTANT = 2")
    assert code(path) != before


def test_the_code_of_a_method_of_another_package_is_what_it_uses_of_that_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "theirs_of_code"
    text = "from ..constants import CONSTANT\nfrom methods.parts import blocks" + METHOD.format(name="mine")
    constants = plugin(package, "CONSTANT = 1", "constants.py")
    plugin(package, "", "__init__.py")
    plugin(package / "inner", "", "__init__.py")
    plugin(package / "inner", text, "mine.py")
    monkeypatch.syspath_prepend(tmp_path)
    import theirs_of_code.inner.mine

    entry_points(monkeypatch, theirs=theirs_of_code.inner.mine)
    method = find_methods().methods["mine"]
    before = method_code(method)
    constants.write_text("CONSTANT = 1  # one")
    assert method_code(method) == before
    constants.write_text("CONSTANT = 2")
    assert method_code(method) != before


@pytest.mark.parametrize(
    ("name", "edited", "matters"),
    [
        ("lora", "lora.py", True),
        ("lora", "base.py", True),
        ("lora", "logistic.py", True),  # base.py starts the heads of pair tasks with it
        ("tip-adapter-f", "tip_adapter.py", True),
        ("lora", "coop.py", False),
    ],
)
@pytest.mark.parametrize("edit", [b"\nEDITED = True", b"\n# edited"])
def test_the_code_of_a_method_is_all_that_it_uses_of_methods(
    name: str, edited: str, matters: bool, edit: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    method: type[Method] = find_methods().methods[name]
    before, read = method_code(method), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (edit if path.name == edited else b""))
    assert (method_code(method) != before) == (matters and b"#" not in edit)
