"""Attributions: worked out by hand on TINYNET, equal to direct Captum calls elsewhere."""

import copy
import warnings

import numpy as np
import pytest
import torch
from captum import attr
from explained_networks import TINY_INPUT, cnn, images, mlp, modular, residual, tinynet
from torch import nn

from timetravel.errors import BadInput
from timetravel.explain.attribution import Settings, attribute_inputs, explain_inputs, over_channels
from timetravel.explain.methods import METHODS

TINYNET_TABLE = {
    "saliency": ([0.5, 0.5, 0, 0], [0, 0, 0, 0.25]),
    "input_x_gradient": ([0.5, 0.25, 0, 0], [0, 0, 0, 0.5]),
    "integrated_gradients": ([0.5, 0.25, 0, 0], [0, 0, 0, 0.5]),
    "deep_lift": ([0.5, 0.25, 0, 0], [0, 0, 0, 0.5]),
    "occlusion": ([0.5, 0.25, 0, 0], [0, 0, 0, 0.5]),
    "guided_backprop": ([0.5, 0.5, 0, 0], [0, 0, 0, -0.25]),
    "deconvolution": ([0.5, 0.5, 0.5, 0.5], [-0.25, -0.25, -0.25, -0.25]),
    "grad_cam": ([0.25, 0.125, 0, 0], [0, 0, 0, 0.125]),
}

ANY_NETWORK = [method for method in METHODS if method != "cam"]


def direct(method: str, network: nn.Module, x: torch.Tensor, targets: torch.Tensor, layer: nn.Module | None):
    """What somebody who knows Captum would write."""
    network = copy.deepcopy(network) if layer is None else network
    space = tuple(x.shape[2:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method == "saliency":
            return attr.Saliency(network).attribute(x, target=targets)
        if method == "smoothgrad":
            rows = []
            for row, target in zip(x, targets, strict=True):
                torch.manual_seed(0)
                spread = float(row.max() - row.min())
                tunnel = attr.NoiseTunnel(attr.Saliency(network))
                found = tunnel.attribute(
                    row[None], nt_samples=20, stdevs=0.1 * spread, target=int(target), abs=False
                )
                rows.append(found.abs())
            return torch.cat(rows)
        if method == "input_x_gradient":
            return attr.InputXGradient(network).attribute(x, target=targets)
        if method == "integrated_gradients":
            return attr.IntegratedGradients(network).attribute(x, target=targets, n_steps=50)
        if method == "deep_lift":
            return attr.DeepLift(network).attribute(x, baselines=torch.zeros_like(x), target=targets)
        if method == "guided_backprop":
            return attr.GuidedBackprop(network).attribute(x, target=targets)
        if method == "deconvolution":
            return attr.Deconvolution(network).attribute(x, target=targets)
        if method == "grad_cam":
            cam = attr.LayerGradCam(network, layer).attribute(x, target=targets, relu_attributions=True)
            return attr.LayerAttribution.interpolate(cam, space, "bilinear")
        if method == "cam":
            maps = network[2](network[1](network[0](x)))
            cam = torch.einsum("nkhw,nk->nhw", maps, network[5].weight[targets])[:, None]
            return attr.LayerAttribution.interpolate(cam, space, "bilinear")
        if method == "guided_grad_cam":
            return attr.GuidedGradCam(network, layer).attribute(
                x, target=targets, interpolate_mode="bilinear"
            )
        assert method == "occlusion"
        return attr.Occlusion(network).attribute(
            x,
            sliding_window_shapes=(x.shape[1], 2, 2),
            strides=(x.shape[1], 1, 1),
            baselines=x.mean((2, 3), keepdim=True).expand_as(x),
            target=targets,
        )


@pytest.mark.parametrize("method", TINYNET_TABLE)
@pytest.mark.parametrize("target", [0, 1])
def test_tinynet_gives_the_numbers_worked_out_by_hand(method: str, target: int) -> None:
    settings = Settings(window=1, stride=1, baseline=0.0)
    found = explain_inputs(tinynet(), TINY_INPUT, method=method, targets=target, settings=settings)
    np.testing.assert_allclose(found.values.ravel(), TINYNET_TABLE[method][target], atol=1e-6)
    assert found.notes == ()


def test_cam_of_tinynet_is_the_head_s_weight_times_the_map() -> None:
    found = [attribute_inputs(tinynet(), TINY_INPUT, method="cam", targets=target) for target in (0, 1)]
    np.testing.assert_allclose([values.ravel() for values in found], [[2, 1, 0, 0], [0, 0, 0, 2]], atol=1e-6)


def test_cam_is_grad_cam_before_its_relu_up_to_a_factor() -> None:
    network, x = residual(), images(4)
    found = attribute_inputs(network, x, method="cam", targets=2)
    last = network.blocks[1]
    other = attr.LayerGradCam(network, last).attribute(torch.from_numpy(x), target=2).detach().numpy()
    assert np.corrcoef(found.ravel(), other.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("network", [cnn, mlp])
def test_cam_is_refused_where_the_network_does_not_end_in_pooling(network) -> None:
    with pytest.raises(BadInput, match=r"does not end in average pooling.*choose grad_cam"):
        attribute_inputs(network(), images(1), method="cam", targets=0)


@pytest.mark.parametrize(("target", "expected"), [(0, [0.5, 0.25, 0, 0]), (1, [0, 0, 0, 0.5])])
def test_grad_cam_of_tinynet_at_the_relu(target: int, expected: list[float]) -> None:
    found = attribute_inputs(tinynet(), TINY_INPUT, method="grad_cam", targets=target, layer="1")
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (kind, method)
        for kind in ("cnn", "residual", "mlp")
        for method in METHODS
        if (kind != "mlp" or not METHODS[method].needs_convolution)
        and (kind == "residual" or method != "cam")
    ],
)
def test_every_method_equals_a_direct_captum_call(kind: str, method: str) -> None:
    network = {"cnn": cnn, "residual": residual, "mlp": mlp}[kind]()
    # Captum itself needs a residual network rewritten by hand for methods that change ReLU.
    by_hand = modular(network) if kind == "residual" else copy.deepcopy(network)
    layer = {"cnn": lambda: by_hand[2], "residual": lambda: by_hand[2].second, "mlp": lambda: None}[kind]()
    x, targets = images(3), np.array([0, 3, 1])
    expected = direct(
        method, by_hand, torch.from_numpy(x), torch.from_numpy(targets), layer if "cam" in method else None
    )
    found = explain_inputs(network, x, method=method, targets=targets).values
    expected = expected.detach()
    scale = float(expected.abs().max())
    assert scale > 0
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("method", ANY_NETWORK)
def test_a_sample_s_result_does_not_depend_on_the_others_or_on_a_second_call(method: str) -> None:
    network, x, targets = cnn(), images(3), np.array([0, 3, 1])
    together = explain_inputs(network, x, method=method, targets=targets).values
    again = explain_inputs(network, x, method=method, targets=targets).values
    alone = explain_inputs(network, x[1:2], method=method, targets=targets[1:2]).values
    assert np.array_equal(together, again)
    np.testing.assert_allclose(alone[0], together[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_neither_the_network_nor_the_inputs_nor_the_random_state_change(method: str) -> None:
    network, x = residual(), images(2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pixels, state = x.copy(), torch.get_rng_state()
    attribute_inputs(network, x, method=method, targets=0)
    assert np.array_equal(x, pixels)
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
    assert all(parameter.grad is None for parameter in network.parameters())


def test_many_samples_are_worked_on_in_chunks_and_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = cnn(), images(7)
    whole = attribute_inputs(network, x, method="integrated_gradients", targets=2)
    monkeypatch.setattr("timetravel.explain.attribution.BATCH_VALUES", 64 * 50 * 2)
    told: list[tuple[str, int, int]] = []
    parts = explain_inputs(
        network, x, method="integrated_gradients", targets=2, report=lambda *step: told.append(step)
    )
    np.testing.assert_allclose(parts.values, whole, rtol=1e-5, atol=1e-6)
    assert told == [("attribution", done, 7) for done in (0, 2, 4, 6, 7)]


def test_integrated_gradients_come_with_their_completeness_error() -> None:
    network, x = cnn(), images(3)
    found = explain_inputs(network, x, method="integrated_gradients", targets=1)
    with torch.no_grad():
        gap = (network(torch.from_numpy(x)) - network(torch.zeros(1, 1, 8, 8)))[:, 1].numpy()
    expected = np.abs(found.values.reshape(3, -1).sum(1) - gap)
    assert found.completeness is not None
    np.testing.assert_allclose(found.completeness, expected, atol=1e-5)
    assert explain_inputs(network, x, method="saliency", targets=1).completeness is None


def test_an_incomplete_attribution_says_so() -> None:
    # A steep step half-way along the path: two points see nothing of it.
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 1), nn.Sigmoid(), nn.Linear(1, 2)).eval()
    with torch.no_grad():
        network[1].weight.fill_(1000)
        network[1].bias.fill_(-500)
    x = np.ones((1, 1, 1, 1), np.float32)
    found = explain_inputs(network, x, method="integrated_gradients", targets=1, settings=Settings(steps=2))
    (note,) = found.notes
    assert note.endswith("not complete here")


@pytest.mark.parametrize("baseline", [0.5, "mean", "minimum"])
def test_a_baseline_can_be_chosen(baseline: float | str) -> None:
    network, x = cnn(), images(2)
    reference = {
        0.5: np.full_like(x, 0.5),
        "mean": np.broadcast_to(x.mean((2, 3), keepdims=True), x.shape),
        "minimum": np.broadcast_to(x.min((1, 2, 3), keepdims=True), x.shape),
    }[baseline]
    expected = attr.IntegratedGradients(network).attribute(
        torch.from_numpy(x), baselines=torch.tensor(reference), target=1, n_steps=50
    )
    found = attribute_inputs(network, x, method="integrated_gradients", targets=1, baseline=baseline)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_colours_are_summed_where_signs_count_and_else_the_largest_is_taken() -> None:
    values = np.array([[[[1.0]], [[-3.0]], [[0.5]]]], np.float32)
    assert over_channels(values, "input_x_gradient").tolist() == [[[-1.5]]]
    assert over_channels(np.abs(values), "saliency").tolist() == [[[3.0]]]
    assert over_channels(np.zeros((2, 5), np.float32), "saliency").shape == (2, 5)


@pytest.mark.parametrize("method", ANY_NETWORK)
def test_a_constant_image_and_a_target_never_predicted_give_finite_maps(method: str) -> None:
    network = cnn()
    with torch.no_grad():
        network[8].weight[2] = 0
        network[8].bias[2] = -50
    for x in (np.zeros((1, 1, 8, 8), np.float32), np.full((1, 1, 8, 8), 0.7, np.float32)):
        found = attribute_inputs(network, x, method=method, targets=2)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, 0, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((3, 4, 5, 7), [nn.Conv2d(4, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(105, 3)]),
        ((2, 3, 1, 1), [nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(3, 3)]),
        ((2, 6), [nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)]),
        ((2, 2, 9), [nn.Conv1d(2, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(27, 3)]),
        (
            (2, 1, 4, 4, 4),
            [nn.Conv3d(1, 2, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 3)],
        ),
    ],
)
def test_inputs_of_any_shape_are_explained(shape: tuple[int, ...], layers: list[nn.Module]) -> None:
    torch.manual_seed(0)  # with some weights fifty steps are too few, and integrated gradients warn
    for layer in layers:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    network = nn.Sequential(*layers).eval()
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    places = int(np.prod(shape[2:]))
    for method in ANY_NETWORK:
        kind = METHODS[method]
        if kind.needs_convolution and places == 1:
            with pytest.raises(BadInput, match=r"no convolution|needs images"):
                attribute_inputs(network, x, method=method, targets=0)
            continue
        found = attribute_inputs(network, x, method=method, targets=0)
        expected = (len(x), 1, *shape[2:]) if method == "grad_cam" else shape
        assert found.shape == expected
        assert np.isfinite(found).all()


def test_no_samples_give_no_values() -> None:
    assert attribute_inputs(cnn(), images(0), method="saliency", targets=0).shape == (0, 1, 8, 8)


def test_a_network_that_broke_gives_values_that_are_not_finite_rather_than_an_error() -> None:
    network = cnn()
    with torch.no_grad():
        network[0].weight.fill_(float("nan"))
    assert not np.isfinite(attribute_inputs(network, images(1), method="saliency", targets=0)).any()


def test_errors_say_what_there_is_to_choose_from() -> None:
    with pytest.raises(BadInput, match=r"'salience'; expected one of saliency, smoothgrad"):
        attribute_inputs(cnn(), images(1), method="salience", targets=0)
    with pytest.raises(BadInput, match="target 4 is no class; expected 0 to 3"):
        attribute_inputs(cnn(), images(1), method="saliency", targets=4)
    with pytest.raises(BadInput, match="target -1 is no class"):
        attribute_inputs(cnn(), images(2), method="saliency", targets=np.array([0, -1]))
    with pytest.raises(BadInput, match=r"layer '3x' cannot be explained.*pass one of"):
        attribute_inputs(cnn(), images(1), method="grad_cam", targets=0, layer="3x")
    with pytest.raises(BadInput, match="pass a convolution such as 2"):
        attribute_inputs(cnn(), images(1), method="grad_cam", targets=0, layer="7")
    with pytest.raises(BadInput, match="baseline 'white' is unknown"):
        attribute_inputs(cnn(), images(1), method="occlusion", targets=0, baseline="white")
    with pytest.raises(BadInput, match="pass inputs\\[None\\]"):
        attribute_inputs(cnn(), np.zeros(4, np.float32), method="saliency", targets=0)


def test_an_answer_with_more_than_logits_is_understood_and_an_unclear_one_refused() -> None:
    class Wrapped(nn.Module):
        def __init__(self, answer: str) -> None:
            super().__init__()
            self.plain, self.answer = cnn(), answer

        def forward(self, x: torch.Tensor) -> object:
            z = self.plain(x)
            return {"dict": {"logits": z, "rows": z}, "tuple": (z, z[:, 0]), "two": (z, z)}[self.answer]

    expected = attribute_inputs(cnn(), images(1), method="guided_backprop", targets=1)
    for answer in ("dict", "tuple"):
        found = attribute_inputs(Wrapped(answer).eval(), images(1), method="guided_backprop", targets=1)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    cam = attribute_inputs(Wrapped("dict").eval(), images(1), method="grad_cam", targets=1, layer="plain.2")
    np.testing.assert_allclose(
        cam, attribute_inputs(cnn(), images(1), method="grad_cam", targets=1), rtol=1e-6
    )
    with pytest.raises(BadInput, match="expected one tensor of logits"):
        attribute_inputs(Wrapped("two").eval(), images(1), method="saliency", targets=1)


def test_the_logits_before_a_softmax_are_explained_when_they_are_named() -> None:
    ending = nn.Sequential(*cnn(), nn.Softmax(1)).eval()
    expected = attribute_inputs(cnn(), images(1), method="saliency", targets=1)
    found = explain_inputs(ending, images(1), method="saliency", targets=1, logits_at="8")
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)
