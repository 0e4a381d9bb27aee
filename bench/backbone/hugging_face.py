"""Text towers of the transformers library: BERT, RoBERTa and XLM-RoBERTa, with open_clip's poolers and projections."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from open_clip.hf_model import ClsLastHiddenStatePooler, ClsPooler, HFTextEncoder, MeanPooler
from torch import Tensor, nn

from bench.backbone.attention import SplitAttention
from bench.backbone.blocks import PostNormBlock
from bench.backbone.tower import Tower
from bench.errors import UsageError

SAYS_NOTHING = frozenset({"_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype"})  # of features
PLAIN, AFTER_PADDING = ("bert",), ("roberta", "xlm-roberta")  # by how they count positions


class TokenEmbed(nn.Module):
    """Token ids [B, L] -> words, positions and the first token type, normed: [B, L, W].

    RoBERTa counts the positions of what isn't padding, from the id of padding on.
    """

    def __init__(self, embeddings: Any, pad: int, after_padding: bool) -> None:
        super().__init__()
        self.token_embedding = embeddings.word_embeddings
        self.position_embeddings = embeddings.position_embeddings
        self.token_type_embeddings = embeddings.token_type_embeddings  # None: folded into the positions
        self.ln_embed = embeddings.LayerNorm
        self.dropout = embeddings.dropout
        self.pad, self.after_padding = pad, after_padding

    def place(self, x: Tensor, tokens: Tensor) -> Tensor:
        """x [B, L, W] with positions and token type added, normed."""
        if self.after_padding:
            seen = (tokens != self.pad).int()
            x = x + self.position_embeddings((seen.cumsum(1) * seen) + self.pad)
        else:
            x = x + self.position_embeddings.weight[: x.shape[1]]
        if self.token_type_embeddings is not None:
            x = x + self.token_type_embeddings.weight[0]
        return self.dropout(self.ln_embed(x))

    def forward(self, tokens: Tensor, inputs: Tensor | None = None) -> Tensor:
        return self.place(self.token_embedding(tokens), tokens)


class PooledHead(nn.Module):
    """The class token, what the model's own pooler makes of it, or the mean; then a projection: [B, L, W] -> [B, d]."""

    norm = None

    def __init__(self, text: HFTextEncoder, pad: int) -> None:
        super().__init__()
        own = getattr(text.transformer, "pooler", None)
        self.pooler = own if isinstance(text.pooler, ClsPooler) and text.pooler.use_pooler_output else None
        self.average = isinstance(text.pooler, MeanPooler)
        self.proj = text.proj
        self.pad = pad

    @property
    def projection(self) -> list[nn.Parameter]:
        return list(self.proj.parameters())

    def pool(self, x: Tensor, inputs: Tensor) -> Tensor:
        if self.average:
            seen = (inputs != self.pad)[..., None].to(x.dtype)
            return (x * seen).sum(1) / seen.sum(1)
        return x[:, 0] if self.pooler is None else self.pooler(x)

    def forward(self, x: Tensor, inputs: Tensor) -> Tensor:
        return self.proj(self.pool(x, inputs))


def hugging_face(text: HFTextEncoder) -> Tower:
    """Raises UsageError for architectures other than BERT's, and for maximum pooling, which open_clip's code can't run."""
    config = text.config
    check_type(config.model_type)
    if not isinstance(text.pooler, MeanPooler | ClsPooler | ClsLastHiddenStatePooler):
        raise UsageError(f"pooling by {type(text.pooler).__name__} is not supported: use mean_pooler or cls_pooler")
    after_padding = config.model_type in AFTER_PADDING
    pad = config.pad_token_id
    blocks = [_block(layer, config.num_attention_heads, pad) for layer in text.transformer.encoder.layer]
    stages = [TokenEmbed(text.transformer.embeddings, pad, after_padding), *blocks, PooledHead(text, pad)]
    limit = config.max_position_embeddings - (pad + 1 if after_padding else 0)
    return Tower(stages, config.model_type, config.hidden_size, min(text.context_length, limit), pad)


def check_type(model_type: str) -> None:
    """Raises UsageError for an architecture that has no stages here."""
    known = (*PLAIN, *AFTER_PADDING)
    if model_type not in known:
        raise UsageError(f"text towers of type {model_type!r} are not supported: use one of {', '.join(known)}")


def text_identity(text: HFTextEncoder, tokenizer: Any) -> str:
    """What decides the features of a text beside the weights: the configuration, the vocabulary, how a sentence is cut."""
    config = {key: value for key, value in text.config.to_dict().items() if key not in SAYS_NOTHING}
    vocabulary = sorted(tokenizer.tokenizer.get_vocab().items())
    sentence = tokenizer(["Two DOGS play, near the café's door."]).tolist()
    return repr((sorted(config.items(), key=str), getattr(text, "context_length", None), vocabulary, sentence))


def _block(layer: Any, heads: int, pad: int) -> PostNormBlock:
    """The attention's dense layer is its `out`; both sublayers end in dropout, then come the sum and the norm."""
    inside, after = layer.attention.self, layer.attention.output
    linears = [inside.query, inside.key, inside.value, after.dense]
    mlp = OrderedDict(
        c_fc=layer.intermediate.dense, activation=_module(layer.intermediate.intermediate_act_fn), c_proj=layer.output.dense
    )
    return PostNormBlock(
        after.LayerNorm,
        SplitAttention.of(linears, heads, dropout=inside.dropout.p),
        layer.output.LayerNorm,
        nn.Sequential(mlp),
        (after.dropout, layer.output.dropout),
        pad,
    )


def _module(activation: Any) -> nn.Module:
    return activation if isinstance(activation, nn.Module) else _Function(activation)


class _Function(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def fold_token_type(embeddings: Any) -> None:
    """Drop the token types in place, the first one added to every position: the same function of single sentences."""
    with torch.no_grad():
        embeddings.position_embeddings.weight.add_(embeddings.token_type_embeddings.weight[0])
    embeddings.token_type_embeddings = None
