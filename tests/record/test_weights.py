"""Figures of weights, and how far filters moved."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from timetravel.record.filters import changes, filter_changes
from timetravel.record.statistics import HISTOGRAM_BINS, histogram, statistics, summary, update
from timetravel.record.weights import by_filter, copy_weights, filter_count, parameter_bytes


def test_filter_change_of_the_worked_example() -> None:
    before, now = np.array([[1.0, 0, 0]]), np.array([[1.0, 1, 0]])
    change = changes("conv", now, before)
    assert change.cosine[0] == pytest.approx(0.29289, abs=1e-5)
    assert change.relative[0] == 1.0
    assert change.norm[0] == pytest.approx(np.sqrt(2))
    assert np.isnan(change.gradient[0])


def test_filter_change_of_zero_filters() -> None:
    before = np.array([[0.0, 0], [0, 0], [3, 4]])
    now = np.array([[0.0, 0], [1, 0], [0, 0]])
    change = changes("conv", now, before)
    assert change.cosine.tolist() == [0, 1, 1]
    assert change.relative[0] == 0


def test_an_unmoved_filter_has_change_exactly_zero_and_a_small_step_is_not_lost() -> None:
    w = np.random.default_rng(0).normal(size=(50, 999)).astype(np.float32)
    assert changes("conv", w, w.copy()).cosine.tolist() == [0] * 50
    turned = w.copy()
    turned[:, 0] += 1e-4
    exact = turned.astype(np.longdouble)
    plain = w.astype(np.longdouble)
    expected = 1 - (exact * plain).sum(1) / np.sqrt((exact**2).sum(1) * (plain**2).sum(1))
    np.testing.assert_allclose(changes("conv", turned, w).cosine, expected.astype(float), rtol=1e-3)


def test_the_first_recording_and_a_changed_shape_have_no_change() -> None:
    now = np.ones((2, 3))
    for before in (None, np.ones((2, 4))):
        change = changes("conv", now, before, gradient=np.array([[3.0, 4, 0], [0, 0, 0]]))
        assert np.isnan(change.cosine).all()
        assert np.isnan(change.relative).all()
        assert change.gradient.tolist() == [5, 0]


def test_filters_of_a_transposed_convolution_are_its_output_channels() -> None:
    module = nn.ConvTranspose2d(4, 6, 3, groups=2, bias=False)
    rows = by_filter(module, module.weight.detach().numpy())
    assert rows.shape == (6, 2 * 9)
    image = torch.zeros(1, 4, 1, 1)
    image[0, 2, 0, 0] = 1  # the third input feeds outputs 3, 4, 5 alone
    with torch.no_grad():
        out = module(image)[0].flatten(1).numpy()
    np.testing.assert_allclose(rows[3:, :9], out[3:], atol=1e-6)


def test_update_norm_and_ratio_of_the_worked_example() -> None:
    norm, ratio = update(np.array([3.0, 4.0]), np.array([3.003, 4.004]))
    assert norm == pytest.approx(0.005)
    assert ratio == pytest.approx(1e-3)
    assert update(np.zeros(2), np.ones(2))[1] is None


def test_figures_can_be_pooled() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(2, 3, 1000).astype(np.float32), rng.normal(-1, 1, 300).astype(np.float32)
    one, two = summary(a), summary(b)
    count = one["count"] + two["count"]
    mean = (one["sum"] + two["sum"]) / count
    square = sum(s["count"] * (s["std"] ** 2 + s["mean"] ** 2) for s in (one, two))
    both = np.concatenate([a, b]).astype(np.float64)
    assert mean == pytest.approx(both.mean(), abs=1e-9)
    assert np.sqrt(square / count - mean**2) == pytest.approx(both.std(), abs=1e-9)
    assert one["median"] == pytest.approx(np.median(a))
    assert summary(np.array([0.0, 1, 0, np.nan]))["zeros"] == pytest.approx(2 / 3)


def test_figures_of_nothing_finite_are_missing() -> None:
    figures = summary(np.array([np.nan, np.inf]))
    assert figures.pop("count") == 0
    assert set(figures.values()) == {None}
    assert histogram(np.array([np.nan])) == (None, None)


@pytest.mark.parametrize(
    "values", [[1.0], [0.0, 0.0], [1e30, 1e30], [1, 2, 3], [3e38, -3e38], [1.0, 1 + 1e-16]]
)
def test_histograms_count_every_value(values: list[float]) -> None:
    counts, edges = histogram(np.array(values))
    assert counts.sum() == len(values)
    assert (len(counts), len(edges)) == (HISTOGRAM_BINS, HISTOGRAM_BINS + 1)


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))


def test_weights_are_copies() -> None:
    net = model()
    kept = copy_weights(net)
    old = kept.parameters["0.weight"].copy()
    with torch.no_grad():
        net[0].weight.add_(1)
        net[1].running_mean.add_(1)
    np.testing.assert_array_equal(kept.parameters["0.weight"], old)
    assert kept.checkpoint["1.running_mean"].tolist() == [0, 0]
    assert kept.checkpoint.keys() == net.state_dict().keys()
    assert kept.filters.keys() == {"0", "3"}


def test_statistics_of_a_network_with_and_without_gradients() -> None:
    net = model()
    first = copy_weights(net, checkpoint=False)
    assert first.checkpoint is None
    rows = {f"{row.layer}.{row.parameter}": row for row in statistics(first, None)}
    assert rows.keys() == {name for name, _ in net.named_parameters()}
    weight = rows["0.weight"]
    assert weight.figures["weight_mean"] == pytest.approx(net[0].weight.mean().item(), rel=1e-6)
    assert not {name for name in weight.figures if name.startswith(("gradient", "update"))}
    assert weight.gradient_histogram is None
    net(torch.ones(2, 1, 2, 2)).sum().backward()
    with torch.no_grad():
        net[0].weight.mul_(1.5)
    second = copy_weights(net)
    weight = {f"{row.layer}.{row.parameter}": row for row in statistics(second, first)}["0.weight"]
    assert weight.figures["update_ratio"] == pytest.approx(0.5, rel=1e-6)
    assert weight.figures["gradient_norm"] == pytest.approx(net[0].weight.grad.norm().item(), rel=1e-5)
    assert weight.figures["nonfinite_count"] == 0
    change = {change.layer: change for change in filter_changes(second, first)}
    np.testing.assert_allclose(change["0"].cosine, 0, atol=1e-7)
    np.testing.assert_allclose(change["0"].relative, 0.5, rtol=1e-5)
    np.testing.assert_allclose(change["0"].gradient, net[0].weight.grad.flatten(1).norm(dim=1), rtol=1e-5)


def test_shared_parameters_count_once_and_odd_types_are_widened() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    net = net.bfloat16()
    weights = copy_weights(net)
    assert weights.parameters.keys() == {"0.weight", "0.bias", "1.bias"}
    assert weights.checkpoint.keys() == {"0.weight", "0.bias", "1.weight", "1.bias"}
    assert weights.checkpoint["0.weight"].dtype == np.float32
    assert filter_count(net) == 6
    assert parameter_bytes(net) == sum(array.nbytes for array in weights.checkpoint.values())


def test_state_that_is_no_tensor_is_named() -> None:
    class Extra(nn.Linear):
        def get_extra_state(self) -> dict[str, int]:
            return {"steps": 3}

        def set_extra_state(self, state: dict[str, int]) -> None: ...

    assert copy_weights(Extra(2, 2)).unsaved == ("_extra_state",)
