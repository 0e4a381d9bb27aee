"""From what people type to what is run: names and groups, precision, device."""

from __future__ import annotations

import torch

from bench.backbone.products import DEFAULT
from bench.errors import UsageError
from bench.plan.precision import try_precisions
from bench.plan.registry import Registry
from bench.spec import Named, parse_names
from methods.base import NotApplicable
from tasks.find import task_groups


def resolve_methods(text: str, registry: Registry) -> tuple[Named, ...]:
    """The methods of a text such as `all`, `coop[n_ctx=4],lora` or, of all but these, `all,-peft,-cocoop`. Raises UsageError."""
    named: dict[Named, None] = {}
    for entry in parse_names(text, "methods"):
        if entry.name.startswith("-"):
            named = _without(named, Named(entry.name.removeprefix("-"), entry.parameters), registry)
        elif entry == Named("all"):
            named.update(dict.fromkeys(registry.all_rows()))
        elif not entry.parameters and entry.name in registry.groups:
            named.update(dict.fromkeys(registry.groups[entry.name]))
        elif not entry.parameters and entry.name in registry.methods:
            named.update(dict.fromkeys(_rows(entry.name, registry)))
        else:
            registry.build(entry)
            named[entry] = None
    if not named:
        raise UsageError(f"--methods {text}: that leaves none")
    return tuple(named)


def _without(named: dict[Named, None], entry: Named, registry: Registry) -> dict[Named, None]:
    """A bare name leaves out all that it stands for, whatever their parameters."""
    if entry.parameters:
        registry.build(entry)
        return {one: None for one in named if one != entry}
    if entry.name not in registry.groups:
        registry.build(entry)
        return {one: None for one in named if one.name != entry.name}
    group = registry.groups[entry.name]
    return {one: None for one in named if one not in group}


def _rows(name: str, registry: Registry) -> list[Named]:
    try:
        return registry.rows(name)
    except NotApplicable as reason:
        raise UsageError(f"{name}: {reason}") from reason


def resolve_tasks(text: str) -> tuple[str, ...]:
    """Task names of a text such as `core` or `digits,csv:data.csv[image=file,label=class]`. Raises UsageError."""
    groups = task_groups()
    if not text.strip(" ,"):
        raise UsageError("no tasks given: use --tasks core, or names from 'python -m bench list tasks'")
    names: dict[str, None] = {}
    for entry in parse_names(text, "tasks"):
        names.update(dict.fromkeys(groups.get(str(entry), [str(entry)])))
    return tuple(names)


def resolve_precision(precision: str, device: str) -> str:
    """`auto`: bfloat16 where the device multiplies it faster than float32, which is tried, else float32."""
    if precision != "auto":
        return precision
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        return "fp32"  # of a cluster's GPUs nothing is known
    return try_precisions(device).best


def resolve_products(device: str, executor: str = "local") -> str:
    """Torch's switch for float32 products as this machine's processor computes them fastest; of a cluster's nothing is known."""
    return try_precisions(device).switch if executor == "local" and device == "cpu" else DEFAULT


def resolve_device(device: str, executor: str = "local") -> str:
    """`auto`: a GPU where there is one. Raises UsageError for a device that isn't there, or that workers can't be given."""
    if executor != "local":
        return _device_of_workers(device, executor)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise UsageError(f"--device {device}: not a device of torch: try auto, cpu, cuda, cuda:1 or mps") from error
    if kind == "cuda" and (torch.device(device).index or 0) >= torch.cuda.device_count():
        raise UsageError(f"--device {device}: torch sees {torch.cuda.device_count()} GPUs: see python -m bench doctor")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"--device {device}: torch sees no Apple GPU here: leave --device out, or see python -m bench doctor")
    return device


def _device_of_workers(device: str, executor: str) -> str:
    """The machine that one starts from need not have what the cluster's workers have; each of them sees one GPU at most."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise UsageError(
            f"--device {device}: workers of --executor {executor} take auto, cpu or cuda; each sees its own GPU only"
        )
    return device
