"""How a network's response to a sample changes: Q7."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cosine, jensenshannon

from timetravel.analyze.motion import movement_at, movements, persistence, significant_moves
from timetravel.analyze.response import (
    channel_change,
    cosine_movement,
    entropy,
    js_divergence,
    js_of_logits,
    movement,
    neighbor_change,
    neighbor_persistence,
    percentile_of,
    softmax,
)
from timetravel.analyze.sample_response import map_diameter, sample_response
from timetravel.store.run import StoredRun


def test_divergences_are_those_of_tiny(a: Any) -> None:
    last = js_divergence(a.probabilities[3], a.probabilities[4])
    assert (last[1], last[4], last[0]) == pytest.approx((0.2664, 0.1255, 0.0031), abs=5e-5)
    means = [js_divergence(a.probabilities[e - 1], a.probabilities[e]).mean() for e in range(1, 6)]
    assert means == pytest.approx([0.0820, 0.0301, 0.0339, 0.0528, 0.0585], abs=5e-5)


def test_divergence_agrees_with_scipy_and_is_1_between_certainties() -> None:
    generator = np.random.default_rng(0)
    p, q = generator.dirichlet(np.ones(5), (2, 20))
    expected = [jensenshannon(one, other, base=2) ** 2 for one, other in zip(p, q, strict=True)]
    assert js_divergence(p, q) == pytest.approx(expected)
    assert js_divergence(np.array([[1.0, 0]]), np.array([[0, 1.0]]))[0] == pytest.approx(1)


def test_divergence_of_logits_is_that_of_their_probabilities(a: Any) -> None:
    expected = js_divergence(a.probabilities[0], a.probabilities[1])
    assert js_of_logits(a.logits[0], a.logits[1]) == pytest.approx(expected)
    assert np.isnan(js_of_logits(np.full((1, 3), np.nan), a.logits[0][:1]))[0]


def test_a_class_added_between_two_epochs_had_probability_0_before() -> None:
    before, after = np.zeros((1, 2)), np.array([[0.0, 0.0, 0.0]])
    expected = js_divergence(np.array([[0.5, 0.5, 0]]), np.full((1, 3), 1 / 3))
    assert js_of_logits(before, after) == pytest.approx(expected)


def test_entropy_of_a_certain_prediction_is_0() -> None:
    assert entropy(np.array([[1.0, 0.0], [0.5, 0.5]])) == pytest.approx([0, np.log(2)])
    assert softmax(np.array([[1e4, 0.0]]))[0].tolist() == [1, 0]


def test_movements_of_representations() -> None:
    before, after = np.array([[3.0, 4], [0, 0], [1, 0], [0, 0]]), np.array([[3.0, 4], [0, 0], [0, 2], [1, 1]])
    assert movement(before, after) == pytest.approx([0, 0, np.sqrt(5), np.sqrt(2)])
    assert cosine_movement(before, after) == pytest.approx([0, 0, 1, 1])
    assert cosine_movement(np.array([[1.0, 2]]), np.array([[2.0, 1]]))[0] == pytest.approx(
        cosine([1, 2], [2, 1])
    )


def test_percentiles_count_ties_half() -> None:
    assert percentile_of(2, np.array([1, 2, 3, np.nan])) == pytest.approx(50)
    assert np.isnan(percentile_of(np.nan, np.array([1.0])))


def test_neighbours_gained_and_lost() -> None:
    found = neighbor_change(np.array([1, 2, 3, -1]), np.array([3, 4, 1]))
    assert (found.gained.tolist(), found.lost.tolist(), found.kept.tolist()) == ([4], [2], [3, 1])
    assert found.persistence == pytest.approx(2 / 3)


def test_persistence_of_many_equals_that_of_each() -> None:
    generator = np.random.default_rng(0)
    before = np.stack([generator.permutation(40)[:7] for _ in range(30)])
    after = np.stack([generator.permutation(40)[:7] for _ in range(30)])
    after[3] = -1
    found = neighbor_persistence(before, after)
    for row in range(30):
        expected = np.nan if row == 3 else neighbor_change(before[row], after[row]).persistence
        assert found[row] == pytest.approx(expected, nan_ok=True)


def test_channels_entering_and_leaving_the_top() -> None:
    found = channel_change(np.array([5.0, 4, 1, 0]), np.array([5.0, 0, 4, 1]), top=2)
    assert (found.entering.tolist(), found.leaving.tolist()) == ([2], [1])


def test_significant_moves_stand_out_in_their_own_direction() -> None:
    before = np.full(100, 10.0)
    after = before - 0.1
    after[50:] = before[50:] + 0.1
    after[0], after[99] = 5, 30
    closer, farther = significant_moves(before, after)
    assert np.flatnonzero(closer).tolist() == [0]
    assert np.flatnonzero(farther).tolist() == [99]


def test_movements_of_a_run_are_those_of_its_representations(rich: StoredRun) -> None:
    found = movements(rich)
    assert np.isnan(found[0]).all()
    assert np.array_equal(found[2], movement_at(rich, 4), equal_nan=True)
    expected = movement(rich.representations(2), rich.representations(4))
    assert np.allclose(found[2], expected, equal_nan=True)
    assert np.isnan(movement_at(rich, 1)).all()
    assert np.nanmax(persistence(rich)) <= 1


def test_what_changed_for_a_sample_has_values_and_percentiles(rich: StoredRun) -> None:
    row = int(np.flatnonzero(rich.present(2) & rich.present(4) & (rich.samples.labels >= 0))[12])
    found = sample_response(rich, row, 4)
    assert found.previous == 2
    figures = {one.name: one for one in found.figures}
    assert {
        "divergence",
        "cosine_movement",
        "relative_movement",
        "map_movement",
        "neighbors_kept",
        "channels conv",
    } <= set(figures)
    every = js_of_logits(rich.logits(2), rich.logits(4))
    assert figures["divergence"].value == pytest.approx(every[row])
    assert figures["divergence"].percentile == pytest.approx(percentile_of(every[row], every))
    moved = movement(rich.representations(2), rich.representations(4))
    assert figures["relative_movement"].value == pytest.approx(moved[row] / np.nanmedian(moved))
    points = [rich.positions(one).astype(float) for one in (2, 4)]
    size = (map_diameter(points[0]) + map_diameter(points[1])) / 2
    assert figures["map_movement"].value == pytest.approx(np.hypot(*(points[1] - points[0])[row]) / size)


def test_what_changed_for_several_samples_is_their_mean(run_a: StoredRun) -> None:
    found = sample_response(run_a, [0, 1, 4], 4, neighbors_of_all=True)
    figures = {one.name: one for one in found.figures}
    assert figures["divergence"].value == pytest.approx((0.2664 + 0.1255 + 0.0031) / 3, abs=5e-5)
    assert any("timetravel project" in one for one in found.missing)


def test_nothing_changed_before_the_first_epoch(run_a: StoredRun) -> None:
    assert sample_response(run_a, 0, 0).figures == ()
