"""When samples are learned, forgotten and settle (T2, T3, T10, T12, C5), and the data map (T4)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from timetravel.analyze.data_map import AMBIGUOUS, EASY, HARD, NO_REGION, DataMap, data_map, regions
from timetravel.analyze.histories import common_patterns
from timetravel.analyze.sample_learning import sample_learning, settled_share, who_learned_first


def test_first_and_final_learned_epochs_are_those_of_tiny(a: Any) -> None:
    found = sample_learning(a.predicted, a.labels)
    assert found.first.tolist() == [1, 0, 2, 0, 2, 0, 3, -1]
    assert found.final.tolist() == [1, 5, 2, 3, 5, 0, 3, -1]
    assert found.settled[7] == 1


def test_forgetting_is_that_of_tiny(a: Any) -> None:
    found = sample_learning(a.predicted, a.labels)
    assert found.forgets[:7].tolist() == [0, 1, 0, 1, 1, 0, 0]
    assert np.flatnonzero(found.unforgettable).tolist() == [0, 2, 5, 6]
    assert np.flatnonzero(found.never_learned).tolist() == [7]


def test_a_gap_is_neither_a_forgetting_nor_the_end_of_what_was_learned() -> None:
    predicted = np.array([[0], [-1], [0]])
    found = sample_learning(predicted, np.array([0]))
    assert (found.first[0], found.final[0], found.forgets[0]) == (0, 0, 0)
    across = sample_learning(np.array([[0], [-1], [1]]), np.array([0]))
    assert across.forgets[0] == 0
    assert across.final[0] == -1


def test_a_sample_without_label_is_not_judged() -> None:
    found = sample_learning(np.array([[0], [1]]), np.array([-1]))
    assert not found.is_judged[0]
    assert not found.never_learned[0]
    assert found.settled[0] == 1


def test_the_share_of_settled_samples_grows_to_one(a: Any) -> None:
    share = settled_share(sample_learning(a.predicted, a.labels), 6)
    assert share[-1] == 1
    assert (np.diff(share) >= 0).all()
    assert share[0] == 1 / 8


def test_the_data_map_is_that_of_tiny(a: Any) -> None:
    found = data_map(a.p_true, a.correct, a.known)
    assert found.confidence == pytest.approx(
        [0.6917, 0.7, 0.5833, 0.5583, 0.4417, 0.8417, 0.45, 0.1667], abs=5e-5
    )
    assert found.variability == pytest.approx(
        [0.2009, 0.2141, 0.2409, 0.1512, 0.1512, 0.1205, 0.2102, 0.0553], abs=5e-5
    )
    assert found.correctness == pytest.approx([0.833, 0.833, 0.667, 0.833, 0.5, 1, 0.5, 0], abs=5e-4)


def test_the_data_map_skips_epochs_without_the_sample() -> None:
    p = np.array([[0.2], [np.nan], [0.6]])
    known = np.isfinite(p)
    found = data_map(p, p > 0.5, known)
    assert (found.confidence[0], found.correctness[0]) == pytest.approx((0.4, 0.5))
    assert found.variability[0] == pytest.approx(0.2)


def test_regions_of_the_data_map() -> None:
    found = DataMap(
        confidence=np.array([0.9, 0.2, 0.5, np.nan]),
        variability=np.array([0.1, 0.05, 0.4, np.nan]),
        correctness=np.array([1, 0, 0.5, np.nan]),
    )
    assert regions(found).tolist() == [EASY, HARD, AMBIGUOUS, NO_REGION]


def test_who_learned_first_is_that_of_tiny(a: Any, b: Any) -> None:
    final_a = sample_learning(a.predicted, a.labels).final
    final_b = sample_learning(b.predicted, b.labels).final
    assert final_b.tolist() == [0, 0, 2, 2, 1, 1, 2, 4]
    found = who_learned_first(final_a, final_b)
    assert np.flatnonzero(found.earlier_a).tolist() == [5]
    assert np.flatnonzero(found.same).tolist() == [2]
    assert found.earlier_b.sum() == 6
    assert np.flatnonzero(found.only_b).tolist() == [7]
    assert not found.only_a.any()


def test_common_histories_are_counted(a: Any) -> None:
    doubled = np.concatenate([a.correct, a.correct[:, [0, 0]]], axis=1)
    found = common_patterns(doubled, np.ones_like(doubled))
    assert (found[0].text, found[0].count) == ("0 1 1 1 1 1", 3)
    assert sorted(found[0].rows.tolist()) == [0, 8, 9]
    assert sum(one.count for one in found) == 10
