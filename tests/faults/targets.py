"""Everything that reads what others wrote, as functions of bytes: they end well, or by an error made for the user."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from pyarrow import parquet
from safetensors.torch import save

from bench.api import resolve_tasks
from bench.backbone.checkpoints import read_checkpoint
from bench.cell.weights import Stored, read_stored
from bench.compare.rules import parse_rule
from bench.errors import BenchError
from bench.plan.index_files import given_episode
from bench.plan.suites import load_suite
from bench.spec import parse_names, parse_numbers, parse_shots
from bench.store.record import from_json, to_json
from bench.store.shards import read_lines
from bench.store.store import Store, artifact_path
from bench.upkeep.rescore import recompute
from tasks.catalog import coop
from tasks.find import find_task
from tasks.images import open_image
from tasks.own.card import read_card
from tasks.readers import easy_vqa, flickr8k, karpathy, nlvr, snli_ve, vqa_v2
from tests.factories import make_record
from tests.stores import predicted

Target = Callable[[bytes, Path], object]


@dataclass(frozen=True)
class Reader:
    read: Target  # of a file's bytes; `folder` has room for it, and holds `a.jpg` and the other pictures that seeds name
    seeds: tuple[bytes, ...]
    module: str  # that is instrumented


def _file(name: str, read: Callable[[Path], object]) -> Target:
    def target(body: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(body)
        return read(path)

    return target


def _text(read: Callable[[str], object]) -> Target:
    return lambda body, folder: read(body.decode("utf-8", "surrogateescape"))


def _record(body: bytes, folder: Path) -> None:
    try:
        record = from_json(body, "here")
    except ValueError:  # NotARecord
        return
    assert from_json(to_json(record), "here") == record
    artifact_path(folder, next(iter(record.artifacts.values()), ""))


def _store(body: bytes, folder: Path) -> object:
    (folder / "records").mkdir(exist_ok=True)
    path = folder / "records" / "one.jsonl"
    path.write_bytes(body)
    assert all((line.record is None) != (line.problem is None) for line in read_lines([path]))
    return Store(folder).latest()


def _predictions(path: Path) -> object:
    try:
        return recompute(make_record(), path)
    except ValueError:
        return None


def _task(scheme: str) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        task = find_task(f"{scheme}:{path}")
        return [len(task.load(split)) for split in ("train", "val", "test")]

    return read


def _vqa(body: bytes, folder: Path) -> object:
    questions, _, annotations = body.partition(b"\n\n")
    for name, part in (("q.json", questions), ("a.json", annotations)):
        (folder / name).write_bytes(part)
    rows = vqa_v2.read(folder / "q.json", folder / "a.json", "val2014")
    return vqa_v2.split(rows, vqa_v2.most_frequent(rows, 3), folder / "a.json", folder)


def _easy_vqa(body: bytes, folder: Path) -> object:
    answers, _, questions = body.partition(b"\n\n")
    (folder / "answers.txt").write_bytes(answers)
    (folder / "train").mkdir(exist_ok=True)
    (folder / "train" / "questions.json").write_bytes(questions)
    return easy_vqa.read(folder / "train", easy_vqa.read_answers(folder / "answers.txt"))


def _flickr8k(body: bytes, folder: Path) -> object:
    captions, _, names = body.partition(b"\n\n")
    (folder / "captions.txt").write_bytes(captions)
    (folder / "train.txt").write_bytes(names)
    return flickr8k.read(folder / "captions.txt", {"train": folder / "train.txt"}, folder)


def _coop(form: Literal["json", "lists"], index: str) -> Callable[[Path], object]:
    disk = coop.OnDisk(folder="", index=index, images=".", form=form, class_file="classes.txt" if form == "lists" else "")
    return lambda path: coop.read(disk, path.parent, None)


def _coop_lists(body: bytes, folder: Path) -> object:
    names, *rows = body.split(b"\n\n")
    (folder / "classes.txt").write_bytes(names)
    for split, part in zip(("train", "val", "test"), [*rows, b"", b"", b""], strict=False):
        (folder / f"{split}.txt").write_bytes(part)
    return _coop("lists", "{}.txt")(folder / "classes.txt")


def _support(body: bytes, folder: Path) -> object:
    task = find_task(f"csv:{folder / 'own.csv'}")
    path = folder / "index" / task.name.replace("-", "_") / "shot_1-seed_1.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return given_episode(task, folder / "index", 1, 1, "fixed")


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


RECORD = to_json(make_record(artifacts={"predictions": "artifacts/r1.npz"}))
TABLE = [{"image": f"{name}.jpg", "label": name[0]} for name in ("a", "b", "a1", "a2", "b1", "b2", "a3", "b3")]
VQA_QUESTION = {"questions": [{"question_id": 1, "image_id": 9, "question": "Is it?"}]}
VQA_ANSWER = {
    "annotations": [
        {"question_id": 1, "answers": [{"answer": "Yes."}] * 10, "multiple_choice_answer": "yes", "answer_type": "yes/no"}
    ]
}
SPLIT = {"train": [["a.jpg", 0, "cat"], ["b.jpg", 1, "dog"]], "val": [["a1.jpg", 0, "cat"]], "test": [["b1.jpg", 1, "dog"]]}
SUITE = b'about = "mine"\ntasks = ["digits"]\nshots = "1,4"\nevaluate = ["forgetting"]\n'
SNLI = {"Flickr30K_ID": "a", "sentence2": "A dog.", "gold_label": "neutral", "pairID": "a#0"}
NLVR = {"sentence": "There is a box.", "label": "true", "identifier": "1-0", "directory": "1"}
KARPATHY = {"images": [{"filename": "a.jpg", "split": "train", "sentences": [{"raw": "A dog."}]}]}


def _table(parting: str) -> bytes:
    rows = [parting.join(("image", "label")), *(parting.join((row["image"], row["label"])) for row in TABLE)]
    return "\n".join(rows).encode()


READERS: Mapping[str, Reader] = {
    "record": Reader(_record, (RECORD, b"{}"), "bench.store.record"),
    "store": Reader(_store, (RECORD + b"\n" + RECORD, b"\n"), "bench.store.shards"),
    "stored": Reader(_file("x.safetensors", read_stored), (), "bench.cell.weights"),
    "predictions": Reader(_file("x.npz", _predictions), (), "bench.upkeep.rescore"),
    "methods": Reader(_text(lambda text: parse_names(text, "methods")), (b"coop[n_ctx=4],lora",), "bench.spec"),
    "tasks": Reader(_text(resolve_tasks), (b"core,digits,csv:a.csv[image=file,label=class]",), "bench.api"),
    "shots": Reader(_text(parse_shots), (b"1,4,n=500", b"16"), "bench.spec"),
    "seeds": Reader(_text(lambda text: parse_numbers(text, "seeds", 0)), (b"1,2,3",), "bench.spec"),
    "rule": Reader(_text(parse_rule), (b"accuracy:-1.0", b"time:+20%"), "bench.compare.rules"),
    "image": Reader(_file("x.png", open_image), (), "tasks.images"),
    "card": Reader(_file("x.toml", read_card), (b'data = "csv:a.csv"\ntemplate = "a {}."\n',), "tasks.own.card"),
    "csv": Reader(
        _file("x.csv", _task("csv")),
        (_table(","), b"sep=;\r\n" + _table(";"), _table("|"), _table("\t").decode().encode("utf-16"), _table(", ")),
        "tasks.own",
    ),
    "json": Reader(_file("x.json", _task("json")), (_json(TABLE), b"\n".join(map(_json, TABLE))), "tasks.own"),
    "parquet": Reader(_file("x.parquet", _task("parquet")), (), "tasks.own"),
    "checkpoint": Reader(_file("x.pt", read_checkpoint), (), "bench.backbone.checkpoints"),
    "safe checkpoint": Reader(_file("x.safetensors", read_checkpoint), (), "bench.backbone.checkpoints"),
    "suite": Reader(_file("x.toml", lambda path: load_suite(str(path))), (SUITE,), "bench.plan.suites"),
    "card task": Reader(_file("x.toml", _task("card")), (b'data = "csv:own.csv"\nlabel = "label"\n',), "tasks.own"),
    "coop": Reader(_file("split.json", _coop("json", "split.json")), (_json(SPLIT),), "tasks.catalog"),
    "coop lists": Reader(_coop_lists, (b"a\nb\n\na a\nb b\n\na1 a\n\nb1 b",), "tasks.catalog"),
    "support": Reader(_support, (), "bench.plan.index_files"),
    "snli-ve": Reader(_file("x.jsonl", lambda path: snli_ve.read(path, path.parent)), (_json(SNLI),), "tasks.readers"),
    "nlvr": Reader(_file("x.json", lambda path: nlvr.read(path, path.parent)), (_json(NLVR),), "tasks.readers"),
    "karpathy": Reader(_file("x.json", lambda path: karpathy.read(path, path.parent)), (_json(KARPATHY),), "tasks.readers"),
    "vqa": Reader(_vqa, (_json(VQA_QUESTION) + b"\n\n" + _json(VQA_ANSWER),), "tasks.readers"),
    "easy-vqa": Reader(_easy_vqa, (b"yes\nno\n\n" + _json([["Is it?", "yes", 0]]),), "tasks.readers"),
    "flickr8k": Reader(_flickr8k, (b'image,caption\na.jpg,"A dog, big."\n\na.jpg\n',), "tasks.readers"),
}


def furnish(folder: Path) -> Path:
    """Put there the pictures that seeds name."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [str(row["image"]) for row in TABLE]
    names += ["val2014/COCO_val2014_000000000009.jpg", "train/images/0.png", *(f"1/x-1-0-{turn}.png" for turn in range(6))]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / name)
    (folder / "own.csv").write_bytes(READERS["csv"].seeds[0])
    return folder


def seeds_of(name: str, folder: Path) -> tuple[bytes, ...]:
    """Those written above, and those that are made: a picture, predictions, a support."""
    if name == "support":
        train = find_task(f"csv:{folder / 'own.csv'}").train
        of_each = {int(label): image for image, label in zip(train.ids, train.labels, strict=True)}
        return (_json({"train": {"data": [{"impath": f"/x/{image}", "label": label} for label, image in of_each.items()]}}),)
    if name == "parquet":
        plain, inside = (
            pa.table({"image": [row["image"] for row in TABLE], "label": [row["label"] for row in TABLE]}),
            io.BytesIO(),
        )
        parquet.write_table(plain, inside)
        return (inside.getvalue(),)
    if name == "checkpoint":
        weights = {"visual.proj": torch.zeros(2, 3)}
        return tuple(map(_saved, (weights, {"epoch": 3, "model_state_dict": weights, "optimizer": {"lr": 0.1}})))
    if name == "safe checkpoint":
        return (save({"module.visual.proj": torch.zeros(2, 3)}),)
    if name == "image":
        return ((folder / "a.jpg").read_bytes(),)
    if name == "predictions":
        predicted(folder / "made", "r1")
        return ((folder / "made" / "artifacts" / "r1.npz").read_bytes(),)
    if name == "stored":
        about = Stored(
            method="taskres", params={"alpha": 0.5}, backbone="bundled", fingerprint="f00d", precision="fp32", task="digits",
            kind="classification", class_names=("a", "b"), templates=("a {}.",), candidate=None, shots=1, examples=2,
        )  # fmt: skip
        return (save({"x": torch.zeros(2, 3)}, {"bench": msgspec.json.encode(about).decode()}),)
    return READERS[name].seeds


def _saved(held: object) -> bytes:
    body = io.BytesIO()
    torch.save(held, body)
    return body.getvalue()


def tried(name: str, body: bytes, folder: Path) -> bool:
    """Whether the reader took it. Raises whatever is not meant for a user: a finding."""
    try:
        READERS[name].read(body, folder)
    except BenchError as error:
        assert str(error).strip() and "\n" not in str(error).strip(), f"not one line: {error}"
        return False
    return True
