"""A user's own data in all forms and kinds: the same rows come out of each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.errors import DataError, UsageError
from tasks.base import Augmentation, Task
from tasks.find import find_task
from tasks.revision import commit
from tests.tasks.own.makers import draw, hub_folder, png, write

LABELS = ["big_cat", "dog"] * 10


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets` keeps what it maps where the test may write."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    datasets.disable_progress_bars()


def rows(task: Task) -> dict[str, tuple[str, int, int]]:
    """Of every image: its split, its label, its grey."""
    return {
        name: (split, int(part.labels[row]), part.image(row).getpixel((0, 0))[0])
        for split, part in (("train", task.train), ("val", task.val), ("test", task.test))
        for row, name in enumerate(part.ids)
    }


@pytest.mark.parametrize("ending", ["csv", "tsv", "txt", "json", "jsonl", "parquet"])
def test_a_table_in_every_form(tmp_path: Path, ending: str) -> None:
    names = [f"images/{name}" for name in draw(tmp_path / "images", 20)]
    path = write(tmp_path / f"pets.{ending}", {"image": names, "label": LABELS})
    scheme = {"tsv": "csv", "txt": "csv", "jsonl": "json"}.get(ending, ending)
    task = find_task(f"{scheme}:{path}")
    assert (task.name, task.kind, task.origin) == (
        f"{scheme}:pets.{ending}",
        "classification",
        f"{scheme}:pets.{ending}, seeded split",
    )
    assert task.class_names == ("big cat", "dog")
    assert [len(split) for split in (task.train, task.val, task.test)] == [10, 4, 6]
    found = rows(task)
    assert sorted(found) == names
    assert all(label == grey % 2 and grey == int(Path(name).stem) for name, (_, label, grey) in found.items())


def test_columns_by_name_and_a_split_column(tmp_path: Path) -> None:
    names = draw(tmp_path, 20)
    parts = ["Train"] * 10 + ["dev"] * 4 + ["TEST"] * 6
    path = write(tmp_path / "t.csv", {"a": names, "b": ["x"] * 20, "c": LABELS, "fold": parts})
    task = find_task(f"csv:{path}[image=a,label=c,split=fold]")
    assert [split for split, _, _ in rows(task).values()] == ["train"] * 10 + ["val"] * 4 + ["test"] * 6
    assert task.origin == "csv:t.csv, its own split"
    swapped = find_task(f"csv:{path}[image=a,label=c,split=fold,train=TEST,test=Train]")
    assert list(swapped.test.ids) == names[:10]
    assert len(swapped.val) == 4


def test_a_file_per_split(tmp_path: Path) -> None:
    names = draw(tmp_path, 20)
    write(tmp_path / "train.csv", {"image": names[:10], "label": LABELS[:10]})
    write(tmp_path / "test.csv", {"image": names[10:], "label": LABELS[10:]})
    task = find_task(f"csv:{tmp_path}")
    assert sorted([*task.train.ids, *task.val.ids]) == names[:10]
    assert list(task.test.ids) == names[10:]
    assert len(task.val) == 2


def test_pairs_and_captions_keep_the_rows_of_an_image_together(tmp_path: Path) -> None:
    names = draw(tmp_path, 10)
    columns = {"image": names * 3, "question": [f"q{row}?" for row in range(30)], "answer": ["yes", "no"] * 15}
    pair = find_task(f"csv:{write(tmp_path / 'p.csv', columns)}[candidate={{text}} {{answer}}]")
    assert (pair.kind, pair.class_names, pair.augmentation) == ("pair", ("no", "yes"), Augmentation(1.0, False))
    assert pair.candidates("why?") == ["why? no", "why? yes"]
    captions = {"image": names * 3, "caption": [f"caption {row}" for row in range(30)]}
    retrieval = find_task(f"csv:{write(tmp_path / 'r.csv', captions)}")
    assert (retrieval.kind, retrieval.class_names, retrieval.shot_unit) == ("retrieval", (), 32)
    for task in (pair, retrieval):
        parts = [set(split.ids) for split in (task.train, task.val, task.test)]
        assert [len(part) for part in parts] == [5, 2, 3]
        assert len(set.union(*parts)) == 10
        assert all(
            split.texts is not None and len(split.texts) == 3 * len(set(split.ids)) for split in (task.train, task.val, task.test)
        )
    assert (retrieval.test.labels == -1).all()


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_lists_of_captions_become_rows(tmp_path: Path, ending: str) -> None:
    names = draw(tmp_path, 6)
    path = write(tmp_path / f"c.{ending}", {"image": names, "caption": [[f"{name} a", f"{name} b"] for name in names]})
    task = find_task(f"{ending}:{path}")
    texts = [text for split in (task.train, task.val, task.test) for text in split.texts or ()]
    ids = [name for split in (task.train, task.val, task.test) for name in split.ids]
    assert len(texts) == 12
    assert all(text.startswith(name) for text, name in zip(texts, ids, strict=True))


def test_a_folder_in_the_hubs_form(tmp_path: Path) -> None:
    task = find_task(f"hf:{hub_folder(tmp_path / 'pets')}")
    assert (task.name, task.origin) == ("hf:pets", "hf:pets, its own split")
    assert task.class_names == ("cat", "dog")
    assert [len(split) for split in (task.train, task.val, task.test)] == [16, 4, 10]
    assert sorted(grey for _, _, grey in rows(task).values()) == list(range(30))
    assert all(label == grey % 2 for _, label, grey in rows(task).values())
    again = find_task(f"parquet:{tmp_path / 'pets'}")
    assert rows(again) == rows(task)


def test_a_set_of_the_hub_is_read_at_one_commit_that_its_origin_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    there, load, asked = hub_folder(tmp_path / "pets"), datasets.load_dataset, []

    def dataset_info(self: object, repository: str, *, revision: str, timeout: float) -> SimpleNamespace:
        asked.append((repository, revision))
        return SimpleNamespace(sha=("a" if revision == "main" else "b") * 40)

    def load_dataset(source: str, revision: str, **options: object) -> object:
        asked.append((source, revision))
        return load(str(there), **options)

    commit.cache_clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", dataset_info)
    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    for brackets, branch, read in (("", "main", "a" * 40), ("[revision=v2]", "v2", "b" * 40)):
        task = find_task(f"hf:someone/pets{brackets}")
        assert asked == [("someone/pets", branch), ("someone/pets", read)]
        assert (task.name, task.origin) == ("hf:someone/pets", f"hf:someone/pets revision {read}, its own split")
        asked.clear()
    commit.cache_clear()
    monkeypatch.setattr("datasets.load_dataset", load)
    with pytest.raises(DataError, match=r"pets is a folder and has no revisions: leave out revision=v2"):
        find_task(f"hf:{there}[revision=v2]")


def test_a_parquet_file_with_images_inside(tmp_path: Path) -> None:
    shard = hub_folder(tmp_path) / "data" / "train-00000-of-00001.parquet"
    task = find_task(f"parquet:{shard}")
    assert [len(split) for split in (task.train, task.val, task.test)] == [10, 4, 6]
    assert all(label == grey % 2 for _, label, grey in rows(task).values())


def folder(root: Path) -> str:
    for name in ("cat", "dog"):
        draw(root / name, 10)
    return f"imagefolder:{root}"


def table(ending: str, absolute: bool = False) -> Callable[[Path], str]:
    def make(root: Path) -> str:
        names = [str(root / "i" / name) if absolute else f"i/{name}" for name in draw(root / "i", 20)]
        return f"{ending}:{write(root / f'data.{ending}', {'image': names, 'label': LABELS})}"

    return make


def carded(root: Path) -> str:
    table("csv")(root)
    (root / "pets.toml").write_text('data = "csv:data.csv"\n')
    return f"card:{root / 'pets.toml'}"


@pytest.mark.parametrize(
    "make",
    [
        folder,
        table("csv"),
        table("csv", absolute=True),
        table("json"),
        table("parquet"),
        carded,
        lambda root: f"hf:{hub_folder(root)}",
    ],
    ids=["imagefolder", "csv", "csv, absolute paths", "json", "parquet", "card", "hf"],
)
def test_nothing_changes_when_the_data_are_moved(tmp_path: Path, make: Callable[[Path], str]) -> None:
    before = make(tmp_path / "here" / "pets")
    told = [(task.name, task.version, task.origin, rows(task)) for task in [find_task(before)]]
    shutil.rmtree(tmp_path / "here")
    after = make(tmp_path / "quite" / "elsewhere" / "pets")
    assert [(task.name, task.version, task.origin, rows(task)) for task in [find_task(after)]] == told


def test_the_version_changes_with_labels_images_and_template(tmp_path: Path) -> None:
    names = draw(tmp_path, 20)
    path = write(tmp_path / "t.csv", {"image": names, "label": LABELS})
    versions = [find_task(f"csv:{path}").version, find_task(f"csv:{path}[template=a {{}}]").version]
    (tmp_path / names[3]).write_bytes((tmp_path / names[3]).read_bytes() + b"more")
    versions.append(find_task(f"csv:{path}").version)
    write(path, {"image": names, "label": LABELS[::-1]})
    versions.append(find_task(f"csv:{path}").version)
    assert len(set(versions)) == 4


@pytest.mark.parametrize("inside", [False, True])
def test_images_that_are_replaced_by_others_of_their_size_are_another_version(tmp_path: Path, inside: bool) -> None:
    names = draw(tmp_path, 20)
    versions = set()
    for grey in (3, 4):
        (tmp_path / names[3]).write_bytes(png(grey))
        bodies = [{"bytes": (tmp_path / name).read_bytes(), "path": name} for name in names]
        path = write(tmp_path / "t.parquet", {"image": bodies if inside else names, "label": LABELS})
        versions |= {find_task(f"parquet:{path}").version for _ in range(2)}
    assert len(png(3)) == len(png(4)) and len(versions) == 2


def test_class_names_with_commas_quotes_braces_and_unicode(tmp_path: Path) -> None:
    names = draw(tmp_path, 20)
    odd = ['so-called "cat", big', "犬 {0} 🐕", "NA", "l'été\\n"]
    task = find_task(f"csv:{write(tmp_path / 't.csv', {'image': names, 'label': odd * 5})}")
    assert sorted(task.class_names) == sorted(['so called "cat", big', "犬 {0} 🐕", "NA", "l'été\\n"])
    assert "a photo of a 犬 {0} 🐕." in task.class_texts()


def test_numbers_as_labels_sort_as_numbers_and_take_names(tmp_path: Path) -> None:
    names = draw(tmp_path, 24)
    path = write(tmp_path / "t.parquet", {"image": names, "label": list(range(12)) * 2})
    assert find_task(f"parquet:{path}").class_names == tuple(map(str, range(12)))
    (tmp_path / "t.toml").write_text(f'data = "parquet:t.parquet"\nclasses = {[f"c{number}" for number in range(12)]}')
    task = find_task(f"card:{tmp_path / 't.toml'}")
    assert task.class_names[10] == "c10"
    assert all(int(name[:3]) % 12 == label for name, label in zip(task.test.ids, task.test.labels, strict=True))


def test_a_card_says_it_all(tmp_path: Path) -> None:
    names = draw(tmp_path / "pictures", 20)
    (tmp_path / "lines.txt").write_text("".join(f"{name}\t{label}\n" for name, label in zip(names, LABELS, strict=True)))
    (tmp_path / "my-pets.toml").write_text(
        'data = "csv:lines.txt"\ncolumns = ["file", "what"]\nlabel = "what"\nroot = "pictures"\nseed = 1\n'
        'template = ["a {}.", "the {}."]\nlicence = "mine"\nflip = false\ncrop = 0.5\n'
        '[classes]\ndog = "good dog"\nbig_cat = "tiger, big"\n'
    )
    task = find_task(f"card:{tmp_path / 'my-pets.toml'}")
    assert (task.name, task.licence, task.templates) == ("card:my-pets", "mine", ("a {}.", "the {}."))
    assert task.class_names == ("good dog", "tiger, big")
    assert task.augmentation == Augmentation(0.5, False)
    assert all(label == 1 - grey % 2 for _, label, grey in rows(task).values())


def test_a_card_with_a_file_per_split(tmp_path: Path) -> None:
    names = draw(tmp_path / "i", 20)
    for part, chosen in (("a", slice(0, 12)), ("b", slice(12, 20))):
        write(tmp_path / f"{part}.csv", {"image": names[chosen], "label": LABELS[chosen]})
    (tmp_path / "c.toml").write_text('root = "i"\n[data]\ntrain = "csv:a.csv"\ntest = "csv:b.csv"\n')
    task = find_task(f"card:{tmp_path / 'c.toml'}")
    assert list(task.test.ids) == names[12:]
    assert np.bincount(task.test.labels).tolist() == [4, 4]


@pytest.mark.parametrize(
    ("columns", "brackets", "message"),
    [
        ({"pic": ["a"], "label": ["x"]}, "", r"can't tell which column is the image: .*there are pic, label$"),
        ({"image": ["a"], "file": ["b"], "label": ["x"]}, "", r"'image' or 'file' may be the image: say which by image=COLUMN"),
        ({"image": ["a"], "hue": ["x"]}, "", r"can't tell the kind of task from the columns image, hue"),
        ({"image": ["a"], "caption": ["b"], "label": ["x"]}, "", r"can't tell the kind"),
        ({"image": ["a"], "label": ["x"]}, "[label=lable]", r"label: unknown column 'lable': did you mean label"),
        ({"image": ["a"], "label": ["x"]}, "[lable=x]", r"unknown key 'lable': did you mean label"),
        ({"image": ["a"], "label": ["x"]}, "[kind=retreival]", r"Invalid enum value 'retreival'"),
        ({"image": ["a"], "label": ["x"]}, "[crop=2]", r"crop"),
        ({"image": ["a"], "label": ["x"]}, "[template=a photo]", r"template 'a photo' must hold \{\}"),
        ({"image": ["a"], "label": ["x"]}, "[candidate={answer}]", r"candidate '\{answer\}' must hold \{text\} and \{answer\}"),
    ],
)
def test_what_is_said_badly_is_answered_in_one_line(
    tmp_path: Path, columns: dict[str, list[str]], brackets: str, message: str
) -> None:
    path = write(tmp_path / "t.csv", columns)
    with pytest.raises((UsageError, DataError), match=message) as caught:
        find_task(f"csv:{path}{brackets}")
    assert "\n" not in str(caught.value) and "t.csv" in str(caught.value)
