"""The parts of the aligned method against slow plain computations."""

from __future__ import annotations

import numpy as np
import pytest
from small_runs import drifting_classes

from timetravel.project import forces
from timetravel.project.aligned import _steadiness
from timetravel.project.boundary import boundary_samples
from timetravel.project.coupling import persistence, tie_strength
from timetravel.project.graph import agreeing, fuzzy_graph, memberships, with_boundary
from timetravel.project.inverse import InterpolatingInverse
from timetravel.project.neighbours import nearest
from timetravel.project.placement import central


@pytest.mark.parametrize(("cell", "error"), [(1.0, 0.45), (0.5, 0.1), (0.25, 0.02)])
def test_the_push_by_convolution_becomes_that_of_all_pairs_as_cells_shrink(cell, error):
    y = np.random.default_rng(0).normal(0, 8, (300, 2)).astype(np.float32)
    apart = y[:, None].astype(float) - y[None]
    q = 1 / (1 + (apart**2).sum(2))
    expected = (q[..., None] ** 2 * apart).sum(1)
    grid = forces.Grid.over(y.min(0), y.max(0), cell, 1024)
    charges, pushed = np.empty((grid.size, grid.size), np.float32), np.empty_like(y)
    place = (*grid.origin, grid.cell)
    forces.spread(y, *place, charges)
    total = forces.push(y, *place, forces.potential(charges, grid.padded, grid.cell), pushed)
    assert total == pytest.approx(q.sum() - len(y), rel=0.02)
    assert np.abs(pushed - expected).max() < error * np.abs(expected).max()


def test_a_sample_holds_its_neighbours_by_the_logarithm_of_their_number_in_sum():
    distances = np.sort(np.random.default_rng(0).uniform(1, 3, (50, 15)), 1)
    held = memberships(distances)
    np.testing.assert_allclose(held.sum(1), np.log2(16), atol=1e-3)
    np.testing.assert_allclose(held[:, 0], 1)


def test_edges_between_predicted_classes_count_less_and_no_others():
    run = drifting_classes(samples=90)
    predicted = run.epochs[0].predicted
    graph = fuzzy_graph(*nearest(run.x[0], 15))
    less = agreeing(graph, predicted, 0.2).toarray()
    factor = np.where(predicted[:, None] == predicted[None], 1, 0.2)
    np.testing.assert_allclose(less, graph.toarray() * factor, rtol=1e-6)


def test_a_boundary_sample_is_tied_alike_to_its_two_classes_and_moves_no_edge_of_a_sample():
    data = drifting_classes(samples=150).epochs[1]
    points, pairs = boundary_samples(data, 15)
    graph = fuzzy_graph(*nearest(data.representations, 15))
    joined = with_boundary(graph, data, points, pairs).toarray()
    n = len(data)
    np.testing.assert_allclose(joined[:n, :n], graph.toarray())
    np.testing.assert_allclose(joined, joined.T)
    for row, pair in zip(joined[n:, :n], pairs, strict=True):
        one, two = (row[data.predicted == c].sum() for c in pair)
        assert one == pytest.approx(two, rel=1e-3)
        assert one + two == pytest.approx(row.sum()) == pytest.approx(np.log2(16), rel=1e-3)


def test_kept_neighbours_and_ties_are_as_counted_by_hand():
    ids = np.array([[1, 2], [0, 2], [0, 1], [0, 1]])
    later = np.array([[1, 2], [0, 3], [3, 1], [2, 1]])
    rows = np.arange(4)
    _, _, share = persistence(rows, ids, rows, later)
    np.testing.assert_allclose(share, [1, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(
        tie_strength(share, strength=3, power=2, floor=0, top=1), [3, 0.75, 0.75, 0.75]
    )


def test_a_steadier_run_has_a_larger_factor_and_one_epoch_has_one():
    assert _steadiness([], 1.0) == 1
    calm, restless = np.full(10, 0.9, np.float32), np.full(10, 0.3, np.float32)
    assert _steadiness([calm], 1.0) > 1 > _steadiness([restless], 1.0)


def test_the_inverse_is_its_weights_and_nearly_what_it_was_given_at_the_nodes():
    rng = np.random.default_rng(0)
    y, x = rng.normal(0, 5, (200, 2)), rng.normal(0, 1, (200, 6)).astype(np.float32)
    inverse = InterpolatingInverse(y, x)
    points = np.concatenate([y[:20], rng.normal(0, 6, (20, 2))])
    weights = inverse.weights(points)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(weights @ x, inverse(points), atol=1e-4)
    assert np.abs(inverse(y) - x).mean() < 0.06 * np.abs(x).mean() + 0.02
    assert inverse.trust(y).min() > 0.5
    assert inverse.trust(np.array([[500.0, 500]])) == 0


def test_a_sample_between_two_clusters_goes_into_the_larger_not_between():
    near = np.array([[[0, 0], [0.1, 0], [0, 0.1], [10, 10], [10, 10.1]]], float)
    spot = central(near, np.ones((1, 5)), np.ones((1, 5)))
    assert spot[0].max() < 0.2
    fellow = np.array([[False, False, False, True, True]])
    assert central(near, np.ones((1, 5)), np.ones((1, 5)), fellow)[0].min() > 9
