"""Where the representation is taken, in the networks that people have."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from timetravel.errors import BadInput
from timetravel.record.capture import Captured, capture, head_of
from timetravel.record.layer import Layer, find_layer
from timetravel.record.network import Selector, unwrap
from timetravel.record.sources import Source
from timetravel.record.structure import structure
from timetravel.record.trace import Trace, trace
from timetravel.record.untouched import untouched


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.ReLU(inplace=True), nn.Linear(12, 4))


IMAGES = torch.linspace(-1, 1, 5 * 16).reshape(5, 1, 4, 4)


def look(
    model: nn.Module, inputs: torch.Tensor, wanted: str = "auto", output: Selector = None
) -> tuple[Trace, Layer]:
    model = unwrap(model)
    with untouched(model):
        seen = trace(model, inputs, output)
        return seen, find_layer(model, seen, wanted)


def run(
    model: nn.Module,
    inputs: torch.Tensor,
    wanted: str = "auto",
    output: Selector = None,
    activations: tuple[str, ...] = (),
) -> tuple[Layer, Captured]:
    _, layer = look(model, inputs, wanted, output)
    source = Source((inputs, None), batch_size=2)
    source.read()
    with untouched(unwrap(model)):
        return layer, capture(unwrap(model), source.batches(), layer, output, activations)


@pytest.mark.parametrize(
    ("make", "module", "width"),
    [
        (lambda: torchvision.models.resnet18(num_classes=10), "fc", 512),
        (lambda: torchvision.models.vgg11(num_classes=10), "classifier.6", 4096),
        (lambda: torchvision.models.mobilenet_v3_small(num_classes=10), "classifier.3", 1024),
    ],
    ids=["resnet18", "vgg11", "mobilenet"],
)
def test_the_head_of_torchvision_networks_is_found(make, module: str, width: int) -> None:
    torch.manual_seed(0)
    model = make()
    layer, got = run(model, torch.rand(3, 3, 32, 32))
    assert (layer.module, layer.takes, layer.width, layer.class_count) == (module, "input", width, 10)
    head = head_of(model, layer)
    assert head is not None
    np.testing.assert_allclose(head.logits(got.representations), got.logits, atol=1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        nn.DataParallel,
        lambda model: torch.compile(model, backend="eager"),
        lambda model: nn.DataParallel(torch.compile(model, backend="eager")),
        lambda model: nn.Sequential(torch.compile(model[:3], backend="eager"), model[3]),
    ],
    ids=["plain", "data parallel", "compiled", "both", "compiled inside"],
)
def test_the_facts_are_those_of_the_plain_model(wrap) -> None:
    model = mlp()
    with torch.no_grad():
        expected, logits = model[:3](IMAGES), model(IMAGES)
    wrapped = wrap(model)
    with torch.no_grad():
        wrapped(IMAGES)
    layer, got = run(wrapped, IMAGES)
    assert layer.head == layer.module
    np.testing.assert_allclose(got.representations, expected, atol=1e-6)
    np.testing.assert_allclose(got.logits, logits, atol=1e-6)


def test_work_in_place_after_the_layer_does_not_change_the_facts() -> None:
    model = mlp()
    layer, got = run(model, IMAGES, wanted="1")
    np.testing.assert_array_equal(got.representations, IMAGES.flatten(1))
    assert layer.head is None
    spoiled = nn.Sequential(nn.ReLU(inplace=True), model)
    kept = IMAGES.clone()
    run(spoiled, kept)
    assert torch.equal(kept, IMAGES), "the caller's inputs were overwritten"


def test_an_output_is_recorded_by_name_and_keeps_the_head_it_feeds() -> None:
    model = mlp()
    layer, got = run(model, IMAGES, wanted="2")
    assert (layer.takes, layer.head) == ("output", "3")
    with torch.no_grad():
        np.testing.assert_allclose(got.representations, model[:3](IMAGES), atol=1e-6)


@pytest.mark.parametrize("last", [nn.LogSoftmax(1), nn.Softmax(1)])
def test_logits_are_taken_before_a_softmax(last: nn.Module) -> None:
    model = mlp()
    layer, got = run(nn.Sequential(model, last), IMAGES)
    assert (layer.head, layer.logits_at) == ("0.3", "0.3")
    with torch.no_grad():
        np.testing.assert_allclose(got.logits, model(IMAGES), atol=1e-6)


def test_the_head_of_the_chosen_output_is_found_among_several() -> None:
    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.first, self.second = nn.Linear(16, 8), nn.Linear(8, 4), nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            h = self.body(x.flatten(1))
            return {"logits": self.first(h), "aux": self.second(h)}

    layer, got = run(TwoHeads(), IMAGES, output="logits")
    assert (layer.head, got.logits.shape) == ("first", (5, 4))
    layer, _ = run(TwoHeads(), IMAGES, output=lambda out: out["aux"])
    assert layer.head == "second"
    with pytest.raises(BadInput, match=r"a dict of 'logits': a tensor of shape \(5, 4\), 'aux'.*output="):
        look(TwoHeads(), IMAGES)
    with pytest.raises(BadInput, match=r"output='nothing' is not in"):
        look(TwoHeads(), IMAGES, output="nothing")


def test_a_shared_module_gives_its_last_call() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step, self.head = nn.Linear(16, 16), nn.Linear(16, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.step(self.step(x.flatten(1))))

    torch.manual_seed(0)
    model = Twice()
    _, got = run(model, IMAGES, wanted="step")
    with torch.no_grad():
        np.testing.assert_allclose(got.representations, model.step(IMAGES.flatten(1)), atol=1e-6)


def test_the_names_to_choose_from_are_listed_when_there_is_no_head() -> None:
    convolutional = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(BadInput, match=r"no Linear layer; pass layer=.*'1' AdaptiveAvgPool2d\(4, 1, 1\)"):
        look(convolutional, IMAGES)
    _, layer = look(convolutional, IMAGES, "1")
    assert (layer.width, layer.head, layer.class_count) == (4, None, 4)
    bent = nn.Sequential(mlp(), nn.Tanh())
    with pytest.raises(
        BadInput, match=r"last Linear layer, '0.3' \(4,\), is not the model's output of 4 logits"
    ):
        look(bent, IMAGES)
    with pytest.raises(BadInput, match="no layer 'heads'; did you mean 'head'"):
        look(Named(), IMAGES, "heads")


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(16, 2)
        self.unused = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.flatten(1))


def test_a_layer_that_is_not_called_is_named() -> None:
    with pytest.raises(BadInput, match="'unused' is not called"):
        look(Named(), IMAGES, "unused")


def test_outputs_that_are_no_logits_are_refused() -> None:
    with pytest.raises(BadInput, match=r"shape \(5, 1, 4, 4\); expected \(samples, classes\)"):
        look(nn.Conv2d(1, 1, 1), IMAGES)
    with pytest.raises(BadInput, match="are probabilities"):
        look(nn.Sequential(mlp(), nn.Tanh(), nn.Softmax(1)), IMAGES, "0.3")
    with pytest.raises(BadInput, match="has no shape yet"):
        look(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), IMAGES)


def test_channels_are_averaged_over_space() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    _, got = run(model, IMAGES, activations=("0", "3"))
    with torch.no_grad():
        maps = model[0](IMAGES)
    assert [one.layer for one in got.activations] == ["0", "3"]
    np.testing.assert_allclose(got.activations[0].means, maps.mean((2, 3)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(got.activations[0].maxima, maps.amax((2, 3)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(got.activations[1].means, got.logits, rtol=1e-3, atol=1e-3)
    assert got.activations[0].means.dtype == np.float16


def test_half_precision_models_are_recorded_in_their_own_type() -> None:
    layer, got = run(mlp().bfloat16(), IMAGES)
    _, full = run(mlp(), IMAGES)
    assert layer.head == "3"
    np.testing.assert_allclose(got.logits, full.logits, atol=0.02)


def test_structure_lists_modules_in_execution_order_with_shapes() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(8, 3)  # defined first, called last
            self.block = nn.Sequential(nn.Conv2d(1, 2, 3, stride=1), nn.Flatten())
            self.spare = nn.Linear(1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.block(x))

    model = Net()
    model.spare.requires_grad_(False)
    seen, layer = look(model, IMAGES)
    modules = structure(model, seen, layer.module)
    assert [module.name for module in modules] == ["block", "block.0", "block.1", "head", "spare"]
    block, conv, _, head, spare = modules
    assert (block.depth, conv.depth, block.parameter_count) == (0, 1, 0)
    assert (conv.kind, conv.channels, conv.parameter_count) == ("Conv2d", 2, 20)
    assert (conv.input_shape, conv.output_shape) == ((1, 4, 4), (2, 2, 2))
    assert conv.settings["kernel_size"] == [3, 3]
    assert conv.settings["bias"] is True
    assert head.is_representation
    assert not conv.is_representation
    assert (spare.output_shape, spare.settings["frozen"]) == (None, True)
    assert sum(module.parameter_count for module in modules) == sum(p.numel() for p in model.parameters())
