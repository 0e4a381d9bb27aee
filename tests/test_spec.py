"""What people type is read as they mean it, or refused with the value and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.api import resolve_tasks
from bench.errors import UsageError
from bench.spec import EVERYTHING, Named, build_parameters, parse_backbones, parse_names, parse_numbers, parse_shots
from tasks.find import task_groups

WORD = st.text(st.characters(codec="utf-8", exclude_characters="[],=", exclude_categories=("Z", "C")), min_size=1, max_size=8)
VALUE = st.text(st.characters(codec="utf-8", exclude_characters="[],", exclude_categories=("Z", "C")), min_size=1, max_size=8)
PATH = WORD.map(lambda word: f"csv:/my data/{word}.csv")
NAMED = st.builds(Named, WORD, st.lists(st.tuples(WORD, VALUE), max_size=3).map(tuple))


@dataclass(frozen=True)
class Params:
    r: int = 2
    alpha: float = 1.0
    bias: bool = True
    where: Literal["qkv", "out"] = "qkv"
    lr: float | None = None
    rate: Optional[float] = None  # noqa: UP045 - the older spelling, which plug-ins may use
    mode: Literal["mean", "random"] | None = None
    depth: Literal[1, 2] = 1

    def __post_init__(self) -> None:
        if self.r < 1:
            raise ValueError("r must be at least 1")


def read(**typed: str) -> Params:
    return build_parameters(Params, Named("lora", tuple(typed.items())))


@given(st.lists(NAMED, min_size=1, max_size=4))
def test_names_are_read_back_as_they_are_written(names: list[Named]) -> None:
    assert parse_names(",".join(map(str, names)), "methods") == names
    assert parse_names(" , ".join(map(str, names)), "methods") == names


def test_spaces_around_names_keys_and_values_do_not_matter() -> None:
    assert parse_names("  coop[ n_ctx = 4 ] ,lora ", "methods") == [Named("coop", (("n_ctx", "4"),)), Named("lora")]


def test_a_comma_at_the_end_adds_no_name() -> None:
    assert parse_names("lora,", "methods") == parse_names("lora, ", "methods") == [Named("lora")]


@pytest.mark.parametrize("text", ["", " ", "   "])
def test_nothing_is_not_a_list_of_names(text: str) -> None:
    with pytest.raises(UsageError, match="no methods given"):
        parse_names(text, "methods")


@pytest.mark.parametrize(
    ("text", "culprit", "remedy"),
    [
        ("lora[r=8", "lora[r=8", "name[key=value]"),
        ("coop,,lora", ",lora", "separated by commas"),
        ("coop,]lora", "]lora", "separated by commas"),
        ("lora[r]", "'r'", "write key=value"),
        ("lora[=8]", "'=8'", "write key=value"),
        ("lora[r=]", "'r='", "write key=value"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_remedy(text: str, culprit: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_names(text, "methods")
    assert culprit in str(caught.value)
    assert remedy in str(caught.value)
    assert "methods" in str(caught.value)


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_numbers_keep_their_order_and_come_once(numbers: list[int]) -> None:
    read = parse_numbers(" ,".join(map(str, numbers)), "shots", least=0)
    assert set(read) == set(numbers)
    assert [numbers.index(number) for number in read] == sorted(numbers.index(number) for number in read)
    assert len(read) == len(set(read))


@pytest.mark.parametrize(
    ("text", "message"), [("1,x", "'x' is not a whole number"), ("1,2.5", "'2.5'"), ("4,0", "at least 1, got 0")]
)
def test_what_is_not_a_number_or_too_small_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_numbers(text, "shots")
    assert "shots" in str(caught.value)


def test_values_take_the_type_of_their_field() -> None:
    params = read(r="8", alpha="0.5", bias="False", where="out", lr="1e-3")
    assert params == Params(r=8, alpha=0.5, bias=False, where="out", lr=1e-3)
    assert [type(value) for value in (params.r, params.alpha, params.bias, params.lr)] == [int, float, bool, float]
    assert read(bias="TRUE").bias is True
    assert read(alpha="2").alpha == 2.0 and type(read(alpha="2").alpha) is float
    assert read(lr="none").lr is None
    assert read() == Params()


def test_every_spelling_of_an_optional_field_is_read() -> None:
    assert read(rate="0.5").rate == 0.5
    assert read(rate="none").rate is None
    assert read(mode="random").mode == "random"
    assert read(mode="None").mode is None


def test_a_choice_among_numbers_is_read_as_a_number() -> None:
    assert read(depth="2").depth == 2


@given(r=st.integers(1), alpha=st.floats(allow_nan=False, allow_infinity=False), bias=st.booleans())
def test_typed_values_are_what_python_prints(r: int, alpha: float, bias: bool) -> None:
    assert read(r=str(r), alpha=str(alpha), bias=str(bias)) == Params(r=r, alpha=alpha, bias=bias)


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ({"r": "4.5"}, ["lora[r=...]", "int", "'4.5'"]),
        ({"alpha": "much"}, ["lora[alpha=...]", "float", "'much'"]),
        ({"bias": "yes"}, ["lora[bias=...]", "true or false", "'yes'"]),
        ({"where": "ou"}, ["lora[where=...]", "'ou'", "did you mean out?"]),
        ({"lr": "fast"}, ["lora[lr=...]", "float", "'fast'"]),
        ({"alhpa": "1"}, ["parameter of lora", "'alhpa'", "did you mean alpha?"]),
        ({"zzzzzz": "1"}, ["'zzzzzz'", "known: ", "alpha, bias"]),
        ({"r": "0"}, ["lora[r=0]", "r must be at least 1"]),
    ],
)
def test_a_wrong_parameter_is_named_with_the_remedy(typed: dict[str, str], parts: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        read(**typed)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_that_a_record_cannot_hold_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match=r"lora\[alpha=\.\.\.\]"):
        read(alpha=value)


def test_shots_per_class_and_counts_in_all_are_told_apart() -> None:
    assert parse_shots("1,4,n=500") == ((1, 4), (500,))
    assert parse_shots(" n = 2000, 16,n=500,16") == ((16,), (2000, 500))
    assert parse_shots("n=10") == ((), (10,))
    assert parse_shots("4, all,n=10") == ((4,), (10, EVERYTHING))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**6)), min_size=1))
def test_sizes_are_read_back_as_they_are_written(sizes: list[tuple[bool, int]]) -> None:
    text = ",".join(f"n={number}" if in_all else str(number) for in_all, number in sizes)
    shots, counts = parse_shots(text)
    assert shots == tuple(dict.fromkeys(number for in_all, number in sizes if not in_all))
    assert counts == tuple(dict.fromkeys(number for in_all, number in sizes if in_all))


TASK = st.builds(Named, PATH, st.lists(st.tuples(WORD, VALUE), max_size=3).map(tuple)).map(str)


@given(st.lists(TASK | st.sampled_from(["core", "bundled", "all", "digits"]), min_size=1, max_size=5))
def test_tasks_keep_their_order_and_come_once_whether_named_or_in_a_group(names: list[str]) -> None:
    groups = task_groups()
    expected = [each for name in names for each in groups.get(name, [name])]
    assert resolve_tasks(",".join(names)) == tuple(dict.fromkeys(expected))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    for read in (resolve_tasks, parse_shots, lambda given: parse_names(given, "methods")):
        try:
            read(text)
        except UsageError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,m=5", "can't read shots '1,m=5' at 'm=5': write 4 per class, n=500 examples in all, or all"),
        ("n=0", "n of shots must be at least 1, got 0"),
        ("n=many", "'many' is not a whole number"),
        ("n=", "'' is not a whole number"),
        ("four", "'four' is not a whole number"),
    ],
)
def test_sizes_that_cannot_be_read_are_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_shots(text)


def test_commas_within_the_brackets_of_an_aligned_backbone_separate_nothing() -> None:
    text = "bundled, align(image=timm/vit, text=hf/bert) ,ViT-B-16/openai,"
    assert parse_backbones(text) == ("bundled", "align(image=timm/vit, text=hf/bert)", "ViT-B-16/openai")
    with pytest.raises(UsageError, match="no backbone given"):
        parse_backbones(" , ")
