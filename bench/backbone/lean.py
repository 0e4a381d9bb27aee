"""open_clip, loaded without `transformers`: a quarter of the time that a start takes, which few runs have a use for.

open_clip loads all of that library for its text towers; here it is supplied when such a tower is built. A program that has
loaded either of them before has paid for it already, and nothing is done.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

# What open_clip's module of such towers takes from transformers.
NAMES = {
    "transformers": ("AutoModel", "AutoTokenizer", "AutoConfig", "PretrainedConfig"),
    "transformers.modeling_outputs": (
        "BaseModelOutput",
        "BaseModelOutputWithPooling",
        "BaseModelOutputWithPoolingAndCrossAttentions",
    ),
}


def load_lean() -> None:
    """Load open_clip; does nothing where it is loaded."""
    if "open_clip" in sys.modules or "transformers" in sys.modules:
        return
    sys.modules["transformers"] = None  # type: ignore[assignment]  # so that importing it fails, which open_clip foresees
    try:
        from open_clip import hf_model
    finally:
        del sys.modules["transformers"]
    _supply_at_first_use(hf_model)


def _supply_at_first_use(hf_model: ModuleType) -> None:
    """The first text tower of transformers that is built brings the library into open_clip's module."""
    tower = hf_model.HFTextEncoder
    build = tower.__init__

    def first(self: Any, *arguments: Any, **named: Any) -> None:
        tower.__init__ = build
        supply(hf_model)
        build(self, *arguments, **named)

    tower.__init__ = first


def supply(hf_model: ModuleType) -> None:
    """What open_clip's own import would have set; without transformers nothing, and open_clip says what is missing."""
    try:
        import transformers
    except ImportError:
        return
    found = {name: getattr(importlib.import_module(module), name) for module, names in NAMES.items() for name in names}
    vars(hf_model).update(found, transformers=transformers)
