"""Predictions from logits, against a plain loop."""

import math

import numpy as np
import pytest

from timetravel.store.predict import predict


def plainly(logits, label):
    """Class, p of the label, p of the prediction, margin and loss of one sample, term by term."""
    if not all(math.isfinite(z) for z in logits):
        return -1, math.nan, math.nan, math.nan, math.nan
    best = max(range(len(logits)), key=lambda c: (logits[c], -c))
    total = sum(math.exp(z - max(logits)) for z in logits)
    p = [math.exp(z - max(logits)) / total for z in logits]
    ordered = sorted(logits, reverse=True)
    margin = ordered[0] - ordered[1] if len(logits) > 1 else math.nan
    if label < 0:
        return best, math.nan, p[best], margin, math.nan
    return best, p[label], p[best], margin, math.log(total) - (logits[label] - max(logits))


@pytest.mark.parametrize("classes", [1, 2, 3, 10])
def test_every_figure_equals_the_plain_loop(classes):
    rng = np.random.default_rng(classes)
    logits = rng.normal(scale=5, size=(200, classes)).astype(np.float32)
    labels = rng.integers(-1, classes, 200).astype(np.int32)
    logits[5] = 2.0  # a tie of all classes
    logits[6, 0] = np.nan
    logits[7, -1] = np.inf
    found = predict(logits, labels)
    for row in range(200):
        expected = plainly([float(z) for z in logits[row]], int(labels[row]))
        assert found.predicted[row] == expected[0]
        figures = (found.p_true, found.p_predicted, found.margin, found.loss)
        np.testing.assert_allclose([one[row] for one in figures], expected[1:], rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(found.correct, (found.predicted == labels) & (labels >= 0))


def test_ties_go_to_the_lowest_class():
    assert predict(np.array([[1.0, 3.0, 3.0]]), np.zeros(1, np.int32)).predicted[0] == 1


def test_a_loss_stays_finite_where_the_probability_underflows():
    found = predict(np.array([[0.0, 2000.0]], np.float32), np.zeros(1, np.int32))
    assert found.loss[0] == 2000.0
    assert found.p_true[0] == 0.0


def test_losses_of_the_caller_are_kept():
    losses = np.array([0.25, np.nan], np.float32)
    found = predict(np.zeros((2, 3)), np.zeros(2, np.int32), losses)
    np.testing.assert_array_equal(found.loss, losses)


def test_without_logits_nothing_is_predicted():
    found = predict(None, np.array([0, 1], np.int32))
    assert (found.predicted == -1).all()
    assert not found.correct.any()


def test_many_classes_are_taken_in_pieces():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, 1000)).astype(np.float32)
    found = predict(logits, np.zeros(3000, np.int32))
    np.testing.assert_array_equal(found.predicted, logits.argmax(axis=1))
