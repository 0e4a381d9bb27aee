"""The verb: exit codes, what is printed, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.compare import parse_rule
from bench.store.record import SCHEMA, Provenance
from tests.factories import make_record
from tests.stores import bench, failed, make_store, scored

SEEDS = (1, 2, 3)


@pytest.fixture
def a(tmp_path: Path) -> Path:
    """Accuracy 50 on two tasks."""
    return make_store(tmp_path / "a", *(scored(0.5, f"a{t}{s}", task=t, seed=s) for t in ("digits", "tiny") for s in SEEDS))


@pytest.fixture
def b(tmp_path: Path) -> Path:
    """Four points up on one task, two down on the other; half as slow again."""
    return make_store(
        tmp_path / "b",
        *(scored(0.54, f"b{s}", task="digits", seed=s, seconds=3) for s in SEEDS),
        *(scored(0.48, f"c{s}", task="tiny", seed=s, seconds=3) for s in SEEDS),
    )


def test_without_rules_it_only_tells(a: Path, b: Path) -> None:
    result = bench("compare", a, b)
    assert result.exit_code == 0, result.output
    assert "50.0 → 51.0" in result.output and "+1.0 ± " in result.output
    assert "2.00 → 3.00 +50±0%" in result.output
    assert "6 cells compared; only in A 0, only in B 0" in result.output


@pytest.mark.parametrize(
    ("rule", "level", "code", "offending"),
    [
        ("accuracy:-1.0", "method", 0, []),
        ("accuracy:-1.0", "task", 1, ["lora on tiny"]),
        ("accuracy:-3.0", "task", 0, []),
        ("accuracy:-3%", "task", 1, ["lora on tiny"]),
        ("accuracy:-1.0", "cell", 1, [f"lora on tiny, 4 shots, seed {s}" for s in SEEDS]),
        ("accuracy:+3", "task", 1, ["lora on digits"]),
        ("time:+20%", "method", 1, ["lora on classification tasks"]),
        ("time:+60%", "method", 0, []),
        ("time:+0.9", "method", 1, ["lora on classification tasks"]),
        ("joules:+0", "method", 0, []),
        ("parameters:+0", "method", 0, []),
        ("log_loss:+0.01", "task", 1, ["lora on tiny"]),
    ],
)
def test_rules(a: Path, b: Path, rule: str, level: str, code: int, offending: list[str]) -> None:
    result = bench("compare", a, b, "--fail-if", rule, "--per", level)
    assert result.exit_code == code, result.output
    found = [line for line in result.output.splitlines() if line.startswith("offends")]
    assert [line.split(": ")[1] for line in found] == offending
    assert (f"no row offends {parse_rule(rule)}" in result.output) == (code == 0)


def test_all_rules_count(a: Path, b: Path) -> None:
    result = bench("compare", a, b, "--fail-if", "accuracy:-1", "--fail-if", "time:+20%")
    assert result.exit_code == 1
    assert "offends time:+20%: lora on classification tasks: time 2.00 → 3.00 s (+1, +50.0 %)" in result.output


def test_swapped_runs_swap_the_verdict(a: Path, b: Path) -> None:
    assert bench("compare", a, b, "--fail-if", "time:-20%").exit_code == 0
    assert bench("compare", b, a, "--fail-if", "time:-20%").exit_code == 1


def test_a_lost_score_offends_every_rule_on_a_score(a: Path, tmp_path: Path) -> None:
    better = [scored(0.9, f"b{t}{s}", task=t, seed=s) for t in ("digits", "tiny") for s in SEEDS]
    b = make_store(tmp_path / "b", *better[1:], failed("gone", task="digits", seed=1))
    result = bench("compare", a, b, "--fail-if", "accuracy:-99")
    assert result.exit_code == 1
    line = "offends any rule on a score: lora on digits, 4 shots, seed 1: ok in A, oom in B (OutOfMemoryError: no memory)"
    assert line in result.output
    assert bench("compare", a, b, "--fail-if", "time:+20%").exit_code == 0
    without = bench("compare", a, b)
    assert without.exit_code == 0 and "score lost: lora on digits" in without.output


def test_a_run_that_lost_everything_offends(tmp_path: Path) -> None:
    a, b = make_store(tmp_path / "a", scored(0.5)), make_store(tmp_path / "b", failed())
    assert bench("compare", a, b, "--fail-if", "accuracy:-1").exit_code == 1
    assert bench("compare", a, b, "--fail-if", "time:+1").exit_code == 2


def test_a_cell_that_is_in_one_run_only_is_counted(a: Path, tmp_path: Path) -> None:
    b = make_store(
        tmp_path / "b", scored(0.5, "x", task="tiny"), scored(0.1, "y", task="other"), failed("z", seed=7, task="tiny")
    )
    result = bench("compare", a, b, "--fail-if", "accuracy:-1")
    assert result.exit_code == 0, result.output
    assert "1 cells compared; only in A 5, only in B 2" in result.output


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("accuracy", "can't read the rule 'accuracy': write METRIC:-NUMBER"),
        ("accurcy:-1", "unknown metric of a rule 'accurcy': did you mean accuracy"),
        ("mean_recall@1:-1", "unknown metric of a rule"),
    ],
)
def test_a_rule_that_says_nothing_is_one_line_and_exit_code_2(a: Path, b: Path, rule: str, message: str) -> None:
    result = bench("compare", a, b, "--fail-if", rule)
    assert result.exit_code == 2
    assert message in result.output and len(result.output.strip().splitlines()) == 1


def test_a_rule_that_nothing_can_be_held_against_does_not_pass(a: Path, tmp_path: Path) -> None:
    strangers = make_store(tmp_path / "other", scored(0.5, task="tiny", fingerprint="beef"))
    result = bench("compare", a, strangers, "--fail-if", "accuracy:-1")
    assert (
        result.exit_code == 2 and "has nothing to judge: no cell is comparable; of 1 the first: the backbone's" in result.output
    )
    assert bench("compare", a, strangers).exit_code == 0
    measured = make_store(tmp_path / "measured", scored(0.5, task="tiny", quality="measured"))
    result = bench("compare", a, measured, "--fail-if", "joules:+10%")
    assert result.exit_code == 2 and "no cell has joules in both runs, of the same quality" in result.output


def test_a_folder_without_records_is_exit_code_2(a: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for other in (tmp_path / "empty", tmp_path / "nowhere"):
        result = bench("compare", a, other)
        assert result.exit_code == 2 and result.output.startswith(f"error: {other}: no records here")
    (tmp_path / "empty" / "notes.jsonl").write_text('{"a": 1}\n')
    result = bench("compare", tmp_path / "empty", a)
    assert result.exit_code == 2 and "no line here is a record" in result.output


def test_a_records_folder_and_a_file_of_records_will_do(a: Path, b: Path) -> None:
    whole = bench("compare", a, b, "--json").output
    for part in ("records", "records/first.jsonl"):
        found = json.loads(bench("compare", a / part, b / part, "--json").output)
        assert found["rows"] == json.loads(whole)["rows"]


def test_json_holds_what_is_printed(a: Path, b: Path, tmp_path: Path) -> None:
    make_store(b, failed("f", task="digits", seed=9), scored(0.3, "g", task="tiny", fingerprint="beef", seed=8), name="more")
    make_store(a, scored(0.5, "p", task="digits", seed=9), scored(0.3, "q", task="tiny", seed=8), name="more")
    result = bench("compare", a, b, "--json", "--fail-if", "accuracy:-1", "--per", "task")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert found["failed"] and found["rules"] == ["accuracy:-1"] and found["compared_cells"] == 6
    assert [(row["rule"], row["task"], round(row["change"], 9)) for row in found["offending"]] == [("accuracy:-1", "tiny", -2.0)]
    assert [(row["task"], row["changes"]["score"]["after"]) for row in found["rows"]] == [("digits", 54.0), ("tiny", 48.0)]
    assert [(cell["seed"], cell["status"], cell["offends"]) for cell in found["lost_scores"]] == [(9, "oom", True)]
    assert [cell["reason"] for cell in found["not_comparable"]] == ["the backbone's fingerprint is f00d in A and beef in B"]


def test_other_machines_and_torn_lines_are_told(tmp_path: Path) -> None:
    origin = make_record().provenance
    assert origin is not None
    elsewhere = {name: getattr(origin, name) for name in Provenance.__struct_fields__} | {"device": "gpu"}
    a = make_store(tmp_path / "a", scored(0.5))
    b = make_store(tmp_path / "b", scored(0.5, changes={"provenance": Provenance(**elsewhere)}))
    with (b / "records" / "first.jsonl").open("ab") as file:
        file.write(b'{"schema": 1, "rec')
    result = bench("compare", a, b)
    assert result.exit_code == 0
    assert "A ran on cpu, B on gpu" in result.output
    assert "passed over" in result.output and "first.jsonl:2" in result.output.replace("\n", "")


def test_a_newer_schema_is_one_line_and_exit_code_2(a: Path, tmp_path: Path) -> None:
    b = make_store(tmp_path / "b", make_record(schema=SCHEMA + 1))
    result = bench("compare", a, b)
    assert result.exit_code == 2 and "update it" in result.output and "Traceback" not in result.output


def test_what_records_say_is_harmless(tmp_path: Path) -> None:
    label = "[red]x[/]\x1b[31m"
    a = make_store(tmp_path / "a", scored(0.5, label=label))
    b = make_store(tmp_path / "b", failed(message="\x1b]0;title\x07\nline", label=label), scored(0.4, "s", seed=5, label=label))
    make_store(a, scored(0.5, "s", seed=5, label=label), name="more")
    result = bench("compare", a, b, "--fail-if", "accuracy:-1")
    assert result.exit_code == 1
    assert "\x1b" not in result.output and "[red]x[/]" in result.output
