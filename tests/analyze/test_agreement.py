"""Two models over the same samples: C2 to C5."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from timetravel.analyze.agreement import agreement, cohen_kappa, mcnemar_p
from timetravel.analyze.compare import Comparison, accuracy_of
from timetravel.analyze.disagreement import by_divergence, by_p_true, says_pairs
from timetravel.analyze.joining import join_classes
from timetravel.analyze.stops import held, stops_by_accuracy, stops_by_epoch
from timetravel.store.run import StoredRun

CELLS = [(1, 2, 2, 3), (3, 1, 1, 3), (5, 0, 2, 1), (7, 0, 0, 1), (5, 0, 3, 0), (7, 0, 1, 0)]


def test_agreement_is_that_of_tiny(a: Any, b: Any) -> None:
    for epoch in range(6):
        counts = agreement(a.predicted[epoch], b.predicted[epoch], a.labels).counts
        assert (counts["both"], counts["only_a"], counts["only_b"], counts["neither"]) == CELLS[epoch]
        assert counts["same"] == [3, 3, 5, 8, 5, 7][epoch]
        assert counts["neither_same"] == [2, 0, 0, 1, 0, 0][epoch]
    assert cohen_kappa(a.predicted[3], b.predicted[3]) == 1
    assert cohen_kappa(a.predicted[5], b.predicted[5]) == pytest.approx(0.8049, abs=5e-5)


def test_kappa_agrees_with_scikit_learn() -> None:
    a, b = np.random.default_rng(0).integers(0, 4, (2, 100))
    assert cohen_kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))
    assert np.isnan(cohen_kappa(np.zeros(3, int), np.zeros(3, int)))


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 3), (5, 1), (10, 10), (300, 200)])
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1
    assert mcnemar_p(only_a, only_b) == pytest.approx(expected)


def test_unlabelled_samples_are_compared_but_not_judged() -> None:
    found = agreement(np.array([0, 1]), np.array([0, 0]), np.array([-1, -1]))
    assert found.judged == 0
    assert found.counts["same"] == 1
    assert found.counts["compared"] == 2


def test_a_class_that_a_does_not_know_equals_none(a: Any) -> None:
    found = agreement(np.array([0]), np.array([-2]), np.array([0]))
    assert found.counts["only_a"] == 1
    assert found.counts["compared"] == 1


def test_comparing_the_runs_of_tiny_gives_the_same_curves(run_a: StoredRun, run_b: StoredRun) -> None:
    found = Comparison(run_a, run_b)
    assert (found.shared, found.notice) == (8, None)
    curves = found.curves()
    assert list(zip(curves.both, curves.only_a, curves.only_b, curves.neither, strict=True)) == CELLS
    assert curves.kappa[3] == 1
    assert curves.mcnemar_p[4] == pytest.approx(binomtest(0, 3).pvalue)
    rows_a, rows_b = found.cell(4, 4, "only_b")
    assert rows_a.tolist() == rows_b.tolist() == [1, 4, 7]
    first = found.learned_first()
    assert np.flatnonzero(first.earlier_a).tolist() == [5]
    assert np.flatnonzero(first.only_b).tolist() == [7]
    assert found.learned_first(scaled=True).same.tolist() == first.same.tolist()


def test_an_unknown_cell_is_refused(run_a: StoredRun, run_b: StoredRun) -> None:
    with pytest.raises(ValueError, match="only_a"):
        Comparison(run_a, run_b).cell(0, 0, "most")


def test_disagreements_are_ordered_by_the_gap_in_p_true(
    run_a: StoredRun, run_b: StoredRun, a: Any, b: Any
) -> None:
    order, gap = Comparison(run_a, run_b).disagreements(4, 4, limit=3)
    expected = np.abs(a.p_true[4] - b.p_true[4])
    assert gap == pytest.approx(expected, abs=1e-6)
    assert order.tolist() == np.argsort(-expected, kind="stable")[:3].tolist()


def test_disagreements_without_labels_are_ordered_by_divergence(unlabelled: StoredRun) -> None:
    same = Comparison(unlabelled, unlabelled)
    assert np.nanmax(same.disagreements(2, 2)[1]) == 0
    order, size = same.disagreements(2, 8, limit=5)
    assert len(order) == 5
    assert (np.diff(size[order]) <= 0).all()
    assert size[order[0]] == np.nanmax(size)


def test_lists_of_disagreement() -> None:
    assert by_p_true(np.array([0.1, 0.9, np.nan]), np.array([0.2, 0.1, 0.5])).tolist() == [1, 0]
    order, size = by_divergence(np.array([[1.0, 0], [0.5, 0.5]]), np.array([[0, 1.0], [0.5, 0.5]]))
    assert order.tolist() == [0, 1]
    assert size.tolist() == pytest.approx([1, 0])
    assert says_pairs(np.array([0, 0, 1]), np.array([1, 1, 1])).tolist() == [[0, 1, 2]]


def test_runs_with_other_class_orders_are_joined_by_name(rich: StoredRun, rich_other: StoredRun) -> None:
    found = Comparison(rich, rich_other)
    assert found.joined.classes.tolist() == [1, 2, 0, 3]
    assert (found.shared, found.joined.only_in_a, found.joined.only_in_b) == (50, 10, 0)
    assert np.array_equal(rich.samples.ids[found.joined.rows_a], rich_other.samples.ids[found.joined.rows_b])
    labels = rich.samples.labels[found.joined.rows_a]
    assert np.array_equal(found.joined.as_a(rich_other.samples.labels[found.joined.rows_b]), labels)
    counts = found.agreement(4, 4).counts
    assert counts["same"] > 20
    p_a, p_b = found.probabilities(4, 4)
    assert np.nanmax(np.abs(p_a.sum(axis=1) - 1)) < 1e-9
    assert np.nanmax(np.abs(p_b.sum(axis=1) - 1)) < 1e-9
    said = found.joined.as_a(rich_other.predictions(4).predicted[found.joined.rows_b])
    known = said >= 0
    assert np.array_equal(p_b[known].argmax(axis=1), said[known])


def test_classes_without_names_are_joined_by_index_and_it_is_said() -> None:
    found, notice = join_classes(("cat", "dog"), ("0", "1", "2"))
    assert found.tolist() == [0, 1, -1]
    assert notice is not None
    assert "index" in notice
    nothing, notice = join_classes(("cat",), ("truck",))
    assert nothing.tolist() == [-1]
    assert notice is not None
    assert "no class name in common" in notice
    same, notice = join_classes(("0", "1"), ("0", "1"))
    assert same.tolist() == [0, 1]
    assert notice is None


def test_runs_without_common_samples_can_be_looked_at_side_by_side(run_a: StoredRun, rich: StoredRun) -> None:
    found = Comparison(run_a, rich)
    assert found.shared == 0
    assert found.notice is not None
    assert "side by side" in found.notice
    assert found.curves().both.sum() == 0


def test_a_run_without_an_epoch_holds_its_last_earlier_one() -> None:
    stops = stops_by_epoch([0, 2, 4], [1, 2, 9])
    assert [(one.epoch, one.a, one.b, one.holds_a, one.holds_b) for one in stops] == [
        (0, 0, 1, False, True),
        (1, 0, 1, True, False),
        (2, 2, 2, False, False),
        (4, 4, 2, False, True),
        (9, 4, 9, True, False),
    ]
    assert held([3, 5], 1) == 3
    assert stops_by_epoch([], [1]) == []


def test_stops_by_accuracy_pair_the_epochs_that_first_reached_it() -> None:
    stops = stops_by_accuracy([0, 1, 2, 3], np.array([0.1, 0.5, 0.4, 0.9]), [0, 1], np.array([0.5, 0.8]))
    assert [(one.a, one.b) for one in stops] == [(0, 0), (1, 0), (3, 1)]
    assert stops_by_accuracy([0], np.array([np.nan]), [0], np.array([0.5])) == []


def test_stops_by_accuracy_of_tiny(run_a: StoredRun, run_b: StoredRun, tiny_module: Any) -> None:
    assert accuracy_of(run_a).tolist() == tiny_module.ACCURACY_OF_A
    stops = Comparison(run_a, run_b).stops_by_accuracy()
    assert [(one.a, one.b) for one in stops] == [(0, 0), (1, 1), (2, 2), (3, 2)]
