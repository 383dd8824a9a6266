"""Runs with something odd about them: a finite map of the right meaning, or a clear error."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from small_runs import SmallRun, drifting_classes

from timetravel.errors import BadInput
from timetravel.project.aligned import Aligned, Settings
from timetravel.project.contracts import ArrayEpochs, MappedEpoch
from timetravel.project.figures_ground import diameter
from timetravel.project.quality import quality
from timetravel.project.raster import common_extent, decision_map
from timetravel.store.facts import Head


@pytest.fixture(scope="module")
def run() -> SmallRun:
    return drifting_classes(samples=120, epochs=3, width=8)


def figures(epochs: ArrayEpochs, maps=None):
    """Figures of the map that our method makes, decision maps included."""
    maps = maps or Aligned().fit(epochs)
    extent = common_extent(list(maps.positions))
    mapped = []
    for index, positions in enumerate(maps.positions):
        data, inverse = epochs[index], maps.inverse(index)
        here = positions[data.present]
        raster = decision_map(inverse, here, data.predicted, extent=extent, resolution=50)
        mapped.append(MappedEpoch(positions=positions, inverse=inverse, raster=raster))
    return quality(epochs, mapped)["overall"]


def steps(maps) -> list[np.ndarray]:
    """(n,) movement of every sample at every step, in diameters."""
    y = [np.asarray(p, float) for p in maps.positions]
    return [np.linalg.norm(b - a, axis=1) / diameter(b[np.isfinite(b[:, 0])]) for a, b in pairwise(y)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_with_epoch_and_samples_or_left_out(run, bad):
    x = run.x.copy()
    x[1, [7, 9], 3] = bad
    with pytest.raises(BadInput, match=r"epoch 30: .* 2 of 120 samples \(ids 7, 9\).*--skip-bad"):
        Aligned().fit(ArrayEpochs(x, run.heads, labels=[20, 30, 40]))
    maps = Aligned().fit(ArrayEpochs(x, run.heads, skip_bad=True))
    assert np.flatnonzero(np.isnan(maps.positions[1][:, 0])).tolist() == [7, 9]
    assert np.isfinite(maps.positions[0]).all()


def test_one_sample_sits_at_the_origin_and_none_is_an_error():
    one = drifting_classes(samples=1, epochs=2)
    np.testing.assert_allclose(Aligned().fit(one.epochs).positions[1], 0, atol=1e-6)
    with pytest.raises(BadInput):
        Aligned().fit(drifting_classes(samples=0, epochs=2).epochs)


def test_no_epoch_is_an_error():
    with pytest.raises(BadInput, match="no epoch"):
        ArrayEpochs([])


def test_one_predicted_class_gives_one_tint_and_no_boundary(run):
    heads = [Head(weight=h.weight, bias=np.array([0, 1e6, 0], np.float32)) for h in run.heads]
    epochs = ArrayEpochs(run.x, heads)
    maps = Aligned().fit(epochs)
    assert all(b is None for b in maps.boundary)
    judged = figures(epochs, maps)
    assert judged["ppr"] == judged["tint_agreement"] == judged["regions"] == 1
    assert judged["boundary_on_map"] is judged["boundary_preservation"] is None


def test_two_classes_are_nothing_special():
    judged = figures(drifting_classes(samples=200, epochs=2, classes=2).epochs)
    assert judged["ppr"] > 0.95
    assert judged["tint_agreement"] > 0.9


def test_a_thousand_classes_are_nothing_special():
    run = drifting_classes(samples=1100, epochs=2, width=16, classes=1000)
    maps = Aligned().fit(run.epochs)
    judged = quality(
        run.epochs, [MappedEpoch(positions=p, inverse=maps.inverse(i)) for i, p in enumerate(maps.positions)]
    )
    assert judged["overall"]["ppr"] > 0.9
    extent = common_extent(list(maps.positions))
    raster = decision_map(
        maps.inverse(1), maps.positions[1], run.epochs[1].predicted, extent=extent, resolution=50
    )
    assert len(np.unique(raster.cell_class)) > 300


@pytest.mark.parametrize("kind", ["constant dimension", "one huge dimension", "scaled down", "far from 0"])
def test_odd_dimensions_cost_no_neighbours(run, kind):
    x = run.x.copy()
    if kind == "constant dimension":
        x = np.concatenate([x, np.full_like(x[:, :, :2], 7)], 2)
    elif kind == "one huge dimension":
        x[:, :, 0] *= 1e6
    elif kind == "scaled down":
        x *= np.float32(1e-12)
    else:
        x += np.float32(1e4)
    judged = figures(ArrayEpochs(x, None, logits=logits_of(run)))
    assert judged["neighbor_preservation"] > 0.4
    assert judged["trustworthiness"] > 0.8


def logits_of(run: SmallRun) -> np.ndarray:
    return np.stack([h.logits(x) for h, x in zip(run.heads, run.x, strict=True)])


def test_duplicates_share_a_place_and_their_share_is_told(run):
    x = run.x.copy()
    x[:, 40:70] = x[:, :1]
    epochs = ArrayEpochs(x, run.heads)
    judged = figures(epochs)
    assert judged["zero_distance_neighbors"] > 0.2


def test_a_collapsed_epoch_takes_the_places_that_it_has_in_the_others(run):
    x = run.x.copy()
    x[1] = 3
    epochs = ArrayEpochs(x, run.heads)
    maps = Aligned().fit(epochs)
    assert np.isfinite(maps.positions[1]).all()
    assert quality(epochs, [MappedEpoch(positions=p) for p in maps.positions])["epochs"][1][
        "zero_distance_neighbors"
    ] == pytest.approx(1)
    longer = Aligned().extend(Aligned().fit(ArrayEpochs(run.x[:1], run.heads[:1])), ArrayEpochs(x, run.heads))
    np.testing.assert_allclose(longer.positions[1], longer.positions[0], atol=1e-5)


def test_one_epoch_has_no_figures_over_time(run):
    judged = figures(ArrayEpochs(run.x[:1], run.heads[:1]))
    assert judged["jitter_last"] is judged["temporal_correlation"] is judged["temporal_ranking"] is None
    assert judged["neighbor_preservation"] > 0.4


def test_identical_epochs_hardly_move(run):
    x = np.repeat(run.x[2:], 4, 0)
    maps = Aligned().fit(ArrayEpochs(x, run.heads[2:] * 4))
    assert max(s.mean() for s in steps(maps)) < 0.0002
    grown = Aligned().extend(
        Aligned().fit(ArrayEpochs(x[:2], run.heads[2:] * 2)), ArrayEpochs(x[:3], run.heads[2:] * 3)
    )
    assert steps(grown)[-1].mean() < 0.02


def test_unlike_epochs_are_mapped_each_for_itself():
    x = np.random.default_rng(0).normal(0, 1, (3, 200, 10)).astype(np.float32)
    epochs = ArrayEpochs(x)
    judged = quality(epochs, [MappedEpoch(positions=p) for p in Aligned().fit(epochs).positions])["overall"]
    assert judged["persistence"] < 0.15
    assert judged["neighbor_preservation"] > 0.3


def test_epochs_that_are_missing_only_leave_a_gap_between_labels(run):
    maps = Aligned().fit(ArrayEpochs(run.x[[0, 2]], [run.heads[0], run.heads[2]], labels=[0, 20]))
    assert list(maps.labels) == [0, 20]
    assert np.isfinite(maps.positions[1]).all()


def test_a_sample_that_enters_starts_beside_its_neighbours(run):
    x = np.repeat(run.x[2:], 2, 0)
    x[0, 100:] = np.nan
    heads = run.heads[2:] * 2
    first = Aligned().fit(ArrayEpochs(x[:1], heads[:1]))
    maps = Aligned().extend(first, ArrayEpochs(x, heads))
    assert np.isnan(maps.positions[0][100:]).all()
    assert np.isfinite(maps.positions[1]).all()
    moved = np.linalg.norm(maps.positions[1] - maps.positions[0], axis=1)[:100]
    assert np.median(moved) < 0.1 * diameter(maps.positions[1])


def test_far_outliers_do_not_fly_away():
    run = drifting_classes(samples=600, epochs=2, width=8)
    run.x[:, :4] *= 1e4
    for positions in Aligned().fit(ArrayEpochs(run.x)).positions:
        away = np.abs(positions - np.median(positions, 0)).max()
        assert away < 4 * diameter(positions)


@pytest.mark.parametrize("change", ["rotated", "scaled", "shifted"])
def test_turning_scaling_or_shifting_the_representations_leaves_the_figures(change):
    run = drifting_classes(samples=400, epochs=3, width=8)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))
    move = {
        "rotated": lambda x: x @ turn,
        "scaled": lambda x: 37 * x,
        "shifted": lambda x: x + 5,
    }[change]
    logits = logits_of(run)
    names = ("neighbor_preservation", "trustworthiness", "tint_agreement")
    plain, changed = (figures(ArrayEpochs(x, logits=logits)) for x in (run.x, move(run.x).astype(np.float32)))
    for name in names:
        assert changed[name] == pytest.approx(plain[name], abs=0.02), name


@pytest.mark.parametrize("name", ["stillness", "agreement", "boundary_share"])
def test_a_dial_out_of_range_is_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        Settings(**{name: 1.5})


def test_more_stillness_means_less_movement_and_fewer_neighbours():
    run = drifting_classes(samples=400, epochs=4, width=8)
    judged = []
    for stillness in (0.0, 0.5, 1.0):
        maps = Aligned(Settings(stillness=stillness)).fit(run.epochs)
        mapped = [MappedEpoch(positions=p) for p in maps.positions]
        judged.append(quality(ArrayEpochs(run.x), mapped)["overall"])
    jitter = [j["jitter"] for j in judged]
    neighbors = [j["neighbor_preservation"] for j in judged]
    assert jitter[0] > jitter[1] > jitter[2]
    assert neighbors[0] > neighbors[2]
