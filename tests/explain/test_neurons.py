"""What each unit adds to a logit."""

import numpy as np
import pytest
import torch
from captum import attr
from explained_networks import TINY_INPUT, Functional, cnn, images, mlp, residual, tinynet
from torch import nn

from timetravel.errors import BadInput
from timetravel.explain.neurons import (
    activation_maps,
    head_contributions,
    neuron_contributions,
    top_units,
)
from timetravel.store.facts import Head


@pytest.mark.parametrize(("target", "expected", "logit"), [(0, [0.75, 0], 0.75), (1, [0, 0.5], 0.5)])
def test_tinynet_s_two_units_give_the_numbers_worked_out_by_hand(
    target: int, expected: list[float], logit: float
) -> None:
    found = neuron_contributions(tinynet(), TINY_INPUT, layer="3", targets=target)
    np.testing.assert_allclose(found.contributions[0], expected, atol=1e-7)
    np.testing.assert_allclose(found.activations[0], [0.375, 0.5], atol=1e-7)
    assert found.maps is None
    assert found.logits[0] == pytest.approx(logit)
    assert found.contributions.sum() == pytest.approx(logit)


@pytest.mark.parametrize("method", ["gradient_x_activation", "conductance", "internal_influence"])
@pytest.mark.parametrize(
    ("kind", "layer"),
    [("cnn", "2"), ("cnn", "6"), ("residual", "blocks.1"), ("residual", "stem"), ("mlp", "3")],
)
def test_every_way_of_scoring_units_equals_a_direct_captum_call(kind: str, layer: str, method: str) -> None:
    network = {"cnn": cnn, "residual": residual, "mlp": mlp}[kind]()
    x, targets = images(3), np.array([0, 3, 1])
    captum = {
        "gradient_x_activation": attr.LayerGradientXActivation,
        "conductance": attr.LayerConductance,
        "internal_influence": attr.InternalInfluence,
    }[method](network, network.get_submodule(layer))
    steps = {} if method == "gradient_x_activation" else {"n_steps": 50}
    expected = captum.attribute(torch.from_numpy(x), target=torch.from_numpy(targets), **steps).detach()
    found = neuron_contributions(network, x, layer=layer, targets=targets, method=method)
    scale = float(expected.abs().max())
    if expected.ndim == 4:
        np.testing.assert_allclose(found.maps, expected.numpy(), rtol=1e-5, atol=1e-5 * scale)
        expected = expected.sum((2, 3))
    np.testing.assert_allclose(found.contributions, expected.numpy(), rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize(("network", "layer"), [(cnn, "7"), (mlp, "4")])
def test_units_before_the_head_add_up_to_the_logit_less_the_bias(network: object, layer: str) -> None:
    model: nn.Module = network()  # type: ignore[operator]
    found = neuron_contributions(model, images(4), layer=layer, targets=np.arange(4))
    bias = list(model.children())[-1].bias.detach().numpy()
    np.testing.assert_allclose(found.contributions.sum(1) + bias, found.logits, atol=1e-6)


def test_the_recorded_head_gives_the_same_without_any_network() -> None:
    model = cnn()
    rows = torch.nn.Sequential(*list(model)[:-1])(torch.from_numpy(images(4))).detach().numpy()
    head = Head(weight=model[8].weight.detach().numpy(), bias=model[8].bias.detach().numpy())
    expected = neuron_contributions(model, images(4), layer="7", targets=np.arange(4))
    found = head_contributions(rows, head, np.arange(4))
    np.testing.assert_allclose(found, expected.contributions, atol=1e-6)
    np.testing.assert_allclose(found.sum(1) + head.bias[np.arange(4)], expected.logits, atol=1e-6)


def test_what_follows_in_place_does_not_show_in_a_layer() -> None:
    plain = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)).eval()
    in_place = nn.Sequential(plain[0], nn.ReLU(inplace=True), plain[2]).eval()
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    for model in (plain, in_place):
        found = neuron_contributions(model, x, layer="0", targets=1)
        assert (found.activations < 0).any()
        np.testing.assert_allclose(activation_maps(model, x, layer="0"), found.activations, atol=1e-6)
    expected = neuron_contributions(plain, x, layer="0", targets=1)
    np.testing.assert_allclose(found.contributions, expected.contributions, atol=1e-7)


def test_activation_maps_are_the_layer_s_output() -> None:
    model = cnn()
    found = activation_maps(model, images(2), layer="2")
    expected = nn.Sequential(*list(model)[:3])(torch.from_numpy(images(2))).detach().numpy()
    assert found.shape == (2, 6, 8, 8)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_tokens_of_a_sequence_count_as_space() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Linear(3, 5), nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.embed(x).mean(1))

    x = np.random.default_rng(0).normal(size=(2, 7, 3)).astype(np.float32)
    found = neuron_contributions(Tokens().eval(), x, layer="embed", targets=0)
    assert found.contributions.shape == (2, 5)
    assert found.maps is not None
    assert found.maps.shape == (2, 5, 7)


def test_many_samples_are_worked_on_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = neuron_contributions(cnn(), images(5), layer="2", targets=1)
    monkeypatch.setattr("timetravel.explain.neurons.BATCH_VALUES", 128)
    parts = neuron_contributions(cnn(), images(5), layer="2", targets=1)
    np.testing.assert_allclose(parts.contributions, whole.contributions, rtol=1e-5, atol=1e-7)


def test_top_units_are_the_largest_in_size_in_the_order_of_their_sign() -> None:
    values = np.array([0.1, -0.9, 0.5, 0.5, np.nan, -0.2])
    assert top_units(values, 4).tolist() == [2, 3, 5, 1]
    assert top_units(values, 0).tolist() == []
    assert len(top_units(values, 99)) == 6


def test_a_layer_that_cannot_be_explained_is_named_with_those_that_can() -> None:
    with pytest.raises(BadInput, match=r"layer 'fist' cannot be explained.*first"):
        neuron_contributions(Functional(cnn()).eval(), images(1), layer="fist", targets=0)
    with pytest.raises(BadInput, match="is called more than once"):
        neuron_contributions(residual(), images(1), layer="blocks.0.relu", targets=0)
    with pytest.raises(BadInput, match="expected one of gradient_x_activation"):
        neuron_contributions(cnn(), images(1), layer="0", targets=0, method="magic")
    with pytest.raises(BadInput, match="at least one sample"):
        neuron_contributions(cnn(), images(0), layer="0", targets=0)
