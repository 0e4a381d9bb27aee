"""A record survives its way through JSON, and nothing else passes for one."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import StoreError
from bench.kinds.metrics import Metric
from bench.store.record import SCHEMA, Failure, NotARecord, Record, from_json, headline, to_json
from tests.factories import make_cell, make_record

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**63), 2**64 - 1)
SCALARS = st.none() | st.booleans() | WHOLE | FLOATS | st.text(max_size=8)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Anything that a field of this type may hold."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return st.sampled_from(options)
    if origin is types.UnionType or origin is typing.Union:
        return st.one_of([values_of(option) for option in options])
    if origin is dict:
        return st.dictionaries(st.text(max_size=8), values_of(options[1]), max_size=2)
    if origin is list:
        return st.lists(values_of(options[0]), max_size=2)
    if origin is typing.Annotated:
        return st.from_regex(options[1].pattern)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        fields = {field.name: values_of(field.type) for field in msgspec.structs.fields(hint)}
        return st.builds(hint, **{**fields, "schema": st.just(SCHEMA)} if "schema" in fields else fields)
    simple = {int: WHOLE, float: FLOATS, str: st.text(max_size=12), bool: st.booleans(), type(None): st.none()}
    return SCALARS | st.lists(SCALARS, max_size=2) if hint is Any else simple[hint]


@settings(max_examples=40)
@given(values_of(Record))
def test_every_record_comes_back_equal_from_one_line(record: Record) -> None:
    line = to_json(record)
    assert b"\n" not in line
    assert from_json(line, "here") == record


def test_a_record_says_its_schema() -> None:
    assert msgspec.json.decode(to_json(make_record()))["schema"] == SCHEMA


def test_text_that_is_not_unicode_still_makes_a_record() -> None:
    """A file name that isn't UTF-8 reaches the message of a failure as lone surrogates."""
    failure = Failure(phase="bank", type="DataError", message="caf\udce9.png: can't decode")
    record = from_json(to_json(make_record(status="failed", error=failure)), "here")
    assert record.error is not None
    assert record.error.message.startswith("caf")
    assert record.error.message.endswith(".png: can't decode")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_torn_line_is_not_a_record(share: float) -> None:
    line = to_json(make_record())
    with pytest.raises(NotARecord, match="shard:3"):
        from_json(line[: int(share * len(line))], "shard:3")


@pytest.mark.parametrize(
    "line",
    [
        b"\0\0\0\0",
        b'{"event": "start"}',
        b'{"schema": 1}',
        b'{"schema": "1", "record_id": "a"}',
        b'{"schema": 1, "record_id": "a"}',
        b"[1, 2]",
        b"17",
        b"plain words",
        b'{"schema": 1, "record_id": "caf\xe9"}',
    ],
)
def test_what_another_program_wrote_is_not_a_record(line: bytes) -> None:
    with pytest.raises(NotARecord, match="shard:3"):
        from_json(line, "shard:3")


def test_a_value_out_of_its_set_is_not_a_record() -> None:
    line = to_json(make_record()).replace(b'"status":"ok"', b'"status":"splendid"')
    with pytest.raises(NotARecord, match="splendid"):
        from_json(line, "shard:3")


def test_a_newer_schema_is_an_error_that_names_the_remedy() -> None:
    line = msgspec.json.encode({**msgspec.to_builtins(make_record()), "schema": SCHEMA + 1, "status": "not known yet"})
    with pytest.raises(StoreError, match=rf"shard:3: record of schema {SCHEMA + 1}.* up to {SCHEMA}: update"):
        from_json(line, "shard:3")


def test_fields_that_came_later_may_be_missing_or_unknown() -> None:
    known = msgspec.to_builtins(make_record())
    short = {name: known[name] for name in ("schema", "record_id", "cell", "status")}
    assert from_json(msgspec.json.encode(short), "here") == make_record(provenance=None)
    assert from_json(msgspec.json.encode({**known, "mood": "fine"}), "here") == make_record()


@pytest.mark.parametrize(("kind", "name"), [("classification", "accuracy"), ("pair", "accuracy"), ("retrieval", "mean_recall@1")])
def test_the_headline_is_the_metric_of_the_kind(kind: str, name: str) -> None:
    record = make_record(cell=make_cell(kind=kind), metrics={name: Metric(0.25), "log_loss": Metric(3.0, higher_is_better=False)})
    assert headline(record) == 0.25
    assert headline(make_record(cell=make_cell(kind=kind))) is None
