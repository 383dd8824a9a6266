"""Whether the same units are active when a class improves (Q10)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from timetravel.analyze.class_measures import measures_over_time
from timetravel.analyze.class_units import class_units
from timetravel.analyze.units import (
    chance_overlap,
    characteristic_scores,
    characteristic_units,
    jaccard,
    rise_positions,
    same_units,
    unit_count,
)
from timetravel.store.run import StoredRun


def test_overlap_and_chance_are_those_specified() -> None:
    assert jaccard([1, 2, 3, 4], [2, 3, 4, 5]) == 0.6
    assert chance_overlap(100, 10) == pytest.approx(0.0526, abs=5e-5)


def test_recall_of_the_first_class_of_tiny_rises_three_times(a: Any) -> None:
    recall = measures_over_time(a.predicted, a.labels, 3, "recall")[:, 0]
    assert rise_positions(recall) == [1, 2, 5]
    assert np.diff(recall)[[0, 1, 4]] == pytest.approx([1 / 3] * 3)


def test_only_the_largest_rises_are_kept() -> None:
    recall = np.array([0, 0.1, 0.15, 0.35, 0.36, 0.46, 0.52, 0.6, 0.7])
    assert rise_positions(recall) == [1, 3, 5, 7, 8]
    assert rise_positions(np.array([0.1, 0.15])) == [1]


@pytest.mark.parametrize(("width", "count"), [(2, 2), (10, 3), (50, 5), (512, 20)])
def test_a_tenth_of_the_units_is_looked_at(width: int, count: int) -> None:
    assert unit_count(width) == count


def test_characteristic_units_differ_most_between_a_class_and_the_others() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(100, 6))
    in_class = np.arange(100) < 30
    values[in_class, 4] += 5
    values[:, 5] = 1
    scores = characteristic_scores(values, in_class)
    assert characteristic_units(scores, 1).tolist() == [4]
    assert scores[5] == 0
    own, others = values[in_class, 4], values[~in_class, 4]
    pooled = np.sqrt((29 * own.var(ddof=1) + 69 * others.var(ddof=1)) / 98)
    assert scores[4] == pytest.approx((own.mean() - others.mean()) / pooled)


def test_a_class_without_samples_has_no_characteristic_units() -> None:
    scores = characteristic_scores(np.ones((3, 4)), np.zeros(3, np.bool_))
    assert len(characteristic_units(scores)) == 0


def test_the_answer_compares_rises_with_other_epochs_and_chance() -> None:
    units = {
        1: np.array([1, 2, 3, 4]),
        3: np.array([2, 3, 4, 5]),
        0: np.array([7, 8, 9, 6]),
        2: np.array([0, 1, 2, 3]),
    }
    found = same_units(units, [1, 3], 40)
    assert found.overlap == 0.6
    assert found.other_overlap == 0
    assert found.shared == (2, 3, 4)
    assert found.appearances == {1: 1, 2: 2, 3: 2, 4: 2, 5: 1}
    assert found.sentence == "3 of 4 units are shared by all 2 rises; chance is about 0.4."


def test_one_rise_cannot_be_compared() -> None:
    assert "nothing to compare" in same_units({1: np.array([1])}, [1], 10).sentence
    assert "never rises" in same_units({}, [], 10).sentence


def test_the_run_of_tiny_answers_for_its_first_class(run_a: StoredRun) -> None:
    found = class_units(run_a, 0)
    assert found.rises == (1, 2, 5)
    assert found.overlap == 1
    assert found.sentence == "3 of 3 units are shared by all 3 rises; chance is about 3.0."


def test_recorded_channels_are_looked_at_by_name(rich: StoredRun) -> None:
    found = class_units(rich, 0, layer="conv", least_gain=0.01)
    assert all(len(one) == 3 for one in found.units.values())
