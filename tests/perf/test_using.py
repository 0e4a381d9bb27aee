"""What a prediction of one image costs, beside the image tower's own forward on it: at most twice as much."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench import api
from tasks.find import find_task


@pytest.mark.parametrize("method", ["taskres", "coop", "lora", "full"])
def test_one_image(benchmark: BenchmarkFixture, method: str) -> None:
    """`extra_info["forwards"]`: how many forwards a prediction takes, by medians of calls that alternate."""
    task = find_task("digits")
    rows = [row for label in range(10) for row in np.flatnonzero(task.train.labels == label)[:2]]
    names = [task.class_names[task.train.labels[row]] for row in rows]
    scorer = api.fit(method, [task.train.image(row) for row in rows], names, recipe="steps=1", device="cpu", precision="fp32")
    picture, clip = task.test.image(0), getattr(scorer.fitted.module, "clip", None) or scorer.backbone.clip
    pixels = torch.from_numpy(np.asarray(scorer.backbone.resize(picture)).transpose(2, 0, 1).copy())[None]
    assert scorer.predict([picture])[0] in task.class_names
    benchmark.pedantic(scorer.predict, ([picture],), rounds=1 if benchmark.disabled else 50)
    if benchmark.disabled:
        return
    predictions, forwards = [], []
    with torch.no_grad():
        for _ in range(50):
            start = time.perf_counter()
            scorer.predict([picture])
            between = time.perf_counter()
            clip.image(pixels)
            predictions.append(between - start)
            forwards.append(time.perf_counter() - between)
    benchmark.extra_info["forwards"] = round(float(np.median(predictions) / np.median(forwards)), 2)
