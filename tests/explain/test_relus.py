"""Methods that change ReLU's gradient are right however a network calls ReLU, or say that they are not."""

import copy
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from captum import attr
from explained_networks import Block, Functional, cnn, images, mlp, modular, residual
from torch import nn

from timetravel.explain.attribution import explain_inputs
from timetravel.explain.relu_calls import relu_calls
from timetravel.explain.relus import with_own_relus

METHODS = ("guided_backprop", "deconvolution", "deep_lift", "guided_grad_cam")


@pytest.mark.parametrize("method", METHODS)
def test_functional_relus_give_the_values_of_relu_modules(method: str) -> None:
    plain = cnn()
    expected = explain_inputs(plain, images(3), method=method, targets=2)
    found = explain_inputs(Functional(plain).eval(), images(3), method=method, targets=2)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5, atol=1e-7)
    assert not any("ReLU" in note for note in found.notes)


def test_captum_alone_gives_the_plain_gradient_for_functional_relus() -> None:
    # Why all this is done; when Captum can do it, relus.py can go.
    network, x = Functional(cnn()).eval(), torch.from_numpy(images(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        guided = attr.GuidedBackprop(network).attribute(x, target=1)
        plain = attr.Saliency(network).attribute(x, target=1, abs=False)
    assert torch.equal(guided, plain)
    ours = explain_inputs(network, x.detach().numpy(), method="guided_backprop", targets=1).values
    assert np.abs(ours - plain.numpy()).max() > 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_a_relu_module_used_twice_and_in_place_gives_the_values_of_two_modules(method: str) -> None:
    network = residual()
    expected = explain_inputs(modular(network), images(3), method=method, targets=1)
    found = explain_inputs(network, images(3), method=method, targets=1)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5, atol=1e-7)


class PreActivation(nn.Module):
    """relu(x) goes on, and so does x itself: a hook on x would change the shortcut's gradient, too."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.stem, self.relu = nn.Linear(6, 6), nn.ReLU()
        self.inside, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.head(x + self.inside(self.relu(x)))


@pytest.mark.parametrize("method", ["guided_backprop", "deconvolution"])
def test_a_shortcut_around_a_relu_keeps_its_own_gradient(method: str) -> None:
    network = PreActivation().eval()
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    found = explain_inputs(network, x, method=method, targets=0).values
    head, inside = network.head.weight[0].detach(), network.inside.weight.detach()
    hidden = torch.from_numpy(x) @ network.stem.weight.T.detach() + network.stem.bias.detach()
    branch = head @ inside
    rule = F.relu(branch) * ((hidden > 0) if method == "guided_backprop" else 1)
    expected = ((head + rule) @ network.stem.weight.detach()).expand(4, 6)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)


class InPlaceSideEffect(nn.Module):
    """relu_ overwrites what the shortcut adds; many published networks were trained like this."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.stem, self.relu, self.inside = nn.Linear(6, 6), nn.ReLU(inplace=True), nn.Linear(6, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = self.inside(self.relu(x))
        return self.head(x + y)


def test_what_an_in_place_relu_overwrites_stays_overwritten() -> None:
    network, x = InPlaceSideEffect().eval(), torch.randn(4, 6)
    rewritten, notes = with_own_relus(network, x)
    assert torch.equal(rewritten(x), network(x))
    assert relu_calls(rewritten, x).wrong == 0
    assert notes == ()


class Shared(nn.Module):
    """One block called twice, one ReLU under two names, an optional argument, a ReLU in a list."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        act = nn.ReLU()
        self.block = nn.Sequential(nn.Linear(6, 6), act)
        self.again = nn.ModuleList([nn.Linear(6, 6), act])
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor, scale: float | None = None) -> torch.Tensor:
        x = self.block(self.block(x))
        for layer in self.again:
            x = layer(x)
        x = self.block[1](x)
        if scale is not None:
            x = x * scale
        return self.head(x)


def test_shared_blocks_and_modules_get_relus_of_their_own_and_keep_their_weights_in_common() -> None:
    network, x = Shared().eval(), torch.randn(3, 6)
    assert relu_calls(network, x).wrong == 4
    rewritten, notes = with_own_relus(network, x)
    assert torch.equal(rewritten(x), network(x))
    assert relu_calls(rewritten, x).wrong == 0
    assert notes == ()
    assert sum(value.numel() for value in rewritten.parameters()) == sum(
        value.numel() for value in network.parameters()
    )


class DependsOnValues(nn.Module):
    """A branch on the values of the input cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.first(x))
        return self.head(x if x.sum() > 1e9 else 2 * x)


def test_a_network_that_cannot_be_traced_is_explained_with_a_warning() -> None:
    x = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    found = explain_inputs(DependsOnValues().eval(), x, method="guided_backprop", targets=0)
    (note,) = found.notes
    assert note.startswith("1 ReLU call of this network could not be made modules (not traceable: ")
    assert explain_inputs(DependsOnValues().eval(), x, method="saliency", targets=0).notes == ()


def test_a_network_without_relu_or_with_other_rectifiers_says_what_the_method_does_there() -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval()
    other = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.GELU(), nn.Linear(8, 3)).eval()
    assert explain_inputs(linear, images(1), method="guided_backprop", targets=0).notes == (
        "this network has no ReLU: the method gives the plain gradient",
    )
    assert explain_inputs(other, images(1), method="guided_backprop", targets=0).notes == (
        "GELU let the plain gradient through: the method changes ReLU only",
    )


@pytest.mark.parametrize(
    "name", ["resnet18", "squeezenet1_1", "densenet121", "googlenet", "shufflenet_v2_x0_5"]
)
def test_torchvision_s_networks_give_the_same_outputs_with_relus_of_their_own(name: str) -> None:
    torch.manual_seed(0)
    extra = {"init_weights": False} if name == "googlenet" else {}
    network = torchvision.models.get_model(name, weights=None, **extra).eval()
    x = torch.randn(1, 3, 64, 64)
    rewritten, notes = with_own_relus(network, x)
    assert notes == ()
    assert relu_calls(rewritten, x).wrong == 0
    assert torch.equal(rewritten(x), network(x))


def test_layers_keep_their_names_when_relus_get_modules() -> None:
    network = residual()
    rewritten, _ = with_own_relus(network, torch.from_numpy(images(1)))
    kept = set(dict(network.named_modules()))
    assert kept <= set(dict(rewritten.named_modules()))
    assert isinstance(network.blocks[0], Block)  # the network itself is as it was


def test_plain_networks_are_not_touched_beyond_their_relus() -> None:
    for network in (cnn(), mlp()):
        rewritten, notes = with_own_relus(network, torch.from_numpy(images(1)))
        assert notes == ()
        assert type(rewritten) is type(network)
        assert relu_calls(copy.deepcopy(network), torch.from_numpy(images(1))).wrong == 0
