"""When classes are learned, and in what order: Q1 and Q2 with the numbers of TINY."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.metrics import roc_auc_score

from timetravel.analyze.class_curves import class_curves, pair_curve
from timetravel.analyze.class_measures import (
    area_under_roc,
    auc_one_vs_rest,
    class_measures,
    measures_over_time,
    pair_accuracy,
)
from timetravel.analyze.learned_epochs import Learned, learned_position, learned_positions
from timetravel.analyze.learning_order import earlier_share, kendall_tau_b, learning_order, order_agreement
from timetravel.store.run import StoredRun


def positions(values: Any, **settings: Any) -> list[int | None]:
    return [one.position for one in learned_positions(values, **settings)]


def test_f1_of_every_class_is_that_of_tiny(a: Any) -> None:
    f1 = measures_over_time(a.predicted, a.labels, 3)
    assert f1[:, 0] == pytest.approx([0.333, 0.667, 0.857, 1, 0.667, 1], abs=5e-4)
    assert f1[:, 1] == pytest.approx([0.571, 0.5, 0.571, 0.857, 0.571, 0.857], abs=5e-4)
    assert f1[:, 2] == pytest.approx([0, 0, 0, 0.667, 0.667, 0.667], abs=5e-4)


@pytest.mark.parametrize(
    ("threshold", "hold", "expected"),
    [
        (0.6, 1, [1, 3, 3]),
        (0.6, 2, [1, 5, 3]),
        (0.6, "final", [1, 5, 3]),
        (0.8, 1, [2, 3, None]),
        (0.8, "final", [5, 5, None]),
    ],
)
def test_learned_epochs_are_those_of_tiny(
    a: Any, threshold: float, hold: Any, expected: list[int | None]
) -> None:
    f1 = measures_over_time(a.predicted, a.labels, 3)
    assert positions(f1, threshold=threshold, hold=hold) == expected


def test_recall_gives_the_learned_epochs_of_tiny(a: Any) -> None:
    recall = measures_over_time(a.predicted, a.labels, 3, "recall")
    assert positions(recall, threshold=0.6, hold=1) == [1, 0, None]


def test_a_learned_epoch_in_the_last_hold_is_provisional(a: Any) -> None:
    f1 = measures_over_time(a.predicted, a.labels, 3)
    assert learned_position(f1[:, 1], threshold=0.6, hold=2) == Learned(5, is_provisional=True)
    assert learned_position(f1[:, 0], threshold=0.6, hold=2) == Learned(1)
    assert not learned_position(f1[:, 1], threshold=0.6, hold="final").is_provisional


def test_an_undefined_measure_reaches_nothing() -> None:
    assert learned_position(np.array([np.nan, np.nan]), threshold=0.1) == Learned(None)


@pytest.mark.parametrize("hold", [0, -1, "ever", 2.5])
def test_an_impossible_hold_is_refused(hold: Any) -> None:
    with pytest.raises(ValueError, match="hold is"):
        learned_position(np.ones(3), hold=hold)


def test_auc_of_the_third_class_is_that_of_tiny(a: Any) -> None:
    found = [auc_one_vs_rest(a.probabilities[epoch], a.labels, [2])[0] for epoch in range(6)]
    assert found == pytest.approx([0.208, 0.75, 0.833, 1, 1, 0.833], abs=5e-4)


def test_auc_agrees_with_scikit_learn_also_where_scores_tie() -> None:
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 5, 200) / 4
    positive = generator.random(200) < 0.3
    assert area_under_roc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


def test_auc_of_a_class_without_samples_is_unknown() -> None:
    assert np.isnan(auc_one_vs_rest(np.full((3, 2), 0.5), np.zeros(3, int))).all()


def test_pairs_of_classes_are_told_apart_as_in_tiny(a: Any) -> None:
    pairs = {(0, 2): [0.6, 0.8, 1, 1, 1, 0.8], (0, 1): [0.667, 0.667, 0.833, 1, 0.667, 1]}
    for (first, second), expected in pairs.items():
        found = [pair_accuracy(a.logits[epoch], a.labels, first, second) for epoch in range(6)]
        assert found == pytest.approx(expected, abs=5e-4)


def test_an_empty_class_has_no_measures_and_one_never_predicted_no_precision() -> None:
    found = class_measures(np.array([0, 0]), np.array([0, 1]), 3)
    assert found.f1[1] == 0
    assert np.isnan(found.precision[1])
    assert np.isnan([found.f1[2], found.recall[2], found.precision[2]]).all()


def test_samples_without_prediction_do_not_count() -> None:
    found = class_measures(np.array([0, -1, 1]), np.array([0, 0, 0]), 2)
    assert found.size.tolist() == [2, 0]
    assert found.recall[0] == 0.5


def test_the_order_of_classes_is_that_of_tiny(a: Any, b: Any) -> None:
    recall = [measures_over_time(one.predicted, one.labels, 3, "recall") for one in (a, b)]
    learned = [learned_positions(one, threshold=0.6, hold="final") for one in recall]
    assert [one.position for one in learned[0]] == [1, 0, None]
    assert [one.position for one in learned[1]] == [0, 1, 4]
    assert learning_order(learned[0], recall[0]) == [1, 0, 2]
    share = earlier_share(learned)
    assert share[0, 1] == 0.5
    assert share[0, 2] == share[1, 2] == 1
    assert np.allclose(share + share.T, 1)


def test_classes_learned_together_are_ordered_by_their_mean() -> None:
    measures = np.array([[0.5, 0.7, 0.1], [0.9, 0.9, 0.1]])
    learned = [Learned(1), Learned(1), Learned(None)]
    assert learning_order(learned, measures) == [1, 0, 2]


def test_kendall_tau_b_agrees_with_scipy_on_ties() -> None:
    generator = np.random.default_rng(0)
    for _ in range(5):
        a, b = generator.integers(0, 5, (2, 20))
        assert kendall_tau_b(a, b) == pytest.approx(kendalltau(a, b).statistic)
    assert np.isnan(kendall_tau_b(np.ones(3), np.arange(3)))


def test_agreement_of_two_orders_counts_classes_learned_in_both() -> None:
    first = [Learned(0), Learned(1), Learned(None)]
    second = [Learned(2), Learned(3), Learned(4)]
    found = order_agreement(first, second)
    assert (found.tau, found.count) == (1.0, 2)


def test_class_curves_of_a_run_are_those_of_its_arrays(run_a: StoredRun, a: Any) -> None:
    found = class_curves(run_a, threshold=0.6, hold=2)
    assert np.allclose(found.values, measures_over_time(a.predicted, a.labels, 3))
    assert found.learned_epochs(run_a.epochs) == [1, 5, 3]
    auc = class_curves(run_a, measure="auc")
    # At epoch 1 two probabilities of .15 tie in a run's float32; in the float64 of the table one is larger.
    assert auc.values[:, 2] == pytest.approx([0.208, 9.5 / 12, 0.833, 1, 1, 0.833], abs=5e-4)
    assert pair_curve(run_a, 0, 2) == pytest.approx([0.6, 0.8, 1, 1, 1, 0.8])
