"""Suspicious labels (A12), with TINY and with real digits of which a tenth was given a wrong label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from timetravel.analyze.columns import column
from timetravel.analyze.label_noise import (
    combined,
    label_margin,
    label_margin_of_logits,
    neighbors_disagree,
    noise_fit,
    noise_found,
    suspicion_scores,
)
from timetravel.analyze.noise_report import noise_found_over_time, noise_report
from timetravel.store.facts import EpochFacts, EpochRecord, Head, RunDescription, Samples
from timetravel.store.run import StoredRun
from timetravel.store.writer import FactsWriter

AUM = [1.5687, 1.7408, 0.9390, 0.8655, 0.2014, 2.6286, 0.2225, -1.4436]


def test_aum_is_that_of_tiny(a: Any) -> None:
    margins = [label_margin_of_logits(a.logits[epoch], a.labels) for epoch in range(6)]
    assert np.mean(margins, axis=0) == pytest.approx(AUM, abs=5e-5)
    scores = suspicion_scores(margins, a.loss, a.predicted, a.labels)
    assert scores["aum"] == pytest.approx(-np.array(AUM), abs=5e-5)
    assert int(np.nanargmax(scores["aum"])) == 7
    assert int(np.nanargmax(combined(scores))) == 7


def test_the_label_margin_follows_from_recorded_figures(a: Any, run_a: StoredRun) -> None:
    for epoch in range(6):
        expected = label_margin_of_logits(a.logits[epoch], a.labels)
        assert column(run_a, "label_margin", epoch) == pytest.approx(expected, abs=1e-5)
    assert column(run_a, "aum") == pytest.approx(AUM, abs=5e-5)


def test_a_probability_too_small_for_float32_takes_its_logarithm_from_the_loss() -> None:
    found = label_margin(
        np.array([1]), np.array([0]), np.array([200.0]), np.array([0.0]), np.array([1.0]), np.array([200.0])
    )
    assert found[0] == pytest.approx(-200)


def test_samples_without_label_have_no_margin_and_no_suspicion(a: Any) -> None:
    labels = a.labels.copy()
    labels[0] = -1
    margins = [label_margin_of_logits(a.logits[epoch], labels) for epoch in range(6)]
    scores = suspicion_scores(margins, a.loss, a.predicted, labels)
    assert all(np.isnan(values[0]) for values in scores.values())
    assert np.isnan(combined(scores)[0])
    assert combined(scores)[1:].max() <= 1


def test_neighbours_with_another_label_are_counted() -> None:
    labels = np.array([0, 0, 1, -1])
    found = neighbors_disagree(labels, np.array([[1, 2], [0, 3], [-1, -1], [0, 1]]))
    assert found == pytest.approx([0.5, 0.0, np.nan, np.nan], nan_ok=True)


def test_a_score_is_judged_by_the_known_noise() -> None:
    scores = np.array([0.9, 0.1, 0.8, 0.2])
    noisy = np.array([True, False, False, False])
    assert noise_found(scores, noisy).auroc == 1
    assert noise_found(scores, noisy).precision == 1
    assert np.isnan(noise_found(scores, np.zeros(4, np.bool_)).auroc)


def test_the_moment_when_noise_is_fitted_is_the_crossing() -> None:
    labels, true = np.array([0, 1, 1]), np.array([0, 0, 1])
    predicted = np.array([[0, 0, 1], [0, 0, 1], [0, 1, 1], [0, 1, 1]])
    found = noise_fit(predicted, labels, true)
    assert found.crossing == 2
    assert found.noisy_true.tolist() == [1, 1, 0, 0]
    assert found.clean.tolist() == [1, 1, 1, 1]
    assert noise_fit(predicted[:2], labels, true).crossing is None


def train_on_noisy_digits(path: Path, epochs: int = 12) -> None:
    """A network of one hidden layer in numpy, trained on digits of which a tenth has a wrong label."""
    from timetravel.sampledata import digits

    data = digits(train=True)
    images = np.asarray(data.data, np.float64).reshape(len(data), -1)[:1000] / 255
    true = np.asarray(data.targets)[:1000].astype(np.int32)
    generator = np.random.default_rng(0)
    labels = true.copy()
    noisy = generator.choice(1000, 100, replace=False)
    labels[noisy] = (true[noisy] + generator.integers(1, 10, 100)) % 10
    x = (images - images.mean()) / images.std()
    hidden: NDArray[Any] = generator.normal(size=(x.shape[1], 64)) / 8
    head: NDArray[Any] = generator.normal(size=(64, 10)) / 8
    samples = Samples(ids=np.arange(1000), labels=labels, split=np.array(["train"] * 1000), true_labels=true)
    names = tuple(str(number) for number in range(10))
    with FactsWriter.open(path, RunDescription(name="noisy digits", classes=names), samples) as writer:
        for epoch in range(epochs):
            for rows in np.array_split(generator.permutation(1000), 30):
                inside = np.maximum(x[rows] @ hidden, 0)
                z = inside @ head
                p = np.exp(z - z.max(axis=1, keepdims=True))
                p /= p.sum(axis=1, keepdims=True)
                p[np.arange(len(rows)), labels[rows]] -= 1
                step = 0.1 / len(rows)
                back = (p @ head.T) * (inside > 0)
                head -= step * inside.T @ p
                hidden -= step * x[rows].T @ back
            inside = np.maximum(x @ hidden, 0)
            writer.commit(
                EpochFacts(
                    record=EpochRecord(epoch=epoch),
                    sample_ids=samples.ids,
                    representations=inside.astype(np.float32),
                    head=Head(weight=head.T.astype(np.float32), bias=np.zeros(10, np.float32)),
                )
            )


def test_a_tenth_of_wrong_labels_among_real_digits_is_found(tmp_path: Path) -> None:
    train_on_noisy_digits(tmp_path / "noisy")
    with StoredRun(tmp_path / "noisy") as run:
        found = noise_report(run, with_neighbors=True)
        assert found.found["aum"].auroc >= 0.9
        assert found.found["combined"].auroc >= 0.9
        assert found.found["neighbors_disagree"].auroc >= 0.9
        assert found.found["aum"].precision >= 0.9
        assert found.found["combined"].precision >= 0.9
        assert column(run, "noisy")[found.order[:20]].mean() > 0.9
        assert found.fit is not None
        assert found.fit.noisy_true[0] > found.fit.noisy_given[0]
        over_time = noise_found_over_time(run)
        assert over_time["aum"][-1].auroc == pytest.approx(found.found["aum"].auroc, abs=1e-6)
        assert len(over_time["mean_loss"]) == len(run.epochs)


def test_without_true_labels_there_is_a_ranking_and_no_judgement(run_a: StoredRun) -> None:
    found = noise_report(run_a)
    assert found.order[0] == 7
    assert found.found == {}
    assert found.fit is None
    assert noise_found_over_time(run_a) == {}
