"""Image files that are replaced under their names are noticed, wherever they lie, and read once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import contents as module
from tasks.contents import contents
from tasks.image_files import Files

COUNT = 9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "images")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read; every time of change counts as settled."""
    found: list[str] = []
    body = module._body

    def noted(path: str) -> bytes:
        found.append(Path(path).name)
        return body(path)

    monkeypatch.setattr(module, "_body", noted)
    monkeypatch.setattr(module, "UNSETTLED", -(10**18))
    return found


def written(folder: Path) -> Path:
    (folder / "a").mkdir(parents=True)
    for number in range(COUNT):
        (folder / "a" / f"{number}.bmp").write_bytes(bytes([number]) * 50)
    return folder


def of(folder: Path, memory: Path | None = None) -> bytes:
    return contents([Files(folder, [f"a/{number}.bmp" for number in range(COUNT)])], memory)


def replace(path: Path, body: bytes, keep_time: bool = False) -> None:
    """Another content under the name, later than before unless the time is put back, as archives and copying tools do."""
    before = path.stat()
    path.write_bytes(body)
    later = before.st_mtime_ns if keep_time else before.st_mtime_ns + 5_000_000_000
    os.utime(path, ns=(before.st_atime_ns, later))


def test_it_depends_on_the_files_and_neither_on_their_place_nor_their_times(tmp_path: Path, folder: Path) -> None:
    elsewhere = shutil.copytree(folder, tmp_path / "b", copy_function=shutil.copyfile)
    os.utime(elsewhere / "a" / "3.bmp", (1, 1))
    memories = (None, tmp_path / "m", tmp_path / "m")
    assert len({of(place, memory) for place in (folder, elsewhere) for memory in memories}) == 1


def test_rows_and_splits_that_share_files_count_them_once(folder: Path) -> None:
    names = [f"a/{number}.bmp" for number in range(COUNT)]
    assert contents([Files(folder, names[5:] + names[5:]), Files(folder, names[:6])], None) == of(folder)


@given(st.integers(0, COUNT - 1), st.integers(0, 49), st.booleans())
def test_any_byte_of_any_file(tmp_path_factory: pytest.TempPathFactory, number: int, place: int, remembered: bool) -> None:
    folder = written(tmp_path_factory.mktemp("one") / "images")
    memory = folder.parent / "memory" if remembered else None
    before = of(folder, memory)
    body = bytearray((folder / "a" / f"{number}.bmp").read_bytes())
    body[place] ^= 1
    (folder / "a" / f"{number}.bmp").write_bytes(body)
    assert of(folder, memory) != before
    body[place] ^= 1
    (folder / "a" / f"{number}.bmp").write_bytes(body)
    assert of(folder, memory) == before


@pytest.mark.parametrize("keep_time", [False, True])
def test_what_was_read_is_read_again_where_size_or_time_are_others(
    tmp_path: Path, folder: Path, reads: list[str], keep_time: bool
) -> None:
    before = of(folder, tmp_path / "m")
    assert sorted(reads) == [f"{number}.bmp" for number in range(COUNT)]
    reads.clear()
    assert of(folder, tmp_path / "m") == before and reads == []
    replace(folder / "a" / "4.bmp", b"x" * 50, keep_time)
    assert of(folder, tmp_path / "m") != before
    assert reads == ["4.bmp"]


def test_a_file_that_has_just_been_written_is_read_again(tmp_path: Path, folder: Path) -> None:
    """Its clock may not have gone on between two writes."""
    before = of(folder, tmp_path / "m")
    replace(folder / "a" / "4.bmp", b"x" * 50, keep_time=True)
    assert of(folder, tmp_path / "m") != before


def test_a_missing_file_that_comes_back(tmp_path: Path, folder: Path) -> None:
    whole = of(folder, tmp_path / "m")
    body = (folder / "a" / "2.bmp").read_bytes()
    (folder / "a" / "2.bmp").unlink()
    assert of(folder, tmp_path / "m") != whole
    (folder / "a" / "2.bmp").write_bytes(body)
    assert of(folder, tmp_path / "m") == whole


def test_of_a_large_set_the_others_are_known_by_size_and_time(
    tmp_path: Path, folder: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOKED_AT", 3)
    before, fresh = of(folder, tmp_path / "m"), of(folder)
    assert before == fresh and sorted(set(reads)) == ["0.bmp", "4.bmp", "8.bmp"]
    reads.clear()
    replace(folder / "a" / "5.bmp", b"x" * 50)
    second = of(folder, tmp_path / "m")
    assert second != before and reads == []  # the time that was seen first is remembered, for good
    assert of(folder, tmp_path / "m") == second
    replace(folder / "a" / "5.bmp", b"x" * 51)
    third = of(folder, tmp_path / "m")
    assert third not in (before, second)
    replace(folder / "a" / "5.bmp", b"y" * 50)
    assert of(folder, tmp_path / "m") not in (before, second, third)
    replace(folder / "a" / "4.bmp", b"x" * 50)
    assert of(folder) != fresh


def test_a_large_file_is_read_in_pieces(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE", 32)
    body = bytes(range(250)) * 4
    (folder / "a" / "1.bmp").write_bytes(body)
    read = module._body(f"{folder}/a/1.bmp")
    assert len(read) == 32 and read[:2] == body[:2] and read[-2:] == body[-2:]
    before = of(folder, tmp_path / "m")
    replace(folder / "a" / "1.bmp", body[:100] + b"xx" + body[102:])
    assert of(folder, tmp_path / "m") != before


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and no more", b"\x93NUMPY"])
def test_a_damaged_memory_is_none(tmp_path: Path, folder: Path, damage: bytes) -> None:
    before = of(folder, tmp_path / "m")
    (note,) = (tmp_path / "m").iterdir()
    for body in (damage, note.read_bytes()[:200]):
        note.write_bytes(body)
        assert of(folder, tmp_path / "m") == before


def test_a_memory_that_cannot_be_kept_is_none(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "file").touch()
    assert of(folder, tmp_path / "file" / "m") == of(folder)
