"""BitFit: only the biases train (Ben Zaken et al., ACL 2022).

    y = W x + b with W frozen and b trained, for every linear, norm and convolution of both towers

The attention's q, k and v biases count. Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32, 300
steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from torch import nn

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Start


class BitFit(EncoderMethod):
    name = "bitfit"
    trains = "every bias of both towers"
    starts_at_zero_shot = True
    counts = (Count(171_008, "every bias, q, k and v included"),)
    paper = Paper(
        "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Language Models", "ACL 2022", "arXiv:2106.10199"
    )

    def adapt(self, clip: Clip, start: Start) -> Edit:
        return Edit(biases(clip))


def biases(clip: Clip) -> list[nn.Parameter]:
    """Biases of every linear, every norm and every convolution of both towers."""
    found = [getattr(module, "bias", None) for module in [*clip.image.modules(), *clip.text.modules()]]
    return [bias for bias in found if isinstance(bias, nn.Parameter)]
