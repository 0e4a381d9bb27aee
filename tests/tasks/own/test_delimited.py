"""Tables as other programs write them: the same rows come out of each, or one line says what is wrong."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import DataError
from tasks.find import find_task
from tasks.own.delimited import read_csv
from tests.tasks.own.makers import draw, png

LABELS = ["red", "blue"] * 6
VALUES = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8)


def table(parting: str, names: list[str], root: str = "") -> str:
    head = parting.join(["image", "label"])
    return "\n".join([head, *(f"{root}{name}{parting}{label}" for name, label in zip(names, LABELS, strict=True))]) + "\n"


NAMES = [f"{number:03d}.png" for number in range(12)]
FORMS = {
    "commas": table(",", NAMES).encode(),
    "tabs in a .csv": table("\t", NAMES).encode(),
    "bars": table("|", NAMES).encode(),
    "blanks after commas": table(", ", NAMES).encode(),
    "Excel's first line": b"sep=;\r\n" + table(";", NAMES).encode(),
    "UTF-16": table(",", NAMES).encode("utf-16"),
    "a mark of UTF-8": b"\xef\xbb\xbf" + table(",", NAMES).encode(),
    "lines that end as on Windows": table(",", NAMES).replace("\n", "\r\n").encode(),
    "backslashes": table(",", NAMES, root="a\\b\\").encode(),
    "a long field": b"note," + table(",", NAMES).replace("\n", "\nx,").removesuffix("x,").encode().replace(
        b"\nx,", b"\n" + b"A" * 2_500_000 + b",", 1
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_are_read(tmp_path: Path, form: str) -> None:
    draw(tmp_path, 12)
    draw(tmp_path / "a" / "b", 12)
    (tmp_path / "t.csv").write_bytes(FORMS[form])
    task = find_task(f"csv:{tmp_path / 't.csv'}")
    assert task.class_names == ("blue", "red")
    for part in (task.train, task.val, task.test):
        for row, label in enumerate(part.labels):
            number = part.image(row).getpixel((0, 0))[0]
            assert task.class_names[label] == LABELS[number] and part.ids[row].endswith(NAMES[number])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"image,label\nhttps://example.org/a.png,x\n", r"row 1: 'https://example.org/a.png' is an address, and none is fetched"),
        (b"image,label\na.png,x\nb.png,y,z\n", r"row 2 has 3 values, not 2\): correct the file"),
        (b'image,caption\na.png,"x\nb.png,"y, z"\n', r"quotation mark .* lacks its partner\): write a mark inside a value twice"),
        ("image,label\na.png,x\n".encode("utf-16-le"), r"zero bytes\): save it as UTF-8"),
    ],
)
def test_forms_that_are_refused(tmp_path: Path, body: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(body)
    with pytest.raises(DataError, match=message):
        find_task(f"csv:{tmp_path / 't.csv'}")


@pytest.mark.parametrize("odd", [{3}, {3, 20}, {0}, {23}, {3, 4}])
@pytest.mark.parametrize("ends", [False, True])
def test_a_mark_without_its_partner_swallows_no_rows(tmp_path: Path, odd: set[int], ends: bool) -> None:
    lines = ["image\ttext\tlabel"]
    for number in range(24):
        (tmp_path / f"{number}.png").write_bytes(png(number))
        text = f"card number {number} of 19"
        marked = f'{text}"' if ends and number == max(odd) and len(odd) > 1 else f'"{text}' if number in odd else text
        lines.append(f"{number}.png\t{marked}\t{LABELS[number % 2]}")
    (tmp_path / "t.tsv").write_text("\n".join(lines) + "\n")
    task = find_task(f"csv:{tmp_path / 't.tsv'}")
    assert sum(len(part) for part in (task.train, task.val, task.test)) == 24
    assert "lacks its partner" in task.notes[0] or "lack its partner" in task.notes[0] or not task.notes


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6), st.sampled_from(",;\t"), st.booleans())
def test_what_is_written_by_the_rules_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], parting: str, every: bool
) -> None:
    body = io.StringIO()
    writer = csv.writer(body, delimiter=parting, quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL)
    writer.writerows([("one", "two"), *rows])
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text(body.getvalue(), encoding="utf-8", newline="")
    found = read_csv(path)
    assert found.names == ("one", "two")
    assert [tuple(row.values()) for row in found.read(["one", "two"]).to_pylist()] == rows


def test_values_with_line_breaks_between_marks(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('image,caption\na.png,"two\nlines, of text"\nb.png,"a 19"" screen"\n')
    found = read_csv(tmp_path / "t.csv").read(["caption"]).to_pylist()
    assert [row["caption"] for row in found] == ["two\nlines, of text", 'a 19" screen']


def test_a_message_shows_no_value_that_is_longer_than_a_line() -> None:
    message = str(DataError(f"t.csv, row 3: label {'x' * 5000!r} is out of range"))
    assert len(message) < 300 and message.startswith("t.csv, row 3: label 'xxx") and message.endswith("x…' is out of range")
