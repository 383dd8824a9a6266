"""What must hold between two epochs, and on the boundary, is counted."""

from __future__ import annotations

import numpy as np
import pytest
from small_runs import SmallRun, drifting_classes, flat_map

from timetravel.project.contracts import MappedEpoch
from timetravel.project.invariants import Moment, boundary_stays, fixing, moving
from timetravel.project.near_boundary import normalized_gap
from timetravel.store.facts import Head


@pytest.mark.parametrize(
    ("logits", "gap"), [((1, 0.95, 0), 0.05), ((1, 0.5, 0), 0.5), ((1, 0.5), 1 / 3), ((2, 2), 0)]
)
def test_the_gap_of_the_two_best_logits_is_measured_against_their_range(logits, gap):
    assert normalized_gap(np.array([logits], float))[0] == pytest.approx(gap)


def half_plane(x: np.ndarray) -> SmallRun:
    """Flat data whose class is the side of the first coordinate; a third class is far behind."""
    head = Head(
        weight=np.array([[1, 0], [-1, 0], [0, 0]], np.float32), bias=np.array([0, 0, -20], np.float32)
    )
    return SmallRun(x.astype(np.float32), [head] * len(x))


def moments(run: SmallRun) -> list[Moment]:
    return [Moment(run.epochs[e], m) for e, m in enumerate(flat_map(run, resolution=200))]


def test_samples_that_hardly_moved_are_counted_where_they_stay():
    rng = np.random.default_rng(0)
    first = rng.normal(0, 1, (200, 2))
    second = first + 1e-4
    second[:50] += 3  # far: not asked
    one, two = moments(half_plane(np.stack([first, second])))
    share = fixing(one, two)
    assert share.of == 150
    assert share.value == 1
    moved = MappedEpoch(positions=(two.mapped.positions + [[0.5, 0]] * 200).astype(np.float32))
    assert fixing(one, Moment(two.data, moved)).value == 0


def test_samples_that_change_class_are_right_where_ground_and_network_agree():
    rng = np.random.default_rng(0)
    first = rng.normal(0, 3, (300, 2))
    second = first * [[-1, 1]]
    one, two = moments(half_plane(np.stack([first, second])))
    share = moving(one, two)
    assert share.of > 200
    assert share.value > 0.98
    turned = MappedEpoch(positions=one.mapped.positions, inverse=two.mapped.inverse, raster=two.mapped.raster)
    assert moving(one, Moment(two.data, turned)).value < 0.02


def test_nothing_to_look_at_is_none_and_not_nought():
    run = half_plane(np.random.default_rng(0).normal(0, 1, (2, 40, 2)))
    one, two = moments(run)
    same = moving(one, one)
    assert (same.of, same.value) == (0, None)
    bare = Moment(two.data, MappedEpoch(positions=two.mapped.positions))
    assert boundary_stays(bare)[0].value is None


def test_undecided_samples_stand_on_boundary_and_the_others_on_clear_ground():
    run = half_plane(np.random.default_rng(0).normal(0, 3, (1, 500, 2)))
    (one,) = moments(run)
    on, off = boundary_stays(one)
    undecided = normalized_gap(one.data.logits) < 0.1
    assert on.of == undecided.sum() > 10
    assert on.of + off.of == 500
    assert on.value > 0.9
    assert off.value > 0.99


def test_samples_that_are_gone_are_not_asked():
    run = drifting_classes(samples=60, epochs=2)
    from timetravel.project.contracts import ArrayEpochs

    x = run.x.copy()
    x[1, :20] = np.nan
    epochs = ArrayEpochs(x, run.heads)
    pair = [Moment(epochs[e], MappedEpoch(positions=np.ascontiguousarray(x[e][:, :2]))) for e in (0, 1)]
    assert fixing(*pair).of <= 40
