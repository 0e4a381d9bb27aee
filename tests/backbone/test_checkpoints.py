"""Checkpoint files in all forms give the same model; what doesn't fit is one line."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.backbone import load
from bench.backbone.checkpoints import OPENAI_NUMBERS, read_checkpoint
from bench.errors import UsageError

TINY = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
NAME = "tiny-for-tests"


@pytest.fixture(autouse=True)
def tiny_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small architecture among open_clip's own."""
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, NAME, TINY)
    monkeypatch.setattr("open_clip.list_models", lambda: [NAME])


@pytest.fixture
def weights() -> dict[str, Tensor]:
    """As OpenAI and open_clip name them, the text tower without a prefix."""
    torch.manual_seed(3)
    model = open_clip.CLIP(**TINY)
    return {name: value.clone() for name, value in model.state_dict().items()}


class OpenAI(nn.Module):
    """Weights under dotted names, as a TorchScript archive holds them, with the three numbers beside them."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        for name, value in weights.items():
            *path, last = name.split(".")
            parent: nn.Module = self
            for step in path:
                if not hasattr(parent, step):
                    parent.add_module(step, nn.Module())
                parent = getattr(parent, step)
            parent.register_buffer(last, value.half())
        for name in OPENAI_NUMBERS:
            self.register_buffer(name, torch.tensor(32))

    def forward(self, x: Tensor) -> Tensor:
        return x


def torchscript(weights: dict[str, Tensor], path: Path) -> Path:
    path = path.with_suffix(".pt")
    torch.jit.script(OpenAI(weights)).save(str(path))
    return path


def openai_dictionary(weights: dict[str, Tensor], path: Path) -> Path:
    numbers = dict.fromkeys(OPENAI_NUMBERS, torch.tensor(32))
    torch.save({name: value.half() for name, value in weights.items()} | numbers, path.with_suffix(".pt"))
    return path.with_suffix(".pt")


def open_clip_dictionary(weights: dict[str, Tensor], path: Path) -> Path:
    with_prefix = {f"module.{name}": value for name, value in weights.items()}
    torch.save({"epoch": 3, "name": "run", "state_dict": with_prefix, "optimizer": {}}, path.with_suffix(".pt"))
    return path.with_suffix(".pt")


def custom_text(weights: dict[str, Tensor], path: Path) -> Path:
    inside = ("visual.", "logit_scale")
    save_file(
        {name if name.startswith(inside) else f"text.{name}": value for name, value in weights.items()},
        path.with_suffix(".safetensors"),
    )
    return path.with_suffix(".safetensors")


def plain_safetensors(weights: dict[str, Tensor], path: Path) -> Path:
    save_file(weights, path.with_suffix(".safetensors"))
    return path.with_suffix(".safetensors")


def saved_beside_an_optimiser(weights: dict[str, Tensor], path: Path) -> Path:
    held = {"epoch": 9, "model_state_dict": weights, "optimizer_state_dict": {"state": {}}, "loss": 0.1}
    torch.save(held, path.with_suffix(".pt"))
    return path.with_suffix(".pt")


def compiled_and_wrapped(weights: dict[str, Tensor], path: Path) -> Path:
    torch.save({f"_orig_mod.clip.{name}": value for name, value in weights.items()}, path.with_suffix(".pt"))
    return path.with_suffix(".pt")


FORMS = [
    *(torchscript, openai_dictionary, open_clip_dictionary, custom_text, plain_safetensors),
    *(saved_beside_an_optimiser, compiled_and_wrapped),
]


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (
            {"model": {"a": torch.ones(1)}, "model_ema": {"a": torch.ones(1)}},
            r"several dictionaries of weights, model, model_ema",
        ),
        (
            {"epoch": 3, "loss": 0.5},
            r"holds no dictionary of weights, its keys are epoch, loss: save the weights alone",
        ),
        ([1, 2], r"holds list, no dictionary of weights"),
    ],
)
def test_files_without_one_dictionary_of_weights_say_what_they_hold(tmp_path: Path, held: object, message: str) -> None:
    torch.save(held, tmp_path / "model.pt")
    with pytest.raises(UsageError, match=message):
        read_checkpoint(tmp_path / "model.pt")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore:.torch.jit:DeprecationWarning")
@torch.no_grad()
def test_each_form_gives_the_model_that_it_was_made_from(
    weights: dict[str, Tensor], tmp_path: Path, form: Callable[[dict[str, Tensor], Path], Path]
) -> None:
    openai = form in (torchscript, openai_dictionary)
    expected = open_clip.CLIP(**TINY, quick_gelu=openai).eval()
    expected.load_state_dict({name: value.half().float() if openai else value for name, value in weights.items()})
    found = load(f"{NAME}/{form(weights, tmp_path / 'weights')}")
    tokens = found.tokenize(["a photo of a cat", "a dog"])
    padded = torch.cat([tokens, tokens.new_zeros(2, 16 - tokens.shape[1])], 1)
    torch.testing.assert_close(found.clip.text(tokens), expected.encode_text(padded), atol=1e-5, rtol=1e-4)
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
    torch.testing.assert_close(found.clip.image(pixels), expected.encode_image((pixels / 255 - mean) / std), atol=1e-5, rtol=1e-4)


class Harmful:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return print, ("this must not be run",)


def spoil(weights: dict[str, Tensor], how: str) -> dict[str, Tensor]:
    if how == "missing":
        return {name: value for name, value in weights.items() if "ln_1" not in name and "ln_2" not in name}
    if how == "unexpected":
        return weights | {"extra.one": torch.zeros(1), "extra.two": torch.zeros(1)}
    if how == "shape":
        return weights | {"visual.proj": torch.zeros(32, 25)}
    weights["visual.proj"][1, 2] = float("nan")
    return weights


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", r"8 missing \(visual.transformer.resblocks.0.ln_1.weight, .*, \.\.\.\)"),
        ("unexpected", r"2 unexpected \(extra.one, extra.two\)"),
        ("shape", r"1 of another shape \(visual.proj \(32, 25\), not \(32, 24\)\)"),
        ("number", r"not finite \(visual.proj\)"),
    ],
)
def test_weights_that_do_not_fit_are_named(weights: dict[str, Tensor], tmp_path: Path, how: str, message: str) -> None:
    file = plain_safetensors(spoil(weights, how), tmp_path / "weights")
    with pytest.raises(UsageError, match=f"^{file}: .*{message}") as raised:
        load(f"{NAME}/{file}")
    assert len(str(raised.value).splitlines()) == 1 and str(raised.value).count("ln_") <= 5


@pytest.mark.parametrize(
    "content",
    [b"", b"not a checkpoint", pickle.dumps({"a": Harmful()}), pickle.dumps([1, 2])],
    ids=["empty", "text", "code", "list"],
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_that_is_no_checkpoint_is_one_line_and_runs_nothing(
    tmp_path: Path, content: bytes, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"weights{suffix}"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=f"^{file}: ") as raised:
        load(f"{NAME}/{file}")
    assert len(str(raised.value).splitlines()) == 1
    assert "must not be run" not in capsys.readouterr().out


def test_a_pickle_with_more_than_weights_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": {}, "optimizer": Harmful()}, tmp_path / "weights.pt")
    with pytest.raises(UsageError, match="more than weights"):
        load(f"{NAME}/{tmp_path / 'weights.pt'}")
    assert "must not be run" not in capsys.readouterr().out


def write_folder(folder: Path, weights: dict[str, Tensor] | None, name: str = "open_clip_model.safetensors") -> None:
    folder.mkdir(exist_ok=True)
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": preprocess}))
    if weights is not None:
        save_file(weights, folder / name)


def test_a_local_folder_is_strict_and_never_random(weights: dict[str, Tensor], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write_folder(folder, None)
    with pytest.raises(UsageError, match="holds no checkpoint"):
        load(f"local-dir:{folder}")
    write_folder(folder, spoil(weights, "missing"))
    with pytest.raises(UsageError, match="8 missing"):
        load(f"local-dir:{folder}")
    write_folder(folder, weights)
    assert load(f"local-dir:{folder}").fingerprint != load(f"{NAME}/random").fingerprint
    (folder / "open_clip_model.safetensors").unlink()
    for name in ("one.safetensors", "two.safetensors"):
        write_folder(folder, weights, name)
    with pytest.raises(UsageError, match=r"2 checkpoints \(one.safetensors, two.safetensors\)"):
        load(f"local-dir:{folder}")


def test_random_weights_must_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (NAME, f"{NAME}/", f"{NAME}/openai", f"{NAME}/missing.pt"):
        with pytest.raises(UsageError):
            load(name)
    assert load(f"{NAME}/random").fingerprint == load(f"{NAME}/random").fingerprint


def offline(*arguments: Any, **options: Any) -> str:
    raise OSError("no network\nand a second line")


def test_weights_by_tag_come_with_their_activation(
    weights: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = plain_safetensors(weights, tmp_path / "weights")
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, NAME, {"openai": {"quick_gelu": True, "file": str(file)}})
    blocks: Any = load(f"{NAME}/openai").clip.image.blocks
    assert type(blocks[0].mlp.gelu).__name__ == "QuickGELU"
    monkeypatch.setattr("open_clip.download_pretrained", offline)
    with pytest.raises(UsageError, match=r"can't be loaded: no network$"):
        load(f"{NAME}/openai")


def test_a_hub_repository_without_weights_or_network_is_never_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path, None)
    monkeypatch.setattr(sys.modules["bench.backbone.load"], "download_pretrained_from_hf", offline)
    monkeypatch.setattr(
        "open_clip.factory._get_hf_config", lambda *a, **o: json.loads((tmp_path / "open_clip_config.json").read_text())
    )
    monkeypatch.setattr("open_clip.factory.download_pretrained_from_hf", offline)
    with pytest.raises(UsageError, match=r"can't be loaded: no network$"):
        load("hf-hub:someone/model")
