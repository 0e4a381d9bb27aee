"""A checkpoint that is a program in disguise, or has one beside it, is refused, and no program runs."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import open_clip
import pytest
import torch

from bench import api
from bench.backbone import load
from bench.backbone.load import BUNDLED
from bench.backbone.unaligned import ClassTokenFirst
from bench.errors import UsageError
from tests.backbone.families import VISION, write_text_model


class Attack:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "it ran"


def hostile(path: Path, mark: Path, legacy: bool) -> Path:
    body = {"state_dict": {"logit_scale": torch.ones(()), "more": Attack(mark)}}
    torch.save(body, path, _use_new_zipfile_serialization=not legacy)
    return path


def test_the_attack_works_where_it_is_let(tmp_path: Path, mark: Path) -> None:
    torch.load(hostile(tmp_path / "weights.pt", mark, False), weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("place", ["folder", "file"])
def test_a_pickle_as_checkpoint_does_not_run(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch, place: str, legacy: bool
) -> None:
    if place == "folder":
        folder = tmp_path / "model"
        folder.mkdir()
        for name in ("open_clip_config.json", "merges.txt.gz"):
            (folder / name).write_bytes((BUNDLED / name).read_bytes())
        hostile(folder / "open_clip_pytorch_model.bin", mark, legacy)
        name = f"local-dir:{folder}"
    else:
        config = json.loads((BUNDLED / "open_clip_config.json").read_text())["model_cfg"]
        (tmp_path / "configs").mkdir()
        (tmp_path / "configs" / "tiny-attacked.json").write_text(json.dumps(config))
        open_clip.add_model_config(tmp_path / "configs")
        name = f"tiny-attacked/{hostile(tmp_path / 'weights.pt', mark, legacy)}"
    with pytest.raises(UsageError):
        load(name)
    assert not mark.exists()


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_a_pickle_as_stored_result_does_not_run(tmp_path: Path, mark: Path, suffix: str) -> None:
    for path, body in (
        (hostile(tmp_path / f"zip.{suffix}", mark, False), None),
        (tmp_path / f"plain.{suffix}", pickle.dumps(Attack(mark))),
    ):
        if body is not None:
            path.write_bytes(body)
        with pytest.raises(UsageError, match="not a stored result"):
            api.load(path)
    assert not mark.exists()


def with_code(folder: Path, mark: Path) -> Path:
    """A text tower whose configuration and tokenizer are classes of a file that comes along."""
    write_text_model(folder, weights=True)
    (folder / "evil.py").write_text(f"""import pathlib
from transformers import BertConfig, BertTokenizerFast

pathlib.Path({str(mark)!r}).touch()


class EvilConfig(BertConfig):
    model_type = "evil"


class EvilTokenizer(BertTokenizerFast):
    pass
""")
    about = json.loads((folder / "config.json").read_text())
    about |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.EvilConfig", "AutoTokenizer": "evil.EvilTokenizer"}}
    (folder / "config.json").write_text(json.dumps(about))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "EvilTokenizer", "auto_map": {"AutoTokenizer": [None, "evil.EvilTokenizer"]}})
    )
    return folder


@pytest.fixture
def yes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody at the terminal who agrees to everything."""
    pytest.importorskip("transformers", reason="text towers of folders need the extra [hf]")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 20))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))


def test_code_beside_a_text_tower_runs_where_it_is_let(tmp_path: Path, mark: Path, yes: None) -> None:
    import transformers

    transformers.AutoConfig.from_pretrained(with_code(tmp_path / "tower", mark))
    assert mark.exists()


def test_code_beside_a_text_tower_does_not_run(tmp_path: Path, mark: Path, yes: None) -> None:
    with pytest.raises(UsageError, match="can't be loaded"):
        load(f"align(image=timm/test_vit/random, text=hf/{with_code(tmp_path / 'tower', mark)}, dim=24, size=64)")
    assert not mark.exists()


def test_code_beside_a_tokenizer_does_not_run(tmp_path: Path, mark: Path, yes: None) -> None:
    with pytest.raises(ValueError, match="trust_remote_code"):
        ClassTokenFirst(str(with_code(tmp_path / "tower", mark)))
    assert not mark.exists()


def test_code_beside_the_text_tower_of_an_open_clip_folder_does_not_run(tmp_path: Path, mark: Path, yes: None) -> None:
    tower = str(with_code(tmp_path / "tower", mark))
    text = {"hf_model_name": tower, "hf_tokenizer_name": tower, "hf_proj_type": "linear", "hf_pooler_type": "cls_pooler"}
    folder = tmp_path / "model"
    folder.mkdir()
    about = {
        "model_cfg": {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": {**text, "context_length": 12}},
        "preprocess_cfg": {},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    (folder / "open_clip_model.safetensors").write_bytes(b"")
    with pytest.raises(UsageError, match="can't be loaded"):
        load(f"local-dir:{folder}")
    assert not mark.exists()
