"""Interesting epochs (T5), anomalies (D8, D9) and the end of change (T12)."""

from __future__ import annotations

import numpy as np
import pytest

from timetravel.analyze.anomalies import anomaly_scores
from timetravel.analyze.interesting import interest, interesting_epochs, peaks, standardized
from timetravel.analyze.signals import nothing_changed_since, run_interesting_epochs, signals
from timetravel.store.run import StoredRun

WORKED_EXAMPLE = np.array(
    [
        [0, 0, 0, 1, 1, 1, 1, 1],
        [0, 0, 0, 1, 1, 1, 0, 1],
        [1, 1, 1, 1, 0, 1, 1, 1],
        [0, 1, 0, 1, 1, 1, 1, 1],
        [0] * 8,
    ]
).T


def test_flip_shares_of_tiny_score_as_specified() -> None:
    shares = np.array([np.nan, 0.375, 0.375, 0.25, 0.25, 0.25])
    assert interest({"flips": shares})[1:] == pytest.approx([2.041, 2.041, 0, 0, 0], abs=5e-4)


def test_standardizing_uses_the_median_absolute_deviation() -> None:
    values = np.array([1.0, 2, 3, 4, 100])
    assert standardized(values) == pytest.approx((values - 3) / 1.4826)


def test_a_constant_signal_says_nothing() -> None:
    assert standardized(np.full(5, 0.1)).tolist() == [0] * 5
    assert standardized(np.array([0.1 + 0.2, 0.3, 0.3])).tolist() == [0, 0, 0]
    assert np.isnan(standardized(np.full(2, np.nan))).all()


def test_the_score_is_the_mean_of_the_three_largest_signals_and_never_negative() -> None:
    rows = {str(at): np.array([0.0, 0, 0, 0, 0, 0, 0, 0, 0, value]) for at, value in enumerate((1, 1, 1, -1))}
    ninth = standardized(rows["0"])[-1]
    assert interest(rows)[-1] == pytest.approx(ninth)
    assert interest({"down": np.array([0.0, 0, 0, 0, -1])})[-1] == 0


def test_peaks_are_local_maxima_two_epochs_apart() -> None:
    assert peaks(np.array([0, 3.0, 3.0, 0, 2.5, 0, 1.9])) == [1, 4]
    assert peaks(np.array([5.0, 0, 4.0, 0])) == [0, 2]
    assert peaks(np.array([3.0, 2.9, 3.5])) == [0, 2]
    assert peaks(np.zeros(3)) == []


def test_epochs_after_an_event_of_the_training_are_always_named() -> None:
    flips = np.array([np.nan, 0.1, 0.1, 0.9, 0.1, 0.1])
    found = interesting_epochs(
        [10, 20, 30, 40, 50, 60], {"flips": flips}, {5: "learning rate from 0.1 to 0.01"}
    )
    assert [(one.epoch, one.position) for one in found] == [(40, 3), (60, 5)]
    assert found[0].reason == "Many predictions flip (90 % of samples)."
    assert found[1].reason == "Learning rate from 0.1 to 0.01."


def test_tiny_names_its_first_burst_and_its_learning_rate_step(run_a: StoredRun) -> None:
    assert signals(run_a)["flips"][1:] == pytest.approx([0.375, 0.375, 0.25, 0.25, 0.25])
    assert signals(run_a)["divergence"][1:] == pytest.approx(
        [0.0820, 0.0301, 0.0339, 0.0528, 0.0585], abs=5e-5
    )
    found = run_interesting_epochs(run_a)
    assert [one.epoch for one in found] == [1, 4]
    assert "learning rate from 0.1 to 0.01" in found[1].reason.lower()


def test_a_run_with_rounds_names_them(rich: StoredRun) -> None:
    reasons = {one.epoch: one.reason for one in run_interesting_epochs(rich, thorough=False)}
    assert "labelling round 1 begins" in reasons[4].lower()
    assert set(signals(rich, thorough=False)) == {"flips", "validation_loss", "anomalies"}
    assert {"divergence", "movement", "turnover"} <= set(signals(rich, thorough=True))


def test_a_gliding_learning_rate_is_no_event() -> None:
    from timetravel.analyze.signals import _is_step

    assert not _is_step((0.1,), (0.09,))
    assert _is_step((0.1,), (0.01,))
    assert not _is_step((), (0.1,))


@pytest.mark.parametrize("window", [2, 3])
def test_the_worked_example_of_anomalies(window: int) -> None:
    found = anomaly_scores(WORKED_EXAMPLE, np.zeros(5, int), 1, window=window)
    assert found.left[:, 0].tolist() == [0, 0, 0, 2, 1, 0, 1, 0]
    assert found.right[:, 0].tolist() == [0, 0, 0, 3, 0, 1, 0, 0]


def test_the_worked_example_marks_these_epochs() -> None:
    found = anomaly_scores(WORKED_EXAMPLE, np.zeros(5, int), 1, window=2)
    marks = {}
    for threshold in (0.4, 0.2):
        left, right = found.anomalies(threshold=threshold, least=1)
        marks[threshold] = (np.flatnonzero(left[:, 0]).tolist(), np.flatnonzero(right[:, 0]).tolist())
    assert marks == {0.4: ([3], [3]), 0.2: ([3, 4, 6], [3, 5])}


@pytest.mark.parametrize("window", [0, 8, 20])
def test_a_window_as_long_as_the_run_is_refused(window: int) -> None:
    with pytest.raises(ValueError, match="1 to 7"):
        anomaly_scores(WORKED_EXAMPLE, np.zeros(5, int), 1, window=window)


def test_unknown_states_are_never_stable() -> None:
    states = np.array([[0], [-1], [0], [1], [1], [1]])
    assert anomaly_scores(states, np.zeros(1, int), 1, window=2).left.sum() == 0


def test_anomaly_scores_equal_the_plain_loop() -> None:
    states = np.random.default_rng(0).integers(-1, 2, (12, 30))
    window = 2
    left = np.zeros(12, int)
    for sample in states.T:
        for j in range(window, 12):
            before = sample[j - window : j]
            if sample[j] >= 0 and before[0] >= 0 and (before == before[0]).all() and sample[j] != before[-1]:
                left[j] += 1
    assert anomaly_scores(states, np.zeros(30, int), 1, window=window).left[:, 0].tolist() == left.tolist()


def test_nothing_changed_since_the_signals_fell_silent() -> None:
    rows = {
        "flips": np.array([np.nan, 0.5, 0.04, 0.2, 0.01, 0.0]),
        "movement": np.array([np.nan, 9, 1.0, 0.5, 0.5, 0.5]),
    }
    assert nothing_changed_since(rows) == 4
    assert nothing_changed_since({"flips": np.array([np.nan, 1.0, 1.0])}) is None
    assert nothing_changed_since({}) is None
