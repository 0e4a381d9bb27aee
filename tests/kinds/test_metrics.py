"""The metrics are those of the definitions, counted one by one."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bench.kinds import KINDS
from bench.kinds.metrics import Metric, classification_metrics, credit_of, risk_coverage
from bench.kinds.recall import different_images, retrieval_metrics, retrieval_ranks
from tests.factories import make_split


def plain_classification(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Example by example, bin by bin."""
    right, confidence, losses, brier = [], [], [], []
    for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
        powers = [math.exp(score - max(row)) for score in row]
        right.append(row.index(max(row)) == label)
        confidence.append(max(powers) / sum(powers))
        losses.append(math.log(sum(powers)) - (row[label] - max(row)))
        brier.append(sum((power / sum(powers) - (c == label)) ** 2 for c, power in enumerate(powers)))
    error = 0.0
    for number in range(15):
        last = number == 14
        inside = [i for i, c in enumerate(confidence) if number / 15 <= c and (last or c < (number + 1) / 15)]
        if inside:
            gap = abs(sum(right[i] for i in inside) - sum(confidence[i] for i in inside)) / len(inside)
            error += gap * len(inside) / len(right)
    per_class = []
    for c in sorted(set(labels.tolist())):
        mine = [r for r, label in zip(right, labels.tolist(), strict=True) if label == c]
        per_class.append(sum(mine) / len(mine))
    return {
        "accuracy": sum(right) / len(right),
        "class_mean_accuracy": sum(per_class) / len(per_class),
        "calibration_error": error,
        "log_loss": sum(losses) / len(losses),
        "brier": sum(brier) / len(brier),
        "risk_coverage": plain_risk_coverage([math.log(c) for c in confidence], [float(r) for r in right]),
    }


def plain_risk_coverage(confidence: list[float], right: list[float]) -> float:
    """The most confident one, the two most confident ones, ...; examples of equal confidence are each their mean."""
    alike = {c: [r for c_, r in zip(confidence, right, strict=True) if c_ == c] for c in confidence}
    expected = sorted(((c, sum(alike[c]) / len(alike[c])) for c in confidence), reverse=True)
    risks = [1 - sum(r for _, r in expected[:n]) / n for n in range(1, len(expected) + 1)]
    return sum(risks) / len(risks)


def values(metrics: dict[str, Metric]) -> dict[str, float]:
    return {name: metric.value for name, metric in metrics.items()}


@given(st.integers(1, 60), st.integers(1, 6), st.floats(0.01, 30), st.integers(0, 2**32))
def test_classification_metrics_are_those_counted_one_by_one(examples: int, classes: int, scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = (scale * random.standard_normal((examples, classes))).astype(np.float32)
    labels = random.integers(0, classes, examples)
    assert values(classification_metrics(scores, labels)) == pytest.approx(plain_classification(scores, labels), abs=1e-12)


def test_classification_metrics_of_a_worked_case() -> None:
    """Two examples at confidence 0.8, one right: error 0.3. Two at 0.6, both right: error 0.4."""
    scores = np.log([[0.8, 0.2], [0.2, 0.8], [0.6, 0.4], [0.6, 0.4]])
    metrics = values(classification_metrics(scores, np.array([0, 0, 0, 0])))
    assert metrics["accuracy"] == 0.75
    assert metrics["calibration_error"] == pytest.approx(0.35)
    assert metrics["log_loss"] == pytest.approx(-np.mean(np.log([0.8, 0.2, 0.6, 0.6])))


@given(st.lists(st.tuples(st.sampled_from([-3.0, -1.0, -0.5, 0.0]), st.booleans()), min_size=1, max_size=20), st.randoms())
def test_risk_and_coverage_know_no_order_among_equals(examples: list[tuple[float, bool]], random: Random) -> None:
    def area(given: list[tuple[float, bool]]) -> float:
        return risk_coverage(np.array([c for c, _ in given]), np.array([float(r) for _, r in given]))

    found = area(examples)
    assert found == pytest.approx(plain_risk_coverage([c for c, _ in examples], [float(r) for _, r in examples]), abs=1e-12)
    assert found == pytest.approx(area(random.sample(examples, len(examples))), abs=1e-12)


def test_confidence_that_tells_right_from_wrong_lowers_the_risk() -> None:
    """Two of four are wrong. Rejected first: risks 0, 0, 1/3, 1/2. Kept longest: 1, 1, 2/3, 1/2."""
    confidence = np.array([0.9, 0.8, 0.4, 0.3])
    assert risk_coverage(confidence, np.array([1.0, 1, 0, 0])) == pytest.approx((1 / 3 + 1 / 2) / 4)
    assert risk_coverage(confidence, np.array([0.0, 0, 1, 1])) == pytest.approx((2 + 2 / 3 + 1 / 2) / 4)


def test_logits_of_float32_far_from_zero_lose_nothing() -> None:
    scores = np.array([[1e4, -1e4], [1e4 + 1, 1e4]], dtype=np.float32)
    metrics = values(classification_metrics(scores, np.array([1, 0])))
    assert metrics["log_loss"] == pytest.approx((2e4 + math.log1p(math.exp(-1))) / 2)


def test_a_large_class_does_not_outweigh_a_small_one_in_the_class_mean() -> None:
    metrics = values(classification_metrics(np.tile([1.0, 0.0], (10, 1)), np.array([0] * 9 + [1])))
    assert (metrics["accuracy"], metrics["class_mean_accuracy"]) == (0.9, 0.5)


def plain_ranks(scores: np.ndarray, ids: list[str]) -> dict[str, list[int]]:
    """Rank by counting the wrong candidates that score no less than the best right one."""
    images = list(dict.fromkeys(ids))
    row = {image: number for number, image in enumerate(images)}
    to_text = []
    for image in images:
        best = max(scores[row[image], j] for j in range(len(ids)) if ids[j] == image)
        to_text.append(sum(scores[row[image], j] >= best for j in range(len(ids)) if ids[j] != image))
    to_image = []
    for j, image in enumerate(ids):
        to_image.append(sum(scores[row[other], j] >= scores[row[image], j] for other in images if other != image))
    return {"image_to_text": to_text, "text_to_image": to_image}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, list[str]]:
    """Scores with many ties; images in any order with one or several captions each."""
    ids = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=16))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = [random.integers(0, draw(st.sampled_from([2, 5, 1000])), len(ids)) for _ in range(len(set(ids)))]
    return np.array(scores, dtype=np.float32), ids


@given(pairs())
def test_ranks_are_those_counted_one_by_one(given_pairs: tuple[np.ndarray, list[str]]) -> None:
    scores, ids = given_pairs
    ranks = {way: rank.tolist() for way, rank in retrieval_ranks(scores, ids).items()}
    assert ranks == plain_ranks(scores, ids)


@given(pairs(), st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(given_pairs: tuple[np.ndarray, list[str]], random: Random) -> None:
    scores, ids = given_pairs
    order = list(range(len(ids)))
    random.shuffle(order)
    names = [ids[number] for number in order]
    before = list(dict.fromkeys(ids))
    images = [before.index(name) for name in dict.fromkeys(names)]
    shuffled = retrieval_ranks(scores[images][:, order], names)
    assert values(retrieval_metrics(shuffled)) == pytest.approx(values(retrieval_metrics(retrieval_ranks(scores, ids))))


def test_ties_count_against_the_model() -> None:
    metrics = values(retrieval_metrics(retrieval_ranks(np.ones((12, 12)), [str(number) for number in range(12)])))
    assert set(metrics.values()) == {0.0}


def test_captions_of_one_image_are_all_right_answers_and_do_not_compete() -> None:
    scores = np.array([[0.1, 0.9, 0.2], [0.8, 0.1, 0.3]])
    ranks = retrieval_ranks(scores, ["a", "a", "b"])
    assert ranks["image_to_text"].tolist() == [0, 1]
    assert ranks["text_to_image"].tolist() == [1, 0, 0]


def test_recalls_are_shares_of_the_queries_of_each_way() -> None:
    ranks = {"image_to_text": np.array([0, 1, 4, 5, 9, 10, 11, 0]), "text_to_image": np.array([0, 0, 0, 20])}
    assert values(retrieval_metrics(ranks)) == {
        "image_to_text_recall@1": 2 / 8,
        "image_to_text_recall@5": 4 / 8,
        "image_to_text_recall@10": 6 / 8,
        "text_to_image_recall@1": 3 / 4,
        "text_to_image_recall@5": 3 / 4,
        "text_to_image_recall@10": 3 / 4,
        "mean_recall@1": 0.5,
    }


def test_metrics_say_which_way_is_better() -> None:
    metrics = classification_metrics(np.eye(2), np.array([0, 1]))
    assert {name for name, metric in metrics.items() if not metric.higher_is_better} == {
        "brier",
        "calibration_error",
        "log_loss",
        "risk_coverage",
    }
    ranks = retrieval_ranks(np.eye(2), ["a", "b"])
    assert all(metric.higher_is_better and metric.value == 1 for metric in retrieval_metrics(ranks).values())


def test_the_candidates_of_retrieval_are_different_images_in_the_order_of_their_first_pair() -> None:
    split = make_split("test", [-1] * 5, list("vwxyz"), ids=["b", "a", "b", "c", "a"])
    assert different_images(split, [0, 1, 2, 3, 4]) == [0, 1, 3]
    assert different_images(split, [4, 2, 1, 0]) == [4, 2]
    found = KINDS["retrieval"].score(np.eye(2, 4), split, [4, 2, 1, 0])
    assert found.arrays["image_to_text"].shape == (2,) and found.arrays["text_to_image"].shape == (4,)
    assert found.metrics["image_to_text_recall@1"].value == 1


def test_credit_is_the_accuracy_of_the_chosen_answer() -> None:
    """Credits 0.3, 1, 0 and 0.6 of the chosen answers; the last row is of no class, and not in the log loss."""
    credit = csr_array(np.array([[0.3, 1.0, 0.0], [0.0, 1.0, 0.0], [0.9, 0.0, 0.0], [0.6, 0.0, 0.0]]))
    scores = np.log(np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]]))
    metrics = values(classification_metrics(scores, np.array([1, 1, 0, -1]), credit))
    assert metrics["accuracy"] == pytest.approx((0.3 + 1 + 0 + 0.6) / 4)
    assert metrics["class_mean_accuracy"] == pytest.approx((0.65 + 0) / 2)
    assert metrics["calibration_error"] == pytest.approx(0.8 - 1.9 / 4)
    assert metrics["log_loss"] == pytest.approx(-np.mean(np.log([0.1, 0.8, 0.1])))


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 2**32))
def test_credit_of_one_for_the_label_changes_nothing(examples: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, labels = random.standard_normal((examples, classes)), random.integers(0, classes, examples)
    credit = csr_array(np.eye(classes)[labels])
    assert values(classification_metrics(scores, labels, credit)) == pytest.approx(values(classification_metrics(scores, labels)))


def test_saved_arrays_give_the_credit_again() -> None:
    credit = csr_array(np.array([[0.0, 0.3], [1.0, 0.6], [0.0, 0.0]]))
    split = replace(make_split("test", [1, 0, -1], list("xyz")), credit=credit)
    found = KINDS["pair"].score(np.array([[0.0, 1.0], [2.0, 1.0]]), split, [2, 1])
    arrays = found.arrays
    assert found.metrics["accuracy"].value == 0.5
    again = credit_of(arrays)
    assert again is not None
    assert again.toarray().tolist() == [[0, 0], [1, 0.6]]
    assert credit_of({"scores": arrays["scores"], "labels": arrays["labels"]}) is None
