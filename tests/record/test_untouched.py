"""A forward pass beside a training leaves no trace in it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from timetravel.record.untouched import Generators, untouched


class Counting(nn.Module):
    """Counts its calls in a buffer and changes a gradient, whatever the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.linear = nn.Linear(3, 2)
        self.noise = torch.Generator().manual_seed(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.linear.weight.grad = torch.ones_like(self.linear.weight)
        return self.linear(x) + torch.rand((), generator=self.noise)


def states(model: nn.Module) -> list[object]:
    return [
        [module.training for module in model.modules()],
        [buffer.clone().tolist() for buffer in model.buffers()],
        [id(parameter.grad) for parameter in model.parameters()],
        [parameter.requires_grad for parameter in model.parameters()],
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
    ]


def use(model: nn.Module) -> None:
    model(torch.ones(1, 3))
    random.random()
    np.random.rand()  # noqa: NPY002
    torch.rand(3)


def test_everything_is_as_before() -> None:
    model = nn.Sequential(Counting(), nn.BatchNorm1d(2), nn.Dropout())
    model[1].eval()  # a frozen normalization inside a training network
    model[0].linear.bias.requires_grad_(False)
    before = states(model)
    with untouched(model, Generators([], model)):
        assert not model.training
        assert not torch.is_grad_enabled()
        use(model)
    assert states(model) == before


def test_everything_is_as_before_after_an_exception() -> None:
    model = nn.Sequential(Counting(), nn.BatchNorm1d(2))
    before = states(model)

    def fail() -> None:
        with untouched(model):
            use(model)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert states(model) == before


def test_autocast_is_off_inside_and_on_again_outside() -> None:
    model = nn.Linear(3, 2)
    with torch.autocast("cpu", torch.bfloat16):
        with untouched(model):
            assert model(torch.ones(1, 3)).dtype == torch.float32
        assert model(torch.ones(1, 3)).dtype == torch.bfloat16


def test_a_replaced_buffer_comes_back_as_the_same_tensor() -> None:
    model = nn.BatchNorm1d(2)
    buffer = model.running_mean
    with untouched(model):
        model.running_mean = torch.ones(2)
    assert model.running_mean is buffer
    assert buffer.tolist() == [0, 0]


def test_an_unchanged_buffer_is_not_written_to() -> None:
    # Writing would invalidate a graph that is waiting for its backward pass.
    model = nn.BatchNorm1d(2)
    model.running_mean[0] = torch.nan
    version = model.running_mean._version
    with untouched(model):
        model(torch.ones(4, 2))
    assert model.running_mean._version == version


def test_random_numbers_inside_are_the_same_every_time() -> None:
    own = np.random.default_rng(5)
    generators = Generators([{"transform": [own]}])
    model = nn.Identity()
    drawn = []
    for _ in range(2):
        with untouched(model, generators):
            drawn.append((random.random(), np.random.rand(), torch.rand(1).item(), own.random()))  # noqa: NPY002
        own.random()
    assert drawn[0] == drawn[1]


def test_generators_of_a_data_set_go_on_where_they_were() -> None:
    class Noisy(torch.utils.data.Dataset):
        def __init__(self) -> None:
            self.choices = random.Random(1)
            self.transforms = [np.random.default_rng(2), torch.Generator().manual_seed(3)]

    data, twin = Noisy(), Noisy()
    with untouched(nn.Identity(), Generators([data])):
        data.choices.random()
        data.transforms[0].random()
        torch.rand(5, generator=data.transforms[1])
    assert data.choices.random() == twin.choices.random()
    assert data.transforms[0].random() == twin.transforms[0].random()
    assert torch.equal(
        torch.rand(2, generator=data.transforms[1]), torch.rand(2, generator=twin.transforms[1])
    )


def test_no_override_of_eval_is_called() -> None:
    class Merging(nn.Linear):
        """Rewrites its weights on a change of mode, as LoRA layers do."""

        def train(self, mode: bool = True) -> nn.Module:
            with torch.no_grad():
                self.weight.mul_(2 if not mode else 0.5)
            return super().train(mode)

    model = Merging(2, 2)
    before = model.weight.detach().clone()
    with untouched(model):
        assert not model.training
    assert torch.equal(model.weight, before)
