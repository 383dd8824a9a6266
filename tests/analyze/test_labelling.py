"""Active learning: rounds (A1), strategies (A3, A4), whether uncertainty is right (A7), coverage (A8)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from timetravel.analyze import acquisition
from timetravel.analyze.coverage import coverage, greedy_centres, nearest_distance
from timetravel.analyze.rounds import left, picks, rounds
from timetravel.analyze.strategies import pool_of, strategy_scores, suggest
from timetravel.analyze.uncertainty import error_by_decile, finds_errors
from timetravel.errors import MissingPart
from timetravel.store.run import StoredRun

IDS = np.arange(8)


def test_picks_of_tiny_are_those_specified(a: Any) -> None:
    p = a.probabilities[2]
    assert acquisition.ranked(acquisition.least_confidence(p), IDS, 3).tolist() == [4, 2, 3]
    assert acquisition.ranked(acquisition.normalized_entropy(p), IDS, 3).tolist() == [4, 2, 3]
    assert acquisition.ranked(acquisition.margin(p), IDS, 3).tolist() == [4, 3, 6]
    assert acquisition.normalized_entropy(p)[4] == pytest.approx(0.9464, abs=5e-5)


def test_the_run_of_tiny_suggests_the_same_from_its_float32_logits(run_a: StoredRun) -> None:
    assert suggest(run_a, 2, "least_confidence", 3).tolist() == [4, 2, 3]
    assert suggest(run_a, 2, "entropy", 3).tolist() == [4, 2, 3]
    assert suggest(run_a, 2, "margin", 3).tolist() == [4, 3, 6]


def test_uncertainty_finds_errors_of_tiny_as_specified(a: Any) -> None:
    p, wrong = a.probabilities[2], ~a.correct[2]
    assert finds_errors(acquisition.least_confidence(p), wrong) == pytest.approx(0.6)
    assert finds_errors(acquisition.margin(p), wrong) == pytest.approx(0.7333, abs=5e-5)
    assert finds_errors(acquisition.normalized_entropy(p), wrong) == pytest.approx(0.6)


def test_error_rates_by_decile() -> None:
    scores = np.arange(20.0)
    found = error_by_decile(scores, scores >= 10)
    assert found.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert np.isnan(error_by_decile(np.array([1.0]), np.array([True]), groups=2)[1])


def test_k_centre_picks_are_those_specified() -> None:
    points = np.array([0, 1, 4, 4.5, 10])[:, None]
    labelled = np.array([True, False, False, False, False])
    found = greedy_centres(points, labelled, 3)
    assert found.order.tolist() == [4, 3, 1]
    assert found.distance == pytest.approx([10, 4.5, 1])
    assert found.radius[-1] == pytest.approx(0.5)


def test_with_nothing_labelled_the_first_sample_starts() -> None:
    found = greedy_centres(np.array([[0.0], [5.0]]), np.zeros(2, np.bool_), 5)
    assert found.order.tolist() == [0, 1]


def test_coverage_is_the_distance_to_the_nearest_labelled_sample() -> None:
    points = np.array([0, 1, 4, 4.5, 10.0])[:, None]
    labelled = np.array([True, True, False, False, False])
    found = coverage(points, labelled, np.array([0, 0, 0, 1, -1]))
    assert found.radius == 9
    assert found.by_class == {0: 3, 1: 3.5}
    assert found.uncovered.tolist() == [False, False, True, True, True]


def test_an_empty_pool_or_nothing_labelled_has_no_coverage() -> None:
    points = np.zeros((3, 1))
    assert np.isnan(coverage(points, np.ones(3, np.bool_)).radius)
    assert np.isnan(coverage(points, np.zeros(3, np.bool_)).radius)


def test_nearest_distances_equal_the_plain_loop() -> None:
    generator = np.random.default_rng(0)
    points, centres = generator.normal(size=(50, 4)), generator.normal(size=(7, 4))
    expected = [min(np.linalg.norm(one - other) for other in centres) for one in points]
    assert nearest_distance(points, centres) == pytest.approx(expected)


def test_density_weighted_entropy_prefers_the_crowd() -> None:
    p = np.full((4, 2), 0.5)
    x = np.array([[1.0, 0], [1, 0.1], [1, -0.1], [-1, 0]])
    assert acquisition.density_weighted_entropy(p, x).argmin() == 3


def test_gradient_embedding_picks_equal_those_of_vectors_written_out(a: Any) -> None:
    p, x = a.probabilities[2], np.random.default_rng(0).normal(size=(8, 3))
    gradients = p.copy()
    gradients[np.arange(8), p.argmax(axis=1)] -= 1
    vectors = np.einsum("nc,nd->ncd", gradients, x).reshape(8, -1)
    found = acquisition.gradient_embedding_picks(p, x, 4, seed=1)
    assert found[0] == (vectors**2).sum(axis=1).argmax()
    generator = np.random.default_rng(1)
    chosen = [int(found[0])]
    for _ in range(3):
        weights = np.min([((vectors - vectors[one]) ** 2).sum(axis=1) for one in chosen], axis=0)
        weights[chosen] = 0
        chosen.append(int(generator.choice(8, p=weights / weights.sum())))
    assert found.tolist() == chosen


def test_copies_are_picked_once_each() -> None:
    found = acquisition.gradient_embedding_picks(np.full((3, 2), 0.5), np.ones((3, 2)), 3)
    assert sorted(found.tolist()) == [0, 1, 2]


def test_flips_count_the_last_epochs(a: Any) -> None:
    assert acquisition.flips(a.predicted, last=2).tolist() == [0, 2, 0, 0, 2, 0, 0, 0]


def test_a_committee_that_agrees_has_no_entropy() -> None:
    votes = [np.array([0, 0, -1]), np.array([0, 1, 1])]
    assert acquisition.committee(votes, 2).tolist() == [0, 1, 0]


def test_overlap_and_rank_correlation_compare_strategies() -> None:
    assert acquisition.overlap([1, 2, 3, 4], [2, 3, 4, 5]) == 0.6
    assert np.isnan(acquisition.overlap([], []))
    assert acquisition.rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 20, 30])) == pytest.approx(1)
    assert np.isnan(acquisition.rank_correlation(np.ones(3), np.arange(3.0)))


def test_random_scores_are_the_same_for_the_same_seed() -> None:
    assert np.array_equal(acquisition.random(5, seed=2), acquisition.random(5, seed=2))
    assert not np.array_equal(acquisition.random(5, seed=2), acquisition.random(5, seed=3))


def test_picks_of_a_round_are_what_is_labelled_in_the_next(rich: StoredRun) -> None:
    found = rounds(rich)
    assert [(one.round, one.epochs) for one in found] == [(0, (1, 2)), (1, (4, 8)), (2, (5,))]
    for this, after in itertools.pairwise(found):
        assert np.array_equal(this.picked, picks(this.labelled, after.labelled))
        assert not left(this.labelled, after.labelled).any()
    assert found[0].strategy == "margin"


def test_a_sample_that_leaves_the_labelled_set_is_named() -> None:
    before, after = np.array([True, True, False]), np.array([True, False, True])
    assert left(before, after).tolist() == [False, True, False]
    assert picks(before, after).tolist() == [False, False, True]


def test_a_run_without_masks_has_no_rounds(run_a: StoredRun) -> None:
    assert rounds(run_a) == []
    assert pool_of(run_a, 0).all()


def test_only_the_pool_is_scored(rich: StoredRun, rich_other: StoredRun) -> None:
    pool = pool_of(rich, 5)
    assert 0 < pool.sum() < len(rich.samples)
    for strategy in ("least_confidence", "margin", "entropy", "random", "density_entropy", "flips"):
        scores = strategy_scores(rich, 5, strategy)
        assert np.isnan(scores[~pool]).all(), strategy
        assert np.isfinite(scores[pool]).any(), strategy
    votes = strategy_scores(rich, 5, "committee", committee=[rich_other])
    assert set(np.round(votes[pool], 6)) <= {0.0, round(0.5, 6)}
    for strategy in ("k_centre", "gradient_embedding"):
        found = suggest(rich, 5, strategy, 4)
        assert pool[found].all()
        assert len(set(found.tolist())) == 4
        with pytest.raises(ValueError, match="suggest"):
            strategy_scores(rich, 5, strategy)


def test_a_committee_of_one_and_an_unknown_strategy_are_refused(rich: StoredRun) -> None:
    with pytest.raises(MissingPart, match="committee="):
        strategy_scores(rich, 5, "committee")
    with pytest.raises(ValueError, match="least_confidence"):
        strategy_scores(rich, 5, "guess")
