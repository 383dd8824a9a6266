"""Changes between two epochs: Q3 to Q6 with the numbers of TINY."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from timetravel.analyze.changes import change_counts, changes, changes_over_time, prediction_changes
from timetravel.analyze.loss_change import curves, loss_change, symmetric_limit
from timetravel.analyze.transitions import matrix_of, transitions
from timetravel.analyze.turned import newly_right, surprises
from timetravel.store.run import StoredRun

FLIPS = [set(), {0, 2, 7}, {2, 3, 4}, {3, 6}, {1, 4}, {1, 4}]
LEARNED = [set(), {0}, {2, 4}, {3, 6}, set(), {1, 4}]
FORGOTTEN = [set(), set(), {3}, set(), {1, 4}, set()]


def rows(mask: Any) -> set[int]:
    return set(np.flatnonzero(mask).tolist())


def test_flips_learned_and_forgotten_samples_are_those_of_tiny(a: Any) -> None:
    found = changes_over_time(a.predicted, a.labels)
    for epoch in range(6):
        assert rows(found.flipped[epoch]) == FLIPS[epoch]
        assert rows(found.learned[epoch]) == LEARNED[epoch]
        assert rows(found.forgotten[epoch]) == FORGOTTEN[epoch]
    assert rows(found.drift[1]) == {2, 7}


def test_counts_agree_with_the_masks(a: Any) -> None:
    counts = change_counts(a.predicted, a.labels)
    assert counts["flips"].tolist() == [len(one) for one in FLIPS]
    assert counts["learned"].tolist() == [len(one) for one in LEARNED]
    assert counts["forgotten"].tolist() == [len(one) for one in FORGOTTEN]
    assert counts["drift"].tolist() == [0, 2, 0, 0, 0, 0]
    assert counts["shared"].tolist() == [0, 8, 8, 8, 8, 8]


def test_an_unknown_prediction_is_no_flip() -> None:
    found = changes(np.array([-1, 0, 1]), np.array([0, -1, 2]), np.array([0, 0, 2]))
    assert found.shared.tolist() == [False, False, True]
    assert found.flipped.tolist() == [False, False, True]


def test_a_flip_without_a_label_is_neither_learned_nor_forgotten_nor_drift() -> None:
    found = changes(np.array([0]), np.array([1]), np.array([-1]))
    assert found.flipped[0]
    assert not any(mask[0] for mask in (found.learned, found.forgotten, found.drift))


def test_the_changes_of_a_selection_name_old_and_new_class(run_a: StoredRun) -> None:
    found = prediction_changes(
        run_a.predictions(0), run_a.predictions(1), run_a.samples.labels, np.array([0, 3, 6, 7])
    )
    assert found.before.tolist() == [1, 1, 1, 0]
    assert found.after.tolist() == [0, 1, 1, 1]
    assert found.counts == {
        "learned": 1,
        "forgotten": 0,
        "drift": 1,
        "flipped": 2,
        "shared": 4,
        "unchanged": 2,
    }
    assert found.p_true_change[0] == pytest.approx(0.3, abs=1e-6)


def test_a_selection_that_did_not_change_says_so(run_a: StoredRun) -> None:
    found = prediction_changes(
        run_a.predictions(3), run_a.predictions(4), run_a.samples.labels, np.array([0, 3, 6, 7])
    )
    assert found.counts["unchanged"] == 4


def test_the_transition_matrix_of_the_first_step_is_that_of_tiny(a: Any) -> None:
    pairs = transitions(a.predicted[0], a.predicted[1])
    assert matrix_of(pairs, 3).tolist() == [[2, 1, 0], [1, 3, 0], [0, 1, 0]]
    assert transitions(a.predicted[0], a.predicted[1], only_flips=True)[:, 2].sum() == 3


def test_transitions_of_a_thousand_classes_stay_sparse() -> None:
    generator = np.random.default_rng(0)
    before, after = generator.integers(0, 1000, (2, 500))
    pairs = transitions(before, after)
    assert len(pairs) <= 500
    assert pairs[:, 2].sum() == 500


def test_loss_changes_are_those_of_tiny(a: Any) -> None:
    chosen = [0, 3, 6, 7]
    found = loss_change(a.loss[0][chosen], a.loss[1][chosen])
    assert found.change == pytest.approx([-0.6931, -0.2007, -0.2231, -0.4055], abs=5e-5)
    assert (found.mean_before, found.mean_after) == pytest.approx((1.4786, 1.0980), abs=5e-5)
    assert found.falls.tolist() == [0, 3, 2, 1]
    assert found.rises.tolist() == []
    later = loss_change(a.loss[3][chosen], a.loss[4][chosen])
    assert later.change == pytest.approx([-0.0606, -0.1542, -0.1671, 0.2231], abs=5e-5)
    assert (later.mean_before, later.mean_after) == pytest.approx((0.6795, 0.6399), abs=5e-5)
    assert later.rises.tolist() == [3]


def test_a_loss_that_is_unknown_at_one_epoch_counts_at_neither() -> None:
    found = loss_change(np.array([1.0, np.nan]), np.array([3.0, 2.0]))
    assert (found.mean_before, found.mean_after, found.mean) == (1.0, 3.0, 2.0)
    assert np.isnan(found.change[1])


def test_an_empty_selection_has_no_loss_figures() -> None:
    found = loss_change(np.empty(0), np.empty(0))
    assert np.isnan(found.mean)
    assert np.isnan(found.median)


def test_the_colour_limit_is_the_98th_percentile_of_all_changes() -> None:
    parts = [np.linspace(-1, 1, 101), np.array([np.nan])]
    assert symmetric_limit(parts) == pytest.approx(np.percentile(np.abs(parts[0]), 98))
    assert symmetric_limit([]) == 0


def test_mean_curves_are_those_of_tiny(a: Any, tiny_module: Any) -> None:
    found = curves(a.loss, a.correct, a.known)
    assert found.mean_loss == pytest.approx(tiny_module.MEAN_LOSS_OF_A, abs=5e-5)
    assert found.accuracy.tolist() == tiny_module.ACCURACY_OF_A
    assert (found.q1 <= found.mean_loss).all()


@pytest.mark.parametrize(
    ("epoch", "window", "expected"),
    [(1, 1, {0}), (2, 1, {2, 4}), (3, 1, {3, 6}), (3, 2, {6}), (3, 3, {6}), (5, 1, {1, 4}), (0, 1, set())],
)
def test_samples_wrong_before_and_right_now_are_those_of_tiny(
    a: Any, epoch: int, window: int, expected: set[int]
) -> None:
    assert rows(newly_right(a.correct, a.known, epoch, window=window)) == expected


def test_only_new_leaves_out_what_was_right_earlier(a: Any) -> None:
    assert rows(newly_right(a.correct, a.known, 3, only_new=True)) == {6}
    assert rows(newly_right(a.correct, a.known, 5, only_new=True)) == set()


@pytest.mark.parametrize(
    ("quantile", "expected"),
    [(0.25, {4: {1}}), (0.5, {2: {3}, 4: {1}})],
)
def test_surprises_are_those_of_tiny(a: Any, quantile: float, expected: dict[int, set[int]]) -> None:
    split = np.array(["train"] * 8)
    for epoch in range(1, 6):
        found = surprises(a.loss[epoch - 1], a.known[epoch], a.correct[epoch], split, quantile=quantile)
        assert rows(found) == expected.get(epoch, set())
    assert np.quantile(a.loss[3], 0.25) == pytest.approx(0.1937, abs=5e-5)


def test_the_quantile_of_a_surprise_is_that_of_its_own_split() -> None:
    loss = np.array([0.1, 5.0, 1.0, 9.0])
    split = np.array(["train", "train", "test", "test"])
    wrong = np.zeros(4, np.bool_)
    found = surprises(loss, np.ones(4, np.bool_), wrong, split, quantile=0.0)
    assert rows(found) == {0, 2}
    assert rows(surprises(loss, np.ones(4, np.bool_), wrong, split, below=1.0)) == {0, 2}
    assert rows(surprises(loss, np.ones(4, np.bool_), wrong, split, below=0.5)) == {0}
