"""A backbone as two towers of stages, whatever library its towers come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import open_clip
from open_clip.hf_model import HFTextEncoder
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import TextTransformer, VisionTransformer
from torch import nn

from bench.backbone.hugging_face import hugging_face
from bench.backbone.native import native_image, native_text
from bench.backbone.resnet import resnet
from bench.backbone.timm_towers import timm_tower
from bench.backbone.tower import Tower
from bench.errors import UsageError

__all__ = ["Clip", "Tower", "split_towers"]


class Clip(nn.Module):
    """Two towers and a temperature. Features are not normalised here; `logit_scale` is a logarithm, as in open_clip."""

    def __init__(self, image: Tower, text: Tower, logit_scale: nn.Parameter, features: int) -> None:
        """features: width d of the shared space."""
        super().__init__()
        self.image = image
        self.text = text
        self.logit_scale = logit_scale
        self.features = features
        self.anew: Callable[[], Clip] | None = None  # the same model with random weights; set where it is loaded

    def forget(self) -> None:
        """All weights become random again, by the model's own initialiser, drawn from torch's global generator.

        Raises UsageError for a model that was not loaded by name.
        """
        if self.anew is None:
            raise UsageError("this model can't forget: nobody has said how it is built anew")
        self.load_state_dict(self.anew().state_dict())

    def train_only(self, parameters: list[nn.Parameter]) -> None:
        """Freeze everything, then make exactly these trainable."""
        self.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)


def split_towers(model: Any) -> Clip:
    """Rewrite an open_clip model, in place; its weights are taken over, not copied, except for fused attention's.

    Raises UsageError for towers that have no stages here.
    """
    if isinstance(model, open_clip.CoCa):
        raise UsageError("CoCa is not supported: its caption decoder takes part in no score here: use a CLIP")
    image, text = _image(model.visual), _text(model.text)
    features = model.text.output_dim or text.width
    return Clip(image, text, model.logit_scale, features)


def _image(visual: nn.Module) -> Tower:
    if isinstance(visual, VisionTransformer):
        return native_image(visual)
    if isinstance(visual, ModifiedResNet):
        return resnet(visual)
    if isinstance(visual, TimmModel):
        return timm_tower(visual)
    raise UsageError(f"image tower {type(visual).__name__} is not supported: use a ViT, RN50 or a timm model")


def _text(text: nn.Module) -> Tower:
    if isinstance(text, TextTransformer):
        return native_text(text)
    if isinstance(text, HFTextEncoder):
        return hugging_face(text)
    raise UsageError(f"text tower {type(text).__name__} is not supported: use open_clip's own or a Hugging Face one")
