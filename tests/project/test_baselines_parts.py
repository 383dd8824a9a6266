"""The parts that the published methods are made of do what their papers say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_runs import drifting_classes

from timetravel.errors import BadInput, MissingPart
from timetravel.project.baselines import autoencoder, complexes, published_boundary, timevis
from timetravel.project.baselines.alignedumap import AlignedUMAP, relation
from timetravel.project.baselines.dvi import DeepVisualInsight, persistence
from timetravel.project.baselines.pca import JointPCA, principal_axes
from timetravel.project.baselines.tsne import PerEpochTSNE
from timetravel.project.contracts import ArrayEpochs
from timetravel.project.near_boundary import normalized_gap
from timetravel.store.facts import Head


def test_every_boundary_sample_lies_on_the_boundary_and_every_class_pair_has_one():
    run = drifting_classes(samples=1000, epochs=1, width=8, classes=5)
    data = run.epochs[0]
    points, pairs = published_boundary.published_boundary_samples(data, 100, seed=0)
    logits = data.head.logits(points)
    assert len(points) == 100
    assert normalized_gap(logits).max() < 0.1
    np.testing.assert_array_equal(np.sort(np.argsort(logits, 1)[:, -2:], 1), pairs)
    assert len(np.unique(pairs, axis=0)) >= 8


def test_boundary_samples_are_the_same_for_a_seed_and_end_where_classes_never_meet():
    run = drifting_classes(samples=200, epochs=1)
    one, two = (published_boundary.published_boundary_samples(run.epochs[0], 20, seed=4)[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    hidden = Head(weight=np.zeros((3, 8), np.float32), bias=np.array([2, 1, 0], np.float32))
    points, pairs = published_boundary.published_boundary_samples(ArrayEpochs(run.x, [hidden])[0], 20, seed=0)
    assert points.shape == (0, 8)
    assert pairs.shape == (0, 2)


def test_bisection_ends_within_a_tenth_of_the_crossing():
    head = Head(weight=np.array([[1, 0], [-1, 0]], np.float32), bias=np.zeros(2, np.float32))
    start, end = np.array([[1, 0]], np.float32), np.array([[-1.4, 0]], np.float32)
    mixed, _ = published_boundary.bisect(head, start, end, np.array([0]), np.array([1]), 0.4)
    share = (mixed[0, 0] - end[0, 0]) / (start[0, 0] - end[0, 0])
    assert share == pytest.approx(1.4 / 2.4, abs=0.1)


def test_the_neighbour_complex_is_the_graph_of_umap():
    from timetravel.project.baselines.umap_learn import quiet_umap

    x = np.random.default_rng(0).normal(0, 1, (150, 6)).astype(np.float32)
    apart = np.sqrt(((x[:, None] - x[None]) ** 2).sum(2))
    ids = np.argsort(apart, 1)[:, :15]
    with quiet_umap() as umap:
        graph, _, _ = umap.umap_.fuzzy_simplicial_set(
            x, 15, None, "euclidean", knn_indices=ids, knn_dists=np.take_along_axis(apart, ids, 1)
        )
    ours, _ = complexes.neighbor_complex(x)
    theirs = graph.toarray()
    np.testing.assert_allclose(ours.weights, theirs[ours.heads, ours.tails], atol=1e-6)
    assert len(ours.weights) == graph.nnz


def test_the_boundary_complex_joins_everything_to_boundary_samples_alone():
    rng = np.random.default_rng(0)
    x, boundary = (rng.normal(0, 1, (n, 4)).astype(np.float32) for n in (60, 20))
    edges = complexes.boundary_complex(x, boundary)
    assert ((edges.heads >= 60) | (edges.tails >= 60)).all()
    assert set(np.unique(edges.heads)) >= set(range(60))
    assert (edges.heads != edges.tails).all()
    assert ((edges.weights > 0) & (edges.weights <= 1)).all()
    assert complexes.boundary_complex(x, boundary[:1]) is None


def test_edges_through_time_join_a_sample_to_its_most_similar_moments():
    x = np.array([[0.0], [1], [10], [11]], np.float32)
    bands = complexes.Bandwidths(np.ones(4), np.full(4, 0.5))
    pairs, weights = complexes.temporal_complex(x, bands, k=1)
    assert [tuple(p) for p in pairs] == [(0, 1), (1, 0), (2, 3), (3, 2)]
    np.testing.assert_allclose(weights, np.exp(-0.5))


def test_edges_are_drawn_in_proportion_to_their_weight_and_light_ones_never():
    edges = complexes.Complex(np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([1.0, 0.5, 0.04]))
    heads, _ = complexes.repeated_edges(edges, 10)
    assert list(np.bincount(heads, minlength=3)) == [10, 5, 0]


def test_attention_is_a_softmax_over_the_two_rows_of_a_linear_head():
    rng = np.random.default_rng(0)
    head = Head(weight=(0.05 * rng.normal(0, 1, (4, 6))).astype(np.float32), bias=np.zeros(4, np.float32))
    x = rng.normal(0, 1, (9, 6)).astype(np.float32)
    weights = autoencoder.attention(ArrayEpochs(x[None], [head])[0], x)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
    for row, found in zip(x, weights, strict=True):
        first, second = np.argsort(head.logits(row[None])[0])[-2:]
        powers = np.exp((np.abs(head.weight[first]) + np.abs(head.weight[second])).astype(float) / 0.01)
        np.testing.assert_allclose(found, powers / powers.sum(), atol=1e-6)


def test_attention_of_a_head_that_is_not_linear_is_nought():
    class Bent:
        def logits(self, x, /):
            return np.tanh(np.asarray(x)[:, :2])

    x = np.ones((1, 3, 4), np.float32)
    assert not autoencoder.attention(ArrayEpochs(x, [Bent()])[0], x[0]).any()


def test_the_networks_say_the_same_as_arrays_as_they_do_in_torch():
    generator = torch.Generator().manual_seed(0)
    net = autoencoder.Autoencoder(7, 5, 3, generator)
    centre, scale = np.arange(7, dtype=np.float32), 2.0
    codec = autoencoder.codec(net, centre, scale)
    x = np.random.default_rng(0).normal(0, 1, (11, 7)).astype(np.float32)
    with torch.no_grad():
        y = net.encoder(torch.from_numpy((x - centre) / scale))
        back = net.decoder(y).numpy() * scale + centre
    np.testing.assert_allclose(codec.encode(x), y.numpy(), atol=1e-5)
    np.testing.assert_allclose(codec.decode(y.numpy()), back, atol=1e-4)


def test_training_lowers_the_loss():
    run = drifting_classes(samples=80, epochs=1)
    x = run.x[0] / 3
    edges = complexes.repeated_edges(complexes.neighbor_complex(x)[0], 10)
    net = autoencoder.Autoencoder(8, 32, 2, torch.Generator().manual_seed(0))
    how = autoencoder.Training(
        rate=lambda done: 3e-3, batches=120, patience=100, least_gain=0, reconstruction=1.0
    )
    losses = autoencoder.train(net, x, np.zeros_like(x), edges, how, torch.Generator().manual_seed(0))
    assert losses[-1] < 0.7 * losses[0]


def test_a_later_epoch_of_dvi_starts_from_the_one_before():
    run = drifting_classes(samples=60, epochs=1)
    same = ArrayEpochs(np.repeat(run.x, 2, 0), run.heads * 2)
    quick = {"batches": 100, "hidden_share": 4.0, "layers": 2}
    still = DeepVisualInsight(**quick, later_batches=3, continuity=10.0).fit(same, seed=0)
    size = np.ptp(still.positions[0], 0).max()
    moved = np.linalg.norm(still.positions[1] - still.positions[0], axis=1).mean()
    assert moved < 0.1 * size


def test_persistence_is_one_where_nothing_changed():
    run = drifting_classes(samples=60, epochs=2)
    assert persistence(run.epochs[0], run.epochs[0]) == 1
    assert 0 < persistence(run.epochs[0], run.epochs[1]) < 1


def test_the_reduced_complex_covers_every_sample():
    x = np.random.default_rng(0).uniform(0, 1, (500, 2)).astype(np.float32)
    kept = timevis.k_centre(x, np.array([3]), 0.15, 400)
    apart = np.sqrt(((x[:, None] - x[kept][None]) ** 2).sum(2)).min(1)
    assert apart.max() <= 0.15
    assert len(kept) < 100
    assert 3 in kept
    assert len(timevis.k_centre(x, np.array([3]), 0.0, 40)) == 40


def test_the_intrinsic_dimension_of_a_plane_in_space_is_two():
    rng = np.random.default_rng(0)
    x = np.zeros((1500, 10), np.float32)
    x[:, :2] = rng.uniform(0, 1, (1500, 2))
    assert timevis.cover_and_dimension(x, rng)[1] == pytest.approx(2, abs=0.3)


def test_the_joint_plane_is_the_one_of_the_stacked_epochs():
    run = drifting_classes(samples=80, epochs=3)
    centre, axes = principal_axes(run.epochs, 3, seed=0)
    stacked = run.x.reshape(-1, 8).astype(float)
    right = np.linalg.svd(stacked - stacked.mean(0), full_matrices=False)[2][:2]
    np.testing.assert_allclose(centre, stacked.mean(0), atol=1e-5)
    np.testing.assert_allclose(np.abs(right @ axes), np.eye(2), atol=1e-5)


def test_a_wide_run_gets_the_same_plane_without_its_covariance(monkeypatch):
    from timetravel.project.baselines import pca

    run = drifting_classes(samples=80, epochs=2, width=20)
    exact = principal_axes(run.epochs, 2, seed=0)[1]
    monkeypatch.setattr(pca, "EXACT_WIDTH", 4)
    np.testing.assert_allclose(principal_axes(run.epochs, 2, seed=0)[1], exact, atol=1e-4)


def test_an_epoch_is_added_to_the_plane_that_the_map_was_made_in():
    run = drifting_classes(samples=50, epochs=4)
    two, three = (ArrayEpochs(run.x[:n], run.heads[:n]) for n in (2, 3))
    grown = JointPCA().extend(JointPCA().extend(JointPCA().fit(two), three), run.epochs)
    centre, axes = principal_axes(two, 2, seed=0)
    np.testing.assert_allclose(grown.positions[3], (run.x[3] - centre) @ axes, atol=1e-4)
    turned = JointPCA().fit(two)
    turned.positions[0][:] = 0.5
    with pytest.raises(BadInput, match="--refit"):
        JointPCA().extend(turned, run.epochs)


def test_aligned_umap_relates_samples_by_id():
    x = np.random.default_rng(0).normal(0, 1, (2, 6, 3)).astype(np.float32)
    x[0, 4:] = np.nan
    x[1, 0] = np.nan
    epochs = ArrayEpochs(x, sample_ids=np.array([50, 40, 30, 20, 10, 60]))
    assert relation(epochs[0], epochs[1]) == {1: 0, 2: 1, 3: 2}


def test_aligned_umap_needs_samples_that_epochs_share():
    x = np.random.default_rng(0).normal(0, 1, (2, 20, 3)).astype(np.float32)
    x[0, 10:], x[1, :10] = np.nan, np.nan
    with pytest.raises(BadInput, match="share 0 samples"):
        AlignedUMAP().fit(ArrayEpochs(x))


def test_tsne_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(MissingPart, match="pip install"):
        PerEpochTSNE().fit(drifting_classes(samples=30, epochs=1).epochs)
