"""TINY gives the numbers that follow from its tables."""

import numpy as np
import pytest

from timetravel.store.run import open_run


@pytest.mark.parametrize("model", ["A", "B"])
def test_predictions_and_probabilities_are_those_of_the_table(tiny, tiny_module, model):
    with open_run(tiny / model) as run:
        assert run.epochs == list(range(6))
        for epoch in run.epochs:
            found = run.predictions(epoch)
            np.testing.assert_array_equal(found.predicted, tiny_module.predicted(model, epoch))
            np.testing.assert_allclose(found.p_true, tiny_module.p_true(model, epoch), rtol=1e-6)
            expected = tiny_module.probabilities(model, epoch).max(axis=1)
            np.testing.assert_allclose(found.p_predicted, expected, rtol=1e-6)


def test_accuracy_and_mean_loss_of_model_a(tiny, tiny_module):
    with open_run(tiny / "A") as run:
        found = [run.predictions(epoch) for epoch in run.epochs]
        assert [one.correct.mean() for one in found] == tiny_module.ACCURACY_OF_A
        losses = [float(one.loss.mean()) for one in found]
        np.testing.assert_allclose(losses, tiny_module.MEAN_LOSS_OF_A, atol=5e-5)


def test_accuracy_of_model_b(tiny, tiny_module):
    with open_run(tiny / "B") as run:
        assert [run.predictions(epoch).correct.mean() for epoch in run.epochs] == tiny_module.ACCURACY_OF_B


def test_sql_gives_the_same_accuracy(tiny, tiny_module):
    with open_run(tiny / "A") as run:
        query = "SELECT avg(correct::INT) AS accuracy FROM predictions GROUP BY epoch ORDER BY epoch"
        assert run.sql(query).column("accuracy").to_pylist() == tiny_module.ACCURACY_OF_A
