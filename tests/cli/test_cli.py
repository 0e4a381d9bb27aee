"""The command line as a user types it: exit codes, one-line errors, what is written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from bench.backbone.load import folder_of
from bench.cli import main
from bench.store.store import Store
from tests.tasks.test_plugged import plugin


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--methods", "colp"), "unknown method 'colp': did you mean coop"),
        (("--methods", "coop[ctx=4]"), "unknown parameter of coop 'ctx': did you mean n_ctx"),
        (("--methods", "coop[n_ctx=four]"), "must be of type int, got 'four'"),
        (("--methods", "lora[where=xyz]"), "letters out of"),
        (("--methods", "coop[n_ctx"), "can't read methods"),
        (("--tasks", "digit"), "unknown task 'digit': did you mean digits"),
        (("--tasks", "imagefolder:/nowhere"), "/nowhere"),
        (("--shots", "1,x"), "'x' is not a whole number"),
        (("--shots", "0"), "shots must be at least 1"),
        (("--recipe", "400"), "can't read recipe '400' at '400': write tuned, paper, or steps=N"),
        (("--backbone", "ViT-B-61/openai"), "did you mean ViT-B-16"),
    ],
)
def test_what_the_user_must_put_right_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    result = bench("run", "--out", str(tmp_path), *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_dry_run_lists_cells_and_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = bench(
        "run", "--dry-run", "--methods", "zero-shot,xtremeclip", "--tasks", "digits", "--shots", "1,4", "--out", str(out)
    )
    assert result.exit_code == 0
    assert result.output.count("xtremeclip\tdigits") == 6
    assert not out.exists()


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


@pytest.fixture
def login_node(no_gpu: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No GPU, and an sbatch that nobody may call."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/false\n")
    (tmp_path / "bin" / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


def dry(tmp_path: Path, *arguments: str) -> Result:
    few = ("--methods", "zero-shot", "--tasks", "digits", "--out", str(tmp_path / "out"))
    return bench("run", "--dry-run", *few, *arguments)


@pytest.mark.parametrize(("executor", "library"), [("ray", "ray"), ("slurm", "submitit")])
@pytest.mark.parametrize(
    ("asked", "precision"), [((), "fp32"), (("--precision", "bf16"), "bf16")], ids=["precision auto", "bf16"]
)
def test_a_cluster_may_have_gpus_where_this_machine_has_none(
    login_node: None, tmp_path: Path, executor: str, library: str, asked: tuple[str, ...], precision: str
) -> None:
    pytest.importorskip(library)
    result = dry(tmp_path, "--executor", executor, "--device", "cuda", *asked)
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())  # a terminal's lines are broken where they are full
    assert "1 cells to run" in said and f", {precision}" in said


@pytest.mark.parametrize("executor", ["ray", "slurm"])
@pytest.mark.parametrize("device", ["cuda:1", "cuda:0", "mps", "gpu"])
def test_workers_of_a_cluster_see_one_gpu_each(tmp_path: Path, executor: str, device: str) -> None:
    result = dry(tmp_path, "--executor", executor, "--device", device)
    assert result.exit_code == 2
    assert result.output.startswith(f"error: --device {device}: workers of --executor {executor} take auto, cpu or cuda")
    assert len(result.output.strip().splitlines()) == 1


def test_a_gpu_that_this_machine_lacks_is_refused_for_its_own_workers(no_gpu: None, tmp_path: Path) -> None:
    result = dry(tmp_path, "--device", "cuda")
    assert result.exit_code == 2
    assert "--device cuda: torch sees 0 GPUs" in result.output


def test_help_loads_no_library_that_takes_seconds() -> None:
    code = (
        "import sys; from bench.cli import main; main(['run', '--help'], standalone_mode=False); "
        "sys.exit(','.join({'torch', 'numpy', 'pandas', 'scipy', 'open_clip', 'matplotlib'} & sys.modules.keys()) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "") and "--methods" in done.stdout


def test_lists() -> None:
    assert "lilt-partial" in bench("list", "methods").output
    assert "scenes-vqa" in bench("list", "tasks").output
    assert "ViT-B-16/openai" in bench("list", "backbones").output


def photographs(root: Path, per_class: int = 8) -> Path:
    random = np.random.default_rng(0)
    for colour, name in (((200, 30, 30), "red-roses"), ((30, 30, 200), "blue_bells")):
        (root / name).mkdir(parents=True)
        for number in range(per_class):
            pixels = np.clip(np.array(colour) + random.normal(0, 20, (48, 70, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.jpg")
    return root


def test_a_folder_of_images_end_to_end_with_a_bad_one(tmp_path: Path) -> None:
    photos = photographs(tmp_path / "photos", 20)
    out = tmp_path / "out"
    arguments = ("run", "--methods", "zero-shot,xtremeclip", "--tasks", f"imagefolder:{photos}", "--shots", "1", "--seeds", "1")
    arguments = (*arguments, "--recipe", "steps=3", "--workers", "1", "--out", str(out))
    for name in ("red-roses", "blue_bells"):
        for number in range(3):
            (photos / name / f"{number}.jpg").write_bytes(b"not an image")
    failed = bench(*arguments)
    assert failed.exit_code == 1
    errors = [record.error.message for record in Store(out).read() if record.error]
    assert errors and all(".jpg" in message and "can't be read" in message for message in errors)
    mended = bench(*arguments, "--skip-bad-images", "--resume", "failed")
    assert mended.exit_code == 0, mended.output
    latest = list(Store(out).latest().values())
    assert {record.status for record in latest} == {"ok"}
    assert all(record.data is not None and record.data.skipped_images for record in latest)
    trained = {record.cell.label: record.training for record in latest}["xtremeclip"]
    assert trained is not None and trained.capped and trained.run_steps == 3
    leaderboard = (out / "leaderboard.md").read_text()
    assert "xtremeclip" in leaderboard and "at most 3 steps" in leaderboard


def test_too_few_images_names_the_class(tmp_path: Path) -> None:
    photos = photographs(tmp_path / "photos", 8)
    out = tmp_path / "out"
    result = bench(
        "run", "--methods", "linear-probe", "--tasks", f"imagefolder:{photos}", "--shots", "16", "--seeds", "1", "--out", str(out)
    )
    assert result.exit_code == 1
    (record,) = Store(out).read()
    assert record.error is not None and "blue bells" in record.error.message and "16" in record.error.message


def test_report_of_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    result = bench("report", "--out", str(tmp_path))
    assert result.exit_code == 2 and "run 'python -m bench run" in result.output


def test_a_task_of_a_plug_in_runs_with_its_helper_and_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "helper_of_lighter.py").write_text('NAMES = ["lighter-side", "digits"]')
    path = plugin(tmp_path, "from helper_of_lighter import NAMES\nALL = [task(name) for name in NAMES]")
    command = ("run", "--plugin", path, "--tasks", "lighter-side", "--methods", "zero-shot,linear-probe", "--shots", "1")
    command = (*command, "--seeds", "1", "--out", tmp_path / "out")
    first = bench(*map(str, command))
    assert first.exit_code == 0, first.output
    told = f"plug-in {path} left out: the name 'digits' is already taken by tasks.bundled"
    assert "".join(first.output.split()).count("".join(told.split())) == 1
    assert {
        (record.cell.task, record.status, record.data.origin) for record in Store(tmp_path / "out").read() if record.data
    } == {("lighter-side", "ok", "plug-in lighter.py")}
    assert "lighter-side" in (tmp_path / "out" / "leaderboard.md").read_text()
    assert "0 cells to run" in bench(*map(str, command)).output


def test_a_method_of_an_installed_package_runs_and_a_broken_one_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entry points as pip leaves them: a module and a .dist-info folder on the path, which worker processes see too."""
    package = tmp_path / "site"
    about = package / "theirs-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[bench.methods]\nnearest = theirs\nbroken = theirs_broken\n[bench.tasks]\nlighter = theirs_tasks\n"
    )
    (package / "theirs.py").write_text(NEAREST)
    plugin(package, file="theirs_tasks.py")
    (package / "theirs_broken.py").write_text("import a_module_that_does_not_exist")
    monkeypatch.syspath_prepend(str(package))

    def printed_by(*arguments: str) -> str:
        done = bench(*arguments)
        assert done.exit_code == 0, done.output
        return done.output

    listed = printed_by("list", "methods")
    assert "nearest-mean" in listed and "broken plug-in" in listed
    assert "a_module_that_does_not_exist" in re.sub(r"[\s\u2502]", "", listed)  # its column folds it
    out = tmp_path / "out"
    printed = printed_by(
        *("run", "--methods", "nearest-mean,zero-shot", "--tasks", "lighter-side", "--shots", "1", "--seeds", "1"),
        *("--out", str(out)),
    )
    assert "theirs_broken left out" in printed.replace("\n", " ")
    assert {(record.cell.method, record.status) for record in Store(out).read()} == {("nearest-mean", "ok"), ("zero-shot", "ok")}
    assert "all hold" in printed_by("check", "nearest-mean").splitlines()


NEAREST = """
import torch
from torch import nn
from torch.nn import functional as F
from methods.base import CLASSIFICATION, HeadMethod, Paper

class NearestMean(HeadMethod):
    name, trains, order_free = "nearest-mean", "nothing", True
    kinds = frozenset({CLASSIFICATION})
    paper = Paper("Prototypical Networks for Few-shot Learning", "NeurIPS 2017", "arXiv:1703.05175")

    def head(self, support):
        f, y = support.features.image, support.labels
        return Means(torch.stack([f[y == c].mean(0) for c in range(support.classes)]))

class Means(nn.Module):
    def __init__(self, means):
        super().__init__()
        self.register_buffer("means", F.normalize(means, dim=-1))

    def forward(self, features):
        return 20 * features.image @ self.means.T
"""


def test_a_folder_whose_towers_never_met_is_marked_in_its_tables(tmp_path: Path) -> None:
    """Whatever the folder is called: its configuration says so, and the record."""
    folder = tmp_path / "towers"
    shutil.copytree(folder_of("bundled-unaligned-small"), folder)
    out = tmp_path / "out"
    asked = ("--backbone", f"local-dir:{folder}", "--tasks", "digits", "--methods", "zero-shot", "--out", str(out))
    result = bench("run", "--quick", *asked)
    assert result.exit_code == 0, result.output
    (record,) = Store(out).latest().values()
    assert (record.cell.aligned, record.cell.random_weights) == (False, False)
    page = (out / "leaderboard.md").read_text()
    assert "(unaligned)" in page and "have never met" in page


def test_the_rate_of_an_alignment_is_refused_where_towers_have_met(tmp_path: Path) -> None:
    result = bench("run", "--recipe", "lr=0.001", "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "towers that have never met" in result.output and len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("method", ["full", "wise-ft", "mixout", "llrd", "lora", "lilt-da"])
@pytest.mark.parametrize("parameter", ["batch=0", "chunk=0", "negatives=local"])
def test_what_belongs_to_the_runs_recipe_is_no_parameter_of_a_method(method: str, parameter: str, tmp_path: Path) -> None:
    result = bench("run", "--methods", f"{method}[{parameter}]", "--out", str(tmp_path))
    assert result.exit_code == 2 and f"unknown parameter of {method}" in result.output


def test_a_suite_is_a_run_by_name(tmp_path: Path) -> None:
    told = bench("run", "--suite", "bundled", "--methods", "zero-shot,tip-adapter", "--quick", "--out", str(tmp_path))
    assert told.exit_code == 0, told.output
    records = Store(tmp_path).latest().values()
    assert {record.cell.task for record in records} == {
        f"{task}-base" for task in ("sketches", "textures", "creatures", "digits")
    }
    assert len(records) == 8 and all(len(record.elsewhere) == 5 for record in records)  # a half, three tasks, corruptions
    text = (tmp_path / "leaderboard.md").read_text()
    assert all(
        f"Classification, {board}: bundled" in text for board in ("new classes", "other sets", "forgetting", "corrupted images")
    )
    lacking = bench("run", "--suite", "vlu", "--out", str(tmp_path), "--dry-run")
    assert lacking.exit_code == 2 and "suite vlu lacks data" in lacking.output
