"""Reading what people type: `coop[n_ctx=4],lora[r=8,where=qkvo]` and `1,4,n=500`."""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bench.errors import UsageError, unknown

_ENTRY = re.compile(r"\s*(?P<name>[^\[\],\s][^\[\],]*?)\s*(?:\[(?P<parameters>[^\]]*)\])?\s*(?:,|$)")


EVERYTHING = 0  # in place of a count of examples: all that there are to learn from


@dataclass(frozen=True)
class Named:
    """A name with the parameters that were typed, still as text."""

    name: str
    parameters: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return f"{self.name}[{','.join(f'{key}={value}' for key, value in self.parameters)}]"


def parse_names(text: str, what: str) -> list[Named]:
    """Names separated by commas, each with optional `[key=value,...]`. Raises UsageError."""
    found: list[Named] = []
    position = 0
    while text[position:].strip():
        match = _ENTRY.match(text, position)
        if match is None or match.end() == position:
            raise UsageError(
                f"can't read {what} {text!r} at {text[position:]!r}: write name or name[key=value], separated by commas"
            )
        found.append(Named(match["name"], _pairs(match["parameters"] or "", f"{what} {text!r}")))
        position = match.end()
    if not found:
        raise UsageError(f"no {what} given")
    return found


def parse_backbones(text: str) -> tuple[str, ...]:
    """Backbones separated by commas; those within the brackets of `align(...)` separate nothing. Raises UsageError."""
    found = tuple(part.strip() for part in re.split(r",(?![^()]*\))", text) if part.strip())
    if not found:
        raise UsageError(f"no backbone given in {text!r}: write one or several, as bundled,ViT-B-16/openai")
    return found


def parse_call(text: str, what: str) -> Named:
    """A single `name(key=value, ...)`. Raises UsageError."""
    match = re.fullmatch(r"\s*([\w-]+)\((.*)\)\s*", text)
    if match is None:
        raise UsageError(f"can't read {what} {text!r}: write name(key=value, ...)")
    return Named(match[1], _pairs(match[2], f"{what} {text!r}"))


def _pairs(text: str, where: str) -> tuple[tuple[str, str], ...]:
    """`key=value` separated by commas."""
    pairs = []
    for part in filter(None, map(str.strip, text.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise UsageError(f"can't read {part!r} in {where}: write key=value")
        pairs.append((key.strip(), value.strip()))
    return tuple(pairs)


def parse_numbers(text: str, what: str, least: int = 1) -> list[int]:
    """Whole numbers separated by commas, in the order given, each once. Raises UsageError."""
    numbers = []
    for part in text.split(","):
        try:
            number = int(part)
        except ValueError:
            raise UsageError(f"can't read {what} {text!r}: {part.strip()!r} is not a whole number") from None
        if number < least:
            raise UsageError(f"{what} must be at least {least}, got {number}")
        if number >= 2**31:
            raise UsageError(f"{what} must be below 2^31, got {number}")
        numbers.append(number)
    return list(dict.fromkeys(numbers))


def parse_shots(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Support sizes such as `1,4,n=500,all`: shots per class; counts in all, for `all` EVERYTHING. Raises UsageError."""
    counts: list[str] = []
    shots: list[str] = []
    everything = False
    for part in text.split(","):
        if part.strip() == "all":
            everything = True
            continue
        name, equals, number = part.partition("=")
        if equals and name.strip() != "n":
            raise UsageError(f"can't read shots {text!r} at {part.strip()!r}: write 4 per class, n=500 examples in all, or all")
        (counts if equals else shots).append(number if equals else part)
    return (
        tuple(parse_numbers(",".join(shots), "shots")) if shots else (),
        (*(parse_numbers(",".join(counts), "n of shots") if counts else ()), *([EVERYTHING] if everything else [])),
    )


def build_parameters(kind: type[Any], named: Named) -> Any:
    """An instance of the frozen dataclass `kind` with the typed values read by its field types. Raises UsageError."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    hints = _hints(kind)  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, text in named.parameters:
        if key not in fields:
            raise unknown(f"parameter of {named.name}", key, fields)
        if key in values:
            raise UsageError(f"{named}: {key} is given twice")
        values[key] = _read(text, hints[key], f"{named.name}[{key}=...]")
    try:
        return kind(**values)
    except ValueError as error:
        raise UsageError(f"{named}: {error}") from error


@lru_cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _read(text: str, hint: Any, where: str) -> Any:
    options = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        by_text = {str(option): option for option in options}
        if text not in by_text:
            raise unknown(f"value for {where}", text, by_text)
        return by_text[text]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        if text.lower() == "none" and type(None) in options:
            return None
        return _read(text, next(option for option in options if option is not type(None)), where)
    if hint is bool:
        if text.lower() not in ("true", "false"):
            raise UsageError(f"{where} must be true or false, got {text!r}")
        return text.lower() == "true"
    try:
        value = hint(text)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("not a finite number")
        return value
    except ValueError:
        raise UsageError(f"{where} must be of type {hint.__name__}, got {text!r}") from None
