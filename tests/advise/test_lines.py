"""The advice as text and as a page."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from bench.advise import Advice, read_advice
from bench.advise.advice import Choice, Labels, Left, More, Point, write_advice
from bench.advise.lines import by_reason, costs, told
from bench.advise.page import render
from bench.errors import UsageError

HARMFUL = "<script>alert(1)</script>\x1b[31m"
BEST = Choice(
    label="taskres", backbone="bundled", family="head", score=0.6, folds=[0.5, 0.7], parameters=1280, stored_bytes=5750,
    fit_s=1.5, memory_bytes=15_300_000, predict_ms=0.7,
)  # fmt: skip
NEXT = msgspec.structs.replace(BEST, label="lora", behind=0.05, behind_low=-0.1, behind_high=0.2, parameters=50_000, fit_s=11.5)
LABELS = Labels(
    label="taskres", points=[Point(examples=8.0, error=0.6), Point(examples=16.0, error=0.5), Point(examples=32.0, error=0.42)],
    a=0.1, b=1.0, c=0.35, more=[More(times=2, examples=80, gain=0.05, low=0.01, high=0.08)],
)  # fmt: skip
ADVICE = Advice(
    task=HARMFUL, source="digits", kind="classification", metric="accuracy (%)", classes=10, available=600, examples=40,
    folds=5, of_folds=5, held_out=40, seed=1, recommended=BEST, expected=0.55, low=0.31, high=0.73, interval="bootstrap",
    untrained=0.425, alternatives=[NEXT], ranking=[BEST, NEXT], labels=LABELS,
    left=[
        Left(label="coop", backbone="bundled", reason="left the race after 1 of 5 folds", figure="37.5"),
        Left(label="cocoop", backbone="bundled", reason="left the race after 1 of 5 folds", figure="25.0"),
        Left(label="scratch", backbone="bundled", reason=f"failed: {HARMFUL}"),
    ],
    notes=["used are 40 of 600"], adapter="adapter.safetensors", use=["from a import b", "c = d()", "e = c(['f'])"], minutes=2,
)  # fmt: skip


def test_the_answer_stands_in_plain_lines() -> None:
    lines = told(ADVICE)
    text = "\n".join(lines)
    for wanted in (
        "use taskres\n  accuracy (%): 55.0 expected, 31.0 to 73.0; 42.5 without training",
        "  costs: 1,280 trained parameters, 1.5 s to fit, 15.3 MB of memory, 0.7 ms per image, 5.75 KB stored",
        "  lora: 5.0 points behind on the folds (-10.0 to 20.0)",
        "50,000 trained parameters (+48,720), 11.5 s to fit (+10 s), 15.3 MB of memory, ",
        "  2 times as many (80): +5.0 points, +1.0 to +8.0",
        "  left the race after 1 of 5 folds: coop (37.5), cocoop (25.0)",
        "to use it\n  from a import b\n  c = d()\n  e = c(['f'])",
        "note: used are 40 of 600",
    ):
        assert wanted in text
    assert "\x1b" not in text


def test_zero_shot_is_not_compared_with_itself_and_a_missing_curve_says_why() -> None:
    alone = msgspec.structs.replace(
        ADVICE,
        recommended=msgspec.structs.replace(BEST, label="zero-shot", family="zero-shot"),
        labels=Labels(label="gda", reason="too few"),
        alternatives=[],
        left=[],
        use=[],
    )
    text = "\n".join(told(alone))
    assert "without training" not in text and "not known: too few" in text and "next best" not in text and "to use it" not in text


def test_backbones_are_named_where_there_are_several() -> None:
    other = msgspec.structs.replace(NEXT, backbone="ViT-B-16/openai")
    several = msgspec.structs.replace(ADVICE, alternatives=[other], ranking=[BEST, other])
    text = "\n".join(told(several))
    assert "use taskres on bundled" in text and "lora on ViT-B-16/openai" in text


def test_what_is_not_known_is_left_out() -> None:
    bare = msgspec.structs.replace(BEST, parameters=None, fit_s=None, memory_bytes=None, predict_ms=None, stored_bytes=None)
    assert costs(bare) == [] and costs(BEST, bare)[0] == "1,280 trained parameters"


def test_the_page_holds_the_answer_the_curve_and_nothing_that_runs() -> None:
    page = render(ADVICE)
    assert page == render(ADVICE)
    assert "<script" not in page and "&lt;script&gt;" in page and "\x1b" not in page
    assert page.count("<svg") == 1 and "labelled now" in page
    assert not re.search(r'(src|href)="http', page)
    for wanted in ("taskres", "lora", "15.3 MB", "c = d()", "coop (37.5), cocoop (25.0)"):
        assert wanted in page
    assert "<svg" not in render(msgspec.structs.replace(ADVICE, labels=Labels(label="gda", reason="too few")))


def test_commonest_reasons_come_first() -> None:
    assert [len(names) for _, names in by_reason(ADVICE)] == [2, 1]


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    write_advice(ADVICE, tmp_path)
    assert read_advice(tmp_path) == ADVICE
    (tmp_path / "advice.json").write_text("{}")
    with pytest.raises(UsageError, match="no advice that can be read"):
        read_advice(tmp_path)
