"""Repositories of the hub, from copies in the data root, read by `datasets` itself; no test touches the network."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

from bench.errors import DataError
from tasks.base import NO_SOURCES, Sources
from tasks.catalog.classification import FROM_HUB, UNCHECKED, ClassificationSet
from tasks.catalog.hub import OnHub
from tasks.own.hub import hub_tables
from tasks.revision import commit, of_commit
from tests.tasks.catalog.miniature import shown_class, write_layout, write_parquet, write_webdataset
from tests.tasks.catalog.test_layouts import SETS, shrunk

NAMES = ["zero, or nought", "one “1”", "zwei"]


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cache of one's own, and no connection to anywhere."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("a test reached for the network")

    import datasets

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache" / "datasets")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache" / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    commit.cache_clear()
    yield
    commit.cache_clear()
    datasets.enable_progress_bars()


def a_set(**changes: Any) -> ClassificationSet:
    given: dict[str, Any] = {
        **{"name": "numbers", "classes": 3, "sizes": {"train": 30, "test": 12}, "licence": "CC0-1.0"},
        **{"templates": ("a {}.",), "hub": OnHub("someone/wds_numbers", "main", gigabytes=0.25)},
    }
    return ClassificationSet(**{**given, **changes})


def copied(root: Path, **sizes: int) -> Path:
    return write_webdataset(root / "wds_numbers", NAMES, sizes or {"train": 10, "test": 4})


def test_a_repository_of_test_images_alone_is_there_to_be_scored_on(tmp_path: Path) -> None:
    copied(tmp_path, test=4)
    task = a_set(sizes={"test": 12}).task(Sources(tmp_path))
    assert Counter(task.test.labels.tolist()) == dict.fromkeys(range(3), 4)
    with pytest.raises(DataError, match="someone/wds_numbers has test images only"):
        _ = task.train


def test_webdataset_tars_are_read_with_their_class_names(tmp_path: Path) -> None:
    copied(tmp_path)
    entry = a_set()
    assert entry.state(Sources(tmp_path)) == "ready in the data root, wds_numbers/"
    task = entry.task(Sources(tmp_path))
    assert list(task.class_names) == NAMES
    assert (task.split_origin, task.origin, task.budget) == ("", "someone/wds_numbers on the hub, a copy", None)
    assert Counter(task.train.labels.tolist()) == dict.fromkeys(range(3), 8)
    assert Counter(task.val.labels.tolist()) == dict.fromkeys(range(3), 2)  # a fifth stands in
    assert Counter(task.test.labels.tolist()) == dict.fromkeys(range(3), 4)
    for split in (task.train, task.val, task.test):
        assert [shown_class(split.image(row)) for row in range(len(split))] == split.labels.tolist()  # lossless
    assert set(task.test.ids) == {f"test/s{number:07d}" for number in range(12)}
    assert not set(task.train.ids) & set(task.val.ids)


def test_ids_and_validation_rows_are_the_same_the_next_time_and_in_other_shards(tmp_path: Path) -> None:
    one = a_set().task(Sources(copied(tmp_path / "a").parent))
    two = a_set().task(Sources(write_webdataset(tmp_path / "b/wds_numbers", NAMES, {"train": 10, "test": 4}, shards=1).parent))
    assert set(one.test.ids) == set(two.test.ids)
    again = a_set().task(Sources(tmp_path / "a"))
    assert (again.val.ids, again.version) == (one.val.ids, one.version)
    np.testing.assert_array_equal(again.train.labels, one.train.labels)


def test_a_copy_whose_files_are_replaced_is_another_version(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    before = a_set().task(Sources(tmp_path)).version
    shard = next((folder / "test").glob("*.tar"))
    body = bytearray(shard.read_bytes())
    body[600] ^= 1
    shard.write_bytes(body)
    assert a_set().task(Sources(tmp_path)).version != before


def test_parquet_files_are_read_with_the_class_names_of_their_card(tmp_path: Path) -> None:
    write_parquet(tmp_path / "fashion", NAMES, {"train": 10, "test": 4})
    task = a_set(hub=OnHub("someone/fashion", "main", form="parquet")).task(Sources(tmp_path))
    assert list(task.class_names) == NAMES
    assert task.test.ids[:2] == ["test/0", "test/1"]
    assert [shown_class(task.test.image(row)) for row in range(12)] == task.test.labels.tolist()


def test_an_image_that_is_broken_is_told_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.tasks.catalog.miniature.picture", lambda number: _Broken())
    copied(tmp_path)
    task = a_set().task(Sources(tmp_path))
    with pytest.raises(DataError, match=r"wds_numbers, test/s0000000 can't be read as an image"):
        task.test.image(0)


class _Broken:
    def save(self, body: Any, *options: object, **more: object) -> None:
        body.write(b"RIFF")


@pytest.mark.parametrize(
    ("sizes", "unconfirmed", "message"),
    [
        ({"train": 9, "test": 4}, [], "27 train, 30 expected"),
        ({"train": 10, "test": 5}, ["train"], "15 test, 12 expected"),
        ({"train": 9, "test": 4}, ["train"], ""),
    ],
)
def test_counts_are_checked_where_they_are_confirmed(
    sizes: dict[str, int], unconfirmed: list[Any], message: str, tmp_path: Path
) -> None:
    copied(tmp_path, **sizes)
    entry = a_set(hub=OnHub("someone/wds_numbers", "main", unconfirmed=unconfirmed))
    if not message:
        assert len(entry.task(Sources(tmp_path)).test) == 12
        return
    with pytest.raises(DataError, match=rf"wds_numbers: {message}: .*--other-counts"):
        entry.task(Sources(tmp_path)).load("test")
    task = entry.task(Sources(tmp_path, other_counts=True))
    assert task.split_origin == UNCHECKED and len(task.test) == 3 * sizes["test"]


def test_a_number_of_classes_that_differs_is_told(tmp_path: Path) -> None:
    copied(tmp_path)
    with pytest.raises(DataError, match="wds_numbers: 3 classes, 4 expected"):
        a_set(classes=4).task(Sources(tmp_path))


def test_a_label_without_a_name_is_told(tmp_path: Path) -> None:
    (copied(tmp_path) / "classnames.txt").write_text("zero\none\n")
    with pytest.raises(DataError, match=r"wds_numbers: label 2 of 'train/s\d+' is outside 0..1"):
        a_set(classes=2).task(Sources(tmp_path)).load("train")


def test_a_copy_without_names_is_told(tmp_path: Path) -> None:
    (copied(tmp_path) / "classnames.txt").unlink()
    with pytest.raises(DataError, match=r"can't be read as a copy of someone/wds_numbers \(neither classnames.txt nor a card"):
        a_set().task(Sources(tmp_path))


def test_a_copy_without_a_test_split_is_told(tmp_path: Path) -> None:
    copied(tmp_path, train=10)
    with pytest.raises(DataError, match=r"can't be read as a copy of someone/wds_numbers \(there is no tar in test/\)"):
        a_set().task(Sources(tmp_path)).load("train")


def test_a_card_without_a_test_split_is_told(tmp_path: Path) -> None:
    write_parquet(tmp_path / "fashion", NAMES, {"train": 10})
    with pytest.raises(DataError, match="fashion: there is nothing in test, only in train: get it again"):
        a_set(hub=OnHub("someone/fashion", "main", form="parquet")).task(Sources(tmp_path)).load("train")


def test_a_copy_that_is_cut_short_is_one_line(tmp_path: Path) -> None:
    tar = copied(tmp_path) / "test/0.tar"
    tar.write_bytes(tar.read_bytes()[:700])
    with pytest.raises(DataError, match=r"wds_numbers can't be read as a copy of someone/wds_numbers") as caught:
        a_set().task(Sources(tmp_path)).load("test")
    assert "\n" not in str(caught.value)


def test_a_hub_out_of_reach_is_one_line_with_the_remedy() -> None:
    with pytest.raises(
        DataError, match=r"someone/wds_numbers can't be read from the hub .*wds_numbers/ .*--data-root.*doctor"
    ) as caught:
        a_set().task(NO_SOURCES)
    assert "\n" not in str(caught.value)


def test_a_state_says_what_a_download_would_be_and_sees_an_earlier_one(tmp_path: Path) -> None:
    assert a_set().state(NO_SOURCES) == "would download about 250 MB from someone/wds_numbers"
    assert a_set(hub=OnHub("a/b", "main", gigabytes=22.4)).state(NO_SOURCES) == "would download about 22.4 GB from a/b"
    assert a_set(hub=OnHub("a/b", "main")).state(NO_SOURCES) == "would download an unknown amount from a/b"
    snapshot = tmp_path / "cache/hub/datasets--someone--wds_numbers/snapshots/abc"
    (snapshot / "train").mkdir(parents=True)
    (snapshot / "classnames.txt").write_text("zero\n")
    assert a_set().state(NO_SOURCES).startswith("would download")  # the names alone are no data
    (snapshot / "train/0.tar").write_bytes(b"")
    assert a_set().state(NO_SOURCES) == "ready in the hub's cache, someone/wds_numbers"


def test_a_coop_set_from_the_hub_is_another_split(tmp_path: Path) -> None:
    eurosat = next(shrunk(entry) for entry in SETS if entry.name == "eurosat")
    assert eurosat.hub is not None and eurosat.disk is not None
    small = msgspec.structs.replace(eurosat, hub=msgspec.structs.replace(eurosat.hub, sizes={"train": 30, "test": 12}))
    write_webdataset(tmp_path / "wds_vtab-eurosat", NAMES, {"train": 10, "test": 4})
    from_hub = small.task(Sources(tmp_path))
    assert from_hub.split_origin == FROM_HUB
    write_layout(tmp_path, eurosat.disk)
    from_disk = small.task(Sources(tmp_path))  # CoOp's layout comes first
    assert from_disk.split_origin == "" and from_disk.version != from_hub.version


@pytest.mark.parametrize("entry", [entry for entry in SETS if entry.hub], ids=lambda entry: entry.name)
def test_every_repository_is_read_from_a_copy(entry: ClassificationSet, tmp_path: Path) -> None:
    assert entry.hub is not None
    small = msgspec.structs.replace(shrunk(entry), disk=None, sizes={"train": 6, "test": 3})
    form = write_webdataset if entry.hub.form == "webdataset" else write_parquet
    form(tmp_path / entry.hub.folder, NAMES, {"train": 2, "test": 1})
    task = small.task(Sources(tmp_path))
    assert list(task.class_names) == NAMES and (len(task.train), len(task.val), len(task.test)) == (6, 0, 3)
    assert json.dumps(task.class_texts())  # plain text


HASHES = ("1" * 40, "2" * 40)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A hub that answers from a copy: what it was asked for, and the commit that its branch `main` is at."""
    folder, asked = tmp_path / "there" / "wds_numbers", {"main": HASHES[0], "read": []}
    copied(folder.parent)
    import datasets

    load, builder = datasets.load_dataset, datasets.load_dataset_builder

    def dataset_info(self: Any, repository: str, *, revision: str, timeout: float) -> SimpleNamespace:
        assert (repository, revision) == ("someone/wds_numbers", "main")
        return SimpleNamespace(sha=asked["main"])

    def hf_hub_download(repository: str, name: str, *, repo_type: str, revision: str) -> str:
        asked["read"].append(revision)
        if not (folder / name).exists():
            raise EntryNotFoundError(name)
        return str(folder / name)

    def load_dataset(name: str, data_files: dict[str, str] | None = None, revision: str | None = None) -> Any:
        if data_files is None:
            asked["read"].append(revision)
            return load(str(folder))
        before, _, after = data_files["train"].partition("@")
        assert before == "hf://datasets/someone/wds_numbers"
        asked["read"].append(after.partition("/")[0])
        return load(name, data_files={split: f"{folder}/{split}/*.tar" for split in data_files})

    def load_dataset_builder(name: str, revision: str) -> Any:
        asked["read"].append(revision)
        return builder(str(folder))

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", dataset_info)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", hf_hub_download)
    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    monkeypatch.setattr("datasets.load_dataset_builder", load_dataset_builder)
    return asked


@pytest.mark.parametrize("form", ["webdataset", "parquet"])
def test_all_is_read_from_the_one_commit_that_a_branch_is_at(form: Any, tmp_path: Path, hub: dict[str, Any]) -> None:
    if form == "parquet":
        shutil.rmtree(tmp_path / "there" / "wds_numbers")
        write_parquet(tmp_path / "there" / "wds_numbers", NAMES, {"train": 10, "test": 4})
    entry = a_set(hub=OnHub("someone/wds_numbers", "main", form=form))
    task = entry.task(NO_SOURCES)
    hub["main"] = HASHES[1]  # the hub gets another commit before the rows are read
    assert len(task.test) == 12 and hub["read"] == [HASHES[0]] * (2 if form == "webdataset" else 3)
    assert task.origin == f"someone/wds_numbers on the hub, revision {HASHES[0]}"
    assert entry.task(NO_SOURCES).version == task.version
    commit.cache_clear()  # as in another process
    later = entry.task(NO_SOURCES)
    assert HASHES[1] in later.origin and later.version != task.version


def test_a_commit_is_read_as_it_is_pinned(hub: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *given, **more: pytest.fail("the hub was asked"))
    task = a_set(hub=OnHub("someone/wds_numbers", HASHES[1])).task(NO_SOURCES)
    assert len(task.test) == 12 and hub["read"] == [HASHES[1]] * 2 and HASHES[1] in task.origin


def test_out_of_reach_the_commit_that_was_read_last_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache/hub/datasets--someone--wds_numbers"
    for seconds, name in enumerate(HASHES):
        (cache / "snapshots" / name).mkdir(parents=True)
        os.utime(cache / "snapshots" / name, (seconds, seconds))
    (cache / "refs").mkdir()
    (cache / "refs" / "v1").write_text(HASHES[0])
    assert commit("someone/wds_numbers", "main") == HASHES[1]
    assert commit("someone/wds_numbers", "v1") == HASHES[0]
    with pytest.raises(OSError, match="offline mode"):
        commit("someone/wds_numbers", "v2")


def test_an_answer_that_there_is_no_such_revision_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache/hub/datasets--someone--wds_numbers/snapshots" / HASHES[0]).mkdir(parents=True)

    def refuse(*given: object, **more: object) -> None:
        raise HfHubHTTPError("404: no such revision", response=SimpleNamespace(headers={}, request=None))  # type: ignore[arg-type]

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", refuse)
    with pytest.raises(DataError, match=r"someone/wds_numbers can't be read from the hub \(404: no such revision\)"):
        a_set().task(NO_SOURCES)


def test_another_commit_from_the_librarys_own_cache_is_not_taken(hub: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    stale = {"train": SimpleNamespace(cache_files=[{"filename": f"/cache/someone___wds/default/0.0.0/{HASHES[1]}/a.arrow"}])}
    monkeypatch.setattr("datasets.load_dataset", lambda source, **options: stale)
    with pytest.raises(DataError, match=f"the cache has commit {HASHES[1]}, not {HASHES[0]}"):
        a_set(hub=OnHub("someone/wds_numbers", HASHES[0], form="parquet")).task(NO_SOURCES).load("train")
    assert of_commit(stale, HASHES[1]) is stale
    with pytest.raises(DataError, match=rf"hf:someone/pets can't be loaded \(the cache has commit {HASHES[1]}, not"):
        hub_tables("someone/pets", Path(), None, HASHES[0])


def test_a_pinned_commit_is_cached_if_its_own_files_are(tmp_path: Path) -> None:
    other = tmp_path / "cache/hub/datasets--someone--wds_numbers/snapshots" / HASHES[0] / "train"
    other.mkdir(parents=True)
    (other / "0.tar").write_bytes(b"")
    assert OnHub("someone/wds_numbers", HASHES[0]).cached
    assert not OnHub("someone/wds_numbers", HASHES[1]).cached


def test_every_repository_is_pinned_to_a_commit_or_to_main() -> None:
    revisions = {entry.hub.id: entry.hub.revision for entry in SETS if entry.hub}
    assert all(re.fullmatch("main|[0-9a-f]{40}", revision) for revision in revisions.values())
    assert all(entry.hub.revision == revisions[entry.hub.id] for entry in SETS if entry.hub)  # the same in each entry
    assert sum(revision != "main" for revision in revisions.values()) == 5
