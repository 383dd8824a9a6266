"""Confusion matrices (S28, F7) and calibration (X12)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from timetravel.analyze.calibration import calibration
from timetravel.analyze.confusion import clustered_order, confusion


def test_the_last_confusion_matrix_is_that_of_tiny(a: Any) -> None:
    found = confusion(a.predicted[5], a.labels, 3)
    assert found.matrix is not None
    assert found.matrix.tolist() == [[3, 0, 0], [0, 3, 0], [0, 1, 1]]
    assert found.totals.tolist() == [3, 3, 2]
    assert found.accuracy == 0.875


def test_a_part_of_the_samples_has_its_own_matrix(a: Any) -> None:
    found = confusion(a.predicted[5], a.labels, 3, np.array([6, 7]))
    assert found.accuracy == 0.5
    assert found.totals.tolist() == [0, 0, 2]


def test_a_thousand_classes_give_pairs_and_no_matrix() -> None:
    generator = np.random.default_rng(0)
    predicted, labels = generator.integers(0, 1000, (2, 3000))
    found = confusion(predicted, labels, 1000)
    assert found.matrix is None
    assert found.pairs[:, 2].sum() == 3000
    assert found.accuracy == pytest.approx((predicted == labels).mean())


def test_without_labels_there_is_no_accuracy() -> None:
    found = confusion(np.array([0, 1]), np.array([-1, -1]), 2)
    assert np.isnan(found.accuracy)
    assert found.matrix is not None
    assert found.matrix.sum() == 0


def test_classes_confused_with_each_other_come_to_stand_side_by_side() -> None:
    matrix = np.diag([90, 90, 90, 90])
    matrix[0, 2] = matrix[2, 0] = matrix[1, 3] = matrix[3, 1] = 10
    order = clustered_order(matrix)
    assert sorted(order) == [0, 1, 2, 3]
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1


def test_the_calibration_error_is_that_of_tiny(a: Any) -> None:
    found = calibration(a.probabilities[5].max(axis=1), a.correct[5])
    assert found.error == pytest.approx(0.1213, abs=5e-5)
    assert found.count.sum() == 8


def test_a_confidence_on_an_edge_belongs_below_it() -> None:
    found = calibration(np.array([0.8, np.float32(0.8), 0.81, 0.0, 1.0]), np.ones(5, np.bool_))
    assert found.count.tolist() == [1, 0, 0, 0, 0, 0, 0, 2, 1, 1]


def test_nothing_known_has_no_calibration() -> None:
    assert np.isnan(calibration(np.array([np.nan]), np.array([False])).error)
